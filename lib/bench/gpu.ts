/**
 * `npm run bench -- --gpu`: the same work on a GPU, in under eight minutes, as a card is often lent by the minute. SFT, decoding and GRPO
 * at two widths and LoRA steps in the shape of Qwen2-VL-2B, with and without XLA, beside PyTorch on the same card; and whether the
 * losses on the GPU are those on the CPU. What the time does not allow is left out, the least telling first.
 */
import path from 'node:path';
import { median } from 'simple-statistics';
import { writeFileAtomic } from '../engine/atomic-write.js';
import { cardText, type Device, findCards } from '../engine/gpu.js';
import { watchCardMemory } from './card-memory.js';
import { checkpointOfWidth, writePrompts } from './inputs.js';
import { startWorker } from './process.js';
import { type Phase, runSizeSide, type SizeSide, writeSizeInputs } from './size.js';
import type { KitHello } from './take-turns.js';
import { type BenchAnswer, type BenchRequest, HEADLINES, type Workload, workloadText } from './workload.js';

/** Seconds after which nothing new begins, and seconds after which what runs is ended. */
const [LAST_START, END] = [400, 470];
const SAMPLES = 3;
/** An ordinary word of the nano vocabulary. */
const FILL = 20;
/** Losses of the CPU and the GPU may differ by so much, as a share: both sum in float32, in another order. */
export const LOSS_TOLERANCE = 1e-4;

/** Who computes. */
export type GpuSide = 'kit' | 'kit with XLA' | 'PyTorch';

/** One thing that the script does. */
export type GpuTask =
  | { kind: 'losses'; workload: Workload }
  | { kind: 'workload'; workload: Workload; side: GpuSide }
  | { kind: 'size'; size: string; side: GpuSide };

/** What one task came to. */
export interface GpuEntry {
  name: string;
  side: GpuSide | 'GPU against CPU';
  /** Seconds of each sample. */
  seconds?: number[];
  /** The phases of a size. */
  phases?: Phase[];
  /** The most memory that was taken on the card, in megabytes of 2^20 bytes. */
  cardMegabytes?: number;
  /** The largest difference of losses between GPU and CPU, as a share. */
  lossDifference?: number;
  /** Why there is no number. */
  error?: string;
}

/** The tasks, those first that tell most: the losses, both sides of each workload, the 2B's shape, and XLA, which compiles for long. */
export function gpuTasks(workloads: readonly Workload[], size: string, hasPeer: boolean): GpuTask[] {
  const sides: GpuSide[] = hasPeer ? ['kit', 'PyTorch'] : ['kit'];
  return [
    { kind: 'losses', workload: workloads[0]! },
    ...workloads.flatMap((workload) => sides.map((side): GpuTask => ({ kind: 'workload', workload, side }))),
    ...sides.map((side): GpuTask => ({ kind: 'size', size, side })),
    ...workloads.map((workload): GpuTask => ({ kind: 'workload', workload, side: 'kit with XLA' })),
    { kind: 'size', size, side: 'kit with XLA' },
  ];
}

/** SFT, decoding and GRPO with the shipped model, and with one of width 512. */
export const GPU_WORKLOADS: readonly Workload[] = [128, 512].flatMap((width) =>
  [HEADLINES.sft, HEADLINES.decode, HEADLINES.grpo].map((workload) => ({ ...workload, width })),
);

/** Where the tasks run. */
export interface GpuBenchOptions {
  /** The repository's root. */
  root: string;
  /** The Python that has the peers' packages. */
  peerPython?: string;
  /** Where the tasks compute: on the CPU the script can be tried with small workloads. */
  device: Device;
  /** Where results, prompts and checkpoints go. */
  folder: string;
}

/**
 * The whole script. Without the peers' Python the kit alone is measured.
 *
 * @returns the text of its lines
 * @throws Error when no GPU computes, with the reason
 */
export function runGpuBench({ root, peerPython }: { root: string; peerPython?: string }): Promise<string> {
  const tasks = gpuTasks(GPU_WORKLOADS, '2b', peerPython !== undefined);
  return runGpuTasks({ root, peerPython, device: 'gpu', folder: path.join(root, 'runs') }, tasks);
}

/** Runs tasks until the time is over, writes `gpu.json` before and after each, and returns the text of their lines. */
export async function runGpuTasks(options: GpuBenchOptions, tasks: readonly GpuTask[]): Promise<string> {
  const { device, folder } = options;
  const began = performance.now();
  const left = () => END - (performance.now() - began) / 1000;
  const { versions } = await askKit(device, left());
  const card = device === 'gpu' ? (findCards() ?? []).map(cardText).join(', ') : 'no card: tried on the CPU';
  console.log(`${card}; TensorFlow ${versions.tensorflow}`);
  const bench = { ...options, left, prompts: await writePrompts(path.join(folder, 'bench')) };
  const entries: GpuEntry[] = [];
  const waiting = [...tasks];
  const save = () => {
    const result = { card, versions, entries, leftOut: waiting.map(taskText) };
    writeFileAtomic(path.join(folder, 'gpu.json'), `${JSON.stringify(result, null, 2)}\n`);
  };
  save();
  await writeInputs(bench, tasks);
  while (waiting.length > 0 && left() >= END - LAST_START) {
    const task = waiting[0]!;
    console.log(`${taskText(task)} begins with ${left().toFixed(0)} s left`);
    const entry = await runTask(bench, task);
    waiting.shift();
    entries.push(entry);
    console.log(entryText(entry));
    save();
  }
  const rest = waiting.length > 0 ? [`left out, as the time was over: ${waiting.map(taskText).join('; ')}`] : [];
  return [card, ...entries.map(entryText), ...rest].join('\n');
}

/** Writes the checkpoints that the tasks need and that are not there yet, before anything is measured. */
async function writeInputs({ folder }: GpuBench, tasks: readonly GpuTask[]): Promise<void> {
  const bench = path.join(folder, 'bench');
  for (const task of tasks) {
    try {
      if (task.kind === 'size') await writeSizeInputs(bench, task.size);
      else checkpointOfWidth(bench, task.workload.width);
    } catch (error) {
      // The tasks that need it will say so again; the others go on.
      console.error(`${taskText(task)}: its checkpoint could not be written: ${(error as Error).message}`);
    }
  }
}

interface GpuBench extends GpuBenchOptions {
  /** The file of the prompts. */
  prompts: string;
  /** Seconds left. */
  left: () => number;
}

async function runTask(bench: GpuBench, task: GpuTask): Promise<GpuEntry> {
  const entry = { name: taskText(task), side: task.kind === 'losses' ? ('GPU against CPU' as const) : task.side };
  try {
    if (task.kind === 'losses') return { ...entry, ...(await compareLosses(bench, task.workload)) };
    const { result, cardMegabytes } = await watchCardMemory(() => measureTask(bench, task));
    return { ...entry, ...result, ...(cardMegabytes === undefined ? {} : { cardMegabytes }) };
  } catch (error) {
    return { ...entry, error: (error as Error).message };
  }
}

/** The phases of a size, or the seconds of a workload. */
async function measureTask(
  bench: GpuBench,
  task: Exclude<GpuTask, { kind: 'losses' }>,
): Promise<Pick<GpuEntry, 'phases' | 'seconds' | 'error'>> {
  if (task.kind === 'size') return runSizeTask(bench, task.size, task.side);
  const { seconds, error } = await ask(bench, task.workload, task.side, bench.device);
  return error === undefined ? { seconds } : { error };
}

/** The same steps of SFT on the CPU and on the GPU, products in whole float32 on both. */
async function compareLosses(bench: GpuBench, workload: Workload): Promise<Pick<GpuEntry, 'lossDifference' | 'error'>> {
  const [cpu, gpu] = [await ask(bench, workload, 'kit', 'cpu'), await ask(bench, workload, 'kit', bench.device)];
  if (!cpu.losses) return { error: `the CPU gave no losses: ${cpu.error ?? 'without a reason'}` };
  if (!gpu.losses) return { error: `the GPU gave no losses: ${gpu.error ?? 'without a reason'}` };
  const lossDifference = Math.max(...cpu.losses.map((loss, i) => Math.abs(gpu.losses![i]! - loss) / Math.abs(loss)));
  if (lossDifference <= LOSS_TOLERANCE) return { lossDifference };
  const error = `the losses differ by ${lossDifference}: ${cpu.losses.join(', ')} on the CPU, ${gpu.losses.join(', ')} on the GPU`;
  return { lossDifference, error };
}

/** The environment of a process: where it computes, and how. Neither side rounds the factors of float32 products (TF32). */
function environmentOf(side: GpuSide, device: Device): NodeJS.ProcessEnv {
  return {
    ...process.env,
    REASON_RFT_DEVICE: device,
    REASON_RFT_XLA: side === 'kit with XLA' ? '1' : '0',
    NVIDIA_TF32_OVERRIDE: '0',
  };
}

/** The kit's worker as node's arguments: compiled as this file is, or in TypeScript, which node reads through tsx. */
const KIT_WORKER = __filename.endsWith('.ts')
  ? ['--import', 'tsx', path.join(__dirname, 'worker.ts')]
  : [path.join(__dirname, 'worker.js')];

/** Starts the kit's worker only to hear what it says of itself. */
async function askKit(device: Device, seconds: number): Promise<KitHello> {
  const options = { env: environmentOf('kit', device), seconds };
  const worker = await startWorker<KitHello>(process.execPath, [...KIT_WORKER, 'float32'], options);
  worker.close();
  return worker.hello;
}

/** Has a worker measure a workload, in a process that ends when the time is over. */
async function ask(bench: GpuBench, workload: Workload, side: GpuSide, device: Device): Promise<BenchAnswer> {
  const { root, peerPython, folder, prompts, left } = bench;
  const [program, args] =
    side === 'PyTorch'
      ? [peerPython!, [path.join(root, 'lib', 'bench', 'peers.py')]]
      : [process.execPath, [...KIT_WORKER, workload.precision]];
  const worker = await startWorker(program, args, { env: environmentOf(side, device), seconds: left() });
  try {
    const checkpoint = checkpointOfWidth(path.join(folder, 'bench'), workload.width);
    const request: BenchRequest = { ...workload, prompts, samples: SAMPLES, fill: FILL, checkpoint };
    return await worker.ask(side === 'PyTorch' ? { ...request, form: 'eager' } : request);
  } finally {
    worker.close();
  }
}

async function runSizeTask(
  { root, peerPython, device, folder, left }: GpuBench,
  size: string,
  side: GpuSide,
): Promise<SizeSide> {
  const inputs = await writeSizeInputs(path.join(folder, 'bench'), size);
  // The peers compute a size in bfloat16.
  const env = { ...environmentOf(side, device), REASON_RFT_PRECISION: 'bfloat16' };
  const options = { env, seconds: left() };
  return runSizeSide(inputs, side === 'PyTorch' ? { root, peerPython: peerPython! } : undefined, options);
}

function taskText(task: GpuTask): string {
  if (task.kind === 'losses') return `losses of ${workloadText(task.workload)}`;
  const what =
    task.kind === 'size' ? `the shape of Qwen2-VL-${task.size.toUpperCase()} in bfloat16` : workloadText(task.workload);
  return `${what}, ${task.side}`;
}

/** An entry on one line: medians in seconds. */
function entryText({ name, seconds, phases, cardMegabytes, lossDifference, error }: GpuEntry): string {
  const parts = [
    ...(seconds ? [`${median(seconds).toFixed(3)} s`] : []),
    ...(phases ?? []).map((phase) => `${phase.phase} ${phase.seconds.at(-1)!.toFixed(2)} s`),
    ...(cardMegabytes === undefined ? [] : [`${((cardMegabytes * 2 ** 20) / 1e9).toFixed(1)} GB of the card`]),
    ...(lossDifference === undefined ? [] : [`largest difference ${lossDifference.toExponential(1)}`]),
    ...(error === undefined ? [] : [`failed: ${error}`]),
  ];
  return `${name}: ${parts.join(', ')}`;
}
