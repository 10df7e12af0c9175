/** `npm run bench`: every workload with the kit and its peers, by turns, in one run; `runs/bench.json` and a table. */
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import path from 'node:path';
import { median } from 'simple-statistics';
import { writeFileAtomic } from '../engine/atomic-write.js';
import type { Precision } from '../engine/backend.js';
import { Random } from '../engine/random.js';
import { parseConfig, readConfig } from '../model/configuration.js';
import { initialParameters, parameterShapes } from '../model/parameters.js';
import { writeSafetensors } from '../model/safetensors.js';
import { exportFigure } from '../plots/export.js';
import { writePng } from '../records/image.js';
import { sampleCountingRecord } from '../tasks/counting/sample.js';
import { writePrompt } from '../tasks/prompts.js';
import { drawScene } from '../tasks/world/ray-cast.js';
import type { Scene } from '../tasks/world/scene.js';
import { trainingOperations } from './flops.js';
import { startWorker, type Worker } from './process.js';
import {
  type Entry,
  entryOf,
  type Finding,
  precisionTable,
  reportTable,
  type SeriesPoint,
  type Side,
  scalingFigure,
} from './report.js';
import {
  AXES,
  type BenchAnswer,
  type BenchRequest,
  FACTORS,
  HEADLINES,
  LEARN,
  type LearnAnswer,
  seriesWorkload,
  WORKLOADS,
  type Workload,
  workloadText,
} from './workload.js';

/** Rounds in which kit and peer take turns, and samples of each in a round. */
const ROUNDS = 2;
const SAMPLES = 3;
/** Of the points of a growth series, which are many. */
const SERIES_SAMPLES = 2;
const PROMPTS = 64;
/** An ordinary word of the nano vocabulary. */
const FILL = 20;

interface KitHello {
  versions: { [name: string]: string };
  gpu: boolean;
  productRate: number;
}

interface PeerHello {
  versions: { [name: string]: string };
  threads: number;
}

export interface BenchOptions {
  /** The repository's root. */
  root: string;
  /** The Python that has the peers' packages; absent: the kit alone is measured. */
  peerPython?: string;
  /** Only the headline workloads. */
  headlinesOnly?: boolean;
}

/** Runs the benchmark; the text of its table. */
export async function runBench({ root, peerPython, headlinesOnly = false }: BenchOptions): Promise<string> {
  const folder = path.join(root, 'runs', 'bench');
  const nano = path.join(root, 'data', 'nano');
  const prompts = await writePrompts(folder);
  const ready = (workload: Workload, samples: number): BenchRequest => ({
    ...workload,
    prompts,
    samples,
    fill: FILL,
    checkpoint: workload.width === 128 ? nano : wideCheckpoint(nano, folder, workload.width),
  });
  const kitOf = (precision: Precision) => startWorker<KitHello>(process.execPath, [workerFile(), precision]);
  const peerOf = () =>
    peerPython ? startWorker<PeerHello>(peerPython, [path.join(root, 'lib', 'bench', 'peers.py')]) : undefined;

  const hello = { float32: await helloOf(kitOf('float32')), bfloat16: await helloOf(kitOf('bfloat16')) };
  const peerHello = peerPython ? await helloOf(peerOf()!) : undefined;
  const entries: Entry[] = [];
  const list = headlinesOnly ? WORKLOADS.slice(0, 8) : WORKLOADS;
  for (const workload of list) {
    const finding = await measure(
      workload,
      ready(workload, SAMPLES),
      ROUNDS,
      await kitOf(workload.precision),
      await peerOf(),
    );
    if (!finding) continue;
    const entry = entryOf(finding);
    entries.push(entry);
    console.log(reportTable([entry]).split('\n')[1]);
  }
  const points: SeriesPoint[] = [];
  const learned: { [precision in Precision]?: LearnAnswer } = {};
  if (!headlinesOnly) {
    for (const precision of ['float32', 'bfloat16'] as const) {
      const worker = await kitOf(precision);
      const answer = await worker.ask({ ...LEARN, checkpoint: nano });
      worker.close();
      if (answer.learned) learned[precision] = answer.learned;
      else console.error(`bench: training in ${precision} failed: ${answer.error}`);
    }
    console.log(precisionTable(learned));
    for (const kind of ['sft', 'decode'] as const) {
      for (const axis of AXES) {
        for (const factor of FACTORS) {
          const workload = seriesWorkload(kind, axis, factor);
          const finding = await measure(
            workload,
            ready(workload, SERIES_SAMPLES),
            1,
            await kitOf('float32'),
            await peerOf(),
          );
          if (!finding) continue;
          const peer = finding.peer && 'samples' in finding.peer ? median(finding.peer.samples) : null;
          points.push({ kind, axis, factor, kit: median(finding.kit.samples), peer });
          console.log(`growth: ${workloadText(workload)}`);
        }
      }
    }
    await exportFigure(scalingFigure(points), path.join(folder, 'scaling'), { height: 640 });
  }

  const named = Object.fromEntries(
    Object.entries(HEADLINES).map(([name, workload]) => [
      name,
      entries.find((entry) => entry.workload === workloadText(workload)),
    ]),
  );
  const share = rateShare(entries, nano, folder, hello.float32.productRate);
  const result = {
    ...named,
    machine: {
      processor: cpus()[0]?.model,
      cores: availableParallelism(),
      gpu: hello.float32.gpu,
      node: process.version,
      versions: { ...hello.float32.versions, ...peerHello?.versions },
      peerThreads: peerHello?.threads,
      productRate: { float32: hello.float32.productRate, bfloat16: hello.bfloat16.productRate },
    },
    rateShare: share,
    precision: learned,
    workloads: entries,
    growth: points,
  };
  writeFileAtomic(path.join(root, 'runs', 'bench.json'), `${JSON.stringify(result, null, 2)}\n`);
  const gigaflops = (rate: number) => `${(rate / 1e9).toFixed(0)} GFLOP/s`;
  const { processor, cores } = result.machine;
  return [
    `measured on ${processor}, ${cores} cores; another machine has other ratios. The peers run eagerly`,
    reportTable(entries),
    '',
    ...(Object.keys(learned).length > 0 ? [precisionTable(learned), ''] : []),
    `matrix products here: ${gigaflops(hello.float32.productRate)} float32, ${gigaflops(hello.bfloat16.productRate)} bfloat16`,
    ...(share === undefined
      ? []
      : [
          `the SFT step at width 512 runs at ${(100 * share).toFixed(0)} % of the float32 rate (its matrix products' operations over its whole time)`,
        ]),
  ].join('\n');
}

/** The compiled worker, or the source under a TypeScript loader. */
function workerFile(): string {
  return path.join(__dirname, 'worker.js');
}

async function helloOf<Hello>(starting: Promise<Worker<Hello>>): Promise<Hello> {
  const worker = await starting;
  worker.close();
  return worker.hello;
}

/** Kit and peer by turns, each in a process of its own; nothing, with a word, where the kit fails. */
async function measure(
  workload: Workload,
  request: BenchRequest,
  rounds: number,
  kit: Worker<KitHello>,
  peer: Worker<PeerHello> | undefined,
): Promise<Finding | undefined> {
  try {
    const answers: { kit: BenchAnswer[]; peer: BenchAnswer[] } = { kit: [], peer: [] };
    for (let round = 0; round < rounds; round++) {
      answers.kit.push(await kit.ask(request));
      if (peer) answers.peer.push(await peer.ask(request));
    }
    const ours = sideOf(answers.kit);
    if ('error' in ours) {
      console.error(`bench: ${workloadText(workload)} failed: ${ours.error}`);
      return undefined;
    }
    return { workload, kit: ours, ...(peer ? { peer: sideOf(answers.peer) } : {}) };
  } finally {
    kit.close();
    peer?.close();
  }
}

function sideOf(answers: readonly BenchAnswer[]): Side | { error: string } {
  const failed = answers.find((answer) => answer.error !== undefined);
  if (failed) return { error: failed.error! };
  const rolloutSeconds = answers.flatMap((answer) => answer.rolloutSeconds ?? []);
  return {
    samples: answers.flatMap((answer) => answer.seconds!),
    peakMegabytes: Math.max(...answers.map((answer) => answer.peakMegabytes)),
    ...(rolloutSeconds.length > 0 ? { rolloutSeconds } : {}),
  };
}

/** Prompts of the counting task, with their images, as both sides read them. */
async function writePrompts(folder: string): Promise<string> {
  const rows: { text: string; image: string }[] = [];
  for (let i = 0; i < PROMPTS; i++) {
    const record = sampleCountingRecord('id', `bench-${i}`, new Random(1, `bench/${i}`));
    const image = `prompt-${i}.png`;
    await writePng(path.join(folder, 'prompts', image), drawScene(record.scene as Scene));
    rows.push({ text: writePrompt(record.problem, 'think'), image });
  }
  const file = path.join(folder, 'prompts', 'prompts.json');
  writeFileAtomic(file, JSON.stringify(rows));
  return file;
}

/** A random checkpoint of the nano model's shape, so many times as wide; made once. */
function wideCheckpoint(nano: string, folder: string, width: number): string {
  const target = path.join(folder, 'checkpoints', `width-${width}`);
  if (existsSync(target)) return target;
  const partial = `${target}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  for (const name of ['tokenizer.json', 'tokenizer_config.json', 'chat_template.json', 'preprocessor_config.json'])
    cpSync(path.join(nano, name), path.join(partial, name));
  const file = JSON.parse(readFileSync(path.join(nano, 'config.json'), 'utf8'));
  const times = width / file.hidden_size;
  for (const name of ['hidden_size', 'intermediate_size', 'num_attention_heads', 'num_key_value_heads'])
    file[name] *= times;
  file.vision_config.hidden_size *= times;
  const config = parseConfig(file);
  const values = initialParameters(config, 1);
  writeFileAtomic(path.join(partial, 'config.json'), JSON.stringify(file, null, 1));
  const tensors = [...parameterShapes(config)].map(([name, shape]) => ({ name, shape, data: values.get(name)! }));
  writeSafetensors(path.join(partial, 'model.safetensors'), tensors);
  renameSync(partial, target);
  return target;
}

/** The share of the machine's product rate at which the SFT step of width 512 runs. */
function rateShare(entries: readonly Entry[], nano: string, folder: string, rate: number): number | undefined {
  const workload = WORKLOADS.find(({ kind, width }) => kind === 'sft' && width === 512)!;
  const entry = entries.find((each) => each.workload === workloadText(workload));
  if (!entry) return undefined;
  const config = readConfig(wideCheckpoint(nano, folder, 512));
  const { rows, length } = workload as { rows: number; length: number };
  // The prompt, some 120 tokens, has no loss; its image is 8 x 8 patches.
  const predicted = rows * (length - PROMPT_TOKENS);
  const operations = trainingOperations(config, { rows, length, predicted, images: rows, patches: 64 });
  return operations / median(entry.samples) / rate;
}

const PROMPT_TOKENS = 120;
