/** The GPU that TensorFlow could compute on: which card, whether this TensorFlow has code for it, and in words why none computes. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

/** What a process may be asked to compute on. */
export type Device = 'cpu' | 'gpu';

/**
 * The device that `REASON_RFT_DEVICE` asks for; undefined where the variable is not set: then a GPU computes if there is one.
 *
 * @throws Error when it has any other value
 */
export function askedDevice(): Device | undefined {
  const asked = process.env.REASON_RFT_DEVICE;
  if (asked === undefined || asked === 'cpu' || asked === 'gpu') return asked;
  throw new Error(`REASON_RFT_DEVICE must be cpu or gpu, or not set, but is '${asked}'`);
}

/** A card, as the NVIDIA driver names it. */
export interface GraphicsCard {
  index: number;
  name: string;
  memoryMegabytes: number;
  /** Which machine code it runs, such as `9.0`; absent where the driver is too old to say. */
  capability?: string;
}

/** A driver that has not answered after so long answers no more. */
const DRIVER_SECONDS = 20;

/** The cards of this machine; undefined where no NVIDIA driver answers. */
export function findCards(): GraphicsCard[] | undefined {
  const ask = (fields: string) =>
    spawnSync('nvidia-smi', [`--query-gpu=${fields}`, '--format=csv,noheader,nounits'], {
      encoding: 'utf8',
      // A driver in trouble does not answer at all.
      timeout: 1000 * DRIVER_SECONDS,
    });
  const answer = ask('index,name,memory.total,compute_cap');
  if (answer.error) return undefined;
  if (answer.status === 0) return parseCards(answer.stdout);
  const older = ask('index,name,memory.total');
  return older.status === 0 ? parseCards(older.stdout) : undefined;
}

/** Reads nvidia-smi's answer: a card a line, its fields parted by commas. */
export function parseCards(text: string): GraphicsCard[] {
  return text.split('\n').flatMap((line) => {
    const [index, name, memory, capability] = line.split(',').map((field) => field.trim());
    if (!index || !name) return [];
    const card = { index: Number(index), name, memoryMegabytes: Number(memory) };
    return [/^\d+\.\d+$/.test(capability ?? '') ? { ...card, capability } : card];
  });
}

/** What a TensorFlow was built for. */
export interface TensorFlowBuild {
  cuda: boolean;
  /** The compute capabilities that it has code for, such as `8.0`; empty where its files do not say. */
  capabilities: string[];
  /** The versions of CUDA and cuDNN that it needs. */
  versions: string;
}

/** The newest generation of cards that TensorFlow's wheels had code for as of 2.21: Hopper. Blackwell is 10 and 12 (issues 89272, 111958). */
const NEWEST_GENERATION = 9;

/** Reads what a TensorFlow was built for; undefined where its folder does not say. */
export function readBuild(tensorflow: string | undefined): TensorFlowBuild | undefined {
  const file = path.join(tensorflow ?? '', 'python', 'platform', 'build_info.py');
  return tensorflow !== undefined && existsSync(file) ? parseBuild(readFileSync(file, 'utf8')) : undefined;
}

/** Reads TensorFlow's `build_info.py`. */
export function parseBuild(text: string): TensorFlowBuild {
  const textOf = (name: string) => new RegExp(`'${name}', '([^']*)'`).exec(text)?.[1];
  const [, listed = ''] = /'cuda_compute_capabilities', \[([^\]]*)\]/.exec(text) ?? [];
  const capabilities = [...listed.matchAll(/(?:sm|compute)_(\d+)(\d)\b/g)].map(
    ([, major, minor]) => `${major}.${minor}`,
  );
  const [cuda, cudnn] = [textOf('cuda_version'), textOf('cudnn_version')];
  return {
    cuda: /'is_cuda_build', True/.test(text),
    capabilities,
    versions: [cuda && `CUDA ${cuda}`, cudnn && `cuDNN ${cudnn}`].filter(Boolean).join(', '),
  };
}

/**
 * Whether a TensorFlow has code for a card. Machine code runs on cards of its generation (the number before the point) from its own
 * revision on. A card whose capability is not known is taken to have code.
 */
export function hasCodeFor({ capability }: GraphicsCard, build: TensorFlowBuild | undefined): boolean {
  if (capability === undefined) return true;
  const [generation, revision] = capability.split('.').map(Number) as [number, number];
  if (generation > NEWEST_GENERATION) return false;
  const capabilities = build?.capabilities ?? [];
  if (capabilities.length === 0) return true;
  return capabilities.some((listed) => {
    const [major, minor] = listed.split('.').map(Number) as [number, number];
    return major === generation && minor <= revision;
  });
}

/** The libraries that TensorFlow loads when it starts on a GPU, beside the driver's own. */
const CUDA_LIBRARIES = ['libcudart', 'libcublas', 'libcublasLt', 'libcufft', 'libcusolver', 'libcusparse', 'libcudnn'];

/** Where each of CUDA's libraries lies; undefined for one that was not found. */
export type CudaLibraries = { [name: string]: string | undefined };

/** Looks for CUDA's libraries in pip's `nvidia` folders beside TensorFlow, in `LD_LIBRARY_PATH`, and where the system's loader looks. */
export function findCudaLibraries(tensorflow: string | undefined): CudaLibraries {
  const pip = path.join(tensorflow ?? '', '..', 'nvidia');
  const packaged =
    tensorflow !== undefined && existsSync(pip) ? readdirSync(pip).map((name) => path.join(pip, name, 'lib')) : [];
  const folders = [...packaged, ...(process.env.LD_LIBRARY_PATH ?? '').split(':')].filter(
    (folder) => folder !== '' && existsSync(folder),
  );
  const system = (spawnSync('ldconfig', ['-p'], { encoding: 'utf8' }).stdout ?? '').matchAll(/=> (\S+)/g);
  const files = [
    ...folders.flatMap((folder) => readdirSync(folder).map((name) => path.join(folder, name))),
    ...[...system].map(([, file]) => file!),
  ];
  return Object.fromEntries(
    CUDA_LIBRARIES.map((name) => [name, files.find((file) => path.basename(file).startsWith(`${name}.so`))]),
  );
}

/** What decides whether a GPU computes. */
export interface GpuFacts {
  asked?: Device;
  /** The value of `CUDA_VISIBLE_DEVICES`. */
  visible?: string;
  /** Undefined where no driver answers. */
  cards?: GraphicsCard[];
  build?: TensorFlowBuild;
  libraries: CudaLibraries;
}

/** Looks around. It starts `nvidia-smi` and `ldconfig`, and takes some ten milliseconds. */
export function gpuFacts(tensorflow = tensorflowOfBinding()): GpuFacts {
  return {
    asked: askedDevice(),
    visible: process.env.CUDA_VISIBLE_DEVICES,
    cards: findCards(),
    build: readBuild(tensorflow),
    libraries: findCudaLibraries(tensorflow),
  };
}

/** A card in words: its name, memory and capability. */
export function cardText({ name, memoryMegabytes, capability }: GraphicsCard): string {
  const memory = `${((memoryMegabytes * 2 ** 20) / 1e9).toFixed(0)} GB`;
  return `${name} (${memory}${capability === undefined ? '' : `, compute capability ${capability}`})`;
}

/** Why no GPU computes, in words. */
export function whyNoGpu({ asked, visible, cards, build, libraries }: GpuFacts): string {
  if (asked === 'cpu') return 'REASON_RFT_DEVICE=cpu asks for the CPU';
  if (cards === undefined) return 'nvidia-smi finds no NVIDIA driver';
  if (cards.length === 0) return 'the NVIDIA driver names no card';
  if (!cards.some((card) => hasCodeFor(card, build))) {
    const known = build?.capabilities.length
      ? `it has code for ${build.capabilities.join(', ')}`
      : 'it ends at Hopper, 9.0';
    return `this TensorFlow has no code for ${cards.map(cardText).join(', ')}; ${known}`;
  }
  if (visible !== undefined && !/^[^-]/.test(visible)) return `CUDA_VISIBLE_DEVICES='${visible}' hides every card`;
  if (build && !build.cuda) return 'this TensorFlow was built without CUDA; npm start installs the one with CUDA';
  const missing = Object.keys(libraries).filter((name) => libraries[name] === undefined);
  if (missing.length > 0) return `CUDA libraries were not found: ${missing.join(', ')}`;
  return 'TensorFlow does not say why; with TF_CPP_MIN_LOG_LEVEL=0 it prints what it tried';
}

/**
 * Hides cards from TensorFlow before it is loaded: all of them where the CPU is asked for, else those that it has no code for. It would
 * start on such a card and fail at the first operation.
 *
 * @returns what was hidden and why, in words; undefined where nothing was, or where the CPU was asked for
 */
export function hideCards(asked: Device | undefined, tensorflow = tensorflowOfBinding()): string | undefined {
  if (asked === 'cpu') {
    process.env.CUDA_VISIBLE_DEVICES = '-1';
    return undefined;
  }
  const build = readBuild(tensorflow);
  // Without CUDA there is nothing to hide, and nvidia-smi need not be started.
  if (!build?.cuda || process.env.CUDA_VISIBLE_DEVICES !== undefined) return undefined;
  const cards = findCards() ?? [];
  const usable = cards.filter((card) => hasCodeFor(card, build));
  if (usable.length === cards.length) return undefined;
  process.env.CUDA_DEVICE_ORDER = 'PCI_BUS_ID';
  process.env.CUDA_VISIBLE_DEVICES = usable.length > 0 ? usable.map(({ index }) => index).join(',') : '-1';
  const hidden = cards.filter((card) => !usable.includes(card)).map(cardText);
  const goesOn = usable.length > 0 ? `computes on ${usable.map(cardText).join(', ')}` : 'computes on the CPU';
  return `this TensorFlow has no code for ${hidden.join(', ')} (it has code for ${build.capabilities.join(', ')}): it ${goesOn}`;
}

/**
 * The folder in which XLA finds `ptxas` and `libdevice` for a GPU: that of CUDA's compiler in pip's `nvidia` folders beside TensorFlow.
 * Undefined where there is none.
 */
export function cudaCompilerFolder(tensorflow = tensorflowOfBinding()): string | undefined {
  if (tensorflow === undefined) return undefined;
  const folder = path.join(tensorflow, '..', 'nvidia', 'cuda_nvcc');
  return existsSync(folder) ? folder : undefined;
}

/** The folder of the TensorFlow that the binding was built against, as set-up noted it beside the binding; undefined where there is no note. */
function tensorflowOfBinding(): string | undefined {
  try {
    const tfjsNode = path.dirname(createRequire(__filename).resolve('@tensorflow/tfjs-node-gpu/package.json'));
    const note = readFileSync(path.join(tfjsNode, 'lib', 'napi-v8', 'tfjs_binding.node.for'), 'utf8');
    return /^(.+) \S+ \S+$/.exec(note)?.[1];
  } catch {
    return undefined;
  }
}
