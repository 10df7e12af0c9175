/**
 * Which code a run's numbers come from, by the contents of the modules that the run executes.
 *
 * A run has roots: the module that trains or measures, and the modules of the rewards and the scorer that it uses. Its code is
 * what the roots import, directly or not. Types are no code. Rows, prompts and answers are known by their values instead, as part
 * of a cell's configuration, and what a run writes down for people reaches the trainers from outside.
 *
 * A version has no file names in it, nor comments, nor indentation. To move or to rename a file changes no version.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { RewardName } from '../../rewards/rewards.js';
import type { ScorerName } from '../../rewards/scorers.js';

/** The version of a run's code, and its modules for people to compare. */
export interface CodeVersion {
  version: string;
  /** The digest of each module's contents, by the module's name below `lib`, such as `train/grpo`. */
  files: { [name: string]: string };
}

/** The modules that runs begin in, by their names below `lib`. */
export const ROOTS = {
  sft: 'study/cells/train-sft',
  grpo: 'study/cells/train-grpo',
  /** Evaluation on held-out rows, while a run trains and after. */
  validation: 'study/cells/validation',
  /** Evaluation on items of the test sets while a run trains. */
  curve: 'study/cells/learning-curve',
  evaluation: 'study/cells/evaluate-rows',
  /** How often a model works a question out. */
  reading: 'study/cells/reading',
  /** The table of all rewards, and that of all scorers. A run has only those entries as roots that it names. */
  rewards: 'rewards/rewards',
  scorers: 'rewards/scorers',
} as const;
export type Roots = { readonly [root in keyof typeof ROOTS]: string };

/** Where code is read from. */
export interface CodeSources {
  roots: Roots;
  /** The source of a module. */
  read(name: string): string;
}

/** The parts of a training run that decide which modules it executes. */
export interface TrainingParts {
  kind: 'sft' | 'grpo';
  /** The rewards of GRPO. */
  rewards?: readonly RewardName[];
  /** The scorer of evaluation during training. Without one there is no such evaluation. */
  scorer?: ScorerName;
  /** What that evaluation is. Default: `validation`. */
  evaluation?: 'validation' | 'curve';
}

/** An import, or an export from another module: whether it is of types alone, the names, the module. */
const IMPORT = /^(?:import|export)\s+(type\s)?(?:([^'";]*?)\s*from\s+)?'([^']+)';$/gm;

const LIB = path.join(__dirname, '..', '..');
const BUILT = path.extname(__filename) === '.js';

/** The code that trains a run. */
export function trainingCode(
  { kind, rewards = [], scorer, evaluation = 'validation' }: TrainingParts,
  sources = OWN_SOURCES,
): CodeVersion {
  const { roots } = sources;
  const entries = rewards.map((name) => tableEntry(sources, roots.rewards, name));
  if (scorer) entries.push(tableEntry(sources, roots.scorers, scorer));
  return codeVersion(sources, [roots[kind], ...(scorer ? [roots[evaluation]] : [])], entries);
}

/**
 * The code that measures a checkpoint: on a test set, on held-out rows, or how often it works a question out.
 *
 * @param scorer undefined: none, or one of one's own, which is no code of the kit
 */
export function measuringCode(
  measure: 'evaluation' | 'validation' | 'reading',
  scorer: ScorerName | undefined,
  sources = OWN_SOURCES,
): CodeVersion {
  const { roots } = sources;
  return codeVersion(sources, [roots[measure]], scorer ? [tableEntry(sources, roots.scorers, scorer)] : []);
}

/** The names of modules whose contents only one of two versions has. A module that was only moved is none of them. */
export function changedSources(before: CodeVersion, now: CodeVersion): string[] {
  const onlyIn = (one: CodeVersion, other: CodeVersion) => {
    const contents = new Set(Object.values(other.files));
    return Object.keys(one.files).filter((name) => !contents.has(one.files[name]!));
  };
  return [...new Set([...onlyIn(before, now), ...onlyIn(now, before)])].sort();
}

/** An import, or an export of what another module exports. */
interface Import {
  /** The values that it names, such as `draw` or `draw as sample`; a type is none. */
  names: string[];
  /** A package, or another module of the kit by its relative path. */
  from: string;
}

const knownImports = new Map<string, Import[]>();
const knownContents = new Map<string, string>();
const knownLateImports = new Map<string, boolean>();

/** The result of a function of a source. It is computed once for each source. */
function remember<T>(known: Map<string, T>, source: string, compute: (source: string) => T): T {
  const result = known.get(source) ?? compute(source);
  known.set(source, result);
  return result;
}

/** The imports of a source that are more than types. */
function importsOf(source: string): Import[] {
  return remember(knownImports, source, readImports);
}

function readImports(source: string): Import[] {
  return [...withoutComments(source).matchAll(IMPORT)].flatMap(([, type, clause = '', from]) => {
    const names = clause
      .replaceAll(/[{}]/g, ',')
      .split(',')
      .map((name) => name.trim().replaceAll(/\s+/g, ' '))
      .filter((name) => name !== '');
    const values = names.filter((name) => !name.startsWith('type '));
    const typesAlone = type !== undefined || (names.length > 0 && values.length === 0);
    return typesAlone ? [] : [{ names: values.sort(), from: from! }];
  });
}

/**
 * The digest of a module's contents. Comments, indentation and the paths of imported modules are left out; the imported names are
 * not, nor are packages.
 */
export function contentDigest(source: string): string {
  return remember(knownContents, source, digestContents);
}

function digestContents(source: string): string {
  const code = withoutComments(source);
  const body = code.replaceAll(IMPORT, '').replaceAll(/\n+/g, '\n').trim();
  const imports = importsOf(source).flatMap(({ names, from }) => {
    const origin = from.startsWith('.') ? '' : ` from ${from}`;
    return names.length === 0 ? [origin] : names.map((name) => `${name}${origin}`);
  });
  return digestOf([body, ...imports.sort()]);
}

/** The lines of code without indentation. Comments stand on lines of their own, as the formatter of this kit sets them. */
function withoutComments(source: string): string {
  const lines: string[] = [];
  let insideComment = false;
  for (const line of source.split('\n').map((text) => text.trim())) {
    insideComment ||= line.startsWith('/*');
    if (line !== '' && !insideComment && !line.startsWith('//')) lines.push(line);
    if (line.endsWith('*/')) insideComment = false;
  }
  return lines.join('\n');
}

/** An entry of a table of functions: the module that holds the function, and the function's name there. */
interface TableEntry {
  /** The name in the table, such as `format_reward`. */
  name: string;
  exportName: string;
  module: string;
}

/**
 * Finds the function that a table has under a name. Such a table imports each function and has a line `name: function,` for it.
 *
 * @throws Error when the table has no such line, or does not import the function
 */
export function tableEntry(sources: CodeSources, table: string, name: string): TableEntry {
  const source = sources.read(table);
  const local = new RegExp(`^${name}: (\\w+),$`, 'm').exec(withoutComments(source))?.[1];
  for (const { names, from } of importsOf(source)) {
    const imported = names.find((clause) => clause.split(' as ').at(-1) === local);
    if (imported) return { name, exportName: imported.split(' as ')[0]!, module: resolveModule(table, from) };
  }
  throw new Error(
    `lib/${table}.ts needs a line '${name}: aFunction,' with a function that it imports: runs are known by the file of that function`,
  );
}

/** The version of the modules that are reached from roots, and of the entries of tables. */
function codeVersion(
  sources: CodeSources,
  rootModules: readonly string[],
  entries: readonly TableEntry[],
): CodeVersion {
  const modules = reachedModules(sources, [...rootModules, ...entries.map(({ module }) => module)]);
  const contents = new Map(modules.map((name) => [name, contentDigest(sources.read(name))]));
  // By contents alone, to import a function from another of the modules that are reached would be no change.
  const linked = modules.map((name) => {
    const links = importedModules(name, sources.read(name)).map(({ names, module }) => [names, contents.get(module)]);
    return digestOf([contents.get(name), ...links.map((link) => JSON.stringify(link)).sort()]);
  });
  const named = entries.map(({ name, exportName, module }) => digestOf([name, exportName, contents.get(module)]));
  return {
    version: digestOf([...new Set([...linked, ...named])].sort()).slice(0, 8),
    files: Object.fromEntries(modules.map((name) => [name, contents.get(name)!])),
  };
}

/** The names of all modules that are reached from some, sorted. */
function reachedModules(sources: CodeSources, from: readonly string[]): string[] {
  const reached = new Set<string>();
  const visit = (name: string) => {
    if (reached.has(name)) return;
    reached.add(name);
    for (const { module } of importedModules(name, sources.read(name))) visit(module);
  };
  from.forEach(visit);
  return [...reached].sort();
}

/**
 * The modules of the kit that a source imports, with the names that it takes from them.
 *
 * @throws Error when it imports one while it runs, which cannot be followed
 */
export function importedModules(name: string, source: string): { names: string[]; module: string }[] {
  if (remember(knownLateImports, source, hasLateImport))
    throw new Error(`lib/${name}.ts is code of runs and imports a module while it runs; import it at the top instead`);
  return importsOf(source)
    .filter(({ from }) => from.startsWith('.'))
    .map(({ names, from }) => ({ names, module: resolveModule(name, from) }));
}

/** Whether a source imports another module of the kit while it runs, or names the type of one in such a form. */
function hasLateImport(source: string): boolean {
  return /\b(?:import|require)\(\s*'\./.test(withoutComments(source));
}

function resolveModule(importer: string, specifier: string): string {
  return path.posix.join(path.posix.dirname(importer), specifier).replace(/\.js$/, '');
}

function digestOf(parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16);
}

/** The same sources as they are now. */
function readNow(sources: CodeSources): CodeSources {
  const copies = new Map<string, string>();
  const read = (name: string) => {
    const source = copies.get(name) ?? sources.read(name);
    copies.set(name, source);
    return source;
  };
  reachedModules({ ...sources, read }, Object.values(sources.roots));
  return { ...sources, read };
}

/** The C++ that a module executes, which counts as part of the module. */
export const NATIVE_SOURCES: { readonly [module: string]: readonly string[] } = {
  'engine/decode-operations': ['operations.cc', 'decode.h', 'vectors.h'].map((file) => `engine/kernels/${file}`),
};

/** The source of a module, its C++ included. */
function readModule(name: string): string {
  const native = (NATIVE_SOURCES[name] ?? []).map((file) =>
    readFileSync(path.join(LIB, BUILT ? '..' : '', file), 'utf8'),
  );
  return [readTypeScript(name), ...native].join('\n');
}

/** The TypeScript of a module: the file itself, or what the compiler kept of it in the source map of what it built. */
function readTypeScript(name: string): string {
  const file = path.join(LIB, name);
  if (!BUILT) return readFileSync(`${file}.ts`, 'utf8');
  const map = JSON.parse(readFileSync(`${file}.js.map`, 'utf8')) as { sourcesContent?: string[] };
  const source = map.sourcesContent?.[0];
  if (source === undefined) throw new Error(`${file}.js.map holds no source; build lib anew: npm run build`);
  return source;
}

/** The code of this process, read when this module is loaded: what is edited or built later is not what the process executes. */
const OWN_SOURCES = readNow({ roots: ROOTS, read: readModule });
