/** Files that are written whole or not at all: under a temporary name, flushed to disk, then renamed. */
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
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

function remedy(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOSPC')
    return 'the disk is full; free some space and run the same again (nothing was left half-written)';
  if (error.code === 'EACCES' || error.code === 'EROFS') return 'no permission to write there; choose another folder';
  return error.message;
}
