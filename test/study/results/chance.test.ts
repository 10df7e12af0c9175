import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../lib/engine/random.js';
import { scoreAnswer } from '../../../lib/rewards/score-answer.js';
import { scoreTransformation } from '../../../lib/rewards/score-transformation.js';
import { bestConstantScore } from '../../../lib/study/results/chance.js';
import { TASKS } from '../../../lib/tasks/tasks.js';

const [sampled] = [TASKS.counting.sample('id', 'x', new Random(1))];
const row = (family: string, answer: string) => ({ ...sampled, family, answer });

test('the best constant, worked by hand: a family of 1, 1, 2 and one of B, C, C, C', () => {
  const rows = ['1', '1', '2'].map((answer) => row('f', answer));
  const choices = ['B', 'C', 'C', 'C'].map((answer) => row('g', answer));
  // A constant 1 is right twice, a constant C three times: 5 of 7.
  assert.equal(bestConstantScore([...rows, ...choices], scoreAnswer), 5 / 7);
});

test('partial credit counts: a constant may be nobody’s whole answer and score best', () => {
  const answers = ['change_color(0,red)', 'change_color(0,blue)', 'change_size(1,small)'];
  const scores = answers.map((constant) =>
    answers.reduce((sum, gold) => sum + scoreTransformation(constant, { answer: gold }), 0),
  );
  const best = Math.max(...scores) / 3;
  assert.equal(
    bestConstantScore(
      answers.map((answer) => row('level-1', answer)),
      scoreTransformation,
    ),
    best,
  );
  assert.ok(best > 1 / 3, 'more than the constant earns from its own row');
});
