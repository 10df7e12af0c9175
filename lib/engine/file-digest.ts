/** A file's digest stands for it in a configuration, so that a run with another content under the same name is another run. */
import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';

/** The first 16 hexadecimal digits of a file's SHA-256. The file is read in pieces, as weights may be larger than a buffer can be. */
export function fileDigest(file: string): string {
  const hash = createHash('sha256');
  const descriptor = openSync(file, 'r');
  try {
    const piece = Buffer.alloc(2 ** 20);
    for (let count = 1; count > 0; ) {
      count = readSync(descriptor, piece);
      hash.update(piece.subarray(0, count));
    }
  } finally {
    closeSync(descriptor);
  }
  return hash.digest('hex').slice(0, 16);
}
