/** Uncurated rows: what training is given where nothing took out a careless annotator's mistakes. */
import type { Random } from '../../engine/random.js';
import { taskNamed } from '../../tasks/tasks.js';
import type { LoadedRows } from './study-data.js';

/**
 * Rows of which a share is spoiled, each in one of its task's ways: a false rationale, answer or both, no rationale, the row
 * written twice. There are as many as before: what is written twice pushes others out at the end.
 *
 * @param share in [0, 1]
 */
export function spoilRows({ records, images }: LoadedRows, share: number, random: Random): LoadedRows {
  const rows = records.flatMap((record, i) => {
    const written = random.chance(share) ? taskNamed(record.task).spoil(record, random) : [record];
    return written.map((each) => ({ record: each, images: images[i]! }));
  });
  const kept = rows.slice(0, records.length);
  return { records: kept.map((row) => row.record), images: kept.map((row) => row.images) };
}
