/**
 * The addon between Node and TensorFlow, built here: the npm package has its sources, to which `engine/functions.cc` and
 * `engine/kernels/` add, and pip brings the library.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { SetupFailure } from './failure.js';
import { BINDING, BINDING_HEADERS, BINDING_SOURCES, ROOT, readStamp, TFJS_NODE, tensorflowFolder } from './layout.js';
import { runTool } from './run-tool.js';

/** The version of TensorFlow that pip installs and the binding is built against. */
export const TENSORFLOW = '2.21.0';
/** Says what the binding was built of. */
const STAMP = `${BINDING}.for`;

/** Whether the binding is there, and was built of our source as it is against the TensorFlow that is installed now. */
export function hasBinding(): boolean {
  return existsSync(BINDING) && readStamp(STAMP) === wantedStamp();
}

function wantedStamp(): string {
  const sources = createHash('sha256');
  for (const file of [...BINDING_SOURCES, ...BINDING_HEADERS]) sources.update(readFileSync(file));
  return `${tensorflowFolder()} ${TENSORFLOW} ${sources.digest('hex')}`;
}

/** Finds a C++ compiler that runs: the one that `CXX` names, else a usual one. */
export function findCompiler(): string | undefined {
  const asked = process.env.CXX;
  return (asked ? [asked] : ['g++', 'c++', 'clang++']).find((name) => spawnSync(name, ['--version']).status === 0);
}

/**
 * Compiles the addon in one call of the compiler.
 *
 * @throws SetupFailure where TensorFlow or the compiler is missing, or the compiler fails
 */
export async function buildBinding(): Promise<void> {
  const tensorflow = tensorflowFolder();
  if (!tensorflow) throw new SetupFailure('TensorFlow is not in .venv; remove .venv and run the same again');
  const compiler = findCompiler();
  if (!compiler) throw new SetupFailure('the C++ compiler has gone while set-up ran');
  mkdirSync(path.dirname(BINDING), { recursive: true });
  const partial = `${BINDING}.${process.pid}.partial`;
  const suffix = process.platform === 'darwin' ? '2.dylib' : 'so.2';
  const library = (name: string) => path.join(tensorflow, `${name}.${suffix}`);
  const packaged = path.join(TFJS_NODE, 'binding');
  const headers = [path.join(ROOT, 'node_modules', 'node-api-headers', 'include'), path.join(tensorflow, 'include')];
  await runTool('building the binding', compiler, [
    ...['-std=c++17', '-O2', '-fPIC', '-shared', '-DNAPI_VERSION=8', '-DNODE_GYP_MODULE_NAME=tfjs_binding'],
    ...(process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : []),
    ...[...headers, packaged].map((folder) => `-I${folder}`),
    // `functions.cc` includes the package's own binding, and adds to it.
    ...[path.join(packaged, 'tfjs_backend.cc'), ...BINDING_SOURCES],
    ...['-o', partial, library('libtensorflow_cc'), library('libtensorflow_framework'), `-Wl,-rpath,${tensorflow}`],
  ]);
  renameSync(partial, BINDING);
  writeFileSync(STAMP, wantedStamp());
}
