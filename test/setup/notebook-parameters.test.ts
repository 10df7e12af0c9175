/** Parameters of notebooks: read from the tagged cell, injected behind it, refused where they do not exist. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { injectParameters, type NotebookFile, notebookParameters } from '../../lib/setup/notebook-parameters.js';

const code = (source: string, tags: string[] = []) => ({
  cell_type: 'code',
  source,
  metadata: { tags },
  outputs: [1],
  execution_count: 3,
});
const notebook: NotebookFile = {
  cells: [
    code('import x'),
    code("// what to change\nconst beta = 0.04; // of the KL\nlet profile: string = 'quick';\nconst live = true;", [
      'parameters',
    ]),
    code('train(beta)'),
  ],
};

test('the tagged cell names the parameters with their defaults', () => {
  assert.deepEqual(
    [...notebookParameters(notebook)],
    [
      ['beta', 0.04],
      ['profile', 'quick'],
      ['live', true],
    ],
  );
  assert.equal(notebookParameters({ cells: [code('const a = 1;')] }).size, 0);
  assert.throws(() => notebookParameters({ cells: [code('const a = f();', ['parameters'])] }), /'const a = f\(\);'/);
});

test('values are injected behind the tagged cell, once, and outputs of other values are left out', () => {
  const first = injectParameters(
    notebook,
    new Map([
      ['beta', '0'],
      ['profile', 'a "b"'],
    ]),
  );
  const again = injectParameters(first, new Map([['live', 'false']]));
  const [, , injected, last] = first.cells;
  assert.equal(injected!.source, '// Parameters\nconst beta = 0;\nconst profile = "a \\"b\\"";');
  assert.deepEqual(injected!.metadata.tags, ['injected-parameters']);
  assert.deepEqual([last!.source, last!.outputs, last!.execution_count], ['train(beta)', [], null]);
  assert.deepEqual(again.cells.map(({ source }) => source).slice(2), [
    '// Parameters\nconst live = false;',
    'train(beta)',
  ]);
  assert.deepEqual(notebook.cells.length, 3);
});

test('an unknown parameter and a value of another kind are refused', () => {
  const set = (name: string, value: string) => () => injectParameters(notebook, new Map([[name, value]]));
  assert.throws(set('bet', '1'), /no parameter 'bet'; did you mean 'beta'\? The parameters are beta, profile, live/);
  assert.throws(set('beta', 'high'), /'beta' must be a number, such as 0\.04, but is 'high'/);
  assert.throws(set('live', '1'), /'live' must be true or false/);
  assert.throws(() => injectParameters({ cells: [] }, new Map([['a', '1']])), /no cell is tagged 'parameters'/);
});
