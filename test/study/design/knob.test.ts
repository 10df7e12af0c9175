/** The knob's cells: by name, what they start from, and that they differ in the base model alone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BASE_LEVELS } from '../../../lib/pretrain/recipe.js';
import type { GrpoCell } from '../../../lib/study/cells/cell.js';
import { drawsAfter, knobGrpo, readingSettings } from '../../../lib/study/design/knob.js';
import { paradigmCell, reasonRftCell, stageOneCell } from '../../../lib/study/design/paradigms.js';
import { studyGrid, WHOLE_STUDY } from '../../../lib/study/design/study-grid.js';
import { QUICK, STANDARD, TINY, taskProfile } from '../../../lib/study/profile.js';
import type { Study } from '../../../lib/study/workspace.js';
import { TASK_NAMES } from '../../../lib/tasks/tasks.js';

const study: Study = { profile: TINY, folder: '/nowhere', base: '/nowhere' };
const knobGrid = (of: Study) => studyGrid(of, { ...WHOLE_STUDY, parts: ['knob'] });
const [never] = TINY.knob!.levels;

test('the cells of two levels by name, with what is measured of each; the profile quick has none', () => {
  const cells = ['base', 'stage 1/seed 1', 'cot-sft/seed 1', 'reason-rft-zero/seed 1', 'reason-rft/seed 1'];
  const grid = knobGrid(study);
  assert.deepEqual(
    grid.map(({ name }) => name),
    ['never', '1-in-7'].flatMap((level) => cells.map((name) => `counting/knob/${level}/${name}`)),
  );
  assert.deepEqual(
    grid.slice(0, 5).map(({ evaluations, reading }) => [evaluations.length, reading !== undefined]),
    [
      [0, true],
      [0, true],
      [2, false],
      [0, false],
      [0, false],
    ],
  );
  assert.deepEqual(knobGrid({ ...study, profile: QUICK }), []);
  // Three tasks: a base model for each of four levels; of three levels one seed and of one the study's three: stage 1 and three paradigms.
  const standard = knobGrid({ ...study, profile: STANDARD });
  assert.equal(standard.length, 3 * (4 + (3 + 3) * 4));
  assert.equal(standard.filter(({ reading }) => reading).length, 3 * 4 * 2, 'each base model, and one stage 1 of each');
});

test('the levels are those that pretraining makes, and the one with the study’s seeds is one of them', () => {
  const shares = Object.fromEntries(STANDARD.knob!.levels.map(({ name, share }) => [name, share]));
  assert.deepEqual(shares, BASE_LEVELS);
  const several = STANDARD.knob!.levels.filter(({ seeds }) => seeds.length > 1);
  assert.deepEqual(
    several.map(({ seeds }) => seeds),
    [STANDARD.seeds],
  );
});

test('levels differ in the base model alone, and SFT is that of the paradigms but for it', () => {
  const grid = knobGrid(study);
  const text = JSON.stringify(grid.slice(0, 5)).replaceAll('never', '1-in-7');
  assert.equal(JSON.stringify(grid.slice(5)), text);
  const [, stageOne, cotSft] = grid.map(({ cell }) => cell);
  assert.deepEqual(stageOne, { ...stageOneCell(study, 'counting', 1), base: 'never' });
  assert.deepEqual(cotSft, { ...paradigmCell(study, 'cot-sft', 'counting', 1), base: 'never' });
});

test('GRPO of the knob is the paradigms’ but for the base model, with its curve; Reason-RFT goes on from the level’s stage 1', () => {
  const [zero, rft] = (['reason-rft-zero', 'reason-rft'] as const).map((paradigm) =>
    knobGrpo(study, paradigm, never!, 'counting', 1),
  ) as [GrpoCell, GrpoCell];
  assert.deepEqual(zero, { ...paradigmCell(study, 'reason-rft-zero', 'counting', 1), base: 'never' });
  const start = { ...stageOneCell(study, 'counting', 1), base: 'never' };
  assert.deepEqual(rft, { ...reasonRftCell(study, 'counting', 1), start });
  for (const cell of [zero, rft]) assert.deepEqual(cell.curve, { evaluateEvery: 20, items: 4 });
  // 4 completions of 4 prompts a step.
  assert.equal(drawsAfter(zero, 3), 3 * 4 * 4);
});

test('completions are drawn from the whole distribution, on every task: the rare ones are what the knob is about', () => {
  const { levels } = STANDARD.knob!;
  for (const task of TASK_NAMES) {
    const { temperature, topP, topK, minP } = knobGrpo(
      { ...study, profile: STANDARD },
      'reason-rft',
      levels[0]!,
      task,
      1,
    ).settings;
    assert.deepEqual([temperature, topP, topK, minP], [1, 1, 0, 0], task);
  }
});

test('a reading asks rows that stage 1 does not see, and the data holds them', () => {
  for (const profile of [TINY, STANDARD]) {
    for (const task of TASK_NAMES) {
      const { rows } = readingSettings({ ...study, profile }, task);
      const { stageOneRows, trainRows } = taskProfile(profile, task);
      assert.ok(rows[0] >= stageOneRows && rows[0] < rows[1] && rows[1] <= trainRows, `${profile.name} ${task}`);
    }
  }
  assert.throws(() => readingSettings({ ...study, profile: QUICK }, 'counting'), /quick has no part 'knob'/);
});
