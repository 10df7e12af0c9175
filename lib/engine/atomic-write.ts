/** Files and folders that are written whole or not at all: under a temporary name, flushed to disk, then renamed. */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';

type Piece = string | Uint8Array;

/**
 * Writes a file atomically, making its folder where there is none.
 *
 * @param content the file's content, or a function that writes it piece by piece
 * @throws Error naming the file and what to do; the file is then as it was before
 */
export function writeFileAtomic(file: string, content: Piece | ((write: (piece: Piece) => void) => void)): void {
  const begun = new PartialFile(file);
  try {
    begun.open();
    if (typeof content === 'function') content(begun.write);
    else begun.write(content);
    begun.commit();
  } catch (error) {
    throw begun.abandon(error as Error);
  }
}

/** As `writeFileAtomic`, for pieces that come in time. */
export async function streamFileAtomic(
  file: string,
  content: (write: (piece: Piece) => void) => Promise<void>,
): Promise<void> {
  const begun = new PartialFile(file);
  try {
    begun.open();
    await content(begun.write);
    begun.commit();
  } catch (error) {
    throw begun.abandon(error as Error);
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
    for (let at = 0; at < bytes.length; ) at += writeSync(this.descriptor!, bytes, at);
  };

  commit(): void {
    fsyncSync(this.descriptor!);
    closeSync(this.descriptor!);
    this.descriptor = undefined;
    renameSync(this.partial, this.file);
  }

  /** Removes what was written; the error that tells why. */
  abandon(error: NodeJS.ErrnoException): Error {
    if (this.descriptor !== undefined) closeSync(this.descriptor);
    rmSync(this.partial, { force: true });
    return new Error(`cannot write ${this.file}: ${remedy(error)}`, { cause: error });
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
