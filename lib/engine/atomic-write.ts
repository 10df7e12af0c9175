/** Files and folders that are written whole or not at all: under a temporary name, flushed to disk, then renamed. */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';

/**
 * Writes a file atomically, making its folder where there is none.
 *
 * @param content the file's content, or a function that writes it piece by piece
 * @throws Error naming the file and what to do; the file is then as it was before
 */
export function writeFileAtomic(
  file: string,
  content: string | Uint8Array | ((write: (piece: string | Uint8Array) => void) => void),
): void {
  const partial = path.join(path.dirname(file), `.${path.basename(file)}.${process.pid}.partial`);
  let descriptor: number | undefined;
  try {
    mkdirSync(path.dirname(file), { recursive: true });
    descriptor = openSync(partial, 'w');
    const handle = descriptor;
    const write = (piece: string | Uint8Array) => {
      const bytes = typeof piece === 'string' ? Buffer.from(piece) : piece;
      for (let at = 0; at < bytes.length; ) at += writeSync(handle, bytes, at);
    };
    if (typeof content === 'function') content(write);
    else write(content);
    fsyncSync(descriptor);
    closeSync(descriptor);
    descriptor = undefined;
    renameSync(partial, file);
  } catch (error) {
    if (descriptor !== undefined) closeSync(descriptor);
    rmSync(partial, { force: true });
    throw new Error(`cannot write ${file}: ${remedy(error as NodeJS.ErrnoException)}`, { cause: error });
  }
}

/**
 * Writes a folder atomically: `fill` writes into a new one beside it, `NAME.partial`, which then takes its name. What a killed
 * process left there is removed first.
 *
 * @param folder one that is there is replaced, with all that it holds
 * @throws Error of `fill`; the folder is then as it was before
 */
export function writeFolderAtomic(folder: string, fill: (partial: string) => void): void {
  const target = path.resolve(folder);
  const [partial, replaced] = [`${target}.partial`, `${target}.replaced`];
  rmSync(partial, { recursive: true, force: true });
  try {
    mkdirSync(partial, { recursive: true });
    fill(partial);
    rmSync(replaced, { recursive: true, force: true });
    // Moved away before it is removed: a removal that is interrupted would leave half a folder.
    if (existsSync(target)) renameSync(target, replaced);
    renameSync(partial, target);
    rmSync(replaced, { recursive: true, force: true });
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    throw error;
  }
}

function remedy(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOSPC')
    return 'the disk is full; free some space and run the same again (nothing was left half-written)';
  if (error.code === 'EACCES' || error.code === 'EROFS') return 'no permission to write there; choose another folder';
  return error.message;
}
