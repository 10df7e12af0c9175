/** Says in words what an examination of rows has found. */
import { problemTexts } from '../records/row-problem.js';
import type { RowStatistics, Spread } from '../study/data/row-statistics.js';
import { splitWordsText } from '../study/data/split-words.js';
import type { RowsOverlap, RowsReport } from '../study/data/validate-rows.js';

/** The rows that a line names. */
const NAMED = 5;

/** The report of a file: its problems, then a line for each thing that is worth knowing. */
export function rowsText({ file, rows, problems, duplicates, ...statistics }: RowsReport): string {
  const bad = new Set(problems.map(({ row }) => row)).size;
  const lines = problemTexts(problems);
  lines.push(
    bad === 0
      ? `${file}: ${counted(rows, 'row')}; a run stumbles over none of them`
      : `${file}: ${counted(rows, 'row')}, of which ${bad} would stop a run; the numbers below are of the others`,
  );
  if (bad === rows) return lines.join('\n');
  lines.push(...statisticsLines(statistics, rows - bad));
  if (duplicates.length > 0)
    lines.push(
      `duplicates: ${counted(duplicates.length, 'row')} ask the same of the same pictures as an earlier one: ` +
        named(duplicates.map(({ row, earlier }) => `'${row}' as '${earlier}'`)),
    );
  return lines.join('\n');
}

function statisticsLines({ pictures, tokens, answers, splitWords, ...counts }: RowStatistics, rows: number): string[] {
  const lines: string[] = [];
  const { smallest, largest, rowsWithout } = pictures;
  const without = rowsWithout > 0 ? `${counted(rowsWithout, 'row')} without one` : '';
  const sizes = smallest && largest ? `${smallest.join(' x ')} to ${largest.join(' x ')} pixels` : '';
  lines.push(`pictures: ${[sizes, without].filter(Boolean).join('; ')}`);
  const parts = Object.entries(tokens).flatMap(([part, spread]) => (spread ? [`${part} ${spreadText(spread)}`] : []));
  lines.push(`tokens: ${parts.join('; ')}`);
  if (counts.rowsWithoutRationale > 0)
    lines.push(
      `rationales: ${counted(counts.rowsWithoutRationale, 'row')} without one (cot); sft then learns answers alone: --target answer`,
    );
  const share = (count: number) => `${((100 * count) / rows).toFixed(1)} %`;
  const most = answers.most.map(({ answer, rows: count }) => `${JSON.stringify(shortened(answer))} ${share(count)}`);
  lines.push(`answers: ${answers.different} different; ${most.join(', ')}`);
  for (const [part, { words, rows: withOne }] of Object.entries(splitWords))
    if (words.length > 0)
      lines.push(
        `words of ${part} that the vocabulary splits badly, in ${share(withOne)} of the rows: ${splitWordsText(words)}; ` +
          'a model hardly learns to write such words unless it has seen them in its pretraining',
      );
  return lines;
}

/** What two files share. */
export function overlapText(test: string, tests: number, { questions, pictures, ids }: RowsOverlap): string {
  const line = (what: string, shared: string[]) =>
    shared.length === 0 ? [] : [`${shared.length} ${what}: ${named(shared.map((id) => `'${id}'`))}`];
  const parts = [
    ...line('ask what a training row asks of the same pictures', questions),
    ...line('show a picture that a training row shows', pictures),
    ...line('have the id of a training row', ids),
  ];
  return `overlap with ${test}: ${parts.length === 0 ? `none of its ${counted(tests, 'row')}` : `of its ${counted(tests, 'row')} ${parts.join('; ')}`}`;
}

function spreadText({ least, mean, most, row }: Spread): string {
  return least === most ? `${most}` : `${least} to ${most} (row '${row}'), mean ${mean.toFixed(1)}`;
}

function named(texts: readonly string[]): string {
  const more = texts.length > NAMED ? `, and ${texts.length - NAMED} more` : '';
  return `${texts.slice(0, NAMED).join(', ')}${more}`;
}

function counted(count: number, name: string): string {
  return `${count} ${name}${count === 1 ? '' : 's'}`;
}

function shortened(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)} ...` : text;
}
