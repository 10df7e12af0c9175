/** The steps of set-up. Each knows whether it is done, so that a second run passes over it and an interrupted one goes on. */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { writeFileAtomic } from '../engine/atomic-write.js';
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

export interface SetUpOptions {
  /** Does without TensorFlow and its binding; the engine then falls back to wasm. */
  wasm: boolean;
}

/** One thing that must be there before notebooks and tests run. */
interface Step {
  name: string;
  /** How long it may take, where that is long. */
  hint?: string;
  done(options: SetUpOptions): boolean;
  /** What this machine lacks for the step, with the remedy; looked at before any step is run. */
  lacks(options: SetUpOptions): string | undefined;
  run(options: SetUpOptions): Promise<void>;
}

/** TensorFlow's version; the binding is built against it. */
export const TENSORFLOW = '2.21.0';
const STAMP = path.join(VENV, '.complete');
const SLOW_WAY_OUT = 'or accept the slow fallback: npm start -- --wasm';

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

/** What `.venv` is made of: it is made again when a requirement, the folder or the platform changes. */
function environmentDigest(tensorflow: boolean): string {
  return createHash('sha256')
    .update(readFileSync(REQUIREMENTS))
    .update(tensorflow ? tensorflowRequirement(hasGpu()) : '')
    .update(VENV)
    .digest('hex');
}

/** What the binding is made of. */
function bindingDigest(): string {
  return `${tensorflowFolder()} ${TENSORFLOW}`;
}

const STEPS: Step[] = [
  {
    name: 'Python environment with JupyterLab and TensorFlow',
    hint: 'some minutes where packages are not cached',
    done({ wasm }) {
      const stamp = readStamp(STAMP);
      if (stamp === undefined || !existsSync(VENV_PYTHON)) return false;
      return stamp === environmentDigest(true) || (wasm && stamp === environmentDigest(false));
    },
    lacks({ wasm }) {
      const python = findPython();
      if ('lacks' in python) return python.lacks;
      const { bavail, bsize } = statfsSync(ROOT);
      const free = (Number(bavail) * Number(bsize)) / 1e9;
      const needed = wasm ? 1 : hasGpu() ? 10 : 3;
      if (free >= needed) return undefined;
      return `only ${free.toFixed(1)} GB of disk are free; this step needs ${needed}: free some and run the same again`;
    },
    async run({ wasm }) {
      rmSync(VENV, { recursive: true, force: true });
      const python = findPython();
      if ('lacks' in python) throw new SetupFailure(python.lacks);
      await call('making .venv', python.program, [...python.args, '-m', 'venv', VENV]);
      await call('installing Python packages', VENV_PYTHON, [
        ...['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', REQUIREMENTS],
        ...(wasm ? [] : [tensorflowRequirement(hasGpu())]),
      ]);
      mkdirSync(path.join(VENV, 'jupyter'), { recursive: true });
      writeFileSync(STAMP, environmentDigest(!wasm));
    },
  },
  {
    name: 'tfjs-node binding against that TensorFlow',
    done: ({ wasm }) => wasm || (existsSync(BINDING) && readStamp(`${BINDING}.for`) === bindingDigest()),
    lacks() {
      if (process.platform === 'win32') {
        return `TensorFlow for Windows has no C++ library to link with; work in WSL 2, ${SLOW_WAY_OUT}`;
      }
      if (findCompiler()) return undefined;
      return `no C++ compiler was found; install one (Debian: apt-get install g++; macOS: xcode-select --install), set CXX to its program, ${SLOW_WAY_OUT}`;
    },
    run: buildBinding,
  },
  {
    name: 'TypeScript kernel',
    done: () => kernelProgram()?.join() === [process.execPath, tslab()].join(),
    lacks: () => undefined,
    async run() {
      const line = [tslab(), 'install', '--sys-prefix', `--python=${VENV_PYTHON}`];
      await call('registering the kernel', process.execPath, line, jupyterEnvironment());
      pinKernel();
    },
  },
  {
    name: 'Chromium for figures',
    done: () => findChromium() !== undefined,
    lacks: () => undefined,
    async run() {
      await ensureChromium().catch((error: Error) => {
        throw new SetupFailure(error.message);
      });
    },
  },
];

/**
 * Runs what is left to do, a line each; nothing is printed for what is done.
 *
 * @throws SetupFailure with the remedy, before anything is run where this machine lacks what a later step needs
 */
export async function setUp(options: SetUpOptions): Promise<void> {
  for (const step of STEPS) {
    const lack = step.done(options) ? undefined : step.lacks(options);
    if (lack) throw new SetupFailure(lack);
  }
  for (const step of STEPS) {
    // Asked again, as a step may take away what a later one has done: a new .venv has no kernel.
    if (step.done(options)) continue;
    const started = performance.now();
    process.stdout.write(`set-up: ${step.name}${step.hint ? ` (${step.hint})` : ''} ... `);
    try {
      await step.run(options);
    } catch (error) {
      console.log('failed');
      throw error;
    }
    console.log(`${((performance.now() - started) / 1000).toFixed(0)} s`);
  }
  if (options.wasm && !existsSync(BINDING)) {
    console.log('set-up: without TensorFlow the kit computes with wasm, about 25 times slower: fit for tests and toys');
  }
}

/** The steps that are not done, with what mends each. */
export function missingSteps(): { what: string; mend: string }[] {
  const options = { wasm: false };
  return STEPS.filter((step) => !step.done(options)).map((step) => {
    const lack = step.lacks(options);
    return { what: step.name, mend: lack ? `${lack}; then: npm start` : 'npm start' };
  });
}

/** A Python that TensorFlow has packages for, as a program and its first arguments; or what is wrong with those found. */
export type FoundPython = { program: string; args: string[] } | { lacks: string };

/** The first Python of version 3.10 to 3.13 that can make virtual environments; where `PYTHON` is set, only that. */
export function findPython(asked = process.env.PYTHON): FoundPython {
  const names = ['python3', 'python3.13', 'python3.12', 'python3.11', 'python3.10', 'python'];
  const candidates = asked ? [[asked]] : [...names.map((name) => [name]), ['py', '-3']];
  const refused: string[] = [];
  const script = 'import sys; print("%d.%d" % sys.version_info[:2]); import venv, ensurepip';
  for (const [program, ...args] of candidates as [string, ...string[]][]) {
    const said = spawnSync(program, [...args, '-c', script], { encoding: 'utf8' });
    const version = /^(\d+)\.(\d+)/.exec(said.stdout ?? '');
    if (!version) continue;
    const fits = Number(version[1]) === 3 && Number(version[2]) >= 10 && Number(version[2]) <= 13;
    if (fits && said.status === 0) return { program, args };
    refused.push(`${program} is ${version[0]}${fits ? ' without venv' : ''}`);
  }
  const seen = [...new Set(refused)].join(', ') || (asked ? `PYTHON=${asked} does not run` : 'none was found');
  return {
    lacks: `Python 3.10 to 3.13 with venv is needed (${seen}); install one (Debian: apt-get install python3 python3-venv), or set PYTHON to its program`,
  };
}

function findCompiler(): string | undefined {
  const asked = process.env.CXX;
  return (asked ? [asked] : ['g++', 'c++', 'clang++']).find((name) => spawnSync(name, ['--version']).status === 0);
}

/** Compiles the addon in one call, from the sources in the npm package, against the TensorFlow that pip installed. */
async function buildBinding(): Promise<void> {
  const tensorflow = tensorflowFolder();
  if (!tensorflow) throw new SetupFailure('TensorFlow is not in .venv; remove .venv and run the same again');
  const compiler = findCompiler();
  if (!compiler) throw new SetupFailure('the C++ compiler has gone while set-up ran');
  mkdirSync(path.dirname(BINDING), { recursive: true });
  const partial = `${BINDING}.partial`;
  const suffix = process.platform === 'darwin' ? '2.dylib' : 'so.2';
  const library = (name: string) => path.join(tensorflow, `${name}.${suffix}`);
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
  writeFileSync(`${BINDING}.for`, bindingDigest());
}

export function readStamp(file: string): string | undefined {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

function tslab(): string {
  return path.join(ROOT, 'node_modules', 'tslab', 'bin', 'tslab');
}

/** The program and script that the registered kernel starts; undefined where none is registered. */
function kernelProgram(): string[] | undefined {
  const kernel = readStamp(KERNEL);
  return kernel === undefined ? undefined : (JSON.parse(kernel) as { argv: string[] }).argv.slice(0, 2);
}

/** Names this checkout's tslab and Node in the kernel's file, so that it needs no search path. */
function pinKernel(): void {
  const kernel = JSON.parse(readFileSync(KERNEL, 'utf8')) as { argv: string[]; env?: object };
  const rest = kernel.argv.slice(kernel.argv.indexOf('kernel'));
  kernel.argv = [process.execPath, tslab(), ...rest];
  kernel.env = { TF_CPP_MIN_LOG_LEVEL: '3' };
  writeFileAtomic(KERNEL, `${JSON.stringify(kernel, null, 2)}\n`);
}

/** Runs a program to its end; its output is kept for the message of a failure. */
export function call(
  step: string,
  program: string,
  args: string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let words = '';
    const listen = (piece: Buffer) => {
      words = (words + piece.toString()).slice(-20_000);
    };
    child.stdout.on('data', listen);
    child.stderr.on('data', listen);
    // An interrupt ends the tool first, so that it does not go on behind the next attempt's back.
    let asked = false;
    const pass = (signal: NodeJS.Signals) => {
      asked = true;
      child.kill(signal);
    };
    process.on('SIGINT', pass).on('SIGTERM', pass);
    const end = (failure?: SetupFailure) => {
      process.off('SIGINT', pass).off('SIGTERM', pass);
      if (failure) reject(failure);
      else resolve();
    };
    child.on('error', (error) => end(new SetupFailure(explainFailure(step, error.message))));
    child.on('close', (code, signal) => {
      if (code === 0) end();
      else if (asked || signal) end(new SetupFailure(`${step} was interrupted; run the same again`, 130));
      else end(new SetupFailure(explainFailure(step, words)));
    });
  });
}
