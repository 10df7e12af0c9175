import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CurationRules, corruptRecords, curate } from '../../lib/data/curation.js';
import { Random } from '../../lib/engine/random.js';
import type { TaskRecord } from '../../lib/records/record.js';
import { TASK_NAMES, TASKS, type TaskName } from '../../lib/tasks/tasks.js';

const nothingHeld = { scenes: new Set<string>(), questions: new Set<string>() };
const rulesOf = (task: TaskName): CurationRules => ({ ...TASKS[task], held: nothingHeld, largestShare: 1 });
const sampleRows = (task: TaskName, count: number) => {
  const random = new Random(3, 'test/curation');
  return Array.from({ length: count }, (_, i) => TASKS[task].sample('id', `row-${i}`, random));
};

/** Rows whose scene is a name and whose truth is written on it, to try one rule at a time. */
const plain = (id: string, answer: string, more: Partial<TaskRecord> = {}): TaskRecord => ({
  ...{
    id,
    image: 'a.png',
    problem: 'How many?',
    answer,
    cot: `objects: ${answer}.`,
    task: 'counting',
    family: 'count',
  },
  ...{ domain: 'id', scene: id, program: answer },
  ...more,
});
const rules: CurationRules = {
  ...TASKS.counting,
  solve: ({ program }) => String(program),
  sceneFingerprint: ({ scene }) => String(scene),
  questionFingerprint: ({ problem }) => problem,
  held: { scenes: new Set(['held']), questions: new Set(['How many held?']) },
  largestShare: 1,
};

test('each check drops its row, and says why', () => {
  const rows = [
    plain('sound', '2'),
    plain('empty', '2', { cot: ' ' }),
    plain('tagged', '2', { cot: 'objects: 2.</think>' }),
    plain('word', 'two'),
    plain('sum', '5', { cot: 'objects: 7. red objects: 2. 7 - 2 = 6.' }),
    plain('other', '5', { cot: 'objects: 7.' }),
    plain('false', '3', { program: '4' }),
    plain('again', '2', { scene: 'sound' }),
    plain('leaked', '2', { scene: 'held' }),
    plain('asked', '2', { problem: 'How many held?' }),
  ];
  const { kept, dropped } = curate(rows, rules);
  assert.deepEqual(
    kept.map(({ id }) => id),
    ['sound'],
  );
  assert.deepEqual(
    dropped.map(({ id, check }) => [id, check]),
    [
      ['empty', 'format'],
      ['tagged', 'format'],
      ['word', 'format'],
      ['sum', 'arithmetic'],
      ['other', 'arithmetic'],
      ['false', 'truth'],
      ['again', 'duplicate'],
      ['leaked', 'leakage'],
      ['asked', 'leakage'],
    ],
  );
  const reason = Object.fromEntries(dropped.map((row) => [row.id, row.reason]));
  assert.match(reason.word!, /the answer 'two' is not a whole number/);
  assert.match(reason.sum!, /'7 - 2 = 6' is wrong: it makes 5/);
  assert.match(reason.other!, /leads to 7, but the answer is 5/);
  assert.match(reason.false!, /the scene gives 4, but the answer is 3/);
  assert.match(reason.again!, /as sound/);
});

test('another question about the same scene is no duplicate', () => {
  const rows = [plain('a', '2'), plain('b', '2', { scene: 'a', problem: 'How many cubes?' })];
  assert.equal(curate(rows, rules).kept.length, 2);
});

test('no answer has more than its share of what is kept', () => {
  const rows = (counts: readonly number[]) =>
    counts.flatMap((count, answer) => Array.from({ length: count }, (_, i) => plain(`${answer}-${i}`, String(answer))));
  const keptCounts = (counts: readonly number[], largestShare: number) => {
    const { kept } = curate(rows(counts), { ...rules, largestShare });
    return counts.map((_, answer) => kept.filter((row) => row.answer === String(answer)).length);
  };
  // 60 of 100 are cut to 40 of 80, those to 32 of 72, to 29 of 69, to 28 of 68: ceil(0.4 * 68) = 28.
  assert.deepEqual(keptCounts([60, 20, 20], 0.4), [28, 20, 20]);
  assert.deepEqual(keptCounts([30, 35, 35], 0.4), [30, 35, 35]);
  // Two answers cannot each stay under 40 %: half each, rounded up: ceil(0.5 * 21) = 11.
  assert.deepEqual(keptCounts([30, 10], 0.4), [11, 10]);
  assert.deepEqual(keptCounts([30], 0.4), [30]);
});

test('balance is per family, and earlier rows stay', () => {
  const rows = [
    ...['1', '1', '1', '2', '3'].map((answer, i) => plain(`c${i}`, answer)),
    ...['1', '1'].map((answer, i) => plain(`n${i}`, answer, { family: 'needed' })),
  ];
  // 'count': 5 rows, ceil(0.4 * 5) = 2 of answer 1 of 4 kept; ceil(0.4 * 4) = 2.
  const { kept, dropped } = curate(rows, { ...rules, largestShare: 0.4 });
  assert.deepEqual(
    dropped.map(({ id, check }) => [id, check]),
    [['c2', 'balance']],
  );
  assert.equal(kept.length, 6);
});

for (const task of TASK_NAMES) {
  test(`${task}: sound rows pass every check but the balance`, () => {
    const { dropped } = curate(sampleRows(task, 300), rulesOf(task));
    assert.deepEqual(
      dropped.filter(({ check }) => check !== 'duplicate'),
      [],
    );
    assert.ok(dropped.length <= 3, 'of 300 figures or scenes, two are hardly ever alike');
  });

  test(`${task}: every spoiled row is caught, and no sound one`, () => {
    const rows = curate(sampleRows(task, 1000), rulesOf(task)).kept;
    const spoiled = corruptRecords(rows, 0.3, new Random(1, 'spoil'));
    const sound = new Map(rows.map((row) => [row.id, row]));
    const touched = spoiled.filter((row) => sound.get(row.id) !== row).map((row) => row.id);
    // 30 % of the rows, give or take four standard deviations: of 1,000, 300 +- 4 sqrt(1000 0.3 0.7).
    assert.ok(Math.abs(touched.length - 0.3 * rows.length) < 58, `${touched.length} rows were spoiled`);
    const { kept, dropped } = curate(spoiled, rulesOf(task));
    assert.deepEqual(dropped.map(({ id }) => id).sort(), touched.sort());
    assert.equal(kept.length, spoiled.length - touched.length);
    assert.deepEqual([...new Set(dropped.map(({ check }) => check))].sort(), [
      'arithmetic',
      'duplicate',
      'format',
      'truth',
    ]);
  });
}

test('the same seed spoils the same rows in the same way', () => {
  const rows = sampleRows('counting', 50);
  const spoil = () => corruptRecords(rows, 0.5, new Random(1, 'spoil'));
  assert.deepEqual(spoil(), spoil());
  assert.deepEqual(corruptRecords(rows, 0, new Random(1)), rows);
});
