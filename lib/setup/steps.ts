/** The steps of set-up. Each knows whether it is done, so that a second run passes over it and an interrupted one goes on. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { findCards, hasCodeFor } from '../engine/gpu.js';
import { ensureChromium, findChromium } from '../plots/chromium.js';
import { buildBinding, findCompiler, hasBinding, TENSORFLOW } from './binding.js';
import { SetupFailure } from './failure.js';
import { hasKernel, registerKernel } from './kernel.js';
import { BINDING, REQUIREMENTS, ROOT, readStamp, VENV, VENV_PYTHON } from './layout.js';
import { findPython } from './python.js';
import { runTool } from './run-tool.js';

export interface SetUpOptions {
  /** Does without TensorFlow and its binding; the engine then falls back to wasm. */
  wasm: boolean;
}

/** One thing that must be there before notebooks and tests run. */
interface Step {
  name: string;
  /** A word on how long it takes, for a step that takes long. */
  hint?: string;
  done(options: SetUpOptions): boolean;
  /** What this machine lacks for the step, with the remedy. Every step is asked before any of them runs. */
  lacks(options: SetUpOptions): string | undefined;
  run(options: SetUpOptions): Promise<void>;
}

const STAMP = path.join(VENV, '.complete');
const SLOW_WAY_OUT = 'or accept the slow fallback: npm start -- --wasm';

/** True where an NVIDIA driver names a card that TensorFlow has code for. */
function hasGpu(): boolean {
  return findCards()?.some((card) => hasCodeFor(card, undefined)) ?? false;
}

/** The pip requirement for TensorFlow on this machine. */
export function tensorflowRequirement(gpu: boolean): string {
  if (gpu) return `tensorflow[and-cuda]==${TENSORFLOW}`;
  // Only Linux and Windows have a wheel without CUDA of that name; elsewhere the plain one has none.
  return process.platform === 'darwin' ? `tensorflow==${TENSORFLOW}` : `tensorflow-cpu==${TENSORFLOW}`;
}

/** A digest of what `.venv` is made from: it is made again when a requirement, the folder or the machine's GPU changes. */
function environmentDigest(tensorflow: boolean): string {
  return createHash('sha256')
    .update(readFileSync(REQUIREMENTS))
    .update(tensorflow ? tensorflowRequirement(hasGpu()) : '')
    .update(VENV)
    .digest('hex');
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
      await runTool('making .venv', python.program, [...python.args, '-m', 'venv', VENV]);
      await runTool('installing Python packages', VENV_PYTHON, [
        ...['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', REQUIREMENTS],
        ...(wasm ? [] : [tensorflowRequirement(hasGpu())]),
      ]);
      mkdirSync(path.join(VENV, 'jupyter'), { recursive: true });
      writeFileSync(STAMP, environmentDigest(!wasm));
    },
  },
  {
    name: 'tfjs-node binding against that TensorFlow',
    done: ({ wasm }) => wasm || hasBinding(),
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
    done: hasKernel,
    lacks: () => undefined,
    run: registerKernel,
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
 * Runs the steps that are not done, and prints a line for each.
 *
 * @throws SetupFailure with the remedy; if this machine lacks what any of the steps needs, before the first of them runs
 */
export async function setUp(options: SetUpOptions): Promise<void> {
  for (const step of STEPS) {
    const lack = step.done(options) ? undefined : step.lacks(options);
    if (lack) throw new SetupFailure(lack);
  }
  for (const step of STEPS) {
    // An earlier step may have undone this one: a new .venv has no kernel.
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

/** The steps that are not done, with the command that mends each. */
export function missingSteps(): { name: string; mend: string }[] {
  const options = { wasm: false };
  return STEPS.filter((step) => !step.done(options)).map((step) => {
    const lack = step.lacks(options);
    return { name: step.name, mend: lack ? `${lack}; then: npm start` : 'npm start' };
  });
}
