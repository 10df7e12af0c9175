/**
 * Jobs of a grid on a Ray cluster. The nodes must see this checkout, its `node_modules` and the study's folder at the same paths as
 * this machine (a shared file system), and have the same Node: results, checkpoints and locks are files there.
 */
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { releaseJob } from '../../train/run-lock.js';
import type { GridJob } from './job.js';
import { writeJobFile } from './job-file.js';
import { appendToLog, lastLines } from './job-log.js';
import { type RayDetails, RayJobs, type RayNode, type RayRequest } from './ray-jobs.js';
import type { RunJob } from './runner.js';

export interface RayOptions {
  /** The address of the dashboard, such as `http://127.0.0.1:8265`. */
  address: string;
  /** Processors of one cell. */
  cpus: number;
  /** GPUs of one cell. */
  gpus: number;
  /** How often a cell is tried again after it failed; it goes on from its last checkpoint. */
  retries: number;
  /** Milliseconds between two questions about a job. */
  poll?: number;
}

/** A job is given up after so many questions in a row that nobody answers; so is a cluster without nodes. */
const PATIENCE = 30;

/** Seconds that Ray waits for a stopped job to finish its step. Ray's own default, 3, would kill it within one. */
const STOP_SECONDS = 300;

/** Variables that change how cells compute: the cluster gets the values of this process. */
const VARIABLES = /^(TF_NUM_|TF_ENABLE_ONEDNN_OPTS$|ONEDNN_|REASON_RFT_PRECISION$)/;

/** What Ray says of a job that found no free processor in time: 15 minutes, where RAY_JOB_START_TIMEOUT_SECONDS does not say more. */
const WAITED_IN_VAIN = /failed to start within/;

/** The nodes of a cluster. The dashboard of one that was just started answers some ten seconds before its first node is up. */
async function waitForNodes(ray: RayJobs, poll: number): Promise<RayNode[]> {
  for (let asked = 1; ; asked++) {
    const nodes = await ray.nodes();
    if (nodes.length > 0 || asked >= PATIENCE) return nodes;
    await sleep(poll);
  }
}

/**
 * The number of cells that the nodes of a cluster can run at once.
 *
 * @param poll milliseconds between two questions while no node is up
 * @throws Error when no node has what one cell asks for: such a job would wait for ever
 */
export async function countPlaces(
  ray: RayJobs,
  { cpus, gpus }: { cpus: number; gpus: number },
  poll = 1000,
): Promise<number> {
  const nodes = await waitForNodes(ray, poll);
  const places = nodes.map((node) =>
    Math.min(Math.floor(node.cpus / cpus), gpus === 0 ? Number.POSITIVE_INFINITY : Math.floor(node.gpus / gpus)),
  );
  const all = places.reduce((sum, count) => sum + count, 0);
  if (all > 0) return all;
  const sizes = nodes.map((node) => `${node.cpus} and ${node.gpus}`).join(', ') || 'none is up';
  throw new Error(
    `no node of the cluster at ${ray.address} has the processors and GPUs that a cell asks for, ${cpus} and ${gpus} (--cpus, --gpus); ` +
      `those of its nodes: ${sizes}`,
  );
}

/**
 * A `RunJob` that runs each job on a cluster. What a job prints is added to its log as each try ends. A job that Ray gives up because no
 * processor became free is submitted again, as often as it takes: it has not failed.
 */
export function runJobsOnRay({ address, cpus, gpus, retries, poll = 2000 }: RayOptions): RunJob {
  const ray = new RayJobs(address);
  return async (job, signal) => {
    for (let attempt = 1; ; ) {
      const request = rayRequest(job, { cpus, gpus, attempt });
      await ray.submit(request);
      const details = await waitForEnd(ray, request.submission_id, poll, signal);
      const failure = await recordAttempt(ray, job, request, details);
      if (failure === undefined) return;
      if (!signal.aborted && details.status === 'FAILED' && WAITED_IN_VAIN.test(details.message ?? '')) continue;
      if (signal.aborted || attempt > retries)
        throw new Error(attempt > 1 ? `${failure}\ngiven up after ${attempt} tries` : failure);
      attempt++;
    }
  };
}

/** Writes the job's file, and says what the cluster is asked to run. */
function rayRequest(
  job: GridJob,
  { cpus, gpus, attempt }: { cpus: number; gpus: number; attempt: number },
): RayRequest {
  const id = `reason-rft-${path.basename(job.folder)}-${randomBytes(4).toString('hex')}`;
  const variables = Object.entries(process.env).filter(([name]) => VARIABLES.test(name)) as [string, string][];
  return {
    entrypoint: writeJobFile(job).map(shellWord).join(' '),
    submission_id: id,
    entrypoint_num_cpus: cpus,
    entrypoint_num_gpus: gpus,
    runtime_env: {
      env_vars: {
        ...Object.fromEntries(variables),
        REASON_RFT_JOB: id,
        RAY_JOB_STOP_WAIT_TIME_S: String(STOP_SECONDS),
      },
    },
    metadata: { cell: job.name, attempt: String(attempt) },
  };
}

/** Waits for the end of a job, and asks it to stop once the signal is aborted. */
async function waitForEnd(ray: RayJobs, id: string, poll: number, signal: AbortSignal): Promise<RayDetails> {
  let stopAsked = false;
  let unanswered = 0;
  for (;;) {
    try {
      if (signal.aborted && !stopAsked) {
        await ray.stop(id);
        stopAsked = true;
      }
      const details = await ray.details(id);
      if (['STOPPED', 'SUCCEEDED', 'FAILED'].includes(details.status)) return details;
      unanswered = 0;
    } catch (error) {
      unanswered++;
      if (unanswered >= PATIENCE) throw error;
    }
    await sleep(poll);
  }
}

/** Brings the output of an ended try into the log; why the try failed, or undefined where the job is done. */
async function recordAttempt(
  ray: RayJobs,
  job: GridJob,
  { submission_id: id, metadata }: RayRequest,
  { status, message }: RayDetails,
): Promise<string | undefined> {
  const output = await ray.logs(id).catch((error: Error) => error.message);
  const outcome = WAITED_IN_VAIN.test(message ?? '')
    ? 'no processor became free in time; it is submitted again'
    : status;
  appendToLog(job, `Ray job ${id}, try ${metadata.attempt}: ${outcome}\n${output.trimEnd()}`);
  // A job that was killed leaves its lock, and on another machine nobody can tell that its process is gone.
  releaseJob(job.folder, id);
  if (status !== 'SUCCEEDED') return `${lastLines(output)}\nRay says: ${status}, ${message ?? 'no more'}`;
  if (job.state().state === 'done') return undefined;
  return `Ray's job ${id} succeeded, but ${job.folder} does not hold its results; do the nodes share that folder?`;
}

/** A word as a POSIX shell reads it back. */
function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
