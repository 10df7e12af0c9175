/** A row of any data with nothing in it but its id and its answer, for what reads no more. */
import type { DataRow } from '../../lib/records/record.js';

export function dataRow(id: string, answer = ''): DataRow {
  return { id, image: [], problem: '', answer };
}
