/**
 * Folders that are written under a name of their own and renamed when they are whole. The name says which process writes there,
 * so two processes that write the same folder at once never touch each other's files.
 */
import { existsSync, readdirSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { codeOf, makeFolder, movePath, removePath } from './disk.js';

let made = 0;

/**
 * What stands in a name for this process: its machine, its number, and when it began. The time is needed because a system uses the
 * numbers of ended processes again.
 */
export function processMark(): string {
  return `${os.hostname()}-${process.pid}-${Math.floor(performance.timeOrigin)}`;
}

/**
 * Whether the process of a mark has certainly ended. Of a process on another machine that is never certain, nor of a text that is
 * no mark.
 */
export function isGoneMark(mark: string): boolean {
  const [, host, number] = /^(.*)-(\d+)-\d+$/.exec(mark) ?? [];
  if (host !== os.hostname()) return false;
  const pid = Number(number);
  if (pid === process.pid) return mark !== processMark();
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

/**
 * Makes an empty folder beside `target`, named `TARGET.MARK.N.partial`, which nobody else writes in. What processes that were killed
 * left beside the same target is removed.
 */
export function makePartialFolder(target: string): string {
  const { dir, base } = path.parse(path.resolve(target));
  makeFolder(dir);
  for (const name of readdirSync(dir)) {
    if (!name.startsWith(`${base}.`) || !name.endsWith('.partial')) continue;
    const mark = name.slice(base.length + 1, -'.partial'.length).replace(/\.\d+$/, '');
    if (isGoneMark(mark)) removePath(path.join(dir, name));
  }
  const partial = path.join(dir, `${base}.${processMark()}.${made++}.partial`);
  makeFolder(partial);
  return partial;
}

/**
 * Gives a whole folder its name.
 *
 * @throws Error naming both names and what to do
 * @returns false, and the folder keeps its partial name, when a folder of the name has appeared in the meantime
 */
export function placeFolder(partial: string, target: string): boolean {
  try {
    movePath(partial, target);
    return true;
  } catch (error) {
    // Windows refuses with EPERM to rename onto a folder.
    if (!existsSync(target) || !['ENOTEMPTY', 'EEXIST', 'EPERM'].includes(codeOf(error)!)) throw error;
    return false;
  }
}
