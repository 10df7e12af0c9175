/** Tables for notebooks: HTML that needs neither script nor style sheet, with plain text beside it. All text is escaped. */

import type { ColumnTable } from 'arquero';
import type { DroppedRow } from '../data/curation.js';
import type { DisplayBundle } from './notebook.js';

/** The content of a cell: text, a number, nothing, or a picture as a `data:` address. */
export type TableCell = string | number | null | undefined | { picture: string; alt: string };

export interface TableColumn {
  title: string;
  /** Default: numbers stand to the right, all else to the left. */
  align?: 'left' | 'right';
}

/** The text with everything that HTML could read as markup, in text or in an attribute, made harmless. */
export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

/** A number as a table shows it: whole ones whole, small ones as `1.7e-4`, others with three decimals. */
export function numberText(value: number): string {
  if (Number.isInteger(value) || !Number.isFinite(value)) return String(value);
  return Math.abs(value) < 0.001 ? value.toExponential(1) : value.toFixed(3);
}

function cellText(cell: TableCell): string {
  if (cell === null || cell === undefined) return '';
  if (typeof cell === 'number') return numberText(cell);
  return typeof cell === 'string' ? cell : `[${cell.alt}]`;
}

function cellHtml(cell: TableCell): string {
  if (typeof cell === 'object' && cell !== null) {
    if (!cell.picture.startsWith('data:image/png;base64,'))
      throw new Error('table: a picture must be a PNG data address');
    return `<img alt="${escapeHtml(cell.alt)}" src="${escapeHtml(cell.picture)}">`;
  }
  return escapeHtml(cellText(cell)).replaceAll('\n', '<br>');
}

/** Rows as lines of text, columns padded to one width; a cell of several lines is joined by ` / `. */
function plainTable(columns: readonly TableColumn[], rows: readonly (readonly TableCell[])[]): string {
  const lines = [
    columns.map((c) => c.title),
    ...rows.map((row) => row.map((c) => cellText(c).replaceAll('\n', ' / '))),
  ];
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => (line[i] ?? '').length)));
  const text = (line: string[], row: number) =>
    line
      .map((cell, i) => {
        const left = columns[i]?.align === 'left' || row === 0 || typeof rows[row - 1]?.[i] !== 'number';
        return left ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0);
      })
      .join('  ')
      .trimEnd();
  return lines.map(text).join('\n');
}

/**
 * A table as one output of a notebook.
 *
 * @param columns titles, or titles with their alignment
 * @param rows cells in the order of the columns
 * @throws Error if a row has not as many cells as there are columns
 */
export function tableBundle(
  columns: readonly (string | TableColumn)[],
  rows: readonly (readonly TableCell[])[],
  caption?: string,
): DisplayBundle {
  const heads = columns.map((c): TableColumn => (typeof c === 'string' ? { title: c } : c));
  rows.forEach((row, i) => {
    if (row.length !== heads.length)
      throw new Error(`table: row ${i} has ${row.length} cells, expected ${heads.length}`);
  });
  // Both the attribute and the style: JupyterLab's style sheet overrides the one, code hosts strip the other.
  const side = (align: 'left' | 'right') => `align="${align}" style="text-align:${align}"`;
  const head = heads.map((c) => `<th ${side(c.align ?? 'left')}>${escapeHtml(c.title)}</th>`).join('');
  const body = rows.map((row) => {
    const cells = row.map((cell, i) => {
      const align = heads[i]!.align ?? (typeof cell === 'number' ? 'right' : 'left');
      return `<td valign="top" ${side(align)}>${cellHtml(cell)}</td>`;
    });
    return `<tr>${cells.join('')}</tr>`;
  });
  const title = caption === undefined ? '' : `<p><b>${escapeHtml(caption)}</b></p>`;
  const plain = plainTable(heads, rows);
  return {
    'text/html': `${title}<table><thead><tr>${head}</tr></thead><tbody>${body.join('')}</tbody></table>`,
    'text/plain': caption === undefined ? plain : `${caption}\n${plain}`,
  };
}

/** A table of Arquero's as one output of a notebook. Its numbers stand to the right. */
export function arqueroTable(frame: ColumnTable, caption?: string): DisplayBundle {
  const names = frame.columnNames();
  const rows = (frame.objects() as Record<string, TableCell>[]).map((row) => names.map((name) => row[name]));
  const columns = names.map((title, i) => {
    const align = rows.some((row) => typeof row[i] === 'number') ? ('right' as const) : ('left' as const);
    return { title, align };
  });
  return tableBundle(columns, rows, caption);
}

/** Rows that curation dropped, with the check that they failed and the reason. */
export function droppedTable(rows: readonly DroppedRow[], caption = 'Dropped rows'): DisplayBundle {
  return tableBundle(
    ['id', 'check', 'reason'],
    rows.map((r) => [r.id, r.check, r.reason]),
    caption,
  );
}
