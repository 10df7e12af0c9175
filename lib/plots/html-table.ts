/** Tables as data, for a page with a style sheet or a notebook without one. All text is escaped. */

import type { DisplayBundle } from './notebook.js';
import { escapeHtml, tableBundle } from './tables.js';

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
      /** Text of a model, or code: it keeps its white space. */
      code?: boolean;
      /** Sentences, which want room to run. */
      prose?: boolean;
      /** Gives a verdict its colour and sign. */
      mark?: 'good' | 'open' | 'bad';
    };

export interface HtmlTable {
  caption?: string;
  /** The name of a table without a caption, for those who do not see it. */
  label?: string;
  /** One row of heads or several. */
  heads: readonly (readonly HtmlCell[])[];
  rows: readonly (readonly HtmlCell[])[];
}

/**
 * Writes a table in a frame, which scrolls if the table is wider than the page.
 *
 * @throws Error if a row has not as many cells as the last row of heads, or if the table has neither caption nor label
 */
export function htmlTable({ caption, label = caption, heads, rows }: HtmlTable): string {
  const width = heads.at(-1)!.length;
  if (label === undefined) throw new Error('table: it needs a caption or a label');
  const uneven = rows.findIndex((row) => row.length !== width);
  if (uneven >= 0) throw new Error(`table: row ${uneven} has ${rows[uneven]!.length} cells, expected ${width}`);
  const head = heads.map((row) => `<tr>${row.map(headHtml).join('')}</tr>`).join('');
  const body = rows.map((row) => `<tr>${row.map(cellHtml).join('')}</tr>`).join('\n');
  const title = caption === undefined ? '' : `<caption>${escapeHtml(caption)}</caption>`;
  return `<div class="table wide" tabindex="0" role="region" aria-label="${escapeHtml(label)}"><table>${title}<thead>${head}</thead><tbody>
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

/** The table as one output of a notebook: heads of several rows in one, `out of domain: this study`. */
export function notebookTable({ caption, heads, rows }: HtmlTable): DisplayBundle {
  const spread = heads.map((row) =>
    row.flatMap((cell) => Array<string>(typeof cell === 'string' ? 1 : (cell.columns ?? 1)).fill(textOf(cell))),
  );
  const columns = heads.at(-1)!.map((cell, i) => ({
    title: spread
      .map((row) => row[i]!)
      .filter(Boolean)
      .join(': '),
    align: typeof cell !== 'string' && cell.number ? ('right' as const) : ('left' as const),
  }));
  return tableBundle(
    columns,
    rows.map((row) => row.map(textOf)),
    caption,
  );
}

function textOf(cell: HtmlCell): string {
  return typeof cell === 'string' ? cell : cell.text;
}
