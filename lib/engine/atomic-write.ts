/** Writes files and folders whole or not at all: under a temporary name, flushed to disk, then renamed. */
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import path from 'node:path';
import { codeOf, discard, diskFailure, movePath, removePath } from './disk.js';
import { makePartialFolder, placeFolder } from './partial-folder.js';

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
    discard([this.partial]);
    return diskFailure(`cannot write ${this.file}`, error, ' (nothing was left half-written)');
  }
}

/**
 * Writes a folder atomically: `fill` writes into a new folder beside it, which then takes its name (`partial-folder.ts`). When two
 * processes write the same folder, that of the later one stays, whole.
 *
 * @param folder a folder of this name is replaced, with all that it holds
 * @throws Error of `fill`; the folder then stays as it was
 */
export function writeFolderAtomic(folder: string, fill: (partial: string) => void): void {
  const target = path.resolve(folder);
  const partial = makePartialFolder(target);
  const replaced: string[] = [];
  try {
    fill(partial);
    while (!placeFolder(partial, target)) replaced.push(moveAside(target));
  } catch (error) {
    discard([partial, ...replaced]);
    throw error;
  }
  replaced.forEach(removePath);
}

/** Moves a folder away, since an interrupted removal would leave half of it under its name. @returns where it lies now */
function moveAside(folder: string): string {
  const aside = makePartialFolder(folder);
  try {
    movePath(folder, path.join(aside, path.basename(folder)));
  } catch (error) {
    // Another process may have moved it away at the same moment.
    if (codeOf(error) !== 'ENOENT') throw error;
  }
  return aside;
}
