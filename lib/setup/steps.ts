/** The steps of set-up. Each knows whether it is done, so that a second run passes over it and an interrupted one goes on. */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ensureChromium, findChromium } from '../plots/chromium.js';
import { explainFailure, SetupFailure } from './failure.js';
import {
  BINDING,
  jupyterEnvironment,
  KERNEL,
  REQUIREMENTS,
  ROOT,
  TFJS_NODE,
  tensorflowFolder,
  VENV,
  VENV_PYTHON,
} from './layout.js';

/** One thing that must be there before notebooks and tests run. */
interface Step {
  name: string;
  done(): boolean;
  run(): Promise<void>;
}

/** TensorFlow's version; the binding is built against it. */
export const TENSORFLOW = '2.21.0';
/** Free disk space that a fresh set-up needs. */
const GIGABYTES = 4;
const STAMP = path.join(VENV, '.complete');

/** True where an NVIDIA driver answers. */
export function hasGpu(): boolean {
  return spawnSync('nvidia-smi', ['-L'], { encoding: 'utf8' }).stdout?.includes('GPU') ?? false;
}

/** The pip requirement for TensorFlow on this machine. */
export function tensorflowRequirement(gpu: boolean): string {
  if (gpu) return `tensorflow[and-cuda]==${TENSORFLOW}`;
  // Only Linux and Windows have a wheel without CUDA of that name; elsewhere the plain one has none.
  return process.platform === 'darwin' ? `tensorflow==${TENSORFLOW}` : `tensorflow-cpu==${TENSORFLOW}`;
}

function requirementsDigest(): string {
  return createHash('sha256').update(readFileSync(REQUIREMENTS)).update(tensorflowRequirement(hasGpu())).digest('hex');
}

const STEPS: Step[] = [
  {
    name: 'Python environment with JupyterLab and TensorFlow',
    done: () => existsSync(STAMP) && existsSync(VENV_PYTHON) && readFileSync(STAMP, 'utf8') === requirementsDigest(),
    async run() {
      const { bavail, bsize } = statfsSync(ROOT);
      const free = (Number(bavail) * Number(bsize)) / 1e9;
      if (free < GIGABYTES) {
        throw new SetupFailure(
          `only ${free.toFixed(1)} GB of disk are free; set-up needs ${GIGABYTES}: free some and run the same again`,
        );
      }
      rmSync(VENV, { recursive: true, force: true });
      await call('making .venv', findPython(), ['-m', 'venv', VENV]);
      const packages = ['-r', REQUIREMENTS, tensorflowRequirement(hasGpu())];
      await call('installing Python packages', VENV_PYTHON, [
        '-m',
        'pip',
        'install',
        '--quiet',
        '--disable-pip-version-check',
        ...packages,
      ]);
      mkdirSync(path.join(VENV, 'jupyter'), { recursive: true });
      writeFileSync(STAMP, requirementsDigest());
    },
  },
  {
    name: 'tfjs-node binding against that TensorFlow',
    done: () => existsSync(BINDING) && readStamp(`${BINDING}.for`) === tensorflowFolder(),
    run: buildBinding,
  },
  {
    name: 'TypeScript kernel',
    done: () => existsSync(KERNEL) && readFileSync(KERNEL, 'utf8').includes(JSON.stringify(tslab()).slice(1, -1)),
    async run() {
      await call(
        'registering the kernel',
        process.execPath,
        [tslab(), 'install', '--sys-prefix', `--python=${VENV_PYTHON}`],
        {
          ...jupyterEnvironment(),
        },
      );
      pinKernel();
    },
  },
  {
    name: 'Chromium for figures',
    done: () => findChromium() !== undefined,
    async run() {
      await ensureChromium();
    },
  },
];

/** Runs what is left to do, a line each; nothing is printed for what is done. */
export async function setUp(): Promise<void> {
  for (const step of STEPS) {
    if (step.done()) continue;
    const started = performance.now();
    process.stdout.write(`set-up: ${step.name} ... `);
    try {
      await step.run();
    } catch (error) {
      console.log('failed');
      throw error;
    }
    console.log(`${((performance.now() - started) / 1000).toFixed(0)} s`);
  }
}

/** The names of the steps that are not done. */
export function missingSteps(): string[] {
  return STEPS.filter((step) => !step.done()).map((step) => step.name);
}

/** The first Python of version 3.10 to 3.13, TensorFlow's range; `PYTHON` goes first. */
export function findPython(): string {
  const asked = process.env.PYTHON;
  const candidates = [
    ...(asked ? [asked] : []),
    'python3',
    'python3.13',
    'python3.12',
    'python3.11',
    'python3.10',
    'python',
  ];
  for (const candidate of candidates) {
    const said = spawnSync(candidate, ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])'], {
      encoding: 'utf8',
    });
    const version = said.stdout?.trim().split('.').map(Number);
    if (said.status === 0 && version?.[0] === 3 && version[1]! >= 10 && version[1]! <= 13) return candidate;
  }
  throw new SetupFailure(
    'no Python 3.10 to 3.13 was found; install one (with its venv package), or set PYTHON to its program',
  );
}

/** Compiles the addon in one call, from the sources in the npm package, against the TensorFlow that pip installed. */
async function buildBinding(): Promise<void> {
  const tensorflow = tensorflowFolder();
  if (!tensorflow) throw new SetupFailure('TensorFlow is not in .venv; remove .venv and run the same again');
  const compiler = [process.env.CXX, 'g++', 'c++', 'clang++'].find(
    (name) => name && spawnSync(name, ['--version']).status === 0,
  );
  if (!compiler) {
    throw new SetupFailure(
      'no C++ compiler was found; install one (Debian: apt-get install g++; macOS: xcode-select --install), or set CXX',
    );
  }
  mkdirSync(path.dirname(BINDING), { recursive: true });
  const partial = `${BINDING}.partial`;
  const suffix = process.platform === 'darwin' ? '2.dylib' : 'so.2';
  const library = (name: string) =>
    path.join(tensorflow, process.platform === 'darwin' ? `${name}.${suffix}` : `${name}.${suffix}`);
  const sources = ['tfjs_backend.cc', 'tfjs_binding.cc'].map((name) => path.join(TFJS_NODE, 'binding', name));
  await call('building the binding', compiler, [
    ...['-std=c++17', '-O2', '-fPIC', '-shared', '-DNAPI_VERSION=8', '-DNODE_GYP_MODULE_NAME=tfjs_binding'],
    ...(process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : []),
    ...[path.join(ROOT, 'node_modules', 'node-api-headers', 'include'), path.join(tensorflow, 'include')].map(
      (f) => `-I${f}`,
    ),
    ...sources,
    ...['-o', partial, library('libtensorflow_cc'), library('libtensorflow_framework'), `-Wl,-rpath,${tensorflow}`],
  ]);
  renameSync(partial, BINDING);
  writeFileSync(`${BINDING}.for`, tensorflow);
}

function readStamp(file: string): string | undefined {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

function tslab(): string {
  return path.join(ROOT, 'node_modules', 'tslab', 'bin', 'tslab');
}

/** Names this checkout's tslab and Node in the kernel's file, so that it needs no search path. */
function pinKernel(): void {
  const kernel = JSON.parse(readFileSync(KERNEL, 'utf8')) as { argv: string[]; env?: object };
  const rest = kernel.argv.slice(kernel.argv.indexOf('kernel'));
  kernel.argv = [process.execPath, tslab(), ...rest];
  kernel.env = { TF_CPP_MIN_LOG_LEVEL: '3' };
  writeFileSync(KERNEL, `${JSON.stringify(kernel, null, 2)}\n`);
}

/** Runs a program to its end; its output is kept for the message of a failure. */
function call(step: string, program: string, args: string[], env: NodeJS.ProcessEnv = process.env): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let words = '';
    const listen = (piece: Buffer) => {
      words = (words + piece.toString()).slice(-20_000);
    };
    child.stdout.on('data', listen);
    child.stderr.on('data', listen);
    child.on('error', (error) => reject(new SetupFailure(explainFailure(step, error.message))));
    child.on('close', (code) => (code === 0 ? resolve() : reject(new SetupFailure(explainFailure(step, words)))));
  });
}
