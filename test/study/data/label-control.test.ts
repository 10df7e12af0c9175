import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../lib/engine/random.js';
import { scoreAnswer } from '../../../lib/rewards/scorer.js';
import { chanceScore, shuffleLabels } from '../../../lib/study/data/label-control.js';
import { TASK_NAMES, TASKS } from '../../../lib/tasks/tasks.js';

const sample = (task: (typeof TASK_NAMES)[number], count: number) => {
  const random = new Random(4, `test/labels/${task}`);
  return Array.from({ length: count }, (_, i) => TASKS[task].sample('id', String(i), random));
};

test('chance, worked by hand: a family of 1, 1, 2 and one of B, C', () => {
  const row = (family: string, answer: string) => ({ ...sample('counting', 1)[0]!, family, answer });
  const rows = [row('f', '1'), row('f', '1'), row('f', '2'), row('g', 'B'), row('g', 'C')];
  // A 1 meets a 1 with chance 2/3, the 2 itself with 1/3: (2/3 + 2/3 + 1/3) + (1/2 + 1/2) = 8/3 of 5.
  assert.ok(Math.abs(chanceScore(rows, scoreAnswer) - 8 / 15) < 1e-12);
});

for (const task of TASK_NAMES) {
  test(`${task}: shuffled labels are the same labels, each a form of answer of its family, and score at chance`, () => {
    const { score } = TASKS[task];
    const rows = sample(task, 400);
    const shuffled = shuffleLabels(rows, new Random(1, 'labels'));
    const sorted = (records: typeof rows) =>
      records.map(({ family, answer, cot }) => `${family} ${answer} ${cot}`).sort();
    assert.deepEqual(sorted(shuffled), sorted(rows));
    assert.deepEqual(
      shuffled.map(({ id, problem, scene }) => [id, problem, scene]),
      rows.map(({ id, problem, scene }) => [id, problem, scene]),
    );
    const scores = rows.map(({ answer }, i) => score(shuffled[i]!.answer, answer));
    const mean = scores.reduce((sum, each) => sum + each, 0) / scores.length;
    const chance = chanceScore(rows, score);
    // Four standard errors of a mean of 400 scores in [0, 1]: at most 4 x 0.5 / 20.
    assert.ok(Math.abs(mean - chance) < 0.1, `${mean} against ${chance}`);
    assert.ok(chance < 0.35, `${chance} is much for a guess`);
    assert.equal(rows.filter((row) => score(row.answer, row.answer) < 1).length, 0);
  });
}
