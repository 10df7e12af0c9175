/** The accuracy rewards of bare answers beside those that look for the answer within a completion. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accuracyReward } from '../../lib/rewards/accuracy.js';
import { bareAccuracyReward, bareFunctionReward, bareMathematicalReward } from '../../lib/rewards/bare-answer.js';
import { functionReward } from '../../lib/rewards/function-reward.js';
import { mathematicalReward } from '../../lib/rewards/mathematical.js';

test('a number or a choice: the whole completion is the answer, as a text, a decimal or within the tolerance', () => {
  const six = { answer: '6' };
  for (const [completion, bare, within] of [
    ['6', 1, 1],
    [' 6\n', 1, 1],
    ['6.0', 1, 1],
    ['5', 0, 0],
    ['the answer is 6', 0, 0],
    ['<answer>6</answer>', 0, 1],
    ['<think>2 + 4 = 6</think><answer>6</answer>', 0, 1],
    ['', 0, 0],
  ] as const) {
    assert.equal(bareAccuracyReward({ completion, row: six }), bare, completion);
    assert.equal(accuracyReward({ completion, row: six }), within, completion);
  }
  // Within 5 % of 100; 12.5 % off: (cos(pi 7.5 / 15) + 1) / 2.
  const hundred = { answer: '100' };
  for (const [number, earned] of [
    ['104', 1],
    ['112.5', 0.5],
    ['130', 0],
  ] as const) {
    assert.equal(bareMathematicalReward({ completion: number, row: hundred }).toFixed(9), earned.toFixed(9));
    const tagged = { completion: `<answer>${number}</answer>`, row: hundred };
    assert.equal(bareMathematicalReward(tagged), 0);
    assert.equal(mathematicalReward(tagged).toFixed(9), earned.toFixed(9));
  }
  assert.equal(bareMathematicalReward({ completion: 'B', row: { answer: 'B' } }), 1);
});

test('calls: nothing may stand beside them, such as the steps that led there', () => {
  const row = { answer: 'change_size(1,small), change_color(2,red)' };
  const worked = '1 2 2 to 2 2: medium small change_size(1,small) red red. 2 0 1 to 0 1: blue red change_color(2,red).';
  for (const [completion, bare, within] of [
    ['change_size(1,small), change_color(2,red)', 1, 1],
    ["change_color( 2 , 'red' ); change_size(1, small).", 1, 1],
    ['change_size(1,small)', 0.5, 0.5],
    [worked, 0, 1],
    ['<answer>change_size(1,small), change_color(2,red)</answer>', 0, 1],
    ['change_size(1,small), change_color(2', 0, 0.5],
    ['', 0, 0],
  ] as const) {
    assert.equal(bareFunctionReward({ completion, row }), bare, completion);
    assert.equal(functionReward({ completion, row }), within, completion);
  }
});
