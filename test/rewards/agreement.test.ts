/** Evaluation and reward read one answer as the same: over every pair of the fixture, in both directions, and over generated numbers. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { Random } from '../../lib/engine/random.js';
import { accuracyReward } from '../../lib/rewards/accuracy.js';
import { readDecimal } from '../../lib/rewards/decimal.js';
import { mathematicalReward } from '../../lib/rewards/mathematical.js';
import { scoreAnswer } from '../../lib/rewards/score-answer.js';
import { scoreSymbolic } from '../../lib/rewards/score-symbolic.js';
import { symbolicAccuracyReward } from '../../lib/rewards/symbolic-accuracy.js';
import { COUNTING } from '../../lib/tasks/counting/task.js';
import { STRUCTURE } from '../../lib/tasks/structure/task.js';

const FIXTURE = path.join(__dirname, '../parity/fixtures/answers/pairs.json');

/** What holds of every completion and gold answer. */
function assertAgreement(answer: string, gold: string): void {
  const completion = `<think>x</think><answer>${answer}</answer>`;
  const row = { answer: gold };
  const what = `'${answer}' against '${gold}'`;
  const score = scoreAnswer(completion, row);
  assert.equal(score, accuracyReward({ completion, row }), what);
  const tolerant = mathematicalReward({ completion, row });
  if (score === 1) assert.equal(tolerant, 1, `${what}: right in the evaluation, and the reward gives ${tolerant}`);
  // The reward gives more than the score only to a number that is near the gold one.
  if (tolerant > 0 && score === 0) {
    const [number, target] = [Number(answer.trim()), Number(gold.trim())];
    assert.ok(Math.abs(number - target) <= 0.2 * Math.abs(target), what);
  }
  const symbolic = symbolicAccuracyReward({ completion, row });
  assert.equal(scoreSymbolic(completion, row), symbolic, what);
  // One number is one in mathematics too. Only a text that says nothing there (1/0, NaN, $$) is equal to itself as a text alone.
  if (score === 1 && symbolic === 0)
    assert.ok(answer.trim() === gold.trim() && readDecimal(answer.trim()) === undefined, what);
}

test('the pairs of the fixture', () => {
  const pairs = JSON.parse(readFileSync(FIXTURE, 'utf8')) as { answer: string; gold: string }[];
  for (const { answer, gold } of pairs) {
    assertAgreement(answer, gold);
    assertAgreement(gold, answer);
    assertAgreement(answer, answer);
  }
});

test('generated numbers in every writing', () => {
  const random = new Random(3, 'agreement of evaluation and reward');
  const digits = (most: number) => Array.from({ length: 1 + random.int(most) }, () => random.int(10)).join('');
  const write = () =>
    random.choice([
      () => digits(4),
      () => `.${digits(3)}`,
      () => `${digits(2)}.`,
      () => `${random.choice(['+', '-', '0', '00'])}${digits(2)}.${digits(2)}`,
      () => `${digits(2)}e${random.choice(['', '+', '-'])}${digits(1)}`,
      () => `0.${digits(2)}0`,
      () => digits(40),
    ])();
  for (let i = 0; i < 2000; i++) {
    const [answer, gold] = [write(), write()];
    assertAgreement(answer, gold);
    // One number in two writings: a zero before it and one behind.
    const other = gold.replace(/^([+-]?)/, '$10').replace(/^([^e]*\.[^e]*)/, '$10');
    if (gold.length < 25)
      assert.equal(scoreAnswer(`<answer>${other}</answer>`, { answer: gold }), 1, `${other} against ${gold}`);
    assertAgreement(other, gold);
  }
});

test('a gold .5 is 0.5 in the scores and rewards of the tasks', () => {
  const completion = '<answer>0.50</answer>';
  const row = { answer: '.5' };
  assert.equal(STRUCTURE.score(completion, row), 1);
  assert.equal(COUNTING.score(completion, row), 1);
  assert.equal(mathematicalReward({ completion, row }), 1);
  assert.equal(accuracyReward({ completion, row }), 1);
});
