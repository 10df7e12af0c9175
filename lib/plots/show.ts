/** Shows what the kit's packages make under the running cell, each in the form that reads best, or says in words why it cannot. */

import type { ColumnTable } from 'arquero';
import type { Model } from '../model/model.js';
import { countParameters } from '../model/parameters.js';
import type { RgbImage } from '../records/image.js';
import { RunDirectory } from '../train/run-directory.js';
import { figureBundle } from './figure-output.js';
import { imageGrid } from './images.js';
import { type DisplayBundle, DisplaySlot, type DisplayWriter, notebookWriter } from './notebook.js';
import type { Figure } from './style.js';
import { arqueroTable, escapeHtml, numberText, type TableCell, tableBundle } from './tables.js';

/** A notebook holds what it shows: longer tables and texts are cut, with a word on what is left out. */
const MOST_ROWS = 50;
const MOST_TEXT = 2000;
const MOST_IMAGES = 60;

/** Danfo's frames and series, by the parts that are read here. The package itself takes a second to load, so it is not. */
interface DanfoFrame {
  columns: string[];
  index: (string | number)[];
  /** A list a row; of a series, a value a row. */
  values: readonly unknown[];
  shape: number[];
}

/**
 * Shows a value under the running cell. It takes figures of Plotly (`{ data, layout }`), tables of Arquero and danfo, pictures and lists
 * of them, PNG and JPEG bytes, rows (records, or any list of plain objects), a single plain object, models, run directories, texts,
 * numbers, and the outputs that the kit's own functions make.
 *
 * Texts are shown as they are: markup in them is escaped, so that what a model wrote cannot act on the page. Long tables and texts are cut.
 *
 * @param write shows the output; default: under the running cell
 * @returns a promise for a figure and a picture, whose pixels take a moment to stand in their place; otherwise nothing
 * @throws Error where the value is of no kind that can be shown, saying what to do
 */
export function show(value: unknown, write: DisplayWriter = notebookWriter()): Promise<void> | undefined {
  const slot = new DisplaySlot(write);
  const { now, later } = outputOf(value);
  slot.set(now);
  return later?.().then((bundle) => slot.set(bundle));
}

/** What is shown at once, and what takes its place. */
interface Output {
  now: DisplayBundle;
  later?: () => Promise<DisplayBundle>;
}

function outputOf(value: unknown): Output {
  if (typeof value === 'string') return { now: textBundle(value) };
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean')
    return { now: textBundle(typeof value === 'number' ? numberText(value) : String(value)) };
  if (value === null || value === undefined || typeof value !== 'object')
    throw new Error(`show: there is nothing to show in ${typeof value === 'function' ? 'a function: call it' : value}`);
  if (value instanceof Promise) throw new Error('show: this is a promise: write await before it');
  if (isBundle(value)) return { now: value };
  if (isFigure(value)) return figureOutput(value);
  if (isArquero(value)) return { now: cutTable(value.numRows(), (rows) => arqueroTable(value.slice(0, rows))) };
  if (isDanfo(value)) return { now: danfoTable(value) };
  if (isImage(value)) return imagesOutput([value]);
  if (value instanceof Uint8Array && pictureType(value) !== undefined)
    return { now: { [pictureType(value)!]: Buffer.from(value).toString('base64'), 'text/plain': 'picture' } };
  if (ArrayBuffer.isView(value))
    return { now: textBundle(listText(Array.from(value as unknown as ArrayLike<unknown>))) };
  if (value instanceof RunDirectory) return { now: runTable(value) };
  if (isModel(value)) return { now: modelTable(value) };
  if (value instanceof Map || value instanceof Set) return outputOf([...value]);
  if (Array.isArray(value)) return listOutput(value);
  if (isPlain(value)) return { now: propertyTable(value) };
  throw new Error(
    `show: it cannot show a ${value.constructor.name}; console.log prints it, and tableBundle makes a table of its parts`,
  );
}

function listOutput(values: readonly unknown[]): Output {
  if (values.length === 0) return { now: textBundle('an empty list') };
  if (values.every(isImage)) return imagesOutput(values);
  if (values.every((value) => typeof value === 'object' && value !== null && isPlain(value)))
    return { now: rowsTable(values as readonly Readonly<Record<string, unknown>>[]) };
  if (values.every(Array.isArray)) {
    const width = Math.max(...values.map((row) => row.length));
    const heads = Array.from({ length: width }, (_, i) => String(i));
    return {
      now: cutTable(values.length, (count) =>
        tableBundle(
          heads,
          values.slice(0, count).map((row: readonly unknown[]) => heads.map((_, i) => cellOf(row[i]))),
        ),
      ),
    };
  }
  return { now: textBundle(listText(values)) };
}

/** Text for people: it wraps at words, keeps its line ends, and holds no markup. */
export function textBundle(text: string): DisplayBundle {
  const shown = cutText(text);
  return {
    'text/html': `<div style="white-space:pre-wrap;overflow-wrap:anywhere;max-width:75ch">${escapeHtml(shown)}</div>`,
    'text/plain': shown,
  };
}

function figureOutput(figure: Figure): Output {
  const { title, height } = figure.layout;
  const text = (typeof title === 'string' ? title : title?.text) ?? 'figure';
  const size = { height: height ?? 420 };
  return {
    now: { 'text/plain': `${text}: is being drawn` },
    later: () => figureBundle(figure, text, size),
  };
}

function imagesOutput(images: readonly RgbImage[]): Output {
  const shown = images.slice(0, MOST_IMAGES);
  const zoom = Math.max(1, Math.min(3, Math.floor(192 / Math.max(...shown.map(({ width }) => width)))));
  const [{ width, height }] = shown as [RgbImage];
  const text = images.length === 1 ? `a picture of ${width} x ${height} pixels` : `${images.length} pictures`;
  return {
    now: { 'text/plain': text },
    later: async () => {
      const bundle = await imageGrid(shown, { columns: Math.min(6, shown.length), zoom });
      return {
        ...bundle,
        'text/plain': shown.length < images.length ? `${text}, of which ${shown.length} are shown` : text,
      };
    },
  };
}

function danfoTable({ columns, index, values }: DanfoFrame): DisplayBundle {
  const rows = values.map((row) => (Array.isArray(row) ? (row as readonly unknown[]) : [row]));
  return cutTable(rows.length, (count) =>
    tableBundle(
      ['', ...columns],
      rows.slice(0, count).map((row, i) => [String(index[i]), ...row.map(cellOf)]),
    ),
  );
}

/** Records, metrics, completions: a line each, and a column for each property that any of them has. */
function rowsTable(rows: readonly Readonly<Record<string, unknown>>[]): DisplayBundle {
  const names = [...new Set(rows.slice(0, MOST_ROWS).flatMap((row) => Object.keys(row)))];
  return cutTable(rows.length, (count) =>
    tableBundle(
      names,
      rows.slice(0, count).map((row) => names.map((name) => cellOf(row[name]))),
    ),
  );
}

function propertyTable(value: object): DisplayBundle {
  const entries = Object.entries(value);
  return cutTable(entries.length, (count) =>
    tableBundle(
      ['', ''],
      entries.slice(0, count).map(([name, part]) => [name, cellOf(part)]),
    ),
  );
}

function modelTable({ folder, config }: Model): DisplayBundle {
  return tableBundle(
    ['', ''],
    [
      ['model', folder],
      ['parameters', countParameters(config)],
      ['decoder', `${config.layers} layers of width ${config.hiddenSize}, ${config.heads} heads`],
      ['vision tower', `${config.vision.layers} blocks of width ${config.vision.embedSize}`],
      ['vocabulary', config.vocabSize],
    ],
  );
}

function runTable(run: RunDirectory): DisplayBundle {
  const metrics = run.metrics();
  const last: Readonly<Record<string, unknown>> = metrics.at(-1) ?? {};
  return cutTable(Object.keys(last).length + 2, (count) =>
    tableBundle(
      ['', ''],
      [
        ['run', run.folder] as TableCell[],
        ['steps logged', metrics.length],
        ...Object.entries(last).map(([name, value]) => [name, cellOf(value)]),
      ].slice(0, count),
    ),
  );
}

/** A table of the first rows, with a line on those that it leaves out. */
function cutTable(rows: number, table: (count: number) => DisplayBundle): DisplayBundle {
  if (rows <= MOST_ROWS) return table(rows);
  const bundle = table(MOST_ROWS);
  const note = `the first ${MOST_ROWS} of ${rows.toLocaleString('en')} rows`;
  return {
    'text/html': `${String(bundle['text/html'])}<p>${note}</p>`,
    'text/plain': `${String(bundle['text/plain'])}\n${note}`,
  };
}

function cellOf(value: unknown): TableCell {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number') return value;
  if (typeof value === 'string') return cutText(value);
  if (typeof value !== 'object') return String(value);
  if (Array.isArray(value)) return value.length > 8 ? `${value.length} values` : listText(value);
  return cutText(
    JSON.stringify(value, (_, part: unknown) => (ArrayBuffer.isView(part) ? '...' : part)),
    200,
  );
}

function listText(values: readonly unknown[]): string {
  const shown = values.slice(0, 200).map((value) => String(cellOf(value)));
  return `${shown.join(', ')}${values.length > shown.length ? `, ... (${values.length} values)` : ''}`;
}

function cutText(text: string, most = MOST_TEXT): string {
  return text.length <= most ? text : `${text.slice(0, most)}... (${text.length.toLocaleString('en')} characters)`;
}

/** An output by MIME type, such as `{ 'text/html': ... }`. */
function isBundle(value: object): value is DisplayBundle {
  const names = Object.keys(value);
  return names.length > 0 && names.every((name) => /^[a-z]+\/[\w.+-]+$/.test(name));
}

function isFigure(value: object): value is Figure {
  const { data, layout } = value as Partial<Figure>;
  return Array.isArray(data) && typeof layout === 'object' && layout !== null;
}

function isArquero(value: object): value is ColumnTable {
  const { columnNames, numRows } = value as Partial<ColumnTable>;
  return typeof columnNames === 'function' && typeof numRows === 'function';
}

function isDanfo(value: object): value is DanfoFrame {
  const { columns, index, shape, values } = value as Partial<DanfoFrame>;
  return [columns, index, shape, values].every(Array.isArray);
}

function isImage(value: unknown): value is RgbImage {
  if (typeof value !== 'object' || value === null) return false;
  const { width, height, data } = value as Partial<RgbImage>;
  return typeof width === 'number' && typeof height === 'number' && data instanceof Uint8Array;
}

function isModel(value: object): value is Model {
  return 'config' in value && 'tokenizer' in value && 'parameters' in value && 'generator' in value;
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  // A cell's objects come from the kernel's own realm or another one; both have a prototype without one.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** The MIME type that the first bytes of a picture tell. */
function pictureType(bytes: Uint8Array): string | undefined {
  if (bytes[0] === 0x89 && bytes[1] === 0x50 && bytes[2] === 0x4e && bytes[3] === 0x47) return 'image/png';
  return bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff ? 'image/jpeg' : undefined;
}
