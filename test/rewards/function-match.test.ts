import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matchFunctionCalls, parseFunctionCalls } from '../../lib/rewards/function-match.js';
import { functionMatchReward } from '../../lib/rewards/function-reward.js';
import { parseReleasedCalls, releasedFunctionReward } from '../../lib/rewards/released/function-match.js';

const solution = 'change_size(1, small), change_color(2, red)';

test('calls are read wherever they stand', () => {
  assert.deepEqual(parseFunctionCalls('First change_size(1, small); then change_position( 7 ,front_left ).'), [
    { name: 'change_size', id: '1', value: 'small' },
    { name: 'change_position', id: '7', value: 'front_left' },
  ]);
  assert.deepEqual(parseFunctionCalls('((a, b) change_size 1, small) f() f(1) f(1, 2, 3) f(1, 2'), []);
  assert.deepEqual(parseFunctionCalls(`f(1, 'x') f(1, "x") f(1, 'x) f(1, x')`), [
    { name: 'f', id: '1', value: 'x' },
    { name: 'f', id: '1', value: 'x' },
  ]);
  assert.deepEqual(parseFunctionCalls('f(g(1, x))'), [{ name: 'g', id: '1', value: 'x' }]);
});

test('the constants of the reference, one kind of match at a time', () => {
  // One gold call: the score is the weight of its match.
  const one = 'change_color(2, red)';
  for (const [answer, partial, fullOnly, penalty] of [
    ['change_color(2, red)', 1, 1, 1],
    ['change_color(2, blue)', 0.5, 0, -0.25],
    ['change_color(3, red)', 0.5, 0, -0.25],
    ['change_color(3, blue)', 0.25, 0, -0.5],
    ['change_size(2, red)', 0, 0, 0],
    ['red', 0, 0, 0],
  ] as const) {
    const row = { answer: one };
    const completion = `<think>change_color(2, red)</think><answer>${answer}</answer>`;
    assert.equal(functionMatchReward({ completion, row }, 'partial'), partial, answer);
    assert.equal(functionMatchReward({ completion, row }, 'full-only'), fullOnly, answer);
    assert.equal(functionMatchReward({ completion, row }, 'penalty'), penalty, answer);
  }
});

test('order does not count, missing and surplus calls do', () => {
  assert.equal(matchFunctionCalls('change_color(2, red) change_size(1, small)', solution, 'partial'), 1);
  // 1 / max(1, 2)
  assert.equal(matchFunctionCalls('change_size(1, small)', solution, 'partial'), 0.5);
  // Two matches, five calls: 2 / 5.
  const five = `${solution} change_shape(1, cube) change_shape(2, cube) change_shape(3, cube)`;
  assert.equal(matchFunctionCalls(five, solution, 'partial'), 2 / 5);
});

test('a gold call is matched once, by its best match', () => {
  // Both name change_color on 2; the full match takes the gold call, the other has none left: (1 + 0) / 2.
  const twice = 'change_color(2, blue) change_color(2, red)';
  assert.equal(matchFunctionCalls(twice, 'change_color(2, red)', 'partial'), 1 / 2);
  // Full, then function and object: (1 + 0.5) / 2.
  assert.equal(matchFunctionCalls('change_size(1, small) change_color(2, blue)', solution, 'partial'), 0.75);
});

test('repeats take off by the repeat factor', () => {
  // Four calls, two of them different: 1 * 2 / 4; the score without the factor stays 1.
  const repeated = `${solution} ${solution}`;
  assert.equal(
    functionMatchReward({ completion: `<answer>${repeated}</answer>`, row: { answer: solution } }, 'partial'),
    0.5,
  );
  assert.equal(matchFunctionCalls(repeated, solution, 'partial'), 1);
});

test('the released reward reads calls by the released expression', () => {
  const expression = /(\w+)\((\w+),\s*'?(\w+)'?\)/g;
  const text = `f(1, x) f(1,x) f(1,\n'x') f(1, 'x) f(1, x') f( 1, x) f(1 , x) f(1, x ) f(1, "x") f(g(1, x)) (1, x) f(1, x)(2, y)`;
  const expected = [...text.matchAll(expression)].map(([, name, id, value]) => ({ name, id, value }));
  assert.equal(expected.length, 7);
  assert.deepEqual(parseReleasedCalls(text), expected);
  const row = { answer: 'change_size(1, small)' };
  const spaced = { completion: '<answer>change_size( 1, small )</answer>', row };
  assert.deepEqual([releasedFunctionReward(spaced), functionMatchReward(spaced)], [0, 1]);
  // Whole matches alone, and two of four calls are repeats: 2 / 2 * 2 / 4.
  assert.equal(
    releasedFunctionReward({ completion: `<answer>${solution} ${solution}</answer>`, row: { answer: solution } }),
    0.5,
  );
  assert.equal(releasedFunctionReward({ completion: '<answer>change_size(2, small)</answer>', row }), 0);
});
