/** Writes a job down for another process. That process runs it with `reason-rft cell --job FILE` and needs no grid. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { writeFileAtomic } from '../../engine/atomic-write.js';
import type { GridCell } from '../design/grid.js';
import type { Study } from '../workspace.js';
import { planJobs } from './grid-jobs.js';
import type { GridJob, JobDescription } from './job.js';
import { planSweepJob, type SweepContent } from './sweep-jobs.js';

/** All that a process needs in order to run its job. */
interface JobFile extends JobDescription {
  /** The folder in which the runner expects the results. Its name follows from the code, the settings and the rows. */
  folder: string;
}

/**
 * Writes `job.json` into the folder of a job.
 *
 * @returns the program that runs it, and its arguments
 */
export function writeJobFile({ description, folder }: GridJob): [program: string, ...args: string[]] {
  const file = path.join(folder, 'job.json');
  const content: JobFile = { ...description, folder };
  writeFileAtomic(file, `${JSON.stringify(content, null, 2)}\n`);
  const extension = path.extname(__filename);
  const main = path.join(__dirname, '..', '..', 'cli', `main${extension}`);
  // Tests run this file from its TypeScript source. The other process then needs the loader too.
  const loader = extension === '.ts' ? ['--import', pathToFileURL(require.resolve('tsx')).href] : [];
  return [process.execPath, ...loader, main, 'cell', '--job', path.resolve(file)];
}

/**
 * Reads what `writeJobFile` wrote, and makes the job again.
 *
 * @throws Error where code or data changed since: this process would train another cell than the one that the runner waits for
 */
export async function readJobFile(file: string): Promise<GridJob> {
  const { folder, ...description } = JSON.parse(readFileSync(file, 'utf8')) as JobFile;
  const job = await planAgain(description);
  if (job.folder !== folder)
    throw new Error(
      `code or data changed since the grid was begun: this is ${path.basename(job.folder)} now, and was ${path.basename(folder)}; run the grid again`,
    );
  return job;
}

function planAgain({ planner, content }: JobDescription): Promise<GridJob> {
  if (planner === 'sweep') return planSweepJob(content as unknown as SweepContent);
  const { study, cell } = content as unknown as { study: Study; cell: GridCell };
  return Promise.resolve(planJobs(study, [cell]).at(-1)!);
}
