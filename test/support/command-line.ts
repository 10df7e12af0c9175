/** The command line for tests: as a process, or in this one, which saves the start of a process if the command trains nothing. */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { mock } from 'node:test';
import { runCommand } from '../../lib/cli/program.js';
import { repositoryRoot } from '../../lib/study/workspace.js';

/** Node's arguments that start the command line from its sources. */
export const PROGRAM = ['--import', 'tsx', path.join(repositoryRoot(), 'lib', 'cli', 'main.ts')];

export interface Outcome {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a command in a process of its own. @param env variables beside those of this process */
export function runProcess(args: readonly string[], env: NodeJS.ProcessEnv = {}): Outcome {
  const options = { encoding: 'utf8', env: { ...process.env, ...env } } as const;
  return spawnSync(process.execPath, [...PROGRAM, ...args], options);
}

/** Runs a command in this process and catches what it writes to stderr. */
export async function runHere(args: readonly string[]): Promise<Pick<Outcome, 'status' | 'stderr'>> {
  const pieces: string[] = [];
  const write = mock.method(process.stderr, 'write', (piece: string) => {
    pieces.push(piece);
    return true;
  });
  try {
    return { status: await runCommand(args), stderr: pieces.join('') };
  } finally {
    write.mock.restore();
    // A command that has found faults sets it, and this process is the test's.
    process.exitCode = undefined;
  }
}
