import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../lib/engine/random.js';
import type { TaskRecord } from '../../../lib/records/record.js';
import type { AnswerScorer } from '../../../lib/rewards/scorer.js';
import { answerGroups, shuffleLabels } from '../../../lib/study/data/shuffled-labels.js';
import { TASK_NAMES, TASKS, type TaskName } from '../../../lib/tasks/tasks.js';

function sample(task: TaskName, count: number): TaskRecord[] {
  const random = new Random(4, `test/labels/${task}`);
  return Array.from({ length: count }, (_, i) => TASKS[task].sample('id', String(i), random));
}

/** The mean over all shuffles: the score of each answer against each of its group. */
function meanOverShuffles(records: readonly TaskRecord[], score: AnswerScorer): number {
  let sum = 0;
  for (const places of answerGroups(records)) {
    for (const giver of places)
      for (const taker of places) sum += score(records[giver]!.answer, records[taker]!) / places.length;
  }
  return sum / records.length;
}

test('labels move within a family, and within it among letters and among other answers', () => {
  const row = (family: string, answer: string) => ({ ...sample('counting', 1)[0]!, family, answer });
  const rows = [row('f', '1'), row('g', 'B'), row('f', 'A'), row('f', '2'), row('g', 'C')];
  assert.deepEqual(answerGroups(rows), [[0, 3], [1, 4], [2]]);
});

for (const task of TASK_NAMES) {
  test(`${task}: shuffled labels are the same labels, each a form of answer of its family, and score as guesses do`, () => {
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
    const scores = rows.map(({ answer }, i) => score(shuffled[i]!.answer, { answer }));
    const mean = scores.reduce((sum, value) => sum + value, 0) / scores.length;
    const expected = meanOverShuffles(rows, score);
    // Four standard errors of a mean of 400 scores in [0, 1]: at most 4 x 0.5 / 20.
    assert.ok(Math.abs(mean - expected) < 0.1, `${mean} against ${expected}`);
    assert.ok(expected < 0.35, `${expected} is much for a guess`);
    assert.equal(rows.filter((row) => score(row.answer, row) < 1).length, 0);
  });
}
