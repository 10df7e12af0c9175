/** A sweep: a grid over fields and settings of a cell on rows of one's own, each point with several seeds. */
import path from 'node:path';
import { refuseUnknownNames, unknownNameText } from '../../engine/names.js';
import { LORA_DEFAULTS } from '../../model/lora.js';
import { checkOwnCell, type OwnCell, ownCellFields, withFullPaths } from '../cells/own-cell.js';
import { QUICK } from '../profile.js';

/** The values that a field or a setting takes: a list, or names with values, where a value is too long to be a name. */
export type SweepValues = readonly unknown[] | { readonly [name: string]: unknown };

/** What `sweep` runs. */
export interface Sweep {
  /** The folder of everything that the sweep writes. */
  out: string;
  /** The cell, whose fields and settings the sweep changes. */
  cell: OwnCell;
  /**
   * The values of each field or setting that changes: of settings by their names (`beta`, `schedule.learningRate`), of adapters with
   * `lora.` before them, of the cell by its fields (`data`, `prompt`, `rewards`, `start`, ...). The grid has every combination.
   */
  over: { readonly [name: string]: SweepValues };
  /** Training seeds. Default: the one seed of the settings. */
  seeds?: readonly number[];
}

/** A combination of values. */
export interface SweepPoint {
  /** Such as `beta 0.04, completions 8`. */
  label: string;
  /** The name of each value by the name of what it is a value of. */
  values: { readonly [name: string]: string };
}

/** A cell of a sweep. */
export interface SweepCell {
  /** Such as `beta 0.04, completions 8/seed 2`. */
  name: string;
  point: SweepPoint;
  seed?: number;
  cell: OwnCell;
}

/**
 * The cells of a sweep, point by point, seed by seed. Their paths are full ones.
 *
 * @throws Error naming a field or setting that does not exist and the nearest right one, one without values, or two equal points
 */
export function sweepCells(sweep: Sweep): SweepCell[] {
  refuseUnknownNames(sweep, ['out', 'cell', 'over', 'seeds'], 'field', 'sweep: ');
  if (typeof sweep.out !== 'string') throw new Error('sweep: out must name the folder that the sweep writes into');
  if (sweep.cell === null || typeof sweep.cell !== 'object')
    throw new Error('sweep: cell must hold the fields of a cell: kind, data, ...');
  checkOwnCell(sweep.cell, 'sweep, cell: ');
  const seeds: readonly (number | undefined)[] = sweep.seeds ?? [undefined];
  if (seeds.length === 0) throw new Error('sweep: there is no seed');
  const odd = sweep.seeds?.find((seed, i) => !Number.isInteger(seed) || sweep.seeds!.indexOf(seed) !== i);
  if (odd !== undefined) throw new Error(`sweep: seeds must be whole numbers, each of them once; got ${odd}`);
  let points: { point: SweepPoint; cell: OwnCell }[] = [{ point: { label: '', values: {} }, cell: sweep.cell }];
  for (const [name, values] of Object.entries(sweep.over ?? {})) {
    checkSweptName(name, sweep.cell.kind);
    const named = namedValues(name, values);
    points = points.flatMap(({ point, cell }) =>
      named.map(([text, value]) => ({
        point: {
          label: `${point.label}${point.label && ', '}${name} ${text}`,
          values: { ...point.values, [name]: text },
        },
        cell: withValue(cell, name, value),
      })),
    );
  }
  return points.flatMap(({ point, cell }) => {
    checkOwnCell(cell, `sweep, ${point.label}: `);
    const named = point.label === '' ? { ...point, label: 'the cell' } : point;
    return seeds.map((seed) => ({
      name: seed === undefined ? named.label : `${named.label}/seed ${seed}`,
      point: named,
      ...(seed === undefined ? {} : { seed }),
      cell: withFullPaths(seed === undefined ? cell : withValue(cell, 'seed', seed)),
    }));
  });
}

/** The names of all settings of a kind, dotted. */
function settingsOfKind(kind: OwnCell['kind']): string[] {
  return dotted(kind === 'grpo' ? QUICK.grpo : QUICK.cotSft);
}

function dotted(settings: object, prefix = ''): string[] {
  return Object.entries(settings).flatMap(([name, value]) =>
    value !== null && typeof value === 'object' ? dotted(value, `${prefix}${name}.`) : [`${prefix}${name}`],
  );
}

/** Fields that hold others: of these a sweep takes the inner names. */
const GROUPS = new Set(['kind', 'settings', 'lora', 'validation', 'test', 'images']);

function sweptNames(kind: OwnCell['kind']): string[] {
  const fields = ownCellFields(kind).filter((field) => !GROUPS.has(field));
  return [...settingsOfKind(kind).filter((name) => name !== 'seed'), ...fields, ...dotted(LORA_DEFAULTS, 'lora.')];
}

function checkSweptName(name: string, kind: OwnCell['kind']): void {
  if (name === 'seed') throw new Error("sweep: the seeds stand in 'seeds', not in 'over'");
  const known = sweptNames(kind);
  if (!known.includes(name)) throw new Error(`sweep, over: ${unknownNameText('setting', name, known)}`);
}

/** The values with their names. @throws Error where there is none, or two have one name */
function namedValues(name: string, values: SweepValues): [text: string, value: unknown][] {
  if (values === null || typeof values !== 'object')
    throw new Error(`sweep, over: ${name} must have a list of values, got ${JSON.stringify(values)}`);
  const named: [string, unknown][] = Array.isArray(values)
    ? values.map((value) => [valueText(value), value])
    : Object.entries(values);
  if (named.length === 0) throw new Error(`sweep, over: ${name} has no values`);
  const texts = named.map(([text]) => text);
  const twice = texts.find((text, i) => texts.indexOf(text) !== i);
  if (twice !== undefined)
    throw new Error(
      `sweep, over: ${name} has the value ${twice} twice; give long values names: { "short": "...", "long": "..." }`,
    );
  return named;
}

/** Characters of a value in a name. */
const VALUE_LENGTH = 40;

function valueText(value: unknown): string {
  const text =
    typeof value === 'string' ? (path.isAbsolute(value) ? path.basename(value) : value) : JSON.stringify(value);
  const line = text.replaceAll(/\s+/g, ' ').replaceAll('/', '-');
  return line.length > VALUE_LENGTH ? `${line.slice(0, VALUE_LENGTH)}...` : line;
}

/** The cell with one field or setting changed. */
function withValue(cell: OwnCell, name: string, value: unknown): OwnCell {
  if (name.startsWith('lora.')) {
    const lora = { ...LORA_DEFAULTS, ...cell.lora, [name.slice('lora.'.length)]: value };
    return { ...cell, lora } as OwnCell;
  }
  if (ownCellFields(cell.kind).includes(name)) return { ...cell, [name]: value } as OwnCell;
  const [group, inner] = name.split('.') as [string, string?];
  const settings = (cell.settings ?? {}) as { [name: string]: unknown };
  const changed = inner === undefined ? value : { ...(settings[group] as object | undefined), [inner]: value };
  return { ...cell, settings: { ...settings, [group]: changed } } as OwnCell;
}
