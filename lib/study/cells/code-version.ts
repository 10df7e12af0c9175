/**
 * Which code a cell's numbers come from: a digest of the sources that can change them. Comments and layout are left out, so that a
 * mended sentence trains nothing again.
 *
 * Covered are the modules that training, or measuring, imports, directly or not. What other code makes is known by its value in
 * a cell's configuration instead: rows, prompts, targets and pictures.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';

/** Sources by their names below `lib`, such as `train/sft`, each with a digest; and a digest of them all. */
export interface CodeVersion {
  version: string;
  files: { [name: string]: string };
}

/** What training runs, and what measuring a checkpoint runs; the latter on test sets, and on held-out rows. */
const ROOTS = {
  training: ['study/cells/train-cell'],
  evaluation: ['evaluate/evaluate', 'rewards/scorer', 'study/cells/examples', 'records/image'],
  heldOut: ['study/cells/validation', 'records/image'],
};

/** What makes rows, prompts and pictures, which configurations hold by value. */
const BY_VALUE = /^tasks\/|^study\/(data\/(draw-rows|curate-rows|data-folder|load-rows)|workspace|profile)$/;

/** What is written down for people and read by no step. */
const RECORDS = /^train\/(environment|event-file|completions|warnings)$/;

const LIB = path.join(__dirname, '..', '..');
const BUILT = path.extname(__filename) === '.js';

/** Read when this module is loaded: what is edited or built later is not what this process runs. */
const SOURCES = readSources(Object.values(ROOTS).flat());

/**
 * The code that trains a cell.
 *
 * @param validated whether it is evaluated while it trains
 */
export function trainingCode(kind: 'sft' | 'grpo', validated: boolean): CodeVersion {
  const unused = [
    ...(kind === 'sft' ? ['train/grpo', 'rewards/rewards'] : ['train/sft']),
    ...(validated ? [] : ['study/cells/validation']),
  ];
  return codeVersion(ROOTS.training, unused);
}

/** The code that evaluates a cell on test sets, or measures it on held-out rows. */
export function measuringCode(what: 'evaluation' | 'heldOut'): CodeVersion {
  return codeVersion(ROOTS[what], []);
}

/** The sources that differ, or that only one of the two has. */
export function changedSources(before: CodeVersion, now: CodeVersion): string[] {
  const names = new Set([...Object.keys(before.files), ...Object.keys(now.files)]);
  return [...names].filter((name) => before.files[name] !== now.files[name]).sort();
}

/** Modules that a source imports, by their names below `lib`; those of which it imports types alone are none. */
export function importedModules(name: string, source: string): string[] {
  const found = source.matchAll(/^(?:import|export)\s+(?!type\b)([^'";]*?)(?:\s*from\s+)?'(\.[^']+)\.js';/gm);
  return [...found]
    .filter(([, names]) => !/^\{(\s*type\s[^,]+,?)+\s*\}$/.test(names!))
    .map(([, , file]) => path.posix.join(path.posix.dirname(name), file!));
}

/** A digest of a source without its indentation and without the lines that are comments, as this kit's formatter sets them. */
export function sourceDigest(source: string): string {
  const hash = createHash('sha256');
  let comment = false;
  for (const line of source.split('\n').map((each) => each.trim())) {
    comment ||= line.startsWith('/*');
    if (line !== '' && !comment && !line.startsWith('//')) hash.update(line).update('\n');
    if (line.endsWith('*/')) comment = false;
  }
  return hash.digest('hex').slice(0, 8);
}

const digests = new Map<string, string>();
const versions = new Map<string, CodeVersion>();

/** The version of what is reached from some modules, without those that are not used and what only they reach. */
function codeVersion(roots: readonly string[], unused: readonly string[]): CodeVersion {
  const key = `${roots} ${unused}`;
  const known = versions.get(key);
  if (known) return known;
  const reached = new Set<string>();
  const visit = (name: string) => {
    if (reached.has(name) || unused.includes(name) || !SOURCES.has(name)) return;
    reached.add(name);
    importedModules(name, SOURCES.get(name)!).forEach(visit);
  };
  roots.forEach(visit);
  const files: CodeVersion['files'] = {};
  for (const name of [...reached].sort()) {
    if (!digests.has(name)) digests.set(name, sourceDigest(SOURCES.get(name)!));
    files[name] = digests.get(name)!;
  }
  const version = createHash('sha256').update(JSON.stringify(files)).digest('hex').slice(0, 8);
  versions.set(key, { version, files });
  return versions.get(key)!;
}

/** The sources of modules and of all that they import. */
function readSources(roots: readonly string[]): Map<string, string> {
  const sources = new Map<string, string>();
  const visit = (name: string) => {
    if (sources.has(name) || BY_VALUE.test(name) || RECORDS.test(name)) return;
    const source = readSource(name);
    sources.set(name, source);
    importedModules(name, source).forEach(visit);
  };
  roots.forEach(visit);
  return sources;
}

/** The TypeScript of a module: the file itself, or what the compiler kept of it in the source map of what it built. */
function readSource(name: string): string {
  const file = path.join(LIB, name);
  if (!BUILT) return readFileSync(`${file}.ts`, 'utf8');
  const map = JSON.parse(readFileSync(`${file}.js.map`, 'utf8')) as { sourcesContent?: string[] };
  const source = map.sourcesContent?.[0];
  if (source === undefined) throw new Error(`${file}.js.map holds no source; build lib anew: npm run build`);
  return source;
}
