/**
 * Parameters of a notebook, after papermill's conventions: a cell tagged `parameters` holds their defaults, a line each
 * (`const beta = 0.04;`), and a cell tagged `injected-parameters` behind it sets others. Papermill itself cannot write TypeScript.
 */
import { unknownNameText } from '../engine/names.js';

/** The parts of a notebook that are read here. */
export interface NotebookFile {
  cells: NotebookCell[];
}

interface NotebookCell {
  cell_type: string;
  source: string | string[];
  metadata: { tags?: string[] };
  [field: string]: unknown;
}

/** What a parameter can be. */
export type ParameterValue = number | boolean | string;

/** A line of the cell that sets a parameter; a comment may follow. */
const LINE = /^(?:const|let)\s+([A-Za-z_$][\w$]*)(?:\s*:[^=]+)?\s*=\s*(.+?);?\s*(?:\/\/.*)?$/;

const hasTag = (cell: NotebookCell, tag: string) =>
  cell.cell_type === 'code' && (cell.metadata.tags ?? []).includes(tag);

/**
 * The parameters of a notebook with their defaults.
 *
 * @returns none where no cell is tagged `parameters`
 * @throws Error naming a line of that cell that sets no number, switch or text
 */
export function notebookParameters({ cells }: NotebookFile): Map<string, ParameterValue> {
  const cell = cells.find((candidate) => hasTag(candidate, 'parameters'));
  const lines = cell === undefined ? [] : [cell.source].flat().join('').split('\n');
  const parameters = new Map<string, ParameterValue>();
  for (const line of lines.map((text) => text.trim())) {
    if (line === '' || line.startsWith('//')) continue;
    const [, name, text] = LINE.exec(line) ?? [];
    const value = text === undefined ? undefined : literal(text);
    if (name === undefined || value === undefined)
      throw new Error(`the cell tagged 'parameters' sets no number, switch or text in its line '${line}'`);
    parameters.set(name, value);
  }
  return parameters;
}

function literal(text: string): ParameterValue | undefined {
  if (text === 'true' || text === 'false') return text === 'true';
  const [, quoted] = /^(?:'([^'\\]*)')$/.exec(text) ?? /^(?:"([^"\\]*)")$/.exec(text) ?? [];
  if (quoted !== undefined) return quoted;
  return Number.isFinite(Number(text)) ? Number(text) : undefined;
}

/**
 * A copy of a notebook in which parameters have other values. Outputs of cells are left out, since they are those of other values.
 *
 * @param values by name, as texts of a command line
 * @throws Error naming a parameter that the notebook does not have, with those that it has, or a value that is not of the default's kind
 */
export function injectParameters<T extends NotebookFile>(notebook: T, values: ReadonlyMap<string, string>): T {
  const known = notebookParameters(notebook);
  const lines = [...values].map(([name, text]) => {
    const standard = known.get(name);
    if (standard === undefined) {
      if (known.size === 0) throw new Error(`the notebook has no parameters: no cell is tagged 'parameters'`);
      throw new Error(unknownNameText('parameter', name, [...known.keys()]));
    }
    return `const ${name} = ${JSON.stringify(valueLike(standard, name, text))};`;
  });
  const copy = structuredClone(notebook);
  copy.cells = copy.cells.filter((cell) => !hasTag(cell, 'injected-parameters'));
  for (const cell of copy.cells)
    if (cell.cell_type === 'code') Object.assign(cell, { outputs: [], execution_count: null });
  if (lines.length === 0) return copy;
  const place = copy.cells.findIndex((cell) => hasTag(cell, 'parameters'));
  copy.cells.splice(place + 1, 0, {
    cell_type: 'code',
    id: 'injected-parameters',
    source: ['// Parameters', ...lines].join('\n'),
    metadata: { tags: ['injected-parameters'] },
    outputs: [],
    execution_count: null,
  });
  return copy;
}

/** The value that a text writes, of the kind that another value is of. */
function valueLike(standard: ParameterValue, name: string, text: string): ParameterValue {
  if (typeof standard === 'string') return text;
  const value = text.trim() === '' ? undefined : literal(text.trim());
  if (typeof value === typeof standard) return value!;
  const kind = typeof standard === 'number' ? 'a number' : 'true or false';
  throw new Error(`the parameter '${name}' must be ${kind}, such as ${standard}, but is '${text}'`);
}
