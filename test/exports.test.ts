/** The public names: each is explained by a notebook or a README and by a comment of its own, and the rest is importable by path. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

const ROOT = path.join(__dirname, '..');
const LIB = path.join(ROOT, 'lib');
const index = readFileSync(path.join(LIB, 'index.ts'), 'utf8');

/** The names that index.ts, or a part of it, exports, each with the file below lib that declares it. */
function exportedNames(text = index): { name: string; file: string }[] {
  const statements = [...text.matchAll(/^export (?:type )?\{([^}]*)\} from '\.\/([^']+)\.js';$/gm)];
  return statements.flatMap(([, names, file]) =>
    names!
      .split(',')
      .map((name) => name.trim().replace(/^type /, ''))
      .filter((name) => name !== '')
      .map((name) => ({ name, file: file! })),
  );
}

/** The text of every README of the library, and the code and prose of every notebook. */
function explanations(): string {
  const readmes = [ROOT, LIB, ...readdirSync(LIB).map((room) => path.join(LIB, room))].flatMap((folder) => {
    try {
      return readFileSync(path.join(folder, 'README.md'), 'utf8');
    } catch {
      return [];
    }
  });
  const notebooks = readdirSync(path.join(ROOT, 'notebooks')).filter((name) => name.endsWith('.ipynb'));
  const cells = notebooks.flatMap((name) => {
    const { cells } = JSON.parse(readFileSync(path.join(ROOT, 'notebooks', name), 'utf8')) as {
      cells: { source: string | string[] }[];
    };
    return cells.map(({ source }) => [source].flat().join(''));
  });
  return [...readmes, ...cells].join('\n');
}

/** The TypeScript files of `lib` or of `test`, without what is installed or built there. */
function typeScriptFiles(folder: 'lib' | 'test'): string[] {
  const names = readdirSync(path.join(ROOT, folder), { recursive: true, encoding: 'utf8' });
  return names
    .filter((name) => name.endsWith('.ts') && !/^(node_modules|dist)[\\/]/.test(name))
    .map((name) => path.join(ROOT, folder, name));
}

test('index.ts names what it exports, in chapters', () => {
  assert.doesNotMatch(index, /export \*/);
  const statements = index.match(/^export /gm)!.length;
  assert.equal(statements, index.match(/^export (?:type )?\{[^}]*\} from '\.\/[^']+\.js';$/gm)!.length);
  assert.ok(exportedNames().length > 100);
});

test('the chapters of index.ts are those of lib/README.md, each with a table of its names and no others', () => {
  const readme = readFileSync(path.join(LIB, 'README.md'), 'utf8').split('## What notebooks and programs import')[1]!;
  const sections = [...readme.matchAll(/^### ([^\n]+)\n(.*?)(?=^##)/gms)];
  const chapters = index.split(/^\/\/ ---- /m).slice(1);
  assert.deepEqual(
    chapters.map((chapter) => /^[A-Z][\w ]*?(?=:| and scorers| -)/.exec(chapter)![0]),
    sections.map(([, title]) => title),
  );
  for (const [i, [, title, text]] of sections.entries()) {
    const firstCells = [...text!.matchAll(/^\| (`[^|]*) \|/gm)].map(([, cell]) => cell!);
    const explained = firstCells.flatMap((cell) => [...cell.matchAll(/`(\w+)`/g)].map(([, name]) => name!));
    assert.deepEqual(
      explained.sort(),
      exportedNames(chapters[i])
        .map(({ name }) => name)
        .sort(),
      title,
    );
  }
});

test('no name is exported that no README or notebook explains', () => {
  const text = explanations();
  const unexplained = exportedNames().filter(({ name }) => !new RegExp(`\\b${name}\\b`).test(text));
  assert.deepEqual(unexplained, []);
});

test('every exported name has a doc comment', () => {
  const bare = exportedNames().filter(({ name, file }) => {
    const source = readFileSync(path.join(LIB, `${file}.ts`), 'utf8');
    const declaration = `export (async )?(function\\*?|const|class|interface|type) ${name}\\b`;
    return !new RegExp(`\\*/\\n(export (async )?function ${name}\\b[^{]*;\\n)*${declaration}`).test(source);
  });
  assert.deepEqual(bare, []);
});

test('every value that a file exports is used by another file, by a test or by index.ts', () => {
  const files = (['lib', 'test'] as const).flatMap(typeScriptFiles);
  const words = new Map(files.map((file) => [file, new Set(readFileSync(file, 'utf8').match(/\w+/g))]));
  const values = files
    .filter((file) => file.startsWith(LIB + path.sep))
    .flatMap((file) => {
      const declarations = readFileSync(file, 'utf8').matchAll(
        /^export (?:async )?(?:function\*?|const|class) (\w+)/gm,
      );
      return [...declarations].map(([, name]) => ({ name: name!, file }));
    });
  assert.ok(values.length > 300);
  const unused = values.filter(
    ({ name, file }) => !files.some((other) => other !== file && words.get(other)!.has(name)),
  );
  assert.deepEqual(unused, []);
});

test('what is not exported is importable by its path, and so are the public names by one import', () => {
  const policyLoss = require('reason-rft/train/policy-loss') as typeof import('../lib/train/policy-loss.js');
  assert.equal(typeof policyLoss.policyTerms, 'function');
  const names = Object.keys(require('reason-rft') as object);
  const exported = new Set(exportedNames().map(({ name }) => name));
  assert.ok(names.length > 100 && names.every((name) => exported.has(name)));
});
