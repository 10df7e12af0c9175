/** What the npm scripts run once packages are installed and lib is compiled; `bootstrap.mjs` comes before. */
import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { runBench } from '../bench/bench.js';
import { runGpuBench } from '../bench/gpu.js';
import { runMemory } from '../bench/memory.js';
import { SIZES } from '../bench/published-shapes.js';
import { runSize } from '../bench/size.js';
import { QUICK, TINY } from '../study/profile.js';
import { TrainingStopped } from '../train/loop.js';
import { examine, printReport } from './doctor.js';
import { SetupFailure } from './failure.js';
import { JUPYTER, jupyterEnvironment, ROOT } from './layout.js';
import { setUpPeers, setUpTrainers } from './peers.js';
import { pretrainIntoRuns } from './pretrain.js';
import { setUpRay, startRay } from './ray.js';
import { runNotebooks } from './start.js';
import { type SetUpOptions, setUp } from './steps.js';
import { setUpTensorboard, startTensorboard } from './tensorboard.js';
import { runTests } from './test.js';
import { trustChapters } from './trust.js';

/** The npm scripts, by what each runs; it returns the exit code. */
const SCRIPTS: { readonly [name: string]: (args: string[], options: SetUpOptions) => Promise<number> } = {
  start: startNotebooks,
  async test(args, options) {
    await setUp(options);
    return runTests(args);
  },
  async lab(args, options) {
    await setUp(options);
    await trustChapters();
    return openLab(args);
  },
  bench: measureSpeed,
  async study(args, options) {
    await setUp(options);
    return runStudy(args);
  },
  ray: runRay,
  async tensorboard(args, options) {
    await setUp(options);
    await setUpTensorboard();
    return leaveInterruptsTo(startTensorboard(args));
  },
  async pretrain(args, options) {
    refuseUnknown('npm run pretrain', args, []);
    await setUp(options);
    await pretrainIntoRuns();
    return 0;
  },
  async build(args, options) {
    refuseUnknown('npm run build', args, []);
    await setUp(options);
    return 0;
  },
  async doctor(args) {
    refuseUnknown('npm run doctor', args, ['--json']);
    return printReport(examine(), args.includes('--json')) ? 0 : 1;
  },
};

/** The profiles that `npm start` can run. */
const PROFILES = [QUICK, TINY].map((profile) => profile.name);

async function startNotebooks(args: string[], options: SetUpOptions): Promise<number> {
  const [profile = QUICK.name, ...others] = args;
  if (others.length > 0 || !PROFILES.includes(profile))
    throw new SetupFailure(
      `npm start takes at most one profile, ${PROFILES.join(' or ')}; it got '${args.join(' ')}'`,
      2,
    );
  await setUp(options);
  await runNotebooks(profile);
  return 0;
}

async function measureSpeed(args: string[], options: SetUpOptions): Promise<number> {
  const sizes = Object.keys(SIZES).map((size) => `--size=${size}`);
  refuseUnknown('npm run bench', args, ['--no-peers', '--headlines', '--memory', '--gpu', '--trainers', ...sizes]);
  await setUp(options);
  if (args.includes('--trainers')) {
    console.log(
      `bench: verl and ms-swift are in ${await setUpTrainers()}; npm test -- test/handover reads hand-overs with them`,
    );
    return 0;
  }
  if (args.includes('--memory')) {
    console.log(await runMemory({ root: ROOT }));
    return 0;
  }
  const peerPython = args.includes('--no-peers') ? undefined : await setUpPeers();
  const size = args.find((arg) => sizes.includes(arg))?.slice('--size='.length);
  if (args.includes('--gpu')) console.log(await runGpuBench({ root: ROOT, peerPython }));
  else if (size !== undefined) console.log(await runSize({ root: ROOT, size, peerPython }));
  else console.log(await runBench({ root: ROOT, peerPython, headlinesOnly: args.includes('--headlines') }));
  return 0;
}

/** @throws SetupFailure naming the arguments that a script takes, where it got another one */
function refuseUnknown(script: string, args: readonly string[], known: readonly string[]): void {
  const unknown = args.find((arg) => !known.includes(arg));
  if (unknown === undefined) return;
  throw new SetupFailure(`${script} takes ${known.join(', ') || 'no arguments'}; it got '${unknown}'`, 2);
}

/** Opens JupyterLab with the repository as its root, so that notebooks reach plotly.js through the server's own files. */
function openLab(args: string[]): Promise<number> {
  const options = ['--ip=127.0.0.1', `--ServerApp.root_dir=${ROOT}`, '--LabApp.default_url=/lab/tree/notebooks'];
  const allowRoot = process.getuid?.() === 0 ? ['--allow-root'] : [];
  const line = ['lab', ...options, ...args, ...allowRoot];
  // At an interrupt the server asks whether it shall stop.
  return leaveInterruptsTo(spawn(JUPYTER, line, { cwd: ROOT, env: jupyterEnvironment(), stdio: 'inherit' }));
}

/** Runs `reason-rft study`, which stops by itself at an interrupt. */
function runStudy(args: string[]): Promise<number> {
  const line = [path.join(__dirname, '..', 'cli', 'main.js'), 'study', ...args];
  return leaveInterruptsTo(spawn(process.execPath, line, { cwd: ROOT, stdio: 'inherit' }));
}

/** Runs a Ray cluster of this machine until it is interrupted. An interrupt at the terminal reaches the cluster by itself. */
async function runRay(args: string[]): Promise<number> {
  const cluster = startRay(await setUpRay(), { args });
  process.on('SIGTERM', () => cluster.kill('SIGTERM'));
  return leaveInterruptsTo(cluster);
}

/** Waits for the end of a child process, which gets the terminal's interrupts too; this process ends after it, with its exit code. */
function leaveInterruptsTo(child: ChildProcess): Promise<number> {
  process.on('SIGINT', () => {});
  return new Promise((resolve) => child.on('close', (code, signal) => resolve(code ?? (signal ? 130 : 1))));
}

async function main([name = '', ...rest]: string[]): Promise<number> {
  const script = SCRIPTS[name];
  if (!script) throw new SetupFailure(`there is no script '${name}'; choose ${Object.keys(SCRIPTS).join(', ')}`, 2);
  return script(
    rest.filter((arg) => arg !== '--wasm'),
    { wasm: rest.includes('--wasm') },
  );
}

main(process.argv.slice(2))
  .then((code) => {
    process.exitCode = code;
  })
  .catch((error: unknown) => {
    if (error instanceof TrainingStopped) {
      console.error(error.message);
      process.exitCode = 130;
      return;
    }
    console.error(error instanceof SetupFailure ? `set-up: ${error.message}` : error);
    process.exitCode = error instanceof SetupFailure ? error.exitCode : 1;
  });
