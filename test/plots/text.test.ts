import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plotlyText, wrapLines } from '../../lib/plots/text.js';

test('lines break between words and hold at most so many characters; a longer word keeps a line of its own', () => {
  assert.deepEqual(wrapLines('one two  three', 7), ['one two', 'three']);
  assert.deepEqual(wrapLines('a transformation b', 5), ['a', 'transformation', 'b']);
  assert.deepEqual(wrapLines('', 5), []);
});

test('Plotly shows markup as text', () => {
  assert.equal(plotlyText('<b>a & b</b>'), '&lt;b&gt;a &amp; b&lt;/b&gt;');
});
