/** What is wrong with a row, and how messages say it. */

/** A problem of a row. */
export interface RowProblem {
  file: string;
  /** The number of the row, from 1. In JSON Lines it is the number of the line. */
  row: number;
  /** The field's name, or `whole row`. */
  field: string;
  reason: string;
}

/** A problem as messages state it. */
export function problemText({ file, row, field, reason }: RowProblem): string {
  return `${file}, row ${row}, ${field === 'whole row' ? field : `field '${field}'`}: ${reason}`;
}

/** The most problems that a message lists. */
const MOST_LISTED = 20;

/** The message on a file's bad rows: the number of problems and the first of them. */
export function problemList(file: string, problems: readonly string[]): string {
  const listed = problems.slice(0, MOST_LISTED).join('\n');
  const more = problems.length > MOST_LISTED ? `\n... and ${problems.length - MOST_LISTED} more` : '';
  return `${problems.length} ${problems.length === 1 ? 'problem' : 'problems'} in the records of ${file}:\n${listed}${more}`;
}
