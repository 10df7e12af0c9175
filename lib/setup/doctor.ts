/** `npm run doctor`: what computes on this machine, with which versions; what is missing, and the command that mends it. */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statfsSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { cardText, type GpuFacts, gpuFacts, hasCodeFor, whyNoGpu } from '../engine/gpu.js';
import { findChromium } from '../plots/chromium.js';
import { BINDING, KERNEL, ROOT, tensorflowFolder, VENV_PYTHON } from './layout.js';
import { missingSteps } from './steps.js';

export interface DoctorReport {
  /** What is there, by name. */
  found: { [name: string]: string };
  /** What is missing, with the command that mends it. */
  missing: { name: string; mend: string }[];
}

/** Looks around. TensorFlow is loaded in a process of its own, so that a broken one is reported and ends nothing. */
export function examine(): DoctorReport {
  const packageVersion = (name: string): string => {
    const file = path.join(ROOT, 'node_modules', name, 'package.json');
    return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version : 'missing';
  };
  const ask = (program: string, args: string[]): string | undefined => {
    const result = spawnSync(program, args, { encoding: 'utf8', timeout: 20_000 });
    return result.status === 0 ? result.stdout.trim() : undefined;
  };
  const pip = (name: string) =>
    ask(VENV_PYTHON, ['-c', `import importlib.metadata as m; print(m.version("${name}"))`]) ?? 'missing';
  const { bavail, bsize } = statfsSync(ROOT);
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;
  const gpu = gpuFacts(tensorflowFolder());
  const chromium = findChromium();
  const engine = probeEngine();
  const facts = {
    engine: engine.text,
    gpu: gpuText(gpu, engine.computes === 'gpu'),
    cuda: cudaText(gpu),
    node: process.versions.node,
    npm: /npm\/(\S+)/.exec(process.env.npm_config_user_agent ?? '')?.[1] ?? ask('npm', ['--version']) ?? 'missing',
    python: ask(VENV_PYTHON, ['--version']) ?? 'missing',
    tensorflow: [pip('tensorflow-cpu'), pip('tensorflow')].find((answer) => answer !== 'missing') ?? 'missing',
    tfjs: packageVersion('@tensorflow/tfjs'),
    tslab: packageVersion('tslab'),
    jupyterlab: pip('jupyterlab'),
    kernel: existsSync(KERNEL) ? 'registered in .venv' : 'missing',
    binding: existsSync(BINDING) ? 'built' : 'missing',
    chromium: chromium ? `${ask(chromium, ['--version']) ?? 'does not start'} (${chromium})` : 'missing',
    threads: String(os.availableParallelism()),
    memory: `${gigabytes(os.freemem())} free of ${gigabytes(os.totalmem())}`,
    disk: `${gigabytes(Number(bavail) * Number(bsize))} free`,
  };
  const missing = missingSteps();
  if (engine.computes === 'nothing' && process.env.REASON_RFT_DEVICE !== 'cpu') {
    missing.push({ name: 'an engine that computes', mend: 'REASON_RFT_DEVICE=cpu npm start computes on the CPU' });
  } else if ((engine.computes === 'nothing' || engine.computes === 'wasm') && missing.length === 0) {
    missing.push({
      name: 'a TensorFlow that loads',
      mend: `rm ${path.relative(process.cwd(), BINDING)} && npm start`,
    });
  }
  return { found: facts, missing };
}

/** Each card, its memory, and whether this TensorFlow has code for it; and why no GPU computes, where none does. */
function gpuText(facts: GpuFacts, used: boolean): string {
  const cards = (facts.cards ?? []).map(
    (card) => `${cardText(card)}, for which this TensorFlow has ${hasCodeFor(card, facts.build) ? '' : 'no '}code`,
  );
  const state = used ? 'a GPU computes' : `the CPU computes: ${whyNoGpu(facts)}`;
  return [state, ...cards].join('; ');
}

/** What this TensorFlow needs of CUDA, and which of its libraries were found. */
function cudaText({ build, libraries }: GpuFacts): string {
  const names = Object.keys(libraries);
  const found = names.flatMap((name) => (libraries[name] === undefined ? [] : [path.basename(libraries[name])]));
  const missing = names.filter((name) => libraries[name] === undefined);
  const built = build?.cuda
    ? `this TensorFlow needs ${build.versions || 'CUDA'}`
    : 'this TensorFlow was built without CUDA';
  const libraryText = [
    ...(found.length > 0 ? [`found ${found.join(', ')}`] : []),
    ...(missing.length > 0 && build?.cuda ? [`not found: ${missing.join(', ')}`] : []),
  ];
  return [built, ...libraryText].join('; ');
}

/** What the probe of the engine came to. */
export interface EngineProbe {
  text: string;
  computes: 'gpu' | 'cpu' | 'wasm' | 'nothing';
}

/** A process that has not answered after so many seconds hangs, as it can at a broken driver. */
const PROBE_SECONDS = 120;

/** Starts the engine and computes with it, in a process of its own. */
function probeEngine(): EngineProbe {
  const program = path.join(__dirname, 'probe-engine');
  const args = __filename.endsWith('.ts') ? ['--import', 'tsx', `${program}.ts`] : [`${program}.js`];
  const options = { encoding: 'utf8', cwd: ROOT, timeout: 1000 * PROBE_SECONDS, killSignal: 'SIGKILL' } as const;
  return judgeProbe(spawnSync(process.execPath, args, options));
}

/** Reads what the probe's process left behind. */
export function judgeProbe({
  status,
  signal,
  stdout,
  stderr,
}: Pick<SpawnSyncReturns<string>, 'status' | 'signal' | 'stdout' | 'stderr'>): EngineProbe {
  const lastLine = (text: string) => text.trim().split('\n').at(-1) ?? '';
  const answer = lastLine(stdout ?? '');
  if (status !== 0 || !answer.startsWith('{')) {
    const end = signal === null ? '' : `the process was ended by ${signal}, at the latest after ${PROBE_SECONDS} s. `;
    return { text: `nothing computes: ${end}${lastLine(stderr ?? '')}`, computes: 'nothing' };
  }
  const engine = JSON.parse(answer) as { backend: string; gpu: boolean; version: string };
  if (engine.backend !== 'tensorflow') {
    const reason = /TensorFlow could not be loaded \((.*?)\)\. Falling back/.exec(stderr ?? '')?.[1];
    return { text: `wasm only: TensorFlow cannot be loaded${reason ? ` (${reason})` : ''}`, computes: 'wasm' };
  }
  const computes = engine.gpu ? 'gpu' : 'cpu';
  return { text: `TensorFlow ${engine.version} on the ${computes.toUpperCase()}`, computes };
}

/** Prints the report, and returns whether nothing is missing. */
export function printReport(report: DoctorReport, json: boolean): boolean {
  if (json) {
    const missing = report.missing.map(({ name, mend }) => ({ what: name, mend }));
    console.log(JSON.stringify({ ...report, missing }, null, 2));
    return report.missing.length === 0;
  }
  for (const [name, value] of Object.entries(report.found)) console.log(`${name.padEnd(12)}${value}`);
  for (const { name, mend } of report.missing) console.log(`missing     ${name}; mend: ${mend}`);
  if (report.missing.length === 0) console.log('nothing is missing');
  return report.missing.length === 0;
}
