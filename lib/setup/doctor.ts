/** `npm run doctor`: what computes here, with which versions, what is missing and the command that mends it. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statfsSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { findChromium } from '../plots/chromium.js';
import { BINDING, KERNEL, ROOT, VENV_PYTHON } from './layout.js';
import { hasGpu, missingSteps } from './steps.js';

export interface DoctorReport {
  /** What is found, by name. */
  found: { [name: string]: string };
  /** What is missing, with the command that mends it. */
  missing: { what: string; mend: string }[];
}

/** Looks around; loads TensorFlow in a process of its own, so that a broken one is reported and not fatal. */
export function examine(): DoctorReport {
  const version = (name: string): string => {
    const file = path.join(ROOT, 'node_modules', name, 'package.json');
    return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version : 'missing';
  };
  const said = (program: string, args: string[]): string | undefined => {
    const result = spawnSync(program, args, { encoding: 'utf8', timeout: 20_000 });
    return result.status === 0 ? result.stdout.trim() : undefined;
  };
  const pip = (name: string) =>
    said(VENV_PYTHON, ['-c', `import importlib.metadata as m; print(m.version("${name}"))`]) ?? 'missing';
  const { bavail, bsize } = statfsSync(ROOT);
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;
  const gpu = hasGpu();
  const chromium = findChromium();
  const engine = probeEngine();
  const found = {
    engine: engine ?? 'wasm only: TensorFlow cannot be loaded',
    gpu: gpu
      ? engine?.includes('GPU')
        ? 'used'
        : 'there, but TensorFlow does not use it'
      : 'none: nvidia-smi finds no NVIDIA driver',
    node: process.versions.node,
    npm: /npm\/(\S+)/.exec(process.env.npm_config_user_agent ?? '')?.[1] ?? said('npm', ['--version']) ?? 'missing',
    python: said(VENV_PYTHON, ['--version']) ?? 'missing',
    tensorflow: [pip('tensorflow-cpu'), pip('tensorflow')].find((each) => each !== 'missing') ?? 'missing',
    tfjs: version('@tensorflow/tfjs'),
    tslab: version('tslab'),
    jupyterlab: pip('jupyterlab'),
    kernel: existsSync(KERNEL) ? 'registered in .venv' : 'missing',
    binding: existsSync(BINDING) ? 'built' : 'missing',
    chromium: chromium ? `${said(chromium, ['--version']) ?? 'does not start'} (${chromium})` : 'missing',
    threads: String(os.availableParallelism()),
    memory: `${gigabytes(os.freemem())} free of ${gigabytes(os.totalmem())}`,
    disk: `${gigabytes(Number(bavail) * Number(bsize))} free`,
  };
  const missing = missingSteps();
  if (!engine && missing.length === 0) {
    missing.push({
      what: 'a TensorFlow that loads',
      mend: `rm ${path.relative(process.cwd(), BINDING)} && npm start`,
    });
  }
  return { found, missing };
}

/** What `startEngine` finds, or undefined where TensorFlow does not load. */
function probeEngine(): string | undefined {
  const script = `require(${JSON.stringify(path.join(__dirname, '..', 'engine', 'backend.js'))}).startEngine().then((e) => {
    console.log(JSON.stringify(e)); process.exit(0); });`;
  const result = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8', cwd: ROOT });
  const line = result.stdout?.trim().split('\n').at(-1);
  if (result.status !== 0 || !line?.startsWith('{')) return undefined;
  const engine = JSON.parse(line) as { backend: string; gpu: boolean; version: string };
  if (engine.backend !== 'tensorflow') return undefined;
  return `TensorFlow ${engine.version} on the ${engine.gpu ? 'GPU' : 'CPU'}`;
}

/** Prints the report; true where nothing is missing. */
export function printReport(report: DoctorReport, json: boolean): boolean {
  if (json) {
    console.log(JSON.stringify(report, null, 2));
    return report.missing.length === 0;
  }
  for (const [name, value] of Object.entries(report.found)) console.log(`${name.padEnd(12)}${value}`);
  for (const { what, mend } of report.missing) console.log(`missing     ${what}; mend: ${mend}`);
  if (report.missing.length === 0) console.log('nothing is missing');
  return report.missing.length === 0;
}
