/** Worked-out completions are told from hasty ones, on many rows of each task. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../lib/engine/random.js';
import type { TaskRecord } from '../../lib/records/record.js';
import { writeCaption } from '../../lib/tasks/counting/wording.js';
import { writeTarget } from '../../lib/tasks/prompts.js';
import type { GeometryFigure } from '../../lib/tasks/structure/figure.js';
import { writeFigureCaption } from '../../lib/tasks/structure/wording.js';
import { TASK_NAMES, TASKS, type TaskName } from '../../lib/tasks/tasks.js';
import type { TransformationScenes } from '../../lib/tasks/transformation/program.js';
import { writeTransformationCaption } from '../../lib/tasks/transformation/wording.js';
import { isWorkedOut } from '../../lib/tasks/worked-out.js';
import type { Scene } from '../../lib/tasks/world/scene.js';

/** The first object of a caption as a sentence, which is all that a hasty completion of the base model says. */
const REMARKS: { readonly [task in TaskName]: (record: TaskRecord) => string } = {
  counting: ({ scene }) => first(writeCaption(scene as Scene)),
  structure: ({ scene }) => first(writeFigureCaption(scene as GeometryFigure)),
  transformation: ({ scene }) => first(writeTransformationCaption((scene as TransformationScenes).final)),
};
const first = (caption: string) => `${caption.split(',')[0]!.replace('.', '')}.`;

const ROWS = 300;
const rowsOf = (task: TaskName) => {
  const random = new Random(1, `worked out/${task}`);
  return Array.from({ length: ROWS }, (_, i) => TASKS[task].sample('id', `row-${i}`, random));
};

for (const task of TASK_NAMES) {
  test(`${task}: every solution is worked out, in either wording; no hasty remark is`, () => {
    let told = 0;
    for (const record of rowsOf(task)) {
      const { problem, answer, cot } = record;
      const solution = TASKS[task].workOut(record);
      if (isWorkedOut(task, writeTarget(solution, answer), problem)) told++;
      else assert.match(solution, /^objects: \d+\.$/, 'only a count of all objects reads as a remark does');
      assert.ok(isWorkedOut(task, writeTarget(cot, answer), problem), cot);
      for (const remark of [REMARKS[task](record), `objects: ${answer}.`, answer]) {
        assert.ok(!isWorkedOut(task, writeTarget(remark, answer), problem), remark);
        assert.ok(!isWorkedOut(task, `<think>\n${remark}\n</think>\n${answer}`, problem), remark);
      }
    }
    assert.ok(told >= 0.95 * ROWS, `${told} of ${ROWS}`);
  });
}

test('a wrong solution is worked out too; one that was cut, or stands outside the tags, is not', () => {
  const [red] = ['red cubes: small red metal cube: 1. 1 + 3 = 9.'];
  assert.ok(isWorkedOut('counting', `<think> ${red} </think> 9`, ''));
  assert.ok(!isWorkedOut('counting', `<think> ${red}`, ''), 'no end of the thoughts');
  assert.ok(!isWorkedOut('counting', red!, ''), 'no thoughts');
  assert.ok(!isWorkedOut('counting', `<think> ${red!.slice(0, -1)} </think>`, ''), 'cut before its full stop');
  assert.ok(!isWorkedOut('counting', '<think> red cubes: 3. </think>', ''), 'a count at a glance');
  assert.ok(isWorkedOut('counting', '<think> red cubes: 0. </think>', ''), 'there is nothing to list');
  assert.ok(!isWorkedOut('structure', '<think> given: 50. value: 50. </think>', ''), 'no theorem');
  assert.ok(!isWorkedOut('transformation', '<think> 0 1 2: small red metal cube. </think>', ''), 'no place to compare');
});
