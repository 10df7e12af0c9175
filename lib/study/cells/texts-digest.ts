/** The digest of the texts of rows, by which runs and model cards know them. */
import { createHash } from 'node:crypto';
import type { QuestionRow, SftRow } from './prepared-rows.js';

/** The digest of what is asked and what should be answered. Ids count, as draws are seeded by them. */
export function textsDigest(rows: readonly (SftRow | QuestionRow)[]): string {
  const hash = createHash('sha256');
  for (const { pictures: _, ...texts } of rows) hash.update(JSON.stringify(Object.entries(texts).sort()));
  return hash.digest('hex');
}
