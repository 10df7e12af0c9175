/** Runs jobs in processes of their own, so that a job that fails or is killed does not take the others with it. */
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { GridJob } from './job.js';
import { writeJobFile } from './job-file.js';
import { appendToLog, jobLog, lastLines } from './job-log.js';
import type { RunJob } from './runner.js';

/**
 * A `RunJob` that runs each job in a process of its own. The process ends at the end of its step when this one stops it, or when this one is gone.
 *
 * @param parallel the number of jobs at a time. They share the threads that run operations side by side. The number of threads
 *   within an operation stays as it is, since with another number sums are rounded differently
 */
export function runJobsInProcesses(parallel: number): RunJob {
  const threads = String(Math.max(1, Math.floor(availableParallelism() / parallel)));
  return (job, signal) => runInProcess(job, signal, { TF_NUM_INTEROP_THREADS: threads, ...process.env });
}

/** @throws Error with the last lines of the job's log, where its process does not end well */
async function runInProcess(job: GridJob, signal: AbortSignal, environment: NodeJS.ProcessEnv): Promise<void> {
  const [program, ...args] = writeJobFile(job);
  const log = openSync(jobLog(job), 'a');
  // A group of its own: an interrupt at the terminal then reaches the process once, through this one.
  const child = spawn(program, args, { env: environment, stdio: ['ignore', log, log, 'ipc'], detached: true });
  closeSync(log);
  const stop = () => child.kill('SIGINT');
  signal.addEventListener('abort', stop);
  try {
    const [code, killer] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (...end) => resolve(end));
    });
    if (code === 0) return;
    if (killer) appendToLog(job, `the process was ended by ${killer}`);
    throw new Error(lastLines(readFileSync(jobLog(job), 'utf8')));
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
