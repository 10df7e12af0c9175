/**
 * `npm run bench -- --size=2b`: a random checkpoint in the exact shape of Qwen2-VL-2B is loaded, generates and is trained with LoRA, beside
 * transformers, PEFT and TRL. The seconds and the peak memory of each phase go to `runs/size-2b.json` and into a table.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { totalmem } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { writeFileAtomic } from '../engine/atomic-write.js';
import { Random } from '../engine/random.js';
import { parseConfig } from '../model/configuration.js';
import { countParameters } from '../model/parameters.js';
import { writePng } from '../records/image.js';
import { shippedModel } from '../study/workspace.js';
import { sampleCountingRecord } from '../tasks/counting/sample.js';
import { writePrompt } from '../tasks/prompts.js';
import { drawScene } from '../tasks/world/ray-cast.js';
import type { Scene } from '../tasks/world/scene.js';
import { describeProcessor } from './machine.js';
import { EndWatch, type ProcessOptions, spawnOptions } from './process.js';
import { SIZES } from './published-shapes.js';
import { writeRandomCheckpoint } from './random-checkpoint.js';

/** Pixels a side of the prompt's image: 16 x 16 patches, 64 visual tokens. */
const IMAGE = 224;

/** A side that has not ended after so long is ended; its phases up to then stay. The 7B's shape takes this kit some ten minutes. */
const MOST_SECONDS = 3600;

/** What a phase took. */
export interface Phase {
  phase: string;
  /** Seconds of its first run, in which the kit builds its graphs, and of the next one. */
  seconds: number[];
  /** The same in processor time of all threads, which other work on the machine changes less. */
  cpuSeconds: number[];
  /** Resident memory at its highest, in megabytes. */
  peakMegabytes: number;
}

/** One side's phases, up to the one that failed, and why. */
export interface SizeSide {
  phases: Phase[];
  error?: string;
}

/** The kit with products in float32 and in bfloat16, and the peers, which compute in bfloat16. */
const SIZE_SIDES = ['float32', 'bfloat16', 'peer'] as const;
export type SizeSides = { [side in (typeof SIZE_SIDES)[number]]?: SizeSide };
const HEADINGS = { float32: 'kit, float32', bfloat16: 'kit, bfloat16', peer: 'PyTorch, bfloat16' } as const;

/** What both sides read. */
export interface SizeInputs {
  /** The checkpoint's folder. */
  checkpoint: string;
  /** The file of the prompt. */
  prompt: string;
}

/** Runs this kit in both precisions and then its peers, each in a process of its own, and returns the text of the table. */
export async function runSize(options: { root: string; size: string; peerPython?: string }): Promise<string> {
  const { root, size, peerPython } = options;
  const inputs = await writeSizeInputs(path.join(root, 'runs', 'bench'), size);
  const parameters = countParameters(parseConfig(SIZES[size]!));
  const machine = { processor: describeProcessor(), memoryGigabytes: totalmem() / 1e9 };
  const sides: SizeSides = {};
  for (const name of SIZE_SIDES) {
    if (name === 'peer' && !peerPython) continue;
    const peers = name === 'peer' ? { root, peerPython: peerPython! } : undefined;
    const env = { ...process.env, REASON_RFT_PRECISION: name === 'float32' ? 'float32' : 'bfloat16' };
    sides[name] = await runSizeSide(inputs, peers, { env, seconds: MOST_SECONDS });
    // What is measured stays, also when a later side takes all memory and the bench is ended.
    const result = { size, parameters, machine, ...sides };
    writeFileAtomic(path.join(root, 'runs', `size-${size}.json`), `${JSON.stringify(result, null, 2)}\n`);
  }
  return sizeTable(sides);
}

/** Writes what both sides read into the bench's folder; a checkpoint that is there stays. */
export async function writeSizeInputs(bench: string, size: string): Promise<SizeInputs> {
  const folder = path.join(bench, `size-${size}`);
  const checkpoint = path.join(folder, 'checkpoint');
  if (!existsSync(checkpoint)) writeRandomCheckpoint(SIZES[size]!, shippedModel(), checkpoint);
  return { checkpoint, prompt: await writeSizePrompt(folder) };
}

/** Runs the phases of one side: of this kit, or of the peers where they are given. */
export function runSizeSide(
  { checkpoint, prompt }: SizeInputs,
  peers: { root: string; peerPython: string } | undefined,
  options: ProcessOptions = {},
): Promise<SizeSide> {
  const [program, script] = peers
    ? [peers.peerPython, [path.join(peers.root, 'lib', 'bench', 'size_peers.py')]]
    : [process.execPath, [path.join(__dirname, 'size-worker.js')]];
  return runPhases(program, [...script, checkpoint, prompt], options);
}

/** Writes a question of the counting task and its image, which both sides read, and returns the name of the file. */
async function writeSizePrompt(folder: string): Promise<string> {
  const record = sampleCountingRecord('id', 'size', new Random(1, 'size/prompt'));
  await writePng(path.join(folder, 'prompt.png'), drawScene(record.scene as Scene, IMAGE));
  const file = path.join(folder, 'prompt.json');
  writeFileAtomic(file, JSON.stringify({ text: writePrompt(record.problem, 'think'), image: 'prompt.png' }));
  return file;
}

/** Runs a program that writes one phase a line, and prints each as it comes. What was measured before a failure stays. */
export function runPhases(program: string, args: readonly string[], options: ProcessOptions): Promise<SizeSide> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], ...spawnOptions(options) });
    const watch = new EndWatch(child, options.seconds);
    const script = path.basename(args.at(-3)!);
    const phases: Phase[] = [];
    createInterface({ input: child.stdout }).on('line', (line) => {
      console.log(`${script}: ${line}`);
      // A library may print into it too.
      if (line.startsWith('{"phase"')) phases.push(JSON.parse(line) as Phase);
      else watch.note(`\n${line}`);
    });
    child.on('error', () => resolve({ phases, error: watch.reason(null) }));
    child.on('close', (code, signal) => resolve(code === 0 ? { phases } : { phases, error: watch.reason(signal) }));
  });
}

/** One line a phase: of each side the seconds of the first run and the next, with those of all threads, and the peak memory. */
export function sizeTable(sides: SizeSides): string {
  const measured = SIZE_SIDES.flatMap((name) => (sides[name] ? [{ name, side: sides[name] }] : []));
  const phaseNames = [...new Set(measured.flatMap(({ side }) => side.phases.map(({ phase }) => phase)))];
  const list = (values: readonly number[]) => values.map((value) => value.toFixed(1)).join(', ');
  const lines = phaseNames.map((phaseName) => {
    const phases = measured.map(({ side }) => side.phases.find(({ phase }) => phase === phaseName));
    const seconds = phases.map((phase) => (phase ? `${list(phase.seconds)} (${list(phase.cpuSeconds)})` : '-'));
    const memory = phases.map((phase) => (phase ? `${((phase.peakMegabytes * 2 ** 20) / 1e9).toFixed(1)} GB` : '-'));
    return `| ${[phaseName, ...seconds, ...memory].join(' | ')} |`;
  });
  const headings = measured.map(({ name }) => HEADINGS[name]);
  const failures = measured.flatMap(({ name, side }) =>
    side.error === undefined ? [] : [`${HEADINGS[name]} failed after that: ${side.error}`],
  );
  return [
    'Seconds of the first run and the next, in brackets those of all threads, and peak memory.',
    '',
    `| phase | ${[...headings, ...headings.map((heading) => `memory: ${heading}`)].join(' | ')} |`,
    `|${'---|'.repeat(1 + 2 * headings.length)}`,
    ...lines,
    ...failures,
  ].join('\n');
}
