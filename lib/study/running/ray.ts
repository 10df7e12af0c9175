/**
 * Cells of a grid as jobs of a Ray cluster. The nodes must see this checkout, its `node_modules` and the study's folder at the same
 * paths as this machine (a shared file system), and have the same Node: results, checkpoints and locks are files there.
 */
import { randomBytes } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { releaseJob } from '../cells/run-lock.js';
import type { Study } from '../workspace.js';
import { jobCommand } from './cell-process.js';
import { type GridJob, jobLog, jobState } from './grid-jobs.js';
import { type RayDetails, RayJobs } from './ray-jobs.js';
import type { Execute } from './runner.js';

export interface RayOptions {
  /** Of the dashboard, such as `http://127.0.0.1:8265`. */
  address: string;
  /** What one cell is given. */
  cpus: number;
  gpus: number;
  /** How often a cell is tried again after it failed; it goes on from its last checkpoint. */
  retries: number;
  /** Milliseconds between questions of how a job is. */
  poll?: number;
}

/** Questions without an answer, one after the other, after which a job is given up. */
const PATIENCE = 30;

/** Seconds that a job which is stopped has for the end of its step; Ray's own default is 3. */
const STOP_SECONDS = 300;

/** Variables that change how cells compute; they hold on the cluster as they hold here. */
const VARIABLES = /^(TF_NUM_|TF_ENABLE_ONEDNN_OPTS$|ONEDNN_|REASON_RFT_PRECISION$)/;

/** Runs jobs on a cluster; what they print is added to their logs as each try ends. */
export function onRay({ address, cpus, gpus, retries, poll = 2000 }: RayOptions): Execute {
  const ray = new RayJobs(address);
  const attempt = async (
    study: Study,
    job: GridJob,
    tries: number,
    signal: AbortSignal,
  ): Promise<string | undefined> => {
    const id = `reason-rft-${job.folder.split(/[/\\]/).at(-1)}-${randomBytes(4).toString('hex')}`;
    const set = Object.entries(process.env).filter(([name]) => VARIABLES.test(name)) as [string, string][];
    await ray.submit({
      entrypoint: jobCommand(study, job).map(shellWord).join(' '),
      submission_id: id,
      entrypoint_num_cpus: cpus,
      entrypoint_num_gpus: gpus,
      runtime_env: {
        env_vars: {
          ...Object.fromEntries(set),
          REASON_RFT_JOB: id,
          RAY_JOB_STOP_WAIT_TIME_S: String(STOP_SECONDS),
        },
      },
      metadata: { profile: study.profile.name, cell: job.name, attempt: String(tries) },
    });
    const { status, message } = await ended(ray, id, poll, signal);
    const words = await ray.logs(id).catch((error: Error) => error.message);
    appendFileSync(jobLog(job), `Ray job ${id}, try ${tries}: ${status}\n${words.trimEnd()}\n`);
    // A job that was killed leaves its lock; on another machine nobody can tell that it is gone.
    releaseJob(job.folder, id);
    if (status !== 'SUCCEEDED')
      return [words.trim().split('\n').slice(-3).join('\n'), `Ray says: ${status}, ${message ?? 'no more'}`].join('\n');
    if (jobState(study, job).state === 'done') return undefined;
    return `Ray's job ${id} succeeded, but ${job.folder} does not hold its results; do the nodes share that folder?`;
  };
  return async (study, job, signal) => {
    for (let tries = 1; ; tries++) {
      const failure = await attempt(study, job, tries, signal);
      if (failure === undefined) return;
      if (signal.aborted || tries > retries)
        throw new Error(tries > 1 ? `${failure}\ngiven up after ${tries} tries` : failure);
    }
  };
}

/** Waits for the end of a job; asks it to stop when the signal says so. */
async function ended(ray: RayJobs, id: string, poll: number, signal: AbortSignal): Promise<RayDetails> {
  let asked = false;
  let silent = 0;
  for (;;) {
    try {
      if (signal.aborted && !asked) {
        await ray.stop(id);
        asked = true;
      }
      const details = await ray.details(id);
      if (['STOPPED', 'SUCCEEDED', 'FAILED'].includes(details.status)) return details;
      silent = 0;
    } catch (error) {
      if (++silent >= PATIENCE) throw error;
    }
    await sleep(poll);
  }
}

/** A word as a POSIX shell reads it back. */
function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
