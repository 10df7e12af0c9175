/** Records as tables: Arquero for counting and grouping, danfojs for summary statistics. */
import { type ColumnTable, desc, op, table } from 'arquero';
import type { TaskRecord } from '../records/record.js';
import type { DroppedRow } from './curation.js';

/** A table of records: id, family, domain, answer, and the number of words of question and rationale. */
function recordsTable(records: readonly TaskRecord[]): ColumnTable {
  return table({
    id: records.map((record) => record.id),
    family: records.map((record) => record.family),
    domain: records.map((record) => record.domain),
    answer: records.map((record) => record.answer),
    problemWords: records.map((record) => countWords(record.problem)),
    cotWords: records.map((record) => countWords(record.cot)),
  });
}

function countWords(text: string): number {
  return text.match(/\S+/g)?.length ?? 0;
}

/** Rows, different answers and mean words of the rationale by question family, most rows first. */
export function countByFamily(records: readonly TaskRecord[]): ColumnTable {
  return recordsTable(records)
    .groupby('family')
    .rollup({ rows: op.count(), answers: op.distinct('answer'), meanCotWords: op.mean('cotWords') })
    .orderby(desc('rows'), 'family');
}

/** Dropped rows by the check that they failed, most first. */
export function countByCheck(dropped: readonly DroppedRow[]): ColumnTable {
  return table({ check: dropped.map((row) => row.check) })
    .groupby('check')
    .rollup({ rows: op.count() })
    .orderby(desc('rows'), 'check');
}

/** The part of a danfojs DataFrame that `describeRecords` returns: its numbers by statistic and column, and `print()`. */
export interface DescribedRecords {
  /** `count`, `mean`, `std`, `min`, `median`, `max`, `variance`. */
  index: (string | number)[];
  /** `problemWords`, `cotWords`, and `answer` if all answers are numbers. */
  columns: string[];
  /** [statistic, column] */
  values: unknown;
  print(): void;
}

/**
 * Summary statistics of question and rationale lengths in words and of numeric answers, as a danfojs DataFrame. Loads danfojs
 * on first use (about a second); tfjs keeps its backend.
 */
export async function describeRecords(records: readonly TaskRecord[]): Promise<DescribedRecords> {
  const { DataFrame } = await import('danfojs-node');
  const numeric = records.length > 0 && records.every((record) => Number.isFinite(Number(record.answer)));
  const frame = new DataFrame({
    problemWords: records.map((record) => countWords(record.problem)),
    cotWords: records.map((record) => countWords(record.cot)),
    ...(numeric ? { answer: records.map((record) => Number(record.answer)) } : {}),
  });
  return frame.describe();
}
