import assert from 'node:assert/strict';
import { test } from 'node:test';
import { releasedScoreAnswer } from '../../lib/rewards/released/score-answer.js';
import { releasedScoreTransformation } from '../../lib/rewards/released/score-transformation.js';
import { scoreAnswer } from '../../lib/rewards/score-answer.js';
import { scoreTransformation } from '../../lib/rewards/score-transformation.js';

test('answers are equal as text or as numbers', () => {
  assert.equal(scoreAnswer('<think>a</think><answer>6.0</answer>', { answer: '6' }), 1);
  assert.equal(scoreAnswer('6', { answer: '6' }), 1);
  assert.equal(scoreAnswer('<answer>7</answer>', { answer: '6' }), 0);
});

test('transformations get partial credit, and repeats cost nothing here', () => {
  const gold = 'change_size(1, small) change_color(2, red)';
  // (1 + 0.5) / 2
  assert.equal(
    scoreTransformation('<answer>change_size(1, small) change_color(2, blue)</answer>', { answer: gold }),
    0.75,
  );
  assert.equal(scoreTransformation(`<answer>${gold} ${gold}</answer>`, { answer: gold }), 1);
  assert.equal(scoreTransformation('<answer>nothing</answer>', { answer: gold }), 0);
});

test('answers as the released evaluation counts them: as mathematics too, and to the letter of the gold answer', () => {
  for (const [completion, solution, released, kit] of [
    ['<answer> 6 </answer>', '6', 1, 1],
    ['<answer>6.0</answer>', '6', 1, 1],
    ['<answer>1/2</answer>', '0.5', 1, 0],
    ['1/2', '0.5', 1, 0],
    ['<answer>7</answer>', '6', 0, 0],
    ['<answer>B</answer>', 'B', 1, 1],
    ['<answer>b</answer>', 'B', 0, 0],
    // White space around the gold answer: stripped by the kit, and there only without tags.
    ['<answer>B</answer>', ' B', 0, 1],
    ['B', ' B', 1, 1],
  ] as const) {
    const label = `${completion} against '${solution}'`;
    assert.equal(releasedScoreAnswer(completion, { answer: solution }), released, label);
    assert.equal(scoreAnswer(completion, { answer: solution }), kit, label);
  }
});

test('transformations as the released evaluation counts them: calls of the thinking process too, where tags stand on lines of their own', () => {
  const gold = 'change_size(1, small)';
  const thought = 'Not change_color(2, red).';
  for (const [completion, released, kit] of [
    [`<think>${thought}</think><answer>${gold}</answer>`, 1, 1],
    // The form that CoT-SFT trains: two calls are seen there, one of them right, 1 / max(2, 1).
    [`<think>\n${thought}\n</think>\n<answer>\n${gold}\n</answer>`, 0.5, 1],
    ["<answer>change_size(1, 'small')</answer>", 1, 1],
    ['<answer>change_size( 1, small )</answer>', 0, 1],
    ['<answer>change_size(1 , small)</answer>', 0, 1],
    ['<answer>change_size(2, small)</answer>', 0.5, 0.5],
    ['', 0, 0],
  ] as const) {
    assert.equal(releasedScoreTransformation(completion, { answer: gold }), released, completion);
    assert.equal(scoreTransformation(completion, { answer: gold }), kit, completion);
  }
  assert.equal(releasedScoreTransformation(gold, { answer: 'nothing' }), 0);
});

test('the released scorers take time linear in the text', () => {
  const started = performance.now();
  for (const hostile of ['<answer>'.repeat(1e5), 'x'.repeat(1e6), 'f(1,'.repeat(2e5), `${'x'.repeat(1e6)}(1, 2)`]) {
    releasedScoreAnswer(hostile, { answer: '6' });
    releasedScoreTransformation(hostile, { answer: 'change_size(1, small)' });
  }
  assert.ok(performance.now() - started < 2000);
});
