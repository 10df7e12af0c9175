import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type HtmlTable, htmlTable, notebookTable } from '../../lib/plots/html-table.js';

const table: HtmlTable = {
  caption: 'a <b>',
  heads: [
    ['', { text: 'ID', columns: 2 }],
    ['name', { text: 'ours', number: true }, 'paper'],
  ],
  rows: [
    [
      { text: 'x <i>', head: true },
      { text: '1', number: true, bold: true },
      { text: '<u>', code: true, mark: 'good' },
    ],
  ],
};

test('heads have their scope and span, cells their classes, and no text is markup', () => {
  const html = htmlTable(table);
  assert.ok(html.includes('<tr><td></td><th scope="colgroup" colspan="2">ID</th></tr>'));
  assert.ok(html.includes('<th scope="col">name</th><th scope="col" class="number">ours</th>'));
  assert.ok(html.includes('<th scope="row">x &lt;i&gt;</th><td class="number"><b>1</b></td>'));
  assert.ok(html.includes('<td class="good"><code>&lt;u&gt;</code></td>'));
  assert.ok(html.includes('<caption>a &lt;b&gt;</caption>') && !/<[iu]>/.test(html));
});

test('a row of the wrong length is refused', () => {
  const table = { heads: [['a', 'b']], rows: [['1', '2'], ['1']] };
  assert.throws(() => htmlTable({ ...table, caption: 'x' }), /row 1 has 1 cells, expected 2/);
  assert.throws(() => htmlTable(table), /needs a caption or a label/);
});

test('in a notebook the heads of a column stand in one', () => {
  const bundle = notebookTable(table);
  assert.equal(bundle['text/plain'], ['a <b>', 'name   ID: ours  ID: paper', 'x <i>  1         <u>'].join('\n'));
  assert.ok(!/<[iu]>/.test(String(bundle['text/html'])));
});
