/** Faults of the file system, put into `node:fs` at chosen operations: a crash, a torn write, a full disk, a place that nobody may write. */
import fs from 'node:fs';
import path from 'node:path';

/** The operations of `node:fs` by which the kit changes files. */
const OPERATIONS = [
  'openSync',
  'writeSync',
  'fsyncSync',
  'renameSync',
  'rmSync',
  'mkdirSync',
  'appendFileSync',
  'writeFileSync',
  'linkSync',
  'copyFileSync',
] as const;

/** One operation on a file: what it does, and to which, numbers of steps, processes and times left out. */
export interface Operation {
  kind: (typeof OPERATIONS)[number];
  place: string;
}

/**
 * What happens in place of an operation. `crash`: the process is gone before it, and `crash-after` after it. `torn`: half of the
 * bytes are written, then the process is gone. Others are the system's codes; of a write half of the bytes are then there too.
 */
export type Fault = 'crash' | 'crash-after' | 'torn' | 'ENOSPC' | 'EACCES';

/** Thrown in place of each operation once the process is gone, so that nothing that follows reaches the disk. */
export class Crash extends Error {}

type FileFunction = (...args: unknown[]) => unknown;

/**
 * Does some work while it watches the operations on files below `root`.
 *
 * @param decide is asked before each operation; what it returns happens to that operation
 */
export async function withFaults<T>(
  root: string,
  decide: (operation: Operation, index: number) => Fault | undefined,
  work: () => Promise<T>,
): Promise<T> {
  const functions = fs as unknown as { [name: string]: FileFunction };
  const real = Object.fromEntries(OPERATIONS.map((name) => [name, functions[name]!]));
  const opened = new Map<unknown, string>();
  let [index, depth, gone] = [0, 0, false];
  for (const kind of OPERATIONS) {
    functions[kind] = (...args) => {
      const perform = () => {
        // Node's own functions call each other; the outermost is the operation.
        depth++;
        try {
          const result = real[kind]!(...args);
          if (kind === 'openSync') opened.set(result, String(args[0]));
          return result;
        } finally {
          depth--;
        }
      };
      const target = kind === 'linkSync' || kind === 'copyFileSync' ? args[1] : args[0];
      const file = opened.get(target) ?? String(target);
      const changes = kind !== 'openSync' || args[1] !== 'r';
      if (depth > 0 || !changes || !path.resolve(file).startsWith(root)) return perform();
      if (gone) throw new Crash(`${kind} of a process that is gone`);
      const place = path
        .relative(root, file)
        .replace(/[\w-]+-\d+-\d+\.\d+\.partial/, 'MARK.partial')
        .replace(/tfevents\..*/, 'tfevents')
        .replaceAll(/\d+/g, '#');
      const fault = decide({ kind, place }, index++);
      if (fault === undefined) return perform();
      if (fault === 'torn' || fault === 'ENOSPC') writeHalf(kind, args, real);
      if (fault === 'crash-after') perform();
      if (fault === 'ENOSPC' || fault === 'EACCES')
        throw Object.assign(new Error(`${fault}: bare, ${kind} '${file}'`), {
          code: fault,
          syscall: kind.slice(0, -4),
        });
      gone = true;
      throw new Crash(`the process is gone at ${kind} of ${place}`);
    };
  }
  try {
    return await work();
  } finally {
    Object.assign(functions, real);
  }
}

/** Writes half of what an operation would; nothing where it is no write. */
function writeHalf(kind: Operation['kind'], args: unknown[], real: { [name: string]: FileFunction }): void {
  if (kind === 'writeSync') {
    const [descriptor, bytes, from = 0] = args as [number, Uint8Array, number?];
    real.writeSync!(descriptor, bytes, from, Math.floor((bytes.length - from) / 2));
  } else if (kind === 'appendFileSync' || kind === 'writeFileSync') {
    const whole = Buffer.from(args[1] as string | Uint8Array);
    real[kind]!(args[0], whole.subarray(0, Math.floor(whole.length / 2)));
  }
}
