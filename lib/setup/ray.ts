/** `npm run ray`: Ray in a virtual environment of its own under runs/ray/, and a cluster of this machine alone. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { SetupFailure } from './failure.js';
import { ROOT, readStamp } from './layout.js';
import { findPython } from './python.js';
import { runTool } from './run-tool.js';

const REQUIREMENT = 'ray[default]==2.60.0';
const ENVIRONMENT = path.join(ROOT, 'runs', 'ray', 'environment');
const BIN = path.join(ENVIRONMENT, process.platform === 'win32' ? 'Scripts' : 'bin');
const STAMP = path.join(ENVIRONMENT, 'installed.txt');

/** The program `ray`; undefined where it was not installed yet. */
export function installedRay(): string | undefined {
  return readStamp(STAMP) === REQUIREMENT ? path.join(BIN, 'ray') : undefined;
}

/**
 * Ray puts its own paths into the command lines of its processes and cuts these at spaces, so it does not start in such a folder.
 *
 * @throws SetupFailure when there is a space in the path
 */
export function checkRayPath(folder: string): void {
  if (/\s/.test(folder))
    throw new SetupFailure(
      `ray: Ray does not start in a folder whose path has a space in it, and this one is '${folder}'; move the repository to a path without one`,
    );
}

/** Installs Ray if it is missing, some 400 MB, and returns the program. @throws SetupFailure */
export async function setUpRay(): Promise<string> {
  checkRayPath(ROOT);
  const installed = installedRay();
  if (installed) return installed;
  const python = findPython();
  if ('lacks' in python) throw new SetupFailure(python.lacks);
  console.log('ray: installing Ray into runs/ray/environment (some 400 MB)');
  rmSync(ENVIRONMENT, { recursive: true, force: true });
  mkdirSync(path.dirname(ENVIRONMENT), { recursive: true });
  await runTool('making runs/ray/environment', python.program, [...python.args, '-m', 'venv', ENVIRONMENT]);
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', REQUIREMENT];
  await runTool('installing Ray', path.join(BIN, 'python'), pip);
  writeFileSync(STAMP, REQUIREMENT);
  return path.join(BIN, 'ray');
}

/** Seconds that a job may wait for a free processor: a year. Ray's own 900 would fail every cell that stands behind a longer one. */
const LONGEST_WAIT = 365 * 24 * 3600;

/**
 * Starts a cluster of this machine, which listens on 127.0.0.1 alone: whoever reaches a Ray cluster can run programs there. SIGINT or SIGTERM to the process ends it.
 *
 * @param options `port` of the dashboard, and arguments of Ray's own, such as `--num-cpus=2`
 */
export function startRay(
  program: string,
  { port = 8265, args = [], quiet = false }: { port?: number; args?: readonly string[]; quiet?: boolean } = {},
): ChildProcess {
  const address = ['--node-ip-address=127.0.0.1', '--dashboard-host=127.0.0.1', `--dashboard-port=${port}`];
  const command = ['start', '--head', '--block', '--disable-usage-stats', ...address, ...args];
  // Ray takes the machine's address on the network in the place of 127.0.0.1, so that other machines can join, and then listens on every
  // interface. Only this variable stops that: it says that no other machine joins, and all of Ray's processes listen on 127.0.0.1.
  const env = {
    RAY_JOB_START_TIMEOUT_SECONDS: String(LONGEST_WAIT),
    ...process.env,
    RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER: '0',
  };
  return spawn(program, command, { cwd: ROOT, env, stdio: quiet ? 'ignore' : 'inherit' });
}
