/** Runs the tools of set-up: pip, the compiler, the kernel's installer. */
import { spawn } from 'node:child_process';
import { explainFailure, SetupFailure } from './failure.js';
import { ROOT } from './layout.js';

/** Characters of a tool's output that are kept for the message of a failure. */
const KEPT_OUTPUT = 20_000;

/**
 * Runs a program to its end, and prints nothing of its output.
 *
 * @param step what the program does, for the message of a failure
 * @throws SetupFailure with the remedy where one is known, else with the last lines of the output; with exit code 130 after an
 *   interrupt
 */
export function runTool(
  step: string,
  program: string,
  args: string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const keep = (piece: Buffer) => {
      output = (output + piece.toString()).slice(-KEPT_OUTPUT);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    // An interrupt ends the tool first, so that it does not still run when the next attempt begins.
    let interrupted = false;
    const passOn = (signal: NodeJS.Signals) => {
      interrupted = true;
      child.kill(signal);
    };
    process.on('SIGINT', passOn).on('SIGTERM', passOn);
    const finish = (failure?: SetupFailure) => {
      process.off('SIGINT', passOn).off('SIGTERM', passOn);
      if (failure) reject(failure);
      else resolve();
    };
    child.on('error', (error) => finish(new SetupFailure(explainFailure(step, error.message))));
    child.on('close', (code, signal) => {
      if (code === 0) finish();
      else if (interrupted || signal) finish(new SetupFailure(`${step} was interrupted; run the same again`, 130));
      else finish(new SetupFailure(explainFailure(step, output)));
    });
  });
}
