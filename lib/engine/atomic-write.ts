/** Writes files and folders whole or not at all: under a temporary name, flushed to disk, then renamed. */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';

type Piece = string | Uint8Array;

/**
 * Writes a file atomically, and makes its folder where there is none.
 *
 * @param content the file's content, or a function that writes it piece by piece
 * @throws Error naming the file and what to do; the file then stays as it was
 */
export function writeFileAtomic(file: string, content: Piece | ((write: (piece: Piece) => void) => void)): void {
  const partial = new PartialFile(file);
  try {
    partial.open();
    if (typeof content === 'function') content(partial.write);
    else partial.write(content);
    partial.commit();
  } catch (error) {
    throw partial.abandon(error as Error);
  }
}

/** As `writeFileAtomic`, for pieces that arrive one by one over time. */
export async function streamFileAtomic(
  file: string,
  content: (write: (piece: Piece) => void) => Promise<void>,
): Promise<void> {
  const partial = new PartialFile(file);
  try {
    partial.open();
    await content(partial.write);
    partial.commit();
  } catch (error) {
    throw partial.abandon(error as Error);
  }
}

/** A file under its temporary name. */
class PartialFile {
  private readonly partial: string;
  private descriptor: number | undefined;

  constructor(private readonly file: string) {
    this.partial = path.join(path.dirname(file), `.${path.basename(file)}.${process.pid}.partial`);
  }

  open(): void {
    mkdirSync(path.dirname(this.file), { recursive: true });
    this.descriptor = openSync(this.partial, 'w');
  }

  readonly write = (piece: Piece): void => {
    const bytes = typeof piece === 'string' ? Buffer.from(piece) : piece;
    for (let written = 0; written < bytes.length; ) written += writeSync(this.descriptor!, bytes, written);
  };

  commit(): void {
    fsyncSync(this.descriptor!);
    closeSync(this.descriptor!);
    this.descriptor = undefined;
    renameSync(this.partial, this.file);
  }

  /** Removes the partial file. @returns the error with the file's name and what to do */
  abandon(error: NodeJS.ErrnoException): Error {
    if (this.descriptor !== undefined) closeSync(this.descriptor);
    rmSync(this.partial, { force: true });
    return new Error(`cannot write ${this.file}: ${remedy(error)}`, { cause: error });
  }
}

/**
 * Writes a folder atomically: `fill` writes into a new folder beside it, `NAME.partial`, which then takes its name. If a killed
 * process has left one there, it is removed first.
 *
 * @param folder a folder of this name is replaced, with all that it holds
 * @throws Error of `fill`; the folder then stays as it was
 */
export function writeFolderAtomic(folder: string, fill: (partial: string) => void): void {
  const target = path.resolve(folder);
  const [partial, replaced] = [`${target}.partial`, `${target}.replaced`];
  rmSync(partial, { recursive: true, force: true });
  try {
    mkdirSync(partial, { recursive: true });
    fill(partial);
    rmSync(replaced, { recursive: true, force: true });
    // The old folder is moved away before it is removed, since an interrupted removal would leave half of it.
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
