/** Keeps the log of a job, which holds the output of its processes, one after the other. */
import path from 'node:path';
import { appendToFile, makeFolder } from '../../engine/disk.js';

/** The file of the log. */
export function jobLog(job: { folder: string }): string {
  return path.join(job.folder, 'log.txt');
}

/** Adds a line or more to the log, and makes the folder of the job where it is missing. */
export function appendToLog(job: { folder: string }, text: string): void {
  makeFolder(job.folder);
  appendToFile(jobLog(job), `${text}\n`);
}

/** The last three lines of what a process printed: usually its error. */
export function lastLines(output: string): string {
  return output.trim().split('\n').slice(-3).join('\n');
}
