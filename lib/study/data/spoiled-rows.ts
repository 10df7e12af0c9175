/** Makes uncurated training rows. An ablation trains on them to show what curation is worth. */
import { corruptRecords } from '../../data/curation.js';
import type { Random } from '../../engine/random.js';
import type { TaskRecord } from '../../records/record.js';

/**
 * Spoils a share of the rows and keeps their number: a row that is written twice pushes another out at the end.
 *
 * @param share in [0, 1]
 */
export function spoilRows(records: readonly TaskRecord[], share: number, random: Random): TaskRecord[] {
  return corruptRecords(records, share, random).slice(0, records.length);
}
