/** Shows how much of a file a command has read so far. */
import { statSync } from 'node:fs';
import { showProgress } from './progress.js';

/**
 * Runs what reads a file, and shows how far that has come.
 *
 * @param read calls `onBytes` with the number of bytes read so far
 */
export async function showReading<T>(
  name: string,
  { file }: { file: string },
  read: (onBytes: (bytes: number) => void) => Promise<T>,
): Promise<T> {
  const kilobytes = (bytes: number) => Math.round(bytes / 1000);
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  const progress = showProgress(name);
  try {
    return await read((bytes) => progress.update(kilobytes(bytes), kilobytes(size), 'kB'));
  } finally {
    progress.stop();
  }
}
