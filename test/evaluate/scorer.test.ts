import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scoreAnswer, scoreTransformation } from '../../lib/evaluate/scorer.js';

test('answers are equal as text or as numbers', () => {
  assert.equal(scoreAnswer('<think>a</think><answer>6.0</answer>', '6'), 1);
  assert.equal(scoreAnswer('6', '6'), 1);
  assert.equal(scoreAnswer('<answer>7</answer>', '6'), 0);
});

test('transformations get partial credit, and repeats cost nothing here', () => {
  const gold = 'change_size(1, small) change_color(2, red)';
  // (1 + 0.5) / 2
  assert.equal(scoreTransformation('<answer>change_size(1, small) change_color(2, blue)</answer>', gold), 0.75);
  assert.equal(scoreTransformation(`<answer>${gold} ${gold}</answer>`, gold), 1);
  assert.equal(scoreTransformation('<answer>nothing</answer>', gold), 0);
});
