/** The TypeScript kernel of Jupyter (tslab), registered inside .venv. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { writeFileAtomic } from '../engine/atomic-write.js';
import { jupyterEnvironment, KERNEL, ROOT, readStamp, VENV_PYTHON } from './layout.js';
import { runTool } from './run-tool.js';

const TSLAB = path.join(ROOT, 'node_modules', 'tslab', 'bin', 'tslab');

/** What Jupyter reads of a kernel. */
interface KernelFile {
  argv: string[];
  env?: object;
}

/** Whether the kernel that is registered starts this checkout's tslab with this Node. */
export function hasKernel(): boolean {
  const registered = readStamp(KERNEL);
  if (registered === undefined) return false;
  const [program, script] = (JSON.parse(registered) as KernelFile).argv;
  return program === process.execPath && script === TSLAB;
}

/** Registers the kernel, and names this checkout's tslab and this Node in its file, so that it needs no search path. */
export async function registerKernel(): Promise<void> {
  const line = [TSLAB, 'install', '--sys-prefix', `--python=${VENV_PYTHON}`];
  await runTool('registering the kernel', process.execPath, line, jupyterEnvironment());
  const kernel = JSON.parse(readFileSync(KERNEL, 'utf8')) as KernelFile;
  const ownArguments = kernel.argv.slice(kernel.argv.indexOf('kernel'));
  kernel.argv = [process.execPath, TSLAB, ...ownArguments];
  kernel.env = { TF_CPP_MIN_LOG_LEVEL: '3' };
  writeFileAtomic(KERNEL, `${JSON.stringify(kernel, null, 2)}\n`);
}
