/** One process at a time in the folder of a run: its `.lock` says who that is. */
import { existsSync, linkSync, readdirSync, readFileSync, renameSync, rmdirSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { discard, diskFailure, makeFolder, removePath } from '../engine/disk.js';

/** Who holds a lock. */
export interface LockHolder {
  host: string;
  pid: number;
  /** When the process began, in the system's own measure: a later process may have the same number. */
  began: string | null;
  since: string;
  /** The cluster's name of the job; null outside of a cluster. */
  job: string | null;
}

/** The work of this process, by the full path of its folder. */
const running = new Map<string, Promise<unknown>>();

/**
 * Locks a folder, does some work in it and unlocks it. When this process is at work there already, that work ends first: an
 * interrupted notebook cell, for one, trains on to the end of its step. A folder that the work leaves empty is removed.
 *
 * @param folder is made when it does not exist
 * @throws Error naming the process that holds the folder, and what to do. A lock whose process is gone is taken over
 */
export async function lockFolder<T>(folder: string, work: () => Promise<T>): Promise<T> {
  const place = path.resolve(folder);
  for (let earlier = running.get(place); earlier; earlier = running.get(place)) await earlier.catch(() => {});
  const file = path.join(folder, '.lock');
  acquire(file);
  const done = work().then(
    (result) => {
      running.delete(place);
      removePath(file);
      removeEmpty(folder);
      return result;
    },
    (error) => {
      running.delete(place);
      discard([file]);
      removeEmpty(folder);
      throw error;
    },
  );
  running.set(place, done);
  return done;
}

function removeEmpty(folder: string): void {
  try {
    if (readdirSync(folder).length === 0) rmdirSync(folder);
  } catch (error) {
    // Somebody else may have removed it, or begun to work in it.
    if (!['ENOENT', 'ENOTEMPTY'].includes((error as NodeJS.ErrnoException).code!)) throw error;
  }
}

/** Unlocks a folder that a job of a cluster died in. A folder that another job holds stays locked. */
export function releaseJob(folder: string, job: string): void {
  const file = path.join(folder, '.lock');
  if (readHolder(file)?.job === job) removePath(file);
}

/** Whether a process works in a folder now; of one on another machine it is taken that it lives. */
export function isLocked(folder: string): boolean {
  const holder = readHolder(path.join(folder, '.lock'));
  return holder !== undefined && !isGone(holder);
}

/** The lock of a folder, and what is known of its holder, who cannot be read in a damaged one; undefined when there is none. */
export function lockOf(folder: string): { holder?: LockHolder; state: 'at work' | 'gone' | 'elsewhere' } | undefined {
  const file = path.join(folder, '.lock');
  if (!existsSync(file)) return undefined;
  const holder = readHolder(file);
  if (!holder) return { state: 'gone' };
  if (holder.host !== os.hostname()) return { holder, state: 'elsewhere' };
  return { holder, state: isGone(holder) ? 'gone' : 'at work' };
}

function acquire(file: string): void {
  const own: LockHolder = {
    host: os.hostname(),
    pid: process.pid,
    began: processStart(process.pid),
    since: new Date().toISOString(),
    job: process.env.REASON_RFT_JOB ?? null,
  };
  // It is written aside and then linked, so that nobody sees it empty. Linking fails when there is a lock already.
  const draft = `${file}.${process.pid}.partial`;
  try {
    while (!tryToLock(file, draft, `${JSON.stringify(own)}\n`)) {
      const holder = readHolder(file);
      // A lock of this process is one that it could not remove: nothing of it works in the folder now.
      const isOwn = holder?.host === own.host && holder.pid === own.pid && holder.began === own.began;
      if (holder && !isOwn && !isGone(holder)) throw new Error(lockedText(file, holder));
      takeAway(file, holder);
    }
  } finally {
    discard([draft]);
  }
}

/** @returns false when there is a lock already, or when the folder was removed in the meantime by a process that left it empty */
function tryToLock(file: string, draft: string, content: string): boolean {
  makeFolder(path.dirname(file));
  try {
    writeFileSync(draft, content);
    linkSync(draft, file);
    return true;
  } catch (error) {
    if (['EEXIST', 'ENOENT'].includes((error as NodeJS.ErrnoException).code!)) return false;
    throw diskFailure(`cannot lock ${path.dirname(file)}`, error as Error);
  }
}

/** Removes the lock of a process that is gone, unless somebody else has done that and locked the folder in the meantime. */
function takeAway(file: string, gone: LockHolder | undefined): void {
  const aside = `${file}.${process.pid}.gone.partial`;
  try {
    renameSync(file, aside);
    if (JSON.stringify(readHolder(aside)) !== JSON.stringify(gone)) linkSync(aside, file);
  } catch (error) {
    if (!['ENOENT', 'EEXIST'].includes((error as NodeJS.ErrnoException).code!))
      throw diskFailure(`cannot take over ${file}, whose process is gone`, error as Error);
  }
  removePath(aside);
}

function readHolder(file: string): LockHolder | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as LockHolder;
  } catch {
    return undefined;
  }
}

/** Whether the process has certainly ended. Of a process on another machine that is never certain. */
function isGone({ host, pid, began }: LockHolder): boolean {
  if (host !== os.hostname()) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
  return began !== null && processStart(pid) !== began;
}

/** The ticks from the machine's start to the process's: field 22 of Linux's process table. Null on systems without one. */
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
