/** Ways to spoil a row that every task shares. */
import type { TaskRecord } from '../records/record.js';

/** The row without its rationale. */
export function withoutRationale(record: TaskRecord): TaskRecord[] {
  return [{ ...record, cot: '' }];
}

/** The row and the same row once more under another id. */
export function writtenTwice(record: TaskRecord): TaskRecord[] {
  return [record, { ...record, id: `${record.id}-again` }];
}
