/**
 * `npm run bench -- --memory`: the bytes a parameter that AdamW needs, and the peak of a process that looks at one picture. Other work on
 * the machine does not change them, so that they need no quiet machine. They go to `runs/memory.json` and into a table.
 */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { writeFileAtomic } from '../engine/atomic-write.js';
import { describeProcessor } from './machine.js';

/** Parameters of the two updates that are compared. */
const FEWER = 2 ** 25;
const MORE = 3 * 2 ** 25;
/** Sides of the pictures, in pixels. */
const SIDES = [400, 800, 1200];
const PICTURE_WORK = ['generate', 'sft'] as const;

/** What an update takes. */
export interface OptimizerMemory {
  /** Bytes for each further parameter beside its gradient: the weight, two moments and whatever grows with them. */
  bytesPerParameter: number;
  /** Megabytes that do not grow with the parameters: the new tensors of a group that is updated together, and what is computed. */
  megabytesBeside: number;
}

/** The peak of the process that looks at one square picture. */
export interface PictureMemory {
  side: number;
  work: (typeof PICTURE_WORK)[number];
  megabytes: number;
}

export interface MemoryReport {
  optimizer: OptimizerMemory;
  pictures: PictureMemory[];
}

/** Runs all measurements, each in a process of its own, writes `runs/memory.json` and returns the text of the table. */
export async function runMemory({ root }: { root: string }): Promise<string> {
  const fewer = await measure('optimizer', FEWER);
  const optimizer = optimizerMemory([FEWER, fewer], [MORE, await measure('optimizer', MORE)]);
  const pictures: PictureMemory[] = [];
  for (const work of PICTURE_WORK)
    for (const side of SIDES) pictures.push({ side, work, megabytes: await measure(work, side) });
  const report: MemoryReport = { optimizer, pictures };
  const file = path.join(root, 'runs', 'memory.json');
  writeFileAtomic(file, `${JSON.stringify({ processor: describeProcessor(), ...report }, null, 2)}\n`);
  return memoryTable(report);
}

/**
 * Two points of a line: what grows with the parameters, and what does not.
 *
 * @param fewer,more a number of parameters, and the megabytes of an update of them, gradients included
 */
export function optimizerMemory(
  fewer: readonly [parameters: number, megabytes: number],
  more: readonly [parameters: number, megabytes: number],
): OptimizerMemory {
  const slope = ((more[1] - fewer[1]) * 2 ** 20) / (more[0] - fewer[0]);
  const gradient = 4;
  return { bytesPerParameter: slope - gradient, megabytesBeside: fewer[1] - (slope * fewer[0]) / 2 ** 20 };
}

/** One line for AdamW, and one for each picture. */
export function memoryTable({ optimizer, pictures }: MemoryReport): string {
  const { bytesPerParameter, megabytesBeside } = optimizer;
  return [
    `AdamW: ${bytesPerParameter.toFixed(1)} bytes a parameter beside the gradient, and ${megabytesBeside.toFixed(0)} MB`,
    '',
    `| picture | ${PICTURE_WORK.map((work) => (work === 'sft' ? 'SFT step' : 'generation')).join(' | ')} |`,
    `|${'---|'.repeat(1 + PICTURE_WORK.length)}`,
    ...[...new Set(pictures.map(({ side }) => side))].map((side) => {
      const peaks = PICTURE_WORK.map((work) => pictures.find((row) => row.side === side && row.work === work));
      return `| ${[`${side} x ${side}`, ...peaks.map((row) => (row ? `${row.megabytes.toFixed(0)} MB` : '-'))].join(' | ')} |`;
    }),
  ].join('\n');
}

/** @throws Error with the last line of the worker's stderr, where it fails */
async function measure(what: string, size: number): Promise<number> {
  const worker = path.join(__dirname, 'memory-worker.js');
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [worker, what, String(size)]);
    const { megabytes } = JSON.parse(stdout) as { megabytes: number };
    console.log(`memory: ${what} ${size}: ${megabytes.toFixed(0)} MB`);
    return megabytes;
  } catch (error) {
    const { stderr = '', message } = error as Error & { stderr?: string };
    throw new Error(`the measurement ${what} ${size} failed: ${stderr.trim().split('\n').at(-1) || message}`);
  }
}
