import assert from 'node:assert/strict';
import { test } from 'node:test';
import { table } from 'arquero';
import { arqueroTable, droppedTable, escapeHtml, tableBundle } from '../../lib/plots/tables.js';

test('everything that could be markup is escaped', () => {
  assert.equal(
    escapeHtml(`<img src=x onerror="alert('1')"> & co`),
    '&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt; &amp; co',
  );
});

test('model text in a cell, a title or a caption never becomes markup', () => {
  const hostile = '<script>alert(1)</script>';
  const html = String(tableBundle([hostile], [[hostile]], hostile)['text/html']);
  assert.ok(!html.includes('<script'));
  assert.equal(html.split('&lt;script&gt;alert(1)&lt;/script&gt;').length - 1, 3);
});

test('a picture must be a PNG data address', () => {
  assert.throws(() => tableBundle(['image'], [[{ picture: 'javascript:alert(1)', alt: 'x' }]]), /PNG data address/);
  const html = String(tableBundle(['image'], [[{ picture: 'data:image/png;base64,AAAA', alt: '"' }]])['text/html']);
  assert.ok(html.includes('<img alt="&quot;" src="data:image/png;base64,AAAA">'));
});

test('the plain text beside the table has padded columns', () => {
  const bundle = tableBundle(
    ['name', 'n'],
    [
      ['a', 10],
      ['two\nlines', 0.5],
    ],
  );
  assert.equal(bundle['text/plain'], ['name         n', 'a               10', 'two / lines  0.500'].join('\n'));
});

test('a row of the wrong length is refused', () => {
  assert.throws(() => tableBundle(['a', 'b'], [['x']]), /row 0 has 1 cells, expected 2/);
});

test('dropped rows with the check and the reason', () => {
  const text = String(droppedTable([{ id: 'vc-7', check: 'duplicate', reason: 'the same as vc-3' }])['text/plain']);
  assert.match(text, /vc-7 +duplicate +the same as vc-3/);
});

test('a table of Arquero’s keeps its columns in order, numbers to the right', () => {
  const bundle = arqueroTable(table({ check: ['truth', 'format'], rows: [12, 3] }), 'Dropped');
  assert.equal(bundle['text/plain'], ['Dropped', 'check   rows', 'truth     12', 'format     3'].join('\n'));
});
