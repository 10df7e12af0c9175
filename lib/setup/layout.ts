/** Says where set-up puts things. All of them lie inside the repository. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { repositoryRoot } from '../study/workspace.js';

export const ROOT = repositoryRoot();
export const VENV = path.join(ROOT, '.venv');
const BIN = process.platform === 'win32' ? 'Scripts' : 'bin';
export const VENV_PYTHON = path.join(VENV, BIN, process.platform === 'win32' ? 'python.exe' : 'python');
export const JUPYTER = path.join(VENV, BIN, 'jupyter');
export const TFJS_NODE = path.join(ROOT, 'node_modules', '@tensorflow', 'tfjs-node-gpu');
export const BINDING = path.join(TFJS_NODE, 'lib', 'napi-v8', 'tfjs_binding.node');
const ENGINE = path.join(ROOT, 'lib', 'engine');
/** Our part of the binding, which is compiled: recorded steps as functions, and operations of our own. */
export const BINDING_SOURCES = ['functions.cc', 'kernels/operations.cc'].map((file) => path.join(ENGINE, file));
/** What those include of ours. */
export const BINDING_HEADERS = ['operations.h', 'decode.h', 'vectors.h'].map((file) =>
  path.join(ENGINE, 'kernels', file),
);
export const KERNEL = path.join(VENV, 'share', 'jupyter', 'kernels', 'tslab', 'kernel.json');
export const REQUIREMENTS = path.join(ROOT, 'lib', 'setup', 'requirements.txt');
export const EXECUTOR = path.join(ROOT, 'lib', 'setup', 'execute_notebook.py');

/** The environment in which Jupyter writes nothing outside the repository. */
export function jupyterEnvironment(): NodeJS.ProcessEnv {
  const inside = (name: string) => path.join(VENV, 'jupyter', name);
  return {
    ...process.env,
    PATH: `${path.join(ROOT, 'node_modules', '.bin')}${path.delimiter}${path.dirname(VENV_PYTHON)}${path.delimiter}${process.env.PATH ?? ''}`,
    JUPYTER_CONFIG_DIR: inside('config'),
    JUPYTER_DATA_DIR: inside('data'),
    JUPYTER_RUNTIME_DIR: inside('runtime'),
    JUPYTERLAB_SETTINGS_DIR: inside('lab-settings'),
    JUPYTERLAB_WORKSPACES_DIR: inside('lab-workspaces'),
    IPYTHONDIR: inside('ipython'),
    TF_CPP_MIN_LOG_LEVEL: process.env.TF_CPP_MIN_LOG_LEVEL ?? '3',
  };
}

/** What a file says, such as a stamp of what was installed; undefined where it is not there. */
export function readStamp(file: string): string | undefined {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

/** TensorFlow's folder in the virtual environment, or undefined. */
export function tensorflowFolder(): string | undefined {
  const candidates = ['3.10', '3.11', '3.12', '3.13'].map((version) =>
    path.join(VENV, 'lib', `python${version}`, 'site-packages', 'tensorflow'),
  );
  return candidates.find((folder) => existsSync(path.join(folder, 'include')));
}
