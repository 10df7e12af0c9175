/** The backend that computes: the TensorFlow binding (on a GPU where that TensorFlow has one, else on the CPU), or wasm as the slow fallback. */
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import util from 'node:util';
import * as tf from '@tensorflow/tfjs';
import { askedDevice, cudaCompilerFolder, type Device, gpuFacts, hideCards, whyNoGpu } from './gpu.js';
import { type Binding, isTensorFlow, nodeBackend } from './tfjs-node.js';

/** The engine that `startEngine` started. */
export interface Engine {
  /** `tensorflow` or `wasm`, as `tf.getBackend()` names it. */
  backend: 'tensorflow' | 'wasm';
  /** True where TensorFlow computes on a GPU. */
  gpu: boolean;
  /** The version of the TensorFlow library underneath, or of tfjs for wasm. */
  version: string;
  /** The precision of matrix products. */
  precision: Precision;
}

/**
 * The precision of matrix products. With `bfloat16`, weights, activations and sums stay float32, and the factors of products between
 * activations and weights are rounded to bfloat16 (see `linear`), as PyTorch's autocast does.
 */
export type Precision = 'float32' | 'bfloat16';

/** What a caller may ask of the engine when it starts. */
export interface EngineOptions {
  /** Default: the value of `REASON_RFT_PRECISION`, or else `float32`. It holds for the whole process. */
  precision?: Precision;
}

/**
 * The precision that `REASON_RFT_PRECISION` asks for; `float32` where the variable is not set.
 *
 * @throws Error when it has any other value
 */
export function askedPrecision(): Precision {
  const asked = process.env.REASON_RFT_PRECISION ?? 'float32';
  if (asked === 'float32' || asked === 'bfloat16') return asked;
  throw new Error(`REASON_RFT_PRECISION must be float32 or bfloat16, but is '${asked}'`);
}

/**
 * Whether `REASON_RFT_XLA=1` asks that recorded steps be compiled by XLA. Compiling takes most of a minute for each step, and on a
 * CPU the compiled step runs on one core.
 *
 * @throws Error when it has any other value than 1 or 0
 */
export function asksXla(): boolean {
  const asked = process.env.REASON_RFT_XLA ?? '0';
  if (asked === '0' || asked === '1') return asked === '1';
  throw new Error(`REASON_RFT_XLA must be 1 or 0, or not set, but is '${asked}'`);
}

/** What the environment asks for that changes the last digits of results, for what a run is known by. It is empty by default. */
export function askedArithmetic(): { precision?: Precision; xla?: true } {
  const precision = askedPrecision();
  return { ...(precision === 'float32' ? {} : { precision }), ...(asksXla() ? { xla: true } : {}) };
}

let started: Promise<Engine> | undefined;
let productPrecision: Precision = 'float32';

/** The precision of matrix products in this process. */
export function matrixPrecision(): Precision {
  return productPrecision;
}

/**
 * Loads the backend once per process; later calls return the same engine. `REASON_RFT_DEVICE` says whether the CPU or a GPU computes;
 * where it is not set, a GPU does if TensorFlow finds one that it has code for.
 *
 * @throws Error when a later call asks for another precision than the one TensorFlow was loaded with; when a GPU is asked for and none
 *   computes, with the reason
 */
export async function startEngine(options: EngineOptions = {}): Promise<Engine> {
  if (!started) asksXla();
  started ??= load(options.precision ?? askedPrecision(), askedDevice());
  const engine = await started;
  if (options.precision !== undefined && options.precision !== engine.precision) {
    throw new Error(
      `engine: TensorFlow already runs with ${engine.precision} matrix products and cannot change to ${options.precision}; ` +
        'restart the process (or kernel) and ask for it in the first call of startEngine',
    );
  }
  return engine;
}

/**
 * How many independent parts a batch is best cut into, so that they compute side by side inside one graph.
 *
 * On few cores this is faster than cutting each operation into threads, because most operations of a small model are too short to
 * share. So on up to four cores an operation gets one thread, unless `TF_NUM_INTRAOP_THREADS` sets another number, and a batch has
 * as many parts as there are cores.
 */
export function shardCount(): number {
  return givesOneThread() ? availableParallelism() : 1;
}

/** Whether TensorFlow computes, and gives each operation one thread. */
export function givesOneThread(): boolean {
  return process.env.TF_NUM_INTRAOP_THREADS === '1' && isTensorFlow();
}

const FEW_CORES = 4;

/** TensorFlow is there, and computes on the CPU. */
class NoGpu extends Error {}

async function load(precision: Precision, device: Device | undefined): Promise<Engine> {
  setTensorFlowVariables();
  const hidden = hideCards(device);
  if (hidden !== undefined) console.warn(`engine: ${hidden}`);
  tf.enableProdMode();
  try {
    const binding = loadTensorFlow();
    productPrecision = precision;
    const gpu = binding.isUsingGpuDevice();
    if (device === 'gpu' && !gpu) throw new NoGpu(whyNoGpu(gpuFacts()));
    return { backend: 'tensorflow', gpu, version: binding.TF_Version, precision };
  } catch (error) {
    const reason = (error as Error).message.split('\n')[0];
    if (device === 'gpu')
      throw new Error(
        `engine: REASON_RFT_DEVICE=gpu asks for a GPU, but ${error instanceof NoGpu ? 'none computes' : 'TensorFlow could not be loaded'}: ` +
          `${reason}; without the variable the CPU computes`,
      );
    console.warn(
      `engine: TensorFlow could not be loaded (${reason}). Falling back to wasm, about 25 times slower: fit for tests and toys. ` +
        'Run `npm run doctor` to see what is missing.',
    );
    await startWasm();
    return { backend: 'wasm', gpu: false, version: tf.version.tfjs, precision: 'float32' };
  }
}

/** Sets the variables that TensorFlow reads when it is loaded. A variable that the user has set stays. */
function setTensorFlowVariables(): void {
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '3';
  process.env.TF_ENABLE_ONEDNN_OPTS ??= '1';
  // Else the first process takes the whole GPU, and a second notebook finds none.
  process.env.TF_FORCE_GPU_ALLOW_GROWTH ??= 'true';
  if (availableParallelism() <= FEW_CORES) process.env.TF_NUM_INTRAOP_THREADS ??= '1';
  const compiler = asksXla() ? cudaCompilerFolder() : undefined;
  if (compiler !== undefined) process.env.XLA_FLAGS ??= `--xla_gpu_cuda_data_dir=${compiler}`;
}

function loadTensorFlow(): Binding {
  // tfjs-node calls two helpers that Node 23 removed (tensorflow/tfjs issue 8609).
  const legacy = util as unknown as Record<string, (value: unknown) => boolean>;
  legacy.isNullOrUndefined ??= (value) => value === null || value === undefined;
  legacy.isArray ??= Array.isArray;
  require('@tensorflow/tfjs-node-gpu');
  return nodeBackend().binding;
}

async function startWasm(): Promise<void> {
  const wasm: typeof import('@tensorflow/tfjs-backend-wasm') = require('@tensorflow/tfjs-backend-wasm');
  const entry = createRequire(__filename).resolve('@tensorflow/tfjs-backend-wasm');
  wasm.setWasmPaths(`${path.dirname(entry)}${path.sep}`);
  await tf.setBackend('wasm');
  await tf.ready();
}
