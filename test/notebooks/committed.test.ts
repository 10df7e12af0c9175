/** The chapters as they are committed: outputs of this checkout's base model and profile, lines that fit, nothing that looking changes. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { readConfig } from '../../lib/model/configuration.js';
import { countParameters } from '../../lib/model/parameters.js';
import { type NotebookFile, notebookParameters } from '../../lib/setup/notebook-parameters.js';
import { describeStudy } from '../../lib/study/describe-study.js';
import { openStudy, repositoryRoot } from '../../lib/study/workspace.js';

const folder = path.join(repositoryRoot(), 'notebooks');
const chapters = readdirSync(folder)
  .filter((name) => name.endsWith('.ipynb'))
  .map((name) => ({ name, file: JSON.parse(readFileSync(path.join(folder, name), 'utf8')) as Chapter }));

interface Chapter extends NotebookFile {
  cells: (NotebookFile['cells'][number] & {
    metadata: { execution?: object };
    outputs?: { text?: string | string[]; data?: { [type: string]: string | string[] } }[];
  })[];
}
const codeOf = ({ cells }: Chapter) => cells.filter(({ cell_type }) => cell_type === 'code');

/** Why the outputs of a chapter are not those of a study; undefined where they are, or where there are none. */
function staleOutputs(chapter: Chapter, study = openStudy('quick')): string | undefined {
  const texts = codeOf(chapter).flatMap(({ outputs = [] }) =>
    outputs.map(({ text, data }) => [text ?? data?.['text/plain'] ?? ''].flat().join('')),
  );
  if (texts.length === 0) return undefined;
  const own = describeStudy(study);
  if (!texts.some((text) => /^profile .*; base model of /.test(text)))
    return "no line 'profile ...' says what its outputs are of";
  const other = texts.find((text) => /^profile .*; base model of /.test(text) && text.trim() !== own);
  if (other !== undefined) return `its outputs are of '${other.trim()}', and this checkout is '${own}'`;
  const parameters = countParameters(readConfig(study.base));
  const counted = texts.flatMap((text) =>
    [...text.matchAll(/^parameters +(\d+)$/gm)].map(([, count]) => Number(count)),
  );
  const wrong = counted.find((count) => count !== parameters);
  return wrong === undefined ? undefined : `its outputs are of a model of ${wrong} parameters, not ${parameters}`;
}

test('no chapter shows outputs of another base model or profile', () => {
  for (const { name, file } of chapters) assert.equal(staleOutputs(file), undefined, name);
  // Outputs of another profile are found, those of another model, and those that do not say what they are of.
  const cell = { cell_type: 'code', source: '', metadata: {} };
  const tiny = { data: { 'text/plain': describeStudy(openStudy('tiny')) } };
  const quick = { data: { 'text/plain': describeStudy(openStudy('quick')) } };
  assert.match(staleOutputs({ cells: [{ ...cell, outputs: [tiny] }] })!, /profile tiny/);
  assert.match(
    staleOutputs({ cells: [{ ...cell, outputs: [quick, { text: 'parameters   1263936\n' }] }] })!,
    /1263936/,
  );
  assert.match(staleOutputs({ cells: [{ ...cell, outputs: [{ text: '75 steps, 280 s' }] }] })!, /no line/);
  assert.equal(staleOutputs({ cells: [{ ...cell, outputs: [] }] }), undefined);
});

test('every chapter says what its outputs rest on, and has parameters', () => {
  for (const { name, file } of chapters) {
    const sources = codeOf(file).map(({ source }) => [source].flat().join(''));
    assert.ok(
      sources.some((source) => source.includes('show(describeStudy(study))')),
      name,
    );
    assert.ok(notebookParameters(file).size > 0, `${name} has no cell tagged 'parameters'`);
  }
});

test('a line of code has at most 100 characters, so that no cell scrolls sideways', () => {
  const long = chapters.flatMap(({ name, file }) =>
    codeOf(file)
      .flatMap(({ source }) => [source].flat().join('').split('\n'))
      .filter((line) => line.length > 100)
      .map((line) => `${name}: ${line}`),
  );
  assert.deepEqual(long, []);
});

test('no output is one that JupyterLab rewrites when somebody looks at it, and no cell carries execution times', () => {
  for (const { name, file } of chapters) {
    for (const { metadata, outputs = [] } of codeOf(file)) {
      assert.equal(metadata.execution, undefined, name);
      assert.ok(!outputs.some(({ data }) => data && 'application/vnd.plotly.v1+json' in data), name);
    }
  }
});

test('every chapter ends with three exercises', () => {
  for (const { name, file } of chapters) {
    const text = file.cells.map(({ source }) => [source].flat().join('')).join('\n\n');
    const [, exercises] = /## Exercises\n([\s\S]*?)(?=\n\*\*What this leaves|$)/.exec(text) ?? [];
    assert.equal(exercises?.match(/^\d\. /gm)?.length, 3, name);
  }
});
