/** Makes a run directory that lasts as long as a measurement. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { RunDirectory } from '../train/run-directory.js';

/** Runs `use` on a new run directory, which is removed afterwards, and returns its result. */
export async function inTemporaryRun<T>(use: (run: RunDirectory) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-bench-'));
  try {
    return await use(RunDirectory.open(path.join(folder, 'run'), {}));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
