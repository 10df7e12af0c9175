/** `npm run tensorboard`: TensorBoard over the runs of this folder. It is installed into `.venv` the first time that somebody asks for it. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import path from 'node:path';
import { ROOT, VENV_PYTHON } from './layout.js';
import { runTool } from './run-tool.js';

/** Of the same release as the kit's TensorFlow. */
const REQUIREMENT = 'tensorboard==2.21.0';

/** Installs TensorBoard if it is missing, some 15 MB. @throws SetupFailure */
export async function setUpTensorboard(): Promise<void> {
  const found = spawnSync(VENV_PYTHON, ['-c', 'import tensorboard'], { stdio: 'ignore' });
  if (found.status === 0) return;
  console.log('tensorboard: installing TensorBoard into .venv (some 15 MB)');
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', REQUIREMENT];
  await runTool('installing TensorBoard', VENV_PYTHON, pip);
}

/** Starts TensorBoard, which listens on this machine alone. @param args of its own, such as `--logdir runs/my-grpo` or `--port 7007` */
export function startTensorboard(args: readonly string[]): ChildProcess {
  const hasFolder = args.some((arg) => /^--logdir(_spec)?(=|$)/.test(arg));
  const folder = hasFolder ? [] : ['--logdir', path.join(ROOT, 'runs')];
  return spawn(VENV_PYTHON, ['-m', 'tensorboard.main', '--host=127.0.0.1', ...folder, ...args], {
    cwd: ROOT,
    stdio: 'inherit',
  });
}
