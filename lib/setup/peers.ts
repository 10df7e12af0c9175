/** Python packages of others in virtual environments of their own: those that `npm run bench` compares with, and those of other trainers. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { SetupFailure } from './failure.js';
import { ROOT, readStamp } from './layout.js';
import { findPython } from './python.js';
import { runTool } from './run-tool.js';

/** An environment below `runs/bench`. */
interface Environment {
  folder: string;
  /** The Python that has the packages, once they are installed. */
  python: string;
  /** The file that says which packages are installed. */
  stamp: string;
  /** The file that says which packages there should be. */
  requirements: string;
}

function environmentOf(name: string, requirements: string): Environment {
  const folder = path.join(ROOT, 'runs', 'bench', name);
  return {
    folder,
    python: path.join(folder, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python'),
    stamp: path.join(folder, 'installed.txt'),
    requirements: path.join(ROOT, 'lib', 'bench', requirements),
  };
}

const PEERS = environmentOf('peers', 'requirements.txt');
export const { python: PEERS_PYTHON, stamp: PEERS_STAMP } = PEERS;

const TRAINERS = environmentOf('trainers', 'trainers.txt');
export const { python: TRAINERS_PYTHON, stamp: TRAINERS_STAMP } = TRAINERS;

/**
 * Installs PyTorch, transformers, PEFT and TRL if they are missing: some 5 GB.
 *
 * @returns the Python that has them. Where they cannot be installed it says why and returns undefined; the kit is then measured alone
 */
export async function setUpPeers(): Promise<string | undefined> {
  try {
    return await install(
      PEERS,
      'the peers',
      'PyTorch, transformers, PEFT and TRL',
      'some 5 GB; -- --no-peers does without',
    );
  } catch (error) {
    if (error instanceof SetupFailure && error.exitCode === 130) throw error;
    console.error(`bench: no peers, the kit is measured alone: ${(error as Error).message}`);
    return undefined;
  }
}

/**
 * Installs verl and ms-swift if they are missing, with which tests of the hand-over read its folders: some 6 GB.
 *
 * @throws Error when they cannot be installed
 */
export function setUpTrainers(): Promise<string> {
  return install(TRAINERS, 'the trainers', 'verl and ms-swift', 'some 6 GB');
}

async function install(
  { folder, python, stamp, requirements }: Environment,
  what: string,
  packages: string,
  size: string,
): Promise<string> {
  const wanted = readFileSync(requirements, 'utf8');
  if (readStamp(stamp) === wanted) return python;
  const base = findPython();
  if ('lacks' in base) throw new Error(base.lacks);
  console.log(`bench: installing ${packages} into ${path.relative(ROOT, folder)} (${size})`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(path.dirname(folder), { recursive: true });
  await runTool(`making ${path.relative(ROOT, folder)}`, base.program, [...base.args, '-m', 'venv', folder]);
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', requirements];
  await runTool(`installing ${what}`, python, pip);
  writeFileSync(stamp, wanted);
  return python;
}
