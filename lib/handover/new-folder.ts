/** Writes a folder that was not there before, whole or not at all. */
import { existsSync, readdirSync, rmdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { removePath } from '../engine/disk.js';
import { makePartialFolder, placeFolder } from '../engine/partial-folder.js';

/**
 * Writes a new folder: `fill` writes into a partial one beside it, which then takes its name.
 *
 * @throws Error when `out` is a file or holds something already; or that of `fill`, and then nothing is left
 */
export async function writeNewFolder(out: string, fill: (partial: string) => Promise<void>): Promise<void> {
  const target = path.resolve(out);
  refuseTaken(target, out);
  const partial = makePartialFolder(target);
  try {
    await fill(partial);
    refuseTaken(target, out);
    if (existsSync(target)) rmdirSync(target);
    if (!placeFolder(partial, target)) throw takenError(out);
  } catch (error) {
    removePath(partial);
    throw error;
  }
}

function refuseTaken(target: string, out: string): void {
  const status = statSync(target, { throwIfNoEntry: false });
  if (status && (!status.isDirectory() || readdirSync(target).length > 0)) throw takenError(out);
}

function takenError(out: string): Error {
  return new Error(`${out} is there already and is not an empty folder; name another one, or remove it`);
}
