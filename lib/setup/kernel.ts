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
  interrupt_mode?: 'signal' | 'message';
}

/** How Jupyter starts the kernel of this checkout, with this Node: tslab, with what `tslab/main.ts` adds. It needs no search path. */
export function kernelLine(): string[] {
  const program = path.join(ROOT, 'lib', 'dist', 'setup', 'tslab', 'main.js');
  return [process.execPath, program, 'kernel', '--config-path', '{connection_file}'];
}

/** Whether the kernel that is registered is the one of this checkout, with this Node. */
export function hasKernel(): boolean {
  const registered = readStamp(KERNEL);
  if (registered === undefined) return false;
  const { argv, interrupt_mode } = JSON.parse(registered) as KernelFile;
  return argv.join('\n') === kernelLine().join('\n') && interrupt_mode === 'message';
}

/** Registers the kernel: tslab's own installer brings its icons, and this checkout's line takes the place of tslab's. */
export async function registerKernel(): Promise<void> {
  const line = [TSLAB, 'install', '--sys-prefix', `--python=${VENV_PYTHON}`];
  await runTool('registering the kernel', process.execPath, line, jupyterEnvironment());
  const kernel = JSON.parse(readFileSync(KERNEL, 'utf8')) as KernelFile;
  kernel.argv = kernelLine();
  // By a message, which is heard while a step computes; a signal waits for its end.
  kernel.interrupt_mode = 'message';
  kernel.env = { TF_CPP_MIN_LOG_LEVEL: '3' };
  writeFileAtomic(KERNEL, `${JSON.stringify(kernel, null, 2)}\n`);
}
