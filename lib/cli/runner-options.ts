/** The options that `study` and `sweep` share: where cells run, how many at a time, and how they are stopped. */
import { constants } from 'node:os';
import type { Command } from 'commander';
import { runJobsInProcesses } from '../study/running/processes.js';
import { countPlaces, runJobsOnRay } from '../study/running/ray.js';
import { RayJobs } from '../study/running/ray-jobs.js';
import { type GridReport, type RunJob, runJobHere } from '../study/running/runner.js';
import { STOP_SIGNALS } from '../train/loop.js';
import { checkUsage, parseWholeNumber, UsageError } from './usage.js';

export interface RunnerOptions {
  workers: string;
  ray?: string;
  cpus: string;
  gpus: string;
  retries: string;
  list?: boolean;
}

/** Adds the options to a command that runs a grid. */
export function addRunnerOptions(command: Command): Command {
  return command
    .option('--workers <n>', 'cells at a time, each in a process of its own; 0: one by one in this process', '1')
    .option(
      '--ray <address>',
      'run them on the Ray cluster whose dashboard has this address, such as http://127.0.0.1:8265',
    )
    .option('--cpus <n>', 'on Ray: processors of one cell', '1')
    .option('--gpus <n>', 'on Ray: GPUs of one cell', '0')
    .option('--retries <n>', 'on Ray: how often a cell that failed is tried again', '2');
}

/**
 * Where cells run, and how many at a time: in this process, in processes of their own, or on a cluster, which must answer before anything
 * starts and gets no more cells than its nodes have room for.
 */
export async function chooseRunner({
  ray,
  cpus,
  gpus,
  retries,
  list,
  ...options
}: RunnerOptions): Promise<{ runJob: RunJob; parallel: number }> {
  const workers = parseWholeNumber('--workers', options.workers);
  const parallel = Math.max(1, workers);
  if (ray === undefined) return { runJob: workers === 0 ? runJobHere : runJobsInProcesses(workers), parallel };
  if (workers === 0) throw new UsageError('on Ray --workers is the number of cells at a time, 1 or more');
  const size = { cpus: parseWholeNumber('--cpus', cpus, 1), gpus: parseWholeNumber('--gpus', gpus) };
  const jobs = checkUsage(() => new RayJobs(ray));
  const runJob = runJobsOnRay({ address: ray, ...size, retries: parseWholeNumber('--retries', retries) });
  if (list) return { runJob, parallel };
  await jobs.version();
  const places = await countPlaces(jobs, size).catch((error: Error) => {
    throw new UsageError(error.message);
  });
  if (places < workers)
    process.stderr.write(
      `the cluster has room for ${places} such cells at a time, so that no more of the ${workers} run at once\n`,
    );
  return { runJob, parallel: Math.min(workers, places) };
}

/** A signal that the first interrupt sets. The second one is the system's own: it ends this process at once. */
export function stopAtInterrupt(): AbortSignal {
  const controller = new AbortController();
  for (const name of STOP_SIGNALS) {
    process.once(name, () => {
      process.stderr.write('stopping at the end of the step; the same again goes on\n');
      controller.abort();
      process.exitCode = 128 + constants.signals[name];
    });
  }
  return controller.signal;
}

/** Sets the exit code of a grid that is not whole: that of the signal which interrupted it, or 1 where a cell failed. */
export function setExitCode({ interrupted, failed, skipped }: GridReport): void {
  if (interrupted) process.exitCode ??= 130;
  else if (failed.length + skipped.length > 0) process.exitCode = 1;
}
