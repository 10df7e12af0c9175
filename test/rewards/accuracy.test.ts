import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accuracyReward } from '../../lib/rewards/accuracy.js';
import { exactAccuracyReward } from '../../lib/rewards/exact-accuracy.js';
import { extractAnswer, taggedAnswer } from '../../lib/rewards/extract-answer.js';
import { mathematicalReward } from '../../lib/rewards/mathematical.js';
import { releasedAccuracyReward } from '../../lib/rewards/released/accuracy.js';
import { releasedMathematicalReward } from '../../lib/rewards/released/mathematical.js';

/** The gold answer 6. */
const row = { answer: '6' };

test('an answer within the thinking is not the answer; the released rewards take the first all the same', () => {
  const completion = '<think>maybe <answer>5</answer>? no</think><answer>6</answer>';
  assert.equal(extractAnswer(completion), '6');
  assert.equal(accuracyReward({ completion, row }), 1);
  assert.equal(releasedAccuracyReward({ completion, row }), 0);
  assert.equal(releasedMathematicalReward({ completion, row: { answer: '5' } }), 1);
  assert.equal(mathematicalReward({ completion, row: { answer: '5' } }), 0);
  // Thinking twice: the answer follows the last.
  assert.equal(extractAnswer('<think>a</think><answer>5</answer><think>b</think><answer>6</answer>'), '6');
  // What stands in the thinking alone is no answer.
  assert.equal(accuracyReward({ completion: '<think><answer>6</answer></think>', row }), 0);
});

test('an empty answer is no answer, even of an empty gold one', () => {
  for (const reward of [accuracyReward, exactAccuracyReward, mathematicalReward])
    assert.equal(reward({ completion: '<answer> </answer>', row: { answer: '' } }), 0);
});

test('the answer is what stands between the first answer tags', () => {
  assert.equal(extractAnswer('<think>5</think><answer>\n6 \n</answer>'), '6');
  assert.equal(extractAnswer('<answer>6</answer><answer>7</answer>'), '6');
  assert.equal(extractAnswer('</answer><answer>6</answer>'), '6');
  assert.equal(extractAnswer(' 6\n'), '6');
  assert.equal(extractAnswer('<answer>6'), '<answer>6');
  assert.equal(taggedAnswer('6'), undefined);
  assert.equal(taggedAnswer('<answer></answer>'), '');
});

test('6.0 is not 6 for the released reward, and is for ours', () => {
  const completion = '<think>a</think><answer>6.0</answer>';
  assert.equal(exactAccuracyReward({ completion, row }), 0);
  assert.equal(accuracyReward({ completion, row }), 1);
  assert.equal(accuracyReward({ completion: '<answer>006</answer>', row }), 1);
  assert.equal(accuracyReward({ completion: '<answer>6e0</answer>', row }), 1);
  assert.equal(accuracyReward({ completion: '<answer>6.01</answer>', row }), 0);
  // A gold .5 earned 0 here and 1 from the mathematical reward.
  assert.equal(accuracyReward({ completion: '<answer>0.5</answer>', row: { answer: '.5' } }), 1);
  assert.equal(accuracyReward({ completion: '<answer>5</answer>', row: { answer: '.5' } }), 0);
});

test('words and numbers that are not the answer earn nothing', () => {
  for (const gamed of [
    '<answer></answer>',
    '<answer>6 or 7</answer>',
    '<answer>5, 6, 7, 8</answer>',
    '<think>the answer is 6</think><answer>7</answer>',
    '<answer>7</answer><answer>6</answer>',
    '<answer><answer>6</answer></answer>',
    '<answer>there are 6 objects</answer>',
    '<answer>0x6</answer>',
    '<answer>Infinity</answer>',
    '<answer>6',
    'red sphere, blue cube, 6 objects.',
  ]) {
    assert.equal(exactAccuracyReward({ completion: gamed, row }), 0, gamed);
    assert.equal(accuracyReward({ completion: gamed, row }), 0, gamed);
  }
  assert.equal(accuracyReward({ completion: '<answer>A or B or C</answer>', row: { answer: 'B' } }), 0);
});

test('a bare answer earns, as in the released code: the format reward is what asks for tags', () => {
  assert.equal(exactAccuracyReward({ completion: ' 6 ', row }), 1);
});

test('digits beyond what a number holds are compared as text', () => {
  // As numbers both would be 2^53.
  assert.equal(
    accuracyReward({ completion: '<answer>9007199254740992</answer>', row: { answer: '9007199254740993' } }),
    0,
  );
});
