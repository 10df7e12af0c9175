/** Tables of a page with a style sheet: captions, heads with their scope, everything escaped. */

import { escapeHtml } from './tables.js';

/** A cell: its text, or its text and how it is shown. */
export type HtmlCell =
  | string
  | {
      text: string;
      /** Names its row. */
      head?: boolean;
      /** To the right, in figures of one width. */
      number?: boolean;
      bold?: boolean;
      faint?: boolean;
      /** Spans so many columns; of a head. */
      columns?: number;
      /** What a model wrote, or code: as it stands, white space kept. */
      code?: boolean;
      /** Sentences, which want room to run. */
      prose?: boolean;
      /** A class that gives a verdict its colour and sign. */
      mark?: string;
    };

/**
 * A table in a frame that scrolls where it is wider than the page.
 *
 * @param heads one row of heads or several
 * @throws Error where a row has not as many cells as the last row of heads
 */
export function htmlTable(
  caption: string | undefined,
  heads: readonly (readonly HtmlCell[])[],
  rows: readonly (readonly HtmlCell[])[],
): string {
  const width = heads.at(-1)!.length;
  const wrong = rows.findIndex((row) => row.length !== width);
  if (wrong >= 0) throw new Error(`table: row ${wrong} has ${rows[wrong]!.length} cells, expected ${width}`);
  const head = heads.map((row) => `<tr>${row.map(headHtml).join('')}</tr>`).join('');
  const body = rows.map((row) => `<tr>${row.map(cellHtml).join('')}</tr>`).join('\n');
  const title = caption === undefined ? '' : `<caption>${escapeHtml(caption)}</caption>`;
  const label = escapeHtml(caption ?? 'completions');
  return `<div class="table wide" tabindex="0" role="region" aria-label="${label}"><table>${title}<thead>${head}</thead><tbody>
${body}
</tbody></table></div>`;
}

function headHtml(cell: HtmlCell): string {
  const { text, number, columns } = typeof cell === 'string' ? { text: cell } : cell;
  const scope = columns ? `scope="colgroup" colspan="${columns}"` : 'scope="col"';
  return text === '' ? '<td></td>' : `<th ${scope}${number ? ' class="number"' : ''}>${escapeHtml(text)}</th>`;
}

function cellHtml(cell: HtmlCell): string {
  if (typeof cell === 'string') return `<td>${escapeHtml(cell)}</td>`;
  const names = [cell.number && 'number', cell.faint && 'faint', cell.prose && 'prose', cell.mark]
    .filter(Boolean)
    .join(' ');
  const attribute = names === '' ? '' : ` class="${escapeHtml(names)}"`;
  const text = escapeHtml(cell.text);
  const inner = cell.code ? `<code>${text}</code>` : cell.bold ? `<b>${text}</b>` : text;
  return cell.head && cell.text !== '' ? `<th scope="row"${attribute}>${inner}</th>` : `<td${attribute}>${inner}</td>`;
}
