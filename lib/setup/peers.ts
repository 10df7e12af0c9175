/** The Python packages that `npm run bench` compares with, in a virtual environment of their own. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { SetupFailure } from './failure.js';
import { ROOT } from './layout.js';
import { call, findPython, readStamp } from './steps.js';

const REQUIREMENTS = path.join(ROOT, 'lib', 'bench', 'requirements.txt');
const PEERS = path.join(ROOT, 'runs', 'bench', 'peers');
const PYTHON = path.join(PEERS, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');
const STAMP = path.join(PEERS, 'installed.txt');

/** The Python that has the peers' packages, where they were installed before; undefined where not. */
export function installedPeers(): string | undefined {
  return readStamp(STAMP) === undefined ? undefined : PYTHON;
}

/**
 * Installs PyTorch, transformers, PEFT and TRL where they are not there yet: some 5 GB.
 *
 * @returns the Python that has them; undefined, with a word why, where they cannot be installed: the kit is measured alone
 */
export async function setUpPeers(): Promise<string | undefined> {
  const wanted = readFileSync(REQUIREMENTS, 'utf8');
  if (readStamp(STAMP) === wanted) return PYTHON;
  const python = findPython();
  try {
    if ('lacks' in python) throw new Error(python.lacks);
    console.log(
      'bench: installing PyTorch, transformers, PEFT and TRL into runs/bench/peers (some 5 GB; -- --no-peers does without)',
    );
    rmSync(PEERS, { recursive: true, force: true });
    mkdirSync(path.dirname(PEERS), { recursive: true });
    await call('making runs/bench/peers', python.program, [...python.args, '-m', 'venv', PEERS]);
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', REQUIREMENTS];
    await call('installing the peers', PYTHON, pip);
    writeFileSync(STAMP, wanted);
    return PYTHON;
  } catch (error) {
    if (error instanceof SetupFailure && error.exitCode === 130) throw error;
    console.error(`bench: no peers, the kit is measured alone: ${(error as Error).message}`);
    return undefined;
  }
}
