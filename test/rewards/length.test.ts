import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lengthReward, lengthRewards } from '../../lib/rewards/length.js';

const group = [
  { length: 20, correct: true },
  { length: 30, correct: true },
  { length: 40, correct: false },
  { length: 20, correct: false },
];

test('shorter correct completions earn more; wrong ones never earn, and lose where they are long', () => {
  // lambda = 0.5 - (length - 20) / 20: 0.5, 0, -0.5, 0.5, times 0.05; the short wrong one gets min(0, 0.5) = 0.
  assert.deepEqual(lengthRewards(group, 801), [0.025, 0, -0.025, 0]);
});

test('nothing in the first 800 steps, and nothing where all are of one length', () => {
  assert.deepEqual(lengthRewards(group, 800), [0, 0, 0, 0]);
  assert.deepEqual(lengthRewards([group[0]!, group[3]!], 801), [0, 0]);
  assert.deepEqual(lengthRewards([], 801), []);
});

test('by name, a completion is compared with its group: characters, and right or wrong by the answer', () => {
  // 18, 20 and 22 characters: lambda = 0.5 - (length - 18) / 4 is 0.5, 0, -0.5, times 0.05; the short wrong one gets 0.
  const texts = ['<answer>6</answer>', '<answer>006</answer>', '<answer>00007</answer>', '<answer>5</answer>'];
  const others = { row: { answer: '6' }, group: texts, step: 801 };
  assert.deepEqual(
    texts.map((text) => lengthReward({ completion: text, ...others })),
    [0.025, 0, -0.025, 0],
  );
  assert.equal(lengthReward({ completion: texts[0]!, ...others, step: 800 }), 0);
});
