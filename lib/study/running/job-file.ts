/** Writes a job down for another process. That process runs it with `reason-rft cell --job FILE` and needs no grid. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { writeFileAtomic } from '../../engine/atomic-write.js';
import type { GridCell } from '../design/grid.js';
import type { Study } from '../workspace.js';
import { type GridJob, planJobs } from './grid-jobs.js';

/** All that a process needs in order to run its job. */
export interface JobFile {
  study: Study;
  cell: GridCell;
  /** The folder in which the runner expects the results. Its name follows from the code, the settings and the rows. */
  folder: string;
}

/**
 * Writes `job.json` into the folder of a job.
 *
 * @returns the program that runs it, and its arguments
 */
export function writeJobFile(study: Study, job: GridJob): [program: string, ...args: string[]] {
  const { name, cell, evaluations, heldOut, folder } = job;
  const file = path.join(folder, 'job.json');
  const content: JobFile = { study, cell: { name, cell, evaluations, ...(heldOut ? { heldOut } : {}) }, folder };
  writeFileAtomic(file, `${JSON.stringify(content, null, 2)}\n`);
  const extension = path.extname(__filename);
  const main = path.join(__dirname, '..', '..', 'cli', `main${extension}`);
  // Tests run this file from its TypeScript source. The other process then needs the loader too.
  const loader = extension === '.ts' ? ['--import', pathToFileURL(require.resolve('tsx')).href] : [];
  return [process.execPath, ...loader, main, 'cell', '--job', path.resolve(file)];
}

/**
 * Reads what `writeJobFile` wrote.
 *
 * @throws Error where code or data changed since: this process would train another cell than the one that the runner waits for
 */
export function readJobFile(file: string): JobFile {
  const job = JSON.parse(readFileSync(file, 'utf8')) as JobFile;
  const { folder } = planJobs(job.study, [job.cell]).at(-1)!;
  if (folder !== job.folder)
    throw new Error(
      `code or data changed since the grid was begun: this is ${path.basename(folder)} now, and was ${path.basename(job.folder)}; run the grid again`,
    );
  return job;
}
