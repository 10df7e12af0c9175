/**
 * `npm run bench` measures every workload in one run, with this kit and its peers by turns. It writes `runs/bench.json` and prints a table.
 */
import path from 'node:path';
import { median } from 'simple-statistics';
import { writeFileAtomic } from '../engine/atomic-write.js';
import type { Precision } from '../engine/backend.js';
import { readConfig } from '../model/configuration.js';
import { exportFigure } from '../plots/export.js';
import { shippedModel } from '../study/workspace.js';
import { trainingOperations } from './flops.js';
import { checkpointOfWidth, writePrompts } from './inputs.js';
import { describeProcessor } from './machine.js';
import { type Entry, entryOf, precisionTable, reportTable, type SeriesPoint, scalingFigure } from './report.js';
import { askHello, type KitHello, measureByTurns, type Peers, type StartWorker, workerOf } from './take-turns.js';
import {
  AXES,
  type BenchRequest,
  FACTORS,
  HEADLINES,
  LEARN,
  type LearnAnswer,
  type PeerForm,
  seriesWorkload,
  WORKLOADS,
  type Workload,
  workloadText,
} from './workload.js';

/** Rounds in which kit and peer take turns, and samples of each in a round. */
const ROUNDS = 2;
const SAMPLES = 3;
/** How often a row is measured until the machine was quiet. */
const TRIES = 3;
/** Samples of each point of a growth series; the points are many. */
const SERIES_SAMPLES = 2;
/** An ordinary word of the nano vocabulary. */
const FILL = 20;
/** The headlines in both precisions stand first in the list. */
const HEADLINE_ROWS = 2 * Object.keys(HEADLINES).length;
const PRECISIONS = ['float32', 'bfloat16'] as const;

export interface BenchOptions {
  /** The repository's root. */
  root: string;
  /** The Python that has the peers' packages; without it the kit alone is measured. */
  peerPython?: string;
  /** Only the headline workloads. */
  headlinesOnly?: boolean;
}

/** What measuring a workload takes. */
interface Bench {
  /** `runs/bench` of the repository. */
  folder: string;
  /** The file of the prompts. */
  prompts: string;
  startKit(precision: Precision): ReturnType<StartWorker<KitHello>>;
  startPeer?: Peers['start'];
}

type Learned = { [precision in Precision]?: LearnAnswer };

/** Runs the benchmark, writes `runs/bench.json` and returns the text of the table. */
export async function runBench({ root, peerPython, headlinesOnly = false }: BenchOptions): Promise<string> {
  const folder = path.join(root, 'runs', 'bench');
  const worker = path.join(__dirname, 'worker.js');
  const bench: Bench = {
    folder,
    prompts: await writePrompts(folder),
    startKit: (precision) => workerOf<KitHello>(process.execPath, [worker, precision])(),
    ...(peerPython ? { startPeer: workerOf(peerPython, [path.join(root, 'lib', 'bench', 'peers.py')]) } : {}),
  };
  const machine = await describeMachine(bench);
  const entries = await measureWorkloads(bench, headlinesOnly ? WORKLOADS.slice(0, HEADLINE_ROWS) : WORKLOADS);
  const learned = headlinesOnly ? {} : await trainInBothPrecisions(bench);
  const growth = headlinesOnly ? [] : await measureGrowth(bench);
  const rateShare = shareOfProductRate(entries, folder, machine.productRate.float32);
  const headlines = Object.entries(HEADLINES).map(([name, workload]) => [
    name,
    entries.find((entry) => entry.workload === workloadText(workload)),
  ]);
  const result = {
    ...Object.fromEntries(headlines),
    machine,
    rateShare,
    precision: learned,
    workloads: entries,
    growth,
  };
  writeFileAtomic(path.join(root, 'runs', 'bench.json'), `${JSON.stringify(result, null, 2)}\n`);
  return benchText(machine, entries, learned, rateShare);
}

/** The processor, the versions, and how fast matrix products are on this machine. */
async function describeMachine({ startKit, startPeer }: Bench) {
  const float32 = await askHello(() => startKit('float32'));
  const bfloat16 = await askHello(() => startKit('bfloat16'));
  const peer = startPeer && (await askHello(startPeer));
  return {
    processor: describeProcessor(),
    gpu: float32.gpu,
    node: process.version,
    versions: { ...float32.versions, ...peer?.versions },
    peerThreads: peer?.threads,
    productRate: { float32: float32.productRate, bfloat16: bfloat16.productRate },
  };
}

/** Measures workloads one after another, and prints the line of each. */
async function measureWorkloads(bench: Bench, workloads: readonly Workload[]): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (const workload of workloads) {
    const entry = await measureQuietly(bench, workload);
    if (!entry) continue;
    entries.push(entry);
    console.log(reportTable([entry]).split('\n')[1]);
  }
  return entries;
}

/** Measures a workload, and once more, up to `TRIES` times in all, where the machine was not quiet: others may share its processor. */
async function measureQuietly(bench: Bench, workload: Workload): Promise<Entry | undefined> {
  let entry: Entry | undefined;
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const measurement = await measureOne(bench, workload, ROUNDS, SAMPLES, peerForms(workload));
    if (!measurement) return undefined;
    entry = entryOf(measurement, describeProcessor());
    if (entry.refused === undefined) break;
  }
  return entry;
}

/**
 * Compiled peers take minutes to warm up, so that only the headlines have them, and TRL, which takes longest, in float32 alone. CTranslate2
 * decodes, and does nothing else of what is measured.
 */
function peerForms(workload: Workload): readonly PeerForm[] {
  const isHeadline = WORKLOADS.indexOf(workload) < HEADLINE_ROWS;
  const forms: PeerForm[] = ['eager'];
  if (isHeadline && (workload.kind !== 'grpo' || workload.precision === 'float32')) forms.push('compiled');
  if (isHeadline && workload.kind === 'decode') forms.push('ctranslate2');
  return forms;
}

function measureOne(bench: Bench, workload: Workload, rounds: number, samples: number, forms: readonly PeerForm[]) {
  const { folder, prompts, startKit, startPeer } = bench;
  const checkpoint = checkpointOfWidth(folder, workload.width);
  const request: BenchRequest = { ...workload, prompts, samples, fill: FILL, checkpoint };
  const peers = startPeer && { start: startPeer, forms };
  return measureByTurns(workload, request, rounds, () => startKit(workload.precision), peers);
}

/** Trains the same rows in both precisions, and prints what each came to. */
async function trainInBothPrecisions({ startKit }: Bench): Promise<Learned> {
  const learned: Learned = {};
  for (const precision of PRECISIONS) {
    const worker = await startKit(precision);
    const answer = await worker.ask({ ...LEARN, checkpoint: shippedModel() });
    worker.close();
    if (answer.learned) learned[precision] = answer.learned;
    else console.error(`bench: training in ${precision} failed: ${answer.error}`);
  }
  console.log(precisionTable(learned));
  return learned;
}

/** Measures how seconds grow with the batch, the length and the width, and draws it. */
async function measureGrowth(bench: Bench): Promise<SeriesPoint[]> {
  const points: SeriesPoint[] = [];
  for (const kind of ['sft', 'decode'] as const) {
    for (const axis of AXES) {
      for (const factor of FACTORS) {
        const workload = seriesWorkload(kind, axis, factor);
        const measurement = await measureOne(bench, workload, 1, SERIES_SAMPLES, ['eager']);
        if (!measurement) continue;
        const { kit, peers } = measurement;
        const peerSeconds = peers.eager && 'samples' in peers.eager ? median(peers.eager.samples) : null;
        points.push({ kind, axis, factor, kit: median(kit.samples), peer: peerSeconds });
        console.log(`growth: ${workloadText(workload)}`);
      }
    }
  }
  await exportFigure(scalingFigure(points), path.join(bench.folder, 'scaling'), { height: 640 });
  return points;
}

/** The tables, with the machine that they hold for. */
function benchText(
  { processor, productRate }: Awaited<ReturnType<typeof describeMachine>>,
  entries: readonly Entry[],
  learned: Learned,
  rateShare: number | undefined,
): string {
  const gigaflops = (rate: number) => `${(rate / 1e9).toFixed(0)} GFLOP/s`;
  const lines = [
    `measured on ${processor.name}, ${processor.cores} cores, ${processor.instructions}; another processor has other ratios`,
    reportTable(entries),
    '',
  ];
  if (Object.keys(learned).length > 0) lines.push(precisionTable(learned), '');
  lines.push(
    `matrix products here: ${gigaflops(productRate.float32)} float32, ${gigaflops(productRate.bfloat16)} bfloat16`,
  );
  if (rateShare !== undefined)
    lines.push(
      `the SFT step at width 512 runs at ${(100 * rateShare).toFixed(0)} % of the float32 rate (its matrix products' operations over its whole time)`,
    );
  return lines.join('\n');
}

/** Tokens of a prompt of the benchmark, about; they have no loss. Its image has 8 x 8 patches. */
const PROMPT_TOKENS = 120;
const PATCHES = 64;

/** The share of the machine's product rate at which the SFT step of width 512 runs; undefined where that was not measured. */
function shareOfProductRate(entries: readonly Entry[], folder: string, rate: number): number | undefined {
  const workload = WORKLOADS.find(({ kind, width }) => kind === 'sft' && width === 512)!;
  const entry = entries.find((measured) => measured.workload === workloadText(workload));
  if (!entry) return undefined;
  const config = readConfig(checkpointOfWidth(folder, workload.width));
  const { rows, length } = workload as { rows: number; length: number };
  const predicted = rows * (length - PROMPT_TOKENS);
  const operations = trainingOperations(config, { rows, length, predicted, images: rows, patches: PATCHES });
  return operations / median(entry.samples) / rate;
}
