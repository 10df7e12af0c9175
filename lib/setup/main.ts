/** What the npm scripts run once packages are installed and lib is compiled. */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { BASE_MODEL_RECIPE, pretrainBaseModel } from '../study/base-model.js';
import { examine, printReport } from './doctor.js';
import { SetupFailure } from './failure.js';
import { JUPYTER, jupyterEnvironment, ROOT } from './layout.js';
import { runNotebooks } from './start.js';
import { setUp } from './steps.js';
import { runTests } from './test.js';

const HELP = `npm start              set up what is missing, then run notebooks 01-04 with the quick profile
npm test [-- PLACE]    set up what is missing, then types, lint and tests (all, or those of a file or folder)
npm run lab            JupyterLab with the TypeScript kernel, on this machine's own address, token on
npm run doctor         what computes here, what is missing and how to mend it (-- --json)
npm run pretrain       make the shipped base model again (resumable)`;

async function main(command: string | undefined, args: string[]): Promise<number> {
  if (args.includes('--help')) {
    console.log(HELP);
    return 0;
  }
  switch (command) {
    case 'start':
      await setUp();
      await runNotebooks(args[0] ?? 'quick');
      return 0;
    case 'test':
      await setUp();
      return runTests(args);
    case 'lab':
      await setUp();
      return lab(args);
    case 'doctor':
      return printReport(examine(), args.includes('--json')) ? 0 : 1;
    case 'pretrain':
      await setUp();
      await pretrainShipped();
      return 0;
    default:
      console.log(HELP);
      return 2;
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

async function pretrainShipped(): Promise<void> {
  const started = performance.now();
  await pretrainBaseModel({
    folder: path.join(ROOT, 'data', 'nano'),
    runs: path.join(ROOT, 'runs', 'pretrain'),
    onStep: (done, steps, metrics) => {
      if (done % 50 !== 0) return;
      const minutes = (performance.now() - started) / 60000;
      console.log(
        `pretrain ${done}/${steps}  loss ${metrics.loss!.toFixed(3)}  token accuracy ${metrics.mean_token_accuracy!.toFixed(3)}  ${minutes.toFixed(1)} min`,
      );
    },
  });
  console.log(`the base model lies in data/nano (${BASE_MODEL_RECIPE.steps} steps)`);
}

main(process.argv[2], process.argv.slice(3))
  .then((code) => {
    process.exitCode = code;
  })
  .catch((error: unknown) => {
    console.error(error instanceof SetupFailure ? `set-up: ${error.message}` : error);
    process.exitCode = 1;
  });
