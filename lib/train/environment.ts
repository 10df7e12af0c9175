/** The environment of a run: versions, machine, threads and the kit's commit. Somebody who repeats the run needs to know them. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import type { Engine } from '../engine/backend.js';
import { changesText } from './run-configuration.js';

export interface Environment {
  /** The kit's version, and the commit of its repository, with `-dirty` when tracked files were changed. */
  kit: string;
  commit: string | null;
  node: string;
  /** Such as `linux x64`. */
  platform: string;
  processor: string;
  /** The number of threads that TensorFlow may use; `variables` may limit it further. */
  threads: number;
  backend: Engine['backend'];
  gpu: boolean;
  /** The TensorFlow library's version, or tfjs' own on wasm. */
  tensorflow: string;
  tfjs: string;
  precision: Engine['precision'];
  /** The versions of the installed packages, by name. */
  packages: { [name: string]: string };
  /** The environment variables that change how TensorFlow computes, those that are set. */
  variables: { [name: string]: string };
}

const VARIABLES = [
  'CUDA_VISIBLE_DEVICES',
  'OMP_NUM_THREADS',
  'ONEDNN_DEFAULT_FPMATH_MODE',
  'TF_ENABLE_ONEDNN_OPTS',
  'TF_NUM_INTEROP_THREADS',
  'TF_NUM_INTRAOP_THREADS',
];

/** Describes this process. */
export function describeEnvironment(engine: Engine): Environment {
  const kit = kitPackage();
  return {
    kit: kit.version,
    commit: kitCommit(),
    node: process.versions.node,
    platform: `${process.platform} ${process.arch}`,
    processor: os.cpus()[0]?.model.trim() ?? 'unknown',
    threads: os.availableParallelism(),
    backend: engine.backend,
    gpu: engine.gpu,
    tensorflow: engine.version,
    tfjs: tf.version.tfjs,
    precision: engine.precision,
    packages: installedVersions(Object.keys(kit.dependencies)),
    variables: Object.fromEntries(
      VARIABLES.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
    ),
  };
}

/** The variables on which sums and products depend, to their last digit. */
const ROUNDING_VARIABLES = VARIABLES.filter(
  (name) => !['CUDA_VISIBLE_DEVICES', 'TF_NUM_INTEROP_THREADS'].includes(name),
);

/**
 * Says in what two environments differ that numbers may depend on: machine, threads, TensorFlow and its variables.
 *
 * @returns '' when they compute alike
 */
export function environmentChanges(before: Environment, now: Environment): string {
  const computing = ({
    platform,
    processor,
    threads,
    backend,
    gpu,
    tensorflow,
    tfjs,
    precision,
    variables,
  }: Environment) => ({
    ...{ platform, processor, threads, backend, gpu, tensorflow, tfjs, precision },
    ...Object.fromEntries(ROUNDING_VARIABLES.flatMap((name) => (variables?.[name] ? [[name, variables[name]]] : []))),
  });
  return changesText(computing(before), computing(now));
}

/** Reads the kit's own package.json, the nearest above this file. */
function kitPackage(): { version: string; dependencies: { [name: string]: string } } {
  let folder = __dirname;
  while (!existsSync(path.join(folder, 'package.json'))) folder = path.dirname(folder);
  return JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as ReturnType<typeof kitPackage>;
}

/** Reads the versions from the packages' folders, as many packages do not export their package.json. */
function installedVersions(names: readonly string[]): { [name: string]: string } {
  const versions: { [name: string]: string } = {};
  for (const name of names) {
    const file = (require.resolve.paths(name) ?? [])
      .map((folder) => path.join(folder, name, 'package.json'))
      .find((description) => existsSync(description));
    if (file) versions[name] = (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
  }
  return versions;
}

/** The commit of the kit's repository, with `-dirty` when tracked files were changed; null outside of a repository. */
export function kitCommit(): string | null {
  try {
    const args = ['describe', '--always', '--dirty', '--abbrev=40', '--exclude=*'];
    return execFileSync('git', args, {
      cwd: __dirname,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 5000,
    }).trim();
  } catch {
    return null;
  }
}
