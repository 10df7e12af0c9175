/** A cell of a grid in a process of its own, which its failure ends alone: `reason-rft cell --job FILE`. */
import { spawn } from 'node:child_process';
import { appendFileSync, closeSync, openSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { writeFileAtomic } from '../../engine/atomic-write.js';
import type { GridCell } from '../design/grid.js';
import type { Study } from '../workspace.js';
import { type GridJob, jobLog, planJobs } from './grid-jobs.js';
import type { Execute } from './runner.js';

/** What a process is told to run: all of it, so that it needs no grid. */
export interface JobFile {
  study: Study;
  cell: GridCell;
  /** Where the runner expects it, which says by which code and from which rows. */
  folder: string;
}

/** Writes down a job for another process, and gives the program and the arguments that run it. */
export function jobCommand(study: Study, job: GridJob): [program: string, ...args: string[]] {
  const { name, cell, evaluations, heldOut } = job;
  const file = path.join(job.folder, 'job.json');
  const content: JobFile = {
    study,
    cell: { name, cell, evaluations, ...(heldOut ? { heldOut } : {}) },
    folder: job.folder,
  };
  writeFileAtomic(file, `${JSON.stringify(content, null, 2)}\n`);
  const extension = path.extname(__filename);
  const main = path.join(__dirname, '..', '..', 'cli', `main${extension}`);
  // From the sources, as tests run, TypeScript has to be read by the child too.
  const loader = extension === '.ts' ? ['--import', pathToFileURL(require.resolve('tsx')).href] : [];
  return [process.execPath, ...loader, main, 'cell', '--job', path.resolve(file)];
}

/**
 * What a file says that `jobCommand` wrote.
 *
 * @throws Error where code or data changed since: this process would train another cell than the runner waits for
 */
export function readJob(file: string): JobFile {
  const job = JSON.parse(readFileSync(file, 'utf8')) as JobFile;
  const { folder } = planJobs(job.study, [job.cell]).at(-1)!;
  if (folder !== job.folder)
    throw new Error(
      `code or data changed since the grid was begun: this is ${path.basename(folder)} now, and was ${path.basename(job.folder)}; run the grid again`,
    );
  return job;
}

/**
 * Runs jobs in processes of their own. They end at the end of their step when this process stops them, or is gone.
 *
 * @param parallel jobs at a time, among which the threads that run operations side by side are shared. Threads within an
 *   operation stay as they are: another number rounds otherwise
 */
export function inProcesses(parallel: number): Execute {
  const threads = String(Math.max(1, Math.floor(availableParallelism() / parallel)));
  return async (study, job, signal) => {
    const [program, ...args] = jobCommand(study, job);
    const log = openSync(jobLog(job), 'a');
    const env = { ...process.env, TF_NUM_INTEROP_THREADS: process.env.TF_NUM_INTEROP_THREADS ?? threads };
    // Of a group of its own: an interrupt at the terminal reaches it once, through this process.
    const child = spawn(program, args, { env, stdio: ['ignore', log, log, 'ipc'], detached: true });
    closeSync(log);
    const stop = () => child.kill('SIGINT');
    signal.addEventListener('abort', stop);
    try {
      const [code, killer] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
        child.on('error', reject);
        child.on('close', (...end) => resolve(end));
      });
      if (code === 0) return;
      if (killer) appendFileSync(jobLog(job), `the process was ended by ${killer}\n`);
      throw new Error(lastWords(jobLog(job)));
    } finally {
      signal.removeEventListener('abort', stop);
    }
  };
}

/** The last lines of a log. */
export function lastWords(log: string): string {
  return readFileSync(log, 'utf8').trim().split('\n').slice(-3).join('\n');
}
