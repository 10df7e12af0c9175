/** What the npm scripts run once packages are installed and lib is compiled. */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { runBench } from '../bench/bench.js';
import { runSize, SIZES } from '../bench/size.js';
import { startEngine } from '../engine/backend.js';
import { pretrainBaseModel } from '../pretrain/base-model.js';
import { LOOKS } from '../pretrain/lessons/curriculum.js';
import { BASE_MODEL_RECIPE } from '../pretrain/recipe.js';
import { QUICK, TINY } from '../study/profile.js';
import { TrainingStopped } from '../train/loop.js';
import { examine, printReport } from './doctor.js';
import { SetupFailure } from './failure.js';
import { JUPYTER, jupyterEnvironment, ROOT } from './layout.js';
import { setUpPeers } from './peers.js';
import { setUpRay, startRay } from './ray.js';
import { runNotebooks } from './start.js';
import { type SetUpOptions, setUp } from './steps.js';
import { runTests } from './test.js';

/** The profiles that `npm start` can run. */
const PROFILES = [QUICK, TINY].map((profile) => profile.name);

/** Runs a command of bootstrap.mjs, which has checked its name; gives the exit code. */
async function main(command: string, given: string[]): Promise<number> {
  const options: SetUpOptions = { wasm: given.includes('--wasm') };
  const args = given.filter((each) => each !== '--wasm');
  switch (command) {
    case 'start': {
      const profile = args[0] ?? 'quick';
      if (args.length > 1 || !PROFILES.includes(profile)) {
        throw new SetupFailure(
          `npm start takes at most one profile, ${PROFILES.join(' or ')}; it got '${args.join(' ')}'`,
          2,
        );
      }
      await setUp(options);
      await runNotebooks(profile);
      return 0;
    }
    case 'test':
      await setUp(options);
      return runTests(args);
    case 'lab':
      await setUp(options);
      return lab(args);
    case 'bench': {
      const sizes = Object.keys(SIZES).map((size) => `--size=${size}`);
      const known = ['--no-peers', '--headlines', ...sizes];
      const unknown = args.find((each) => !known.includes(each));
      if (unknown !== undefined)
        throw new SetupFailure(`npm run bench takes ${known.join(', ')}; it got '${unknown}'`, 2);
      await setUp(options);
      const peerPython = args.includes('--no-peers') ? undefined : await setUpPeers();
      const size = args.find((each) => sizes.includes(each))?.slice('--size='.length);
      if (size !== undefined) {
        console.log(await runSize({ root: ROOT, size, peerPython }));
        return 0;
      }
      console.log(await runBench({ root: ROOT, peerPython, headlinesOnly: args.includes('--headlines') }));
      return 0;
    }
    case 'study':
      await setUp(options);
      return study(args);
    case 'ray':
      return ray(args);
    case 'pretrain':
      await setUp(options);
      await pretrainShipped();
      return 0;
    default:
      return printReport(examine(), args.includes('--json')) ? 0 : 1;
  }
}

/** JupyterLab with the repository as its root, so that notebooks reach plotly.js through the server's own files. */
function lab(args: string[]): Promise<number> {
  const options = [
    'lab',
    '--ip=127.0.0.1',
    `--ServerApp.root_dir=${ROOT}`,
    '--LabApp.default_url=/lab/tree/notebooks',
    ...args,
  ];
  const root = process.getuid?.() === 0 ? ['--allow-root'] : [];
  const child = spawn(JUPYTER, [...options, ...root], { cwd: ROOT, env: jupyterEnvironment(), stdio: 'inherit' });
  // The server asks about an interrupt itself.
  process.on('SIGINT', () => {});
  return new Promise((resolve) => child.on('close', (code) => resolve(code ?? 1)));
}

/** `reason-rft study` once all is set up; an interrupt is its own affair. */
function study(args: string[]): Promise<number> {
  const line = [path.join(__dirname, '..', 'cli', 'main.js'), 'study', ...args];
  const child = spawn(process.execPath, line, { cwd: ROOT, stdio: 'inherit' });
  process.on('SIGINT', () => {});
  return new Promise((resolve) => child.on('close', (code) => resolve(code ?? 1)));
}

/** A Ray cluster of this machine until it is interrupted. */
async function ray(args: string[]): Promise<number> {
  const child = startRay(await setUpRay(), { args });
  // An interrupt at the terminal reaches the cluster by itself; this process ends after it.
  process.on('SIGINT', () => {}).on('SIGTERM', () => child.kill('SIGTERM'));
  return new Promise((resolve) => child.on('close', (code) => resolve(code ?? 130)));
}

/** Pretrains into `runs/pretrain`; what is shipped stays as it is until somebody copies the new model over it. */
async function pretrainShipped(): Promise<void> {
  const started = performance.now();
  const percent = (x: number) => `${(100 * x).toFixed(1)} %`;
  // Half the width of the factors of matrix products: an eighth faster, and the same captions.
  await startEngine({ precision: 'bfloat16' });
  const folder = await pretrainBaseModel(path.join(ROOT, 'runs', 'pretrain'), BASE_MODEL_RECIPE, {
    onStep: (done, steps, metrics) => {
      if (done % 50 === 0) {
        const minutes = (performance.now() - started) / 60000;
        console.log(
          `pretrain ${done}/${steps}  loss ${metrics.loss!.toFixed(3)}  token accuracy ${metrics.mean_token_accuracy!.toFixed(3)}  ${minutes.toFixed(1)} min`,
        );
      }
      for (const [look, task] of Object.entries(LOOKS)) {
        const [caption, short] = [metrics[`eval_caption/${look}`], metrics[`eval_short/${look}`]];
        if (caption === undefined || short === undefined) continue;
        console.log(`  ${task}, ${look}: whole captions ${percent(caption)}, short answers ${percent(short)}`);
      }
    },
  });
  console.log(`the base model lies in ${folder}; copy its files into data/nano to ship it`);
}

main(process.argv[2] ?? 'doctor', process.argv.slice(3))
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
