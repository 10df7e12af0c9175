/** The house in order: folders import only folders below them, and no files import each other in a circle, types included. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

const LIB = path.join(__dirname, '..', 'lib');

/** From the ground up. A file imports from its own folder and from those that stand before it. */
const FLOORS = [
  'engine',
  'records',
  'rewards',
  'tasks',
  'data',
  'model',
  'evaluate',
  'train',
  'serve',
  'study',
  'pretrain',
  'plots',
  'handover',
  'takeback',
  'bench',
  'setup',
  'cli',
  'examples',
  'index',
];

/** Within these folders order is kept too. The files at a folder's root stand where its `.` does. */
const INNER_FLOORS: { readonly [folder: string]: readonly string[] } = {
  study: ['.', 'data', 'cells', 'design', 'running', 'results'],
  plots: ['.', 'live', 'rollouts', 'study'],
};

/** A file of lib, by its path below lib without extension, with those that it imports. */
type ImportGraph = ReadonlyMap<string, readonly string[]>;

/** Every relative import, export or dynamic import of a source, types included. */
function importedFiles(file: string, source: string): string[] {
  const code = source.replaceAll(/^\s*(\*|\/\/|\/\*).*$/gm, '');
  const specifiers = [...code.matchAll(/(?:\bfrom|\bimport|\bimport\(|\brequire\()\s*'(\.[^']+)'/g)];
  return specifiers.map(([, specifier]) => path.posix.join(path.posix.dirname(file), specifier!).replace(/\.js$/, ''));
}

function readImportGraph(): ImportGraph {
  const names = readdirSync(LIB, { recursive: true, encoding: 'utf8' })
    .map((name) => name.split(path.sep).join('/'))
    .filter((name) => name.endsWith('.ts') && !/^(dist|node_modules)\//.test(name));
  const graph = new Map<string, string[]>();
  for (const name of names) {
    const file = name.replace(/\.ts$/, '');
    graph.set(file, importedFiles(file, readFileSync(path.join(LIB, name), 'utf8')));
  }
  return graph;
}

/** Imports that go up the stairs, as `from -> to`; and folders that the list of floors does not name. */
function importsUpward(graph: ImportGraph): string[] {
  const floorOf = (file: string, floors: readonly string[], place: number) => {
    const parts = file.split('/');
    const name = place === 0 ? parts[0]! : parts.length > 2 ? parts[1]! : '.';
    const floor = floors.indexOf(name);
    if (floor < 0) throw new Error(`lib/${file} lies in a folder that the order of floors does not name`);
    return floor;
  };
  const goesUp = (from: string, to: string) => {
    if (floorOf(to, FLOORS, 0) > floorOf(from, FLOORS, 0)) return true;
    const [folder] = from.split('/');
    const inner = INNER_FLOORS[folder!];
    return inner !== undefined && to.startsWith(`${folder}/`) && floorOf(to, inner, 1) > floorOf(from, inner, 1);
  };
  return [...graph].flatMap(([from, imports]) =>
    imports.filter((to) => goesUp(from, to)).map((to) => `${from} -> ${to}`),
  );
}

/** The first circle that a walk through the imports meets, as the files along it; undefined where there is none. */
function findCircle(graph: ImportGraph): string[] | undefined {
  const finished = new Set<string>();
  const path: string[] = [];
  const walk = (file: string): string[] | undefined => {
    if (finished.has(file)) return undefined;
    const start = path.indexOf(file);
    if (start >= 0) return [...path.slice(start), file];
    path.push(file);
    for (const next of graph.get(file) ?? []) {
      const circle = walk(next);
      if (circle) return circle;
    }
    path.pop();
    finished.add(file);
    return undefined;
  };
  for (const file of graph.keys()) {
    const circle = walk(file);
    if (circle) return circle;
  }
  return undefined;
}

test('every import leads to a file of lib', () => {
  const graph = readImportGraph();
  assert.ok(graph.size > 100);
  const missing = [...graph].flatMap(([from, imports]) =>
    imports.filter((to) => !graph.has(to)).map((to) => `${from} -> ${to}`),
  );
  assert.deepEqual(missing, []);
});

test('the primitives of plots know nothing of a study', () => {
  const primitives = [...readImportGraph()].filter(([file]) => /^plots\/[^/]+$/.test(file));
  assert.ok(primitives.length > 8);
  const studied = primitives.flatMap(([from, imports]) =>
    imports.filter((to) => to.startsWith('study/')).map((to) => `${from} -> ${to}`),
  );
  assert.deepEqual(studied, []);
});

test('folders import from folders below them alone', () => {
  assert.deepEqual(importsUpward(readImportGraph()), []);
  const upward = new Map([
    ['engine/a', ['model/b']],
    ['model/b', ['engine/a']],
    ['study/cells/c', ['study/results/d']],
    ['study/results/d', ['study/profile']],
  ]);
  assert.deepEqual(importsUpward(upward), ['engine/a -> model/b', 'study/cells/c -> study/results/d']);
  assert.throws(() => importsUpward(new Map([['attic/a', ['engine/a']]])), /does not name/);
});

test('no files import each other in a circle, types included', () => {
  assert.equal(findCircle(readImportGraph()), undefined);
  const source =
    "import type { B } from './b.js';\nexport * from '../a/c.js';\nlet d: import('./d.js').D;\n// from './not.js'\n";
  assert.deepEqual(importedFiles('a/a', source), ['a/b', 'a/c', 'a/d']);
  const circle = new Map([
    ['a', ['b', 'c']],
    ['b', []],
    ['c', ['d']],
    ['d', ['b', 'a']],
  ]);
  assert.deepEqual(findCircle(circle), ['a', 'c', 'd', 'a']);
});
