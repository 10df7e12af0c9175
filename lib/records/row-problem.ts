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
  return `${file}, row ${row}, ${fieldText(field)}: ${reason}`;
}

function fieldText(field: string): string {
  return field === 'whole row' ? field : `field '${field}'`;
}

/** The rows that a message on many rows names. */
const MOST_ROWS = 5;

/** Problems as messages state them: a line for each, or one for all rows of a file that have the same in the same field. */
export function problemTexts(problems: readonly RowProblem[]): string[] {
  const groups = new Map<string, RowProblem[]>();
  for (const problem of problems) {
    const key = JSON.stringify([problem.file, problem.field, problem.reason]);
    const group = groups.get(key);
    if (group) group.push(problem);
    else groups.set(key, [problem]);
  }
  return [...groups.values()].map((group) => {
    const [{ file, field, reason }] = group as [RowProblem];
    if (group.length === 1) return problemText(group[0]!);
    return `${file}, ${rowsText(group.map(({ row }) => row))}, ${fieldText(field)}: ${reason}`;
  });
}

/** `rows 3 to 90`, where there is no gap, or `rows 1, 4, 7, 9, 12 and 30 more`. */
function rowsText(rows: readonly number[]): string {
  const [first, last] = [rows[0]!, rows.at(-1)!];
  if (rows.length > 2 && rows.every((row, i) => row === first + i)) return `rows ${first} to ${last}`;
  if (rows.length > MOST_ROWS) return `rows ${rows.slice(0, MOST_ROWS).join(', ')} and ${rows.length - MOST_ROWS} more`;
  return `rows ${rows.slice(0, -1).join(', ')} and ${last}`;
}

/** The most problems that a message lists. */
const MOST_LISTED = 20;

/**
 * The message on a file's bad rows: the number of problems and the first of them.
 *
 * @param problems a line for each, or for several
 * @param count the number of problems; default: that of the lines
 */
export function problemList(file: string, problems: readonly string[], count = problems.length): string {
  const listed = problems.slice(0, MOST_LISTED).join('\n');
  const more = problems.length > MOST_LISTED ? `\n... and ${problems.length - MOST_LISTED} more` : '';
  return `${count} ${count === 1 ? 'problem' : 'problems'} in the records of ${file}:\n${listed}${more}`;
}
