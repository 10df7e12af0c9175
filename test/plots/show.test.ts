/** What `show` makes of a value: the right kind of output, escaped and bounded, or a refusal in words. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { table } from 'arquero';
import { DataFrame, Series } from 'danfojs-node';
import { describeRecords } from '../../lib/data/tables.js';
import type { DisplayBundle } from '../../lib/plots/notebook.js';
import { show } from '../../lib/plots/show.js';
import { RunDirectory } from '../../lib/train/run-directory.js';

/** Shows a value and returns what stands in its place at the end, and how often it was written. */
async function shown(value: unknown): Promise<DisplayBundle & { writes: number }> {
  const messages: { data: DisplayBundle; update: boolean; id: string | undefined }[] = [];
  await show(value, ({ data, transient }, update) => messages.push({ data, update, id: transient.display_id }));
  assert.deepEqual(
    messages.map(({ update }) => update),
    messages.map((_, i) => i > 0),
  );
  assert.equal(new Set(messages.map(({ id }) => id)).size, 1);
  return { ...messages.at(-1)!.data, writes: messages.length };
}
const plain = async (value: unknown) => String((await shown(value))['text/plain']);

test('a figure of Plotly is interactive and has a picture for viewers without scripts', async () => {
  const bundle = await shown({ data: [{ x: [1, 2], y: [3, 4] }], layout: { title: { text: 'two points' } } });
  assert.equal(bundle['text/plain'], 'two points');
  assert.match(String(bundle['text/html']), /<img alt="two points" src="data:image\/png;base64,iVBOR.*<script>/);
  assert.equal(bundle.writes, 2, 'its place is kept from the start');
});

test('tables of Arquero and danfo, and what describeRecords makes, are HTML tables', async () => {
  assert.equal(await plain(table({ check: ['truth'], rows: [12] })), 'check  rows\ntruth    12');
  assert.equal(await plain(new DataFrame({ a: [1, 2], b: ['x', 'y'] })), '   a  b\n0  1  x\n1  2  y');
  assert.match(await plain(new Series([1.5, 2.5])), /0 +1\.500\n1 +2\.500/);
  const record = { id: 'a', problem: 'how many ?', cot: 'one two', answer: '2' };
  const bundle = await shown(await describeRecords([record, record] as never));
  assert.match(String(bundle['text/html']), /<table>.*problemWords/);
});

test('pictures, one or several, and the bytes of a PNG', async () => {
  const image = { width: 4, height: 2, data: new Uint8Array(24) };
  const one = await shown(image);
  assert.deepEqual([one['text/plain'], typeof one['image/png']], ['a picture of 4 x 2 pixels', 'string']);
  assert.equal((await shown([image, image]))['text/plain'], '2 pictures');
  const bytes = Buffer.from(String(one['image/png']), 'base64');
  assert.equal((await shown(bytes))['image/png'], one['image/png']);
});

test('rows, a single object, lists, numbers and texts', async () => {
  assert.equal(
    await plain([
      { id: 'a', score: 1.7e-4 },
      { id: 'b', extra: [1, 2] },
    ]),
    ['id  score   extra', 'a   1.7e-4', 'b           1, 2'].join('\n'),
  );
  assert.match(await plain({ accuracy: 0.5, items: Array(500).fill(1) }), /accuracy +0\.500\nitems +500 values/);
  assert.equal(await plain([3, 1, 2]), '3, 1, 2');
  assert.equal(await plain(new Float32Array([0.5, 2])), '0.5, 2');
  assert.equal(await plain(1.7e-4), '1.7e-4');
  assert.equal(await plain(new Map([['b', 2]])), '0  1\nb  2');
});

test('a run directory shows its last metrics', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'show-'));
  const run = RunDirectory.open(path.join(folder, 'run'), { seed: 1 });
  const log = await run.startLog(0, 1);
  log.write(0, { reward: 0.25 }, {});
  assert.match(await plain(run), /steps logged +1[\s\S]*reward +0\.250/);
  rmSync(folder, { recursive: true });
});

test('a text wraps, and markup in it is escaped', async () => {
  const bundle = await shown('<img src=x onerror=alert(1)> **bold**');
  assert.match(String(bundle['text/html']), /pre-wrap.*&lt;img src=x onerror=alert\(1\)&gt; \*\*bold\*\*/);
  assert.deepEqual(Object.keys(bundle), ['text/html', 'text/plain', 'writes']);
  assert.ok(!String((await shown([{ text: '<script>' }]))['text/html']).includes('<script>'));
});

test('long tables and texts are cut, with a word on what is left out', async () => {
  const rows = Array.from({ length: 2345 }, (_, id) => ({ id }));
  assert.match(await plain(rows), /\n49\nthe first 50 of 2,345 rows$|49\nthe first 50 of 2,345 rows/);
  assert.match(await plain(table({ id: rows.map(({ id }) => id) })), /the first 50 of 2,345 rows/);
  assert.ok((await plain('x'.repeat(100_000))).length < 2100);
  assert.ok((await plain([{ text: 'x'.repeat(100_000) }])).length < 2200);
  assert.ok((await plain(Array(100_000).fill(1))).length < 1000);
});

test('what cannot be shown is refused in words', () => {
  const refused = (value: unknown) => {
    try {
      void show(value, () => {});
    } catch (error) {
      return (error as Error).message;
    }
    return 'shown';
  };
  assert.match(refused(Promise.resolve(1)), /write await before it/);
  assert.match(refused(undefined), /nothing to show in undefined/);
  assert.match(
    refused(() => 1),
    /a function: call it/,
  );
  assert.match(refused(new WeakMap()), /cannot show a WeakMap; console\.log/);
});
