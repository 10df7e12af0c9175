/**
 * Examines rows of any data before anything is trained: every row and picture that a run would stumble over, found by the code that runs
 * use, and what is worth knowing of the others. Its memory holds a few pictures and a digest of each row.
 */
import { fileDigest } from '../../engine/file-digest.js';
import type { PixelBounds } from '../../model/image-processor.js';
import { type RowSource, rowsFile, streamRows } from '../../records/open-rows.js';
import { PackedPicture, type PictureFile } from '../../records/picture.js';
import type { RowProblem } from '../../records/row-problem.js';
import type { PromptOptions } from '../../tasks/asked-prompt.js';
import { shippedModel } from '../workspace.js';
import { type CheckedPicture, checkPicture, PICTURES_AT_ONCE, processorOf } from './check-pictures.js';
import { type CheckedRow, type RowStatistics, StatisticsOfRows } from './row-statistics.js';

/** What an examination of rows finds. */
export interface RowsReport extends RowStatistics {
  file: string;
  /** The rows of the file, good and bad. */
  rows: number;
  /** Everything that a run would stumble over. */
  problems: RowProblem[];
  /** Rows that ask the same of the same pictures as an earlier one. */
  duplicates: { row: string; earlier: string }[];
}

/** What is kept of a row to compare it with others: digests. */
export interface RowPrint {
  id: string;
  problem: string;
  pictures: string[];
}

/** The model that rows are examined for, and how they are put to it. */
export interface ExaminationOptions {
  /** The folder of the checkpoint. Default: the model that ships with the kit. */
  checkpoint?: string;
  /** Take the place of the checkpoint's bounds of pixels. */
  bounds?: PixelBounds;
  asked?: PromptOptions;
}

/**
 * Examines the rows of a file.
 *
 * @returns the report, and the prints of the sound rows
 * @throws Error when the file cannot be read at all, or the checkpoint lacks a file
 */
export async function examineRows(
  source: RowSource,
  { checkpoint = shippedModel(), bounds, asked = {} }: ExaminationOptions = {},
): Promise<{ report: RowsReport; prints: RowPrint[] }> {
  const file = rowsFile(source.file);
  const processor = processorOf(checkpoint, bounds);
  const statistics = new StatisticsOfRows(checkpoint, processor, asked);
  const problems: RowProblem[] = [];
  const badRows = new Set<number>();
  const noteProblem = (problem: RowProblem) => {
    badRows.add(problem.row);
    problems.push(problem);
  };
  const checked = new Map<PictureFile, Promise<CheckedPicture>>();
  const check = (picture: PictureFile): Promise<CheckedPicture> => {
    // Each picture of a Parquet file is met once; a file may be that of several rows.
    if (picture instanceof PackedPicture) return checkPicture(picture, processor);
    const known = checked.get(picture) ?? checkPicture(picture, processor);
    checked.set(picture, known);
    return known;
  };
  const prints = new RowPrints();
  const waiting: Promise<CheckedRow>[] = [];
  let soundRows = 0;
  const settle = async () => {
    for (const row of await Promise.all(waiting.splice(0))) {
      const faults = statistics.add(row);
      for (const { field, reason } of faults) noteProblem({ file, row: row.row, field, reason });
      if (faults.length > 0) continue;
      soundRows++;
      prints.add(row);
    }
  };
  for await (const open of streamRows(source, noteProblem)) {
    waiting.push(Promise.all(open.pictures.map(check)).then((checkedPictures) => ({ ...open, checkedPictures })));
    if (waiting.length === PICTURES_AT_ONCE) await settle();
  }
  await settle();
  if (soundRows + badRows.size === 0)
    noteProblem({ file, row: 1, field: 'whole row', reason: 'there are no rows in the file' });
  return {
    report: { file, rows: soundRows + badRows.size, problems, ...statistics.result(), duplicates: prints.duplicates },
    prints: prints.all,
  };
}

/** The prints of rows, and those among them that are alike. */
class RowPrints {
  readonly all: RowPrint[] = [];
  readonly duplicates: { row: string; earlier: string }[] = [];
  private readonly first = new Map<string, string>();
  private readonly digests = new Map<string, string>();

  add({ record, pictures }: CheckedRow): void {
    const print = {
      id: record.id,
      problem: record.problem,
      pictures: pictures.map((picture) => this.digestOf(picture)),
    };
    const key = questionKey(print);
    const earlier = this.first.get(key);
    if (earlier === undefined) this.first.set(key, print.id);
    else this.duplicates.push({ row: print.id, earlier });
    this.all.push(print);
  }

  private digestOf(picture: PictureFile): string {
    if (picture instanceof PackedPicture) return picture.key;
    const known = this.digests.get(picture) ?? fileDigest(picture);
    this.digests.set(picture, known);
    return known;
  }
}

function questionKey({ problem, pictures }: RowPrint): string {
  return JSON.stringify([problem, ...pictures]);
}

/** What the rows of a test file share with those of a training file. */
export interface RowsOverlap {
  /** Ids of test rows that ask the same of the same pictures as a training row. */
  questions: string[];
  /** Ids of test rows with a picture that a training row shows too. */
  pictures: string[];
  /** Ids that rows of both files have. */
  ids: string[];
}

/** Compares the rows of a test file with those of a training file, by their contents. */
export function findOverlap(training: readonly RowPrint[], tests: readonly RowPrint[]): RowsOverlap {
  const questions = new Set(training.map(questionKey));
  const pictures = new Set(training.flatMap((print) => print.pictures));
  const ids = new Set(training.map(({ id }) => id));
  const idsOf = (isShared: (print: RowPrint) => boolean) => tests.filter(isShared).map(({ id }) => id);
  return {
    questions: idsOf((print) => questions.has(questionKey(print))),
    pictures: idsOf((print) => print.pictures.some((picture) => pictures.has(picture))),
    ids: idsOf(({ id }) => ids.has(id)),
  };
}
