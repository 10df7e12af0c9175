/** Shows how much of a released file a command has read so far. */
import { statSync } from 'node:fs';
import type { ReleasedSet } from '../data/released/dataset.js';
import { showProgress } from './progress.js';

/**
 * Runs what reads the file of a released set, and shows how far that has come.
 *
 * @param read calls `onBytes` with the number of bytes read so far
 */
export async function showReading<T>(
  name: string,
  { file }: ReleasedSet,
  read: (onBytes: (bytes: number) => void) => Promise<T>,
): Promise<T> {
  const kilobytes = (bytes: number) => Math.round(bytes / 1000);
  const { size } = statSync(file);
  const progress = showProgress(name);
  try {
    return await read((bytes) => progress.update(kilobytes(bytes), kilobytes(size), 'kB'));
  } finally {
    progress.stop();
  }
}
