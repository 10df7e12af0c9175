/** The configuration of a run, which is its identity: its text, its short name, and what tells two of them apart. */
import { createHash } from 'node:crypto';

/** Plain JSON. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/**
 * What a caller hands over to know a run by, as plain JSON. A field that is undefined is left out.
 *
 * @param name where the value stands, for the error
 * @throws Error naming a value that JSON would lose or change, such as a function
 */
export function plainJson(value: unknown, name: string): Json {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  if (Array.isArray(value)) return value.map((entry, i) => plainJson(entry, `${name}[${i}]`));
  if (typeof value === 'object' && isPlain(value)) {
    const fields = Object.entries(value).filter(([, field]) => field !== undefined);
    return Object.fromEntries(fields.map(([key, field]) => [key, plainJson(field, `${name}.${key}`)]));
  }
  const kind =
    typeof value === 'object' ? `a ${value.constructor.name}` : typeof value === 'number' ? value : `a ${typeof value}`;
  const remedy = typeof value === 'function' ? `; String(${name.split('.').at(-1)}) is its source` : '';
  throw new Error(
    `a run is known by texts, finite numbers, true, false, lists and plain objects of them, but ${name} is ${kind}${remedy}`,
  );
}

function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  // An object of another realm, such as a notebook's cell, has a prototype of its own.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** JSON with sorted keys, so that equal configurations have equal text. */
export function canonicalJson(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const members = Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key] as Json)}`);
  return `{${members.join(',')}}`;
}

/** The name of a configuration in folder names: the first 12 hexadecimal digits of its SHA-256. */
export function configurationHash(configuration: Json): string {
  return createHash('sha256').update(canonicalJson(configuration)).digest('hex').slice(0, 12);
}

/** So many changes are named, and the others counted. */
const NAMED = 5;

/**
 * Names the fields in which two configurations differ, with their values unless these are digests.
 *
 * @param before the configuration of the run that is there
 * @param now the configuration that is asked for
 */
export function changesText(before: Json, now: Json): string {
  const changes = changedFields(before, now, '');
  const others = changes.length > NAMED ? [`and ${changes.length - NAMED} more`] : [];
  return [...changes.slice(0, NAMED), ...others].join('; ');
}

/** @param name the dotted name of what is compared, '' for the whole */
function changedFields(before: Json | undefined, now: Json | undefined, name: string): string[] {
  if (isObject(before) && isObject(now)) {
    const fields = new Set([...Object.keys(before), ...Object.keys(now)]);
    return [...fields].flatMap((field) => changedFields(before[field], now[field], name ? `${name}.${field}` : field));
  }
  if (JSON.stringify(before) === JSON.stringify(now)) return [];
  if (isDigest(before) && isDigest(now)) return [`other ${name}`];
  return [`${name || 'it'} was ${valueText(before)}, now ${valueText(now)}`];
}

function isObject(value: Json | undefined): value is { [field: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isDigest(value: Json | undefined): boolean {
  return typeof value === 'string' && /^[0-9a-f]{16,64}$/.test(value);
}

function valueText(value: Json | undefined): string {
  if (value === undefined) return 'not set';
  if (isDigest(value)) return 'noted';
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)} ...` : text;
}
