import assert from 'node:assert/strict';
import { test } from 'node:test';
import { balanceBars, countValues } from '../../lib/plots/balance.js';

test('values are counted in numeric order, rows without the key apart', () => {
  const rows = [{ answer: '10' }, { answer: '2' }, { answer: '2' }, {}];
  assert.deepEqual(countValues(rows, 'answer'), [
    ['(none)', 1],
    ['2', 2],
    ['10', 1],
  ]);
});

test('bars are shares of their split', () => {
  const { data } = balanceBars({ a: [{ answer: '1' }, { answer: '2' }, { answer: '2' }, { answer: '2' }] }, ['answer']);
  const [bar] = data as { x: string[]; y: number[]; customdata: number[] }[];
  assert.deepEqual(bar?.x, ['1', '2']);
  assert.deepEqual(bar?.y, [25, 75]);
  assert.deepEqual(bar?.customdata, [1, 3]);
});
