/**
 * Loads what a file of one's own exports, TypeScript or JavaScript, without a build; and knows it by the contents of that file and of the
 * files that it imports.
 */
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import Module, { createRequire } from 'node:module';
import path from 'node:path';
import { fileDigest } from '../engine/file-digest.js';

/** The files that an export is made of, and the export. It is plain JSON, for the identity of a run. */
export type OwnCodeIdentity = {
  export: string;
  /** The digest of each file by its path from the folder of the first one; see `loadOwnExport` for which these are. */
  files: { [file: string]: string };
};

/** An export of a file. */
export interface OwnExport {
  name: string;
  /** The file, as a whole path without links in it. */
  file: string;
  value: unknown;
  identity: OwnCodeIdentity;
}

/** Whether a text of the command line means a file rather than a name. */
export function isOwnFile(text: string): boolean {
  return /[\\/]/.test(text) || CODE.test(text);
}

const CODE = /\.[cm]?[jt]s$/;
/** The folder of the kit's package. */
const KIT = path.join(__dirname, path.extname(__filename) === '.js' ? '../..' : '..');

/**
 * Loads one export of a file. The file may import other files, packages that are installed for its folder, and `reason-rft` from
 * wherever it lies. The identity holds the file and the files that it imports, directly or not. What it takes from packages is not
 * part of it, but for the kit: a file that imports `reason-rft` is known by all of the kit's rewards too.
 *
 * A file that was edited is loaded anew, in the same process too.
 *
 * @param exportName the export; undefined: the default one, or the only one
 * @throws Error naming what is there when the file or the export is missing, and what is wrong when the file cannot be loaded
 */
export function loadOwnExport(file: string, exportName?: string): OwnExport {
  const module = loadFile(findFile(file));
  const exports = module.exports as { [name: string]: unknown };
  const names = Object.keys(exports).filter((name) => name !== '__esModule' && exports[name] !== undefined);
  const shown = names.map((name) => `#${name}`).join(', ') || 'nothing';
  const name = exportName ?? (names.includes('default') ? 'default' : names[0]);
  if (name === undefined || !names.includes(name))
    throw new Error(
      exportName === undefined ? `${file} exports nothing` : `${file} exports no '${exportName}'; it exports ${shown}`,
    );
  if (exportName === undefined && name !== 'default' && names.length > 1)
    throw new Error(`${file} exports several things and none as its default; choose one: ${shown}`);
  const files = filesOf(module);
  const identity = { export: name, files: digests(module.filename, files) };
  return { name, file: module.filename, value: exports[name], identity };
}

/** @throws Error naming the files of code that the folder holds when there is no such file */
function findFile(file: string): string {
  const full = path.resolve(file);
  if (existsSync(full) && CODE.test(full)) return realpathSync(full);
  const folder = path.dirname(full);
  if (!existsSync(folder)) throw new Error(`there is no file ${file}: its folder is not there`);
  const others = readdirSync(folder).filter((name) => CODE.test(name) && !name.endsWith('.d.ts'));
  const there = others.length === 0 ? 'no file of code' : others.sort().slice(0, 10).join(', ');
  if (existsSync(full)) throw new Error(`${file} is no file of TypeScript or JavaScript; its folder holds ${there}`);
  throw new Error(`there is no file ${file}; its folder holds ${there}`);
}

/** The modules that were loaded, with the digests of their files at that time. */
const loaded = new Map<string, { module: NodeModule; digests: string }>();

function loadFile(file: string): NodeModule {
  const known = loaded.get(file);
  if (known && known.digests === JSON.stringify(digests(file, filesOf(known.module)))) return known.module;
  if (known) for (const old of filesOf(known.module)) delete require.cache[old];
  try {
    requireTypeScript(file);
  } catch (error) {
    throw new Error(`cannot load ${file}: ${(error as Error).message.split('\nRequire stack:')[0]}`, { cause: error });
  }
  const module = require.cache[file]!;
  refuseLateImports(filesOf(module));
  loaded.set(file, { module, digests: JSON.stringify(digests(file, filesOf(module))) });
  return module;
}

/** Requires a file as tsx does, which reads TypeScript and modules of either kind; `reason-rft` is found wherever the file lies. */
function requireTypeScript(file: string): void {
  const { register } = require('tsx/cjs/api') as typeof import('tsx/cjs/api');
  const unregister = register();
  const loader = Module as unknown as { _resolveFilename: (request: string, ...rest: unknown[]) => string };
  const resolve = loader._resolveFilename;
  loader._resolveFilename = (request, ...rest) => {
    try {
      return resolve.call(loader, request, ...rest);
    } catch (error) {
      if (!/^reason-rft($|\/)/.test(request)) throw error;
      return createRequire(path.join(KIT, 'package.json')).resolve(request);
    }
  };
  try {
    require(file);
  } finally {
    loader._resolveFilename = resolve;
    unregister();
  }
}

/**
 * The file of an own export and the files that it imports, as whole paths.
 *
 * @param file as `loadOwnExport` has loaded it
 */
export function ownFilesOf(file: string): string[] {
  return filesOf(loadFile(file));
}

/** The file of a module and the files that it imports, directly or not; no packages, and nothing of the kit. */
function filesOf(module: NodeModule): string[] {
  const files = new Set<string>();
  const visit = (one: NodeModule) => {
    if (files.has(one.filename) || isForeign(one.filename)) return;
    files.add(one.filename);
    one.children.forEach(visit);
  };
  visit(module);
  return [...files].sort();
}

function isForeign(file: string): boolean {
  return file.split(path.sep).includes('node_modules') || isKit(file);
}

function isKit(file: string): boolean {
  return file.startsWith(`${realpathSync(KIT)}${path.sep}`);
}

function digests(file: string, files: readonly string[]): OwnCodeIdentity['files'] {
  const folder = path.dirname(file);
  const named = files.map((one) => [path.relative(folder, one).split(path.sep).join('/'), one] as const);
  const usesKit = files.some((one) => require.cache[one]?.children.some((child) => isKit(child.filename)));
  const kit = usesKit ? readdirSync(__dirname).filter((name) => CODE.test(name) && !name.endsWith('.d.ts')) : [];
  return Object.fromEntries([
    ...named.map(([name, one]) => [name, existsSync(one) ? fileDigest(one) : 'gone']),
    ...kit.map((name) => [`reason-rft/rewards/${name}`, fileDigest(path.join(__dirname, name))]),
  ]);
}

/** @throws Error when a file imports another one while it runs: it would not be part of the identity */
function refuseLateImports(files: readonly string[]): void {
  for (const file of files) {
    for (const [, specifier] of readFileSync(file, 'utf8').matchAll(
      /\b(?:import|require)\(\s*['"`](\.[^'"`]+)['"`]/g,
    )) {
      const target = path.resolve(path.dirname(file), specifier!).replace(CODE, '');
      if (
        !files.some((one) => one.replace(CODE, '') === target || one === path.resolve(path.dirname(file), specifier!))
      )
        throw new Error(
          `${file} imports '${specifier}' while it runs; import it at the top, so that a run is known by its contents too`,
        );
    }
  }
}
