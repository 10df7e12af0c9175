/**
 * Reads settings from a file and from `--key value` pairs, and lays them over defaults. It checks every key and value before anything is
 * written.
 */
import { readFileSync } from 'node:fs';
import { checkBound } from '../engine/bounds.js';
import { unknownNameText } from '../engine/names.js';
import { checkUsage, givenTwice, UsageError } from './usage.js';

/** A settings object: numbers, texts, switches and one level of groups of them. */
export type SettingsObject = { [key: string]: unknown };

/**
 * Lays a configuration file and then `key=value` pairs over defaults.
 *
 * @param pairs keys may be dotted, such as `schedule.learningRate`
 * @throws UsageError naming an unknown key with those that exist, or a value that is not of the default's kind or beyond its bound
 */
export function mergeSettings<T extends object>(
  defaults: T,
  file: string | undefined,
  pairs: readonly [string, string][],
): T {
  const merged = structuredClone(defaults) as SettingsObject;
  if (file !== undefined) {
    let json: unknown;
    try {
      json = JSON.parse(readFileSync(file, 'utf8'));
    } catch (error) {
      throw new UsageError(`cannot read the configuration ${file}: ${(error as Error).message}`);
    }
    if (json === null || typeof json !== 'object' || Array.isArray(json))
      throw new UsageError(`${file} does not hold a JSON object`);
    overlay(merged, json as SettingsObject, '', file);
  }
  for (const [key, text] of pairs) {
    const nested = key.split('.').reduceRight<unknown>((value, part) => ({ [part]: value }), parseValue(text));
    overlay(merged, nested as SettingsObject, '', 'command line');
  }
  return merged as T;
}

/** The names of the settings that a file and `key=value` pairs change, by where they come from. */
export function changedSettings(
  file: string | undefined,
  pairs: readonly [string, string][],
): { [source: string]: string[] } {
  const inFile = file === undefined ? {} : { [file]: settingNames(JSON.parse(readFileSync(file, 'utf8')) as object) };
  return { ...inFile, 'command line': pairs.map(([name]) => name) };
}

/** The value that a text writes: a number, a switch or the text itself. */
function parseValue(text: string): unknown {
  if (text === 'true' || text === 'false') return text === 'true';
  return text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text;
}

/** Changes settings in place. @param prefix the dotted name of the group that `target` is; @param source where the changes come from, for errors */
function overlay(target: SettingsObject, changes: SettingsObject, prefix: string, source: string): void {
  for (const [key, value] of Object.entries(changes)) {
    const name = `${prefix}${key}`;
    if (!Object.hasOwn(target, key)) {
      throw new UsageError(`${source}: ${unknownNameText('setting', name, settingNames(target, prefix))}`);
    }
    const known = target[key];
    if (known !== null && typeof known === 'object') {
      if (value === null || typeof value !== 'object') {
        throw new UsageError(
          `${source}: '${name}' is a group; set ${settingNames(known as SettingsObject, `${name}.`).join(', ')}`,
        );
      }
      overlay(known as SettingsObject, value as SettingsObject, `${name}.`, source);
    } else if (typeof value !== typeof known) {
      throw new UsageError(
        `${source}: '${name}' must be a ${typeof known}, such as ${String(known)}, but is ${JSON.stringify(value)}`,
      );
    } else {
      if (typeof value === 'number') checkUsage(() => checkBound(key, value, `${source}: ${name}`));
      target[key] = value;
    }
  }
}

/** All settings with dotted names. */
export function settingNames(settings: object, prefix = ''): string[] {
  return Object.entries(settings).flatMap(([key, value]) =>
    value !== null && typeof value === 'object' ? settingNames(value, `${prefix}${key}.`) : [`${prefix}${key}`],
  );
}

/** The `--key value` and `--key=value` pairs that are left of an argument list. */
export function settingPairs(rest: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i < rest.length; i++) {
    const [key, joined] = splitOnce(rest[i] as string);
    const value = joined ?? rest[++i];
    if (!key.startsWith('--')) throw new UsageError(`'${key}' is neither an option nor the value of one`);
    if (value === undefined || value.startsWith('--')) throw new UsageError(`${key} needs a value`);
    if (pairs.some(([known]) => `--${known}` === key)) throw new UsageError(givenTwice(key));
    pairs.push([key.slice(2), value]);
  }
  return pairs;
}

/** `--key=value` in its two parts; `--key` has no second one. */
function splitOnce(argument: string): [string, string | undefined] {
  const equals = argument.indexOf('=');
  return equals < 0 ? [argument, undefined] : [argument.slice(0, equals), argument.slice(equals + 1)];
}
