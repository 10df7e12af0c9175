/** What the three tasks owe to the rest of the kit, each held to it by the same tests. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { Random } from '../../lib/engine/random.js';
import { loadTokenizer } from '../../lib/model/tokenizer.js';
import { imageNames } from '../../lib/records/records.js';
import { REWARDS } from '../../lib/rewards/rewards.js';
import { writeTarget } from '../../lib/tasks/prompts.js';
import { domainsOf, recordPrompt, TASK_NAMES, TASKS, taskNamed, testSetsOf } from '../../lib/tasks/tasks.js';

const tokenizer = loadTokenizer(path.join(__dirname, '../../data/nano'));

const sample = (task: (typeof TASK_NAMES)[number], domain: string, count: number) => {
  const random = new Random(5, `test/task/${task}/${domain}`);
  return Array.from({ length: count }, (_, i) => TASKS[task].sample(domain, `${domain}-${i}`, random));
};

for (const name of TASK_NAMES) {
  const task = TASKS[name];
  const rows = domainsOf(name).flatMap((domain) => sample(name, domain, 60));

  test(`${name}: rows name their task and domain, answers can be answers, truth and rationale lead to them`, () => {
    assert.equal(task.name, name);
    for (const row of rows) {
      assert.equal(row.task, name);
      assert.ok(row.id.startsWith(row.domain));
      assert.equal(task.answerFault(row.answer), undefined);
      assert.equal(task.solve(row), row.answer);
      assert.deepEqual(task.rederive(row.cot, row.problem), { answer: row.answer });
    }
    assert.equal(typeof task.answerFault('perhaps'), 'string');
    assert.ok('reason' in task.rederive('I do not know.', rows[0]!.problem));
  });

  const side = name === 'counting' ? 64 : 80;
  test(`${name}: an image of ${side} x ${side} for each file name`, () => {
    for (const row of rows.slice(0, 3)) {
      const images = task.draw(row);
      assert.equal(images.length, imageNames(row).length);
      for (const { width, height, data } of images)
        assert.deepEqual([width, height, data.length], [side, side, side * side * 3]);
    }
  });

  test(`${name}: rationale and solution are of words that the shipped tokenizer holds, none spelled in letters`, () => {
    for (const row of rows) {
      for (const text of [row.cot, task.workOut(row)]) {
        const pieces = tokenizer.encode(text).map((id) => tokenizer.decode([id]).trim());
        const letters = pieces.filter((piece) => /^[A-Za-z]$/.test(piece) && !/^[aA-D]$/.test(piece));
        assert.deepEqual(letters, [], text);
      }
    }
  });

  test(`${name}: rationale and solution are two wordings of one answer`, () => {
    for (const row of rows) {
      const solution = task.workOut(row);
      assert.notEqual(solution, row.cot);
      assert.deepEqual(task.rederive(solution, row.problem), { answer: row.answer });
    }
  });

  test(`${name}: the gold completion earns full score and every reward of its lists`, () => {
    for (const row of rows) {
      const gold = writeTarget(row.cot, row.answer);
      assert.equal(task.score(gold, row.answer), 1);
      for (const reward of [...task.rewards, ...task.releasedRewards]) {
        const earned = REWARDS[reward](gold, { solution: row.answer, draw: '', group: [gold], step: 0 } as never);
        assert.equal(earned, 1, `${reward} of ${gold}`);
      }
    }
  });

  test(`${name}: prompts hold the question; only the one that asks for tags names them`, () => {
    for (const row of rows.slice(0, 30)) {
      assert.equal(recordPrompt(row, 'bare'), row.problem);
      const [think, direct] = [recordPrompt(row, 'think'), recordPrompt(row, 'direct')];
      assert.ok(think.startsWith(row.problem) && direct.startsWith(row.problem));
      assert.match(think, /<think> <\/think>.*<answer> <\/answer>/);
      assert.ok(!direct.includes('<') && direct.length > row.problem.length);
    }
  });

  test(`${name}: fingerprints survive JSON and tell rows apart`, () => {
    for (const row of rows.slice(0, 30)) {
      const copy = JSON.parse(JSON.stringify(row));
      assert.equal(task.sceneFingerprint(copy), task.sceneFingerprint(row));
      assert.equal(task.questionFingerprint(copy), task.questionFingerprint(row));
    }
    const id = rows.filter((row) => row.domain === 'id');
    assert.ok(new Set(id.map(task.sceneFingerprint)).size >= 59);
    assert.ok(new Set(id.map(task.questionFingerprint)).size >= 59);
  });
}

test('test sets begin with the one in domain; an unknown task is named with those that exist', () => {
  for (const name of TASK_NAMES) assert.equal(testSetsOf(name)[0], 'id');
  assert.deepEqual(testSetsOf('transformation'), ['id', 'ood-left', 'ood-right']);
  assert.throws(() => taskNamed('chess'), /no task 'chess'; choose counting, structure, transformation/);
});
