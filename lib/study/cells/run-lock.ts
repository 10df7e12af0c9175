/** One process at a time in a run's folder: who is in it stands in its `.lock`. */
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** Who holds a lock. */
export interface LockHolder {
  host: string;
  pid: number;
  /** When the process began, in the system's own measure, so that another of the same number is told from it. */
  began: string | null;
  since: string;
  /** The cluster's name of the job, where it runs in one. */
  job: string | null;
}

/** Runs of this process, by folder. */
const running = new Map<string, Promise<unknown>>();

/**
 * Does work that must have a folder for itself. Where this process is in it already, as after an interrupted notebook cell whose
 * training goes on to the end of its step, that ends first.
 *
 * @throws Error naming the process that is in it, and what to do; a lock whose process is gone is taken over
 */
export async function alone<T>(folder: string, work: () => Promise<T>): Promise<T> {
  for (let own = running.get(folder); own; own = running.get(folder)) await own.catch(() => {});
  const file = path.join(folder, '.lock');
  acquire(file);
  const done = work().finally(() => {
    running.delete(folder);
    rmSync(file, { force: true });
  });
  running.set(folder, done);
  return done;
}

/** Frees a folder that a job of a cluster died in; one that another holds stays locked. */
export function releaseJob(folder: string, job: string): void {
  const file = path.join(folder, '.lock');
  if (readHolder(file)?.job === job) rmSync(file, { force: true });
}

function acquire(file: string): void {
  const holder: LockHolder = {
    host: os.hostname(),
    pid: process.pid,
    began: processStart(process.pid),
    since: new Date().toISOString(),
    job: process.env.REASON_RFT_JOB ?? null,
  };
  // Written aside and linked, so that it is never seen empty; linking fails where there is one.
  const draft = `${file}.${process.pid}.partial`;
  writeFileSync(draft, `${JSON.stringify(holder)}\n`);
  try {
    for (;;) {
      try {
        linkSync(draft, file);
        return;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const held = readHolder(file);
      if (held && !isGone(held)) throw new Error(lockedText(file, held));
      takeAway(file, held);
    }
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Removes a lock that was found to be no one's, unless somebody else has done that and locked in the meantime. */
function takeAway(file: string, seen: LockHolder | undefined): void {
  const aside = `${file}.${process.pid}.gone.partial`;
  try {
    renameSync(file, aside);
    if (JSON.stringify(readHolder(aside)) !== JSON.stringify(seen)) linkSync(aside, file);
  } catch (error) {
    if (!['ENOENT', 'EEXIST'].includes((error as NodeJS.ErrnoException).code!)) throw error;
  }
  rmSync(aside, { force: true });
}

function readHolder(file: string): LockHolder | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as LockHolder;
  } catch {
    return undefined;
  }
}

/** Whether it is certain that the process has ended; of another machine's it never is. */
function isGone({ host, pid, began }: LockHolder): boolean {
  if (host !== os.hostname()) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
  return began !== null && processStart(pid) !== began;
}

/** Field 22 of Linux's process table, ticks since the machine came up; null where there is no such table. */
function processStart(pid: number): string | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field, the program's name in brackets, may hold anything.
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}

function lockedText(file: string, { host, pid, since, job }: LockHolder): string {
  const who = `process ${pid} on ${host}${job ? ` (job ${job})` : ''}, since ${since}`;
  const remedy =
    host === os.hostname()
      ? `wait until it ends, or end it (kill -INT ${pid} leaves a checkpoint)`
      : `if it is gone, remove ${file}`;
  return `${path.dirname(file)} is being trained in by ${who}; ${remedy}, then run the same again`;
}
