/** The Python packages that `npm run bench` compares with, in a virtual environment of their own. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { SetupFailure } from './failure.js';
import { ROOT, readStamp } from './layout.js';
import { findPython } from './python.js';
import { runTool } from './run-tool.js';

const REQUIREMENTS = path.join(ROOT, 'lib', 'bench', 'requirements.txt');
const PEERS = path.join(ROOT, 'runs', 'bench', 'peers');
/** The Python that has the peers' packages, once they are installed. */
export const PEERS_PYTHON = path.join(PEERS, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');
/** The file that says which packages are installed. */
export const PEERS_STAMP = path.join(PEERS, 'installed.txt');

/**
 * Installs PyTorch, transformers, PEFT and TRL if they are missing: some 5 GB.
 *
 * @returns the Python that has them. Where they cannot be installed it says why and returns undefined; the kit is then measured alone
 */
export async function setUpPeers(): Promise<string | undefined> {
  const wanted = readFileSync(REQUIREMENTS, 'utf8');
  if (readStamp(PEERS_STAMP) === wanted) return PEERS_PYTHON;
  const python = findPython();
  try {
    if ('lacks' in python) throw new Error(python.lacks);
    console.log(
      'bench: installing PyTorch, transformers, PEFT and TRL into runs/bench/peers (some 5 GB; -- --no-peers does without)',
    );
    rmSync(PEERS, { recursive: true, force: true });
    mkdirSync(path.dirname(PEERS), { recursive: true });
    await runTool('making runs/bench/peers', python.program, [...python.args, '-m', 'venv', PEERS]);
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', REQUIREMENTS];
    await runTool('installing the peers', PEERS_PYTHON, pip);
    writeFileSync(PEERS_STAMP, wanted);
    return PEERS_PYTHON;
  } catch (error) {
    if (error instanceof SetupFailure && error.exitCode === 130) throw error;
    console.error(`bench: no peers, the kit is measured alone: ${(error as Error).message}`);
    return undefined;
  }
}
