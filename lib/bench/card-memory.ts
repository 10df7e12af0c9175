/** How much of the cards' memory is taken while something runs, as NVIDIA's driver tells it. The host's memory says nothing of it. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Seconds between two questions to the driver. */
const INTERVAL = 1;

/**
 * Runs something, and asks the driver every second how much memory of the cards is taken, by all processes together.
 *
 * @returns the result, and the most megabytes (2^20 bytes) on one card; undefined where no driver answers
 */
export async function watchCardMemory<T>(
  run: () => Promise<T>,
  interval = INTERVAL,
): Promise<{ result: T; cardMegabytes?: number }> {
  let most: number | undefined;
  const look = async () => {
    const taken = await takenMegabytes();
    if (taken !== undefined) most = Math.max(most ?? 0, taken);
  };
  const timer = setInterval(() => void look(), 1000 * interval);
  try {
    const result = await run();
    return most === undefined ? { result } : { result, cardMegabytes: most };
  } finally {
    clearInterval(timer);
  }
}

async function takenMegabytes(): Promise<number | undefined> {
  try {
    const query = ['--query-gpu=memory.used', '--format=csv,noheader,nounits'];
    const { stdout } = await promisify(execFile)('nvidia-smi', query);
    const taken = stdout.trim().split('\n').map(Number).filter(Number.isFinite);
    return taken.length > 0 ? Math.max(...taken) : undefined;
  } catch {
    // A driver that does not answer costs the figure, and nothing else.
    return undefined;
  }
}
