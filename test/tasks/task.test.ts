/** What the three tasks owe to the rest of the kit, each held to it by the same tests. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { Random } from '../../lib/engine/random.js';
import { loadTokenizer } from '../../lib/model/tokenizer.js';
import { imageNames } from '../../lib/records/records.js';
import type { AnsweredCompletion } from '../../lib/rewards/reward.js';
import { REWARDS } from '../../lib/rewards/rewards.js';
import { writeTarget } from '../../lib/tasks/prompts.js';
import type { DrawnTask } from '../../lib/tasks/task.js';
import {
  recordPrompt,
  TASK_NAMES,
  TASKS,
  type TaskName,
  TEST_SET_NAMES,
  taskNamed,
  testSetNamed,
  testSetsOf,
} from '../../lib/tasks/tasks.js';
import { trainAndTestDomains } from '../support/domains.js';

const tokenizer = loadTokenizer(path.join(__dirname, '../../data/nano'));

const sample = (task: (typeof TASK_NAMES)[number], domain: string, count: number) => {
  const random = new Random(5, `test/task/${task}/${domain}`);
  return Array.from({ length: count }, (_, i) => TASKS[task].sample(domain, `${domain}-${i}`, random));
};

for (const name of TASK_NAMES) {
  const task = TASKS[name];
  const rows = trainAndTestDomains(name).flatMap((domain) => sample(name, domain, 60));

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

  test(`${name}: an image for each file name, square, and of a size that the nano model takes as it is`, () => {
    for (const row of rows.slice(0, 3)) {
      const images = task.draw(row);
      assert.equal(images.length, imageNames(row).length);
      for (const { width, height, data } of images) {
        assert.deepEqual([height, data.length], [width, width * width * 3]);
        // The processor resizes nothing of 4,096 to 6,400 pixels whose sides are multiples of 16.
        assert.ok(width % 16 === 0 && width * height >= 4096 && width * height <= 6400, `${width} x ${height}`);
      }
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
      assert.equal(task.score(gold, row), 1);
      for (const reward of [...task.rewards, ...task.releasedRewards]) {
        const earned = REWARDS[reward]({ completion: gold, row, randomKey: '', group: [gold], step: 0 });
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

for (const [key, task] of Object.entries<DrawnTask>(TASKS)) {
  test(`${key}: the description is complete, and its parts agree`, () => {
    assert.equal(task.name, key, 'a task stands in the list under its own name');
    assert.match(task.title, /^[A-Z][a-z]+ [a-z]+$/);
    assert.ok(task.nanoCompletionTokens > task.nanoAnswerTokens && task.nanoAnswerTokens > 0);
    assert.equal(Object.keys(task.testSets)[0], 'id');
    for (const [set, { title, shortTitle, paperItems, domains }] of Object.entries(task.testSets)) {
      assert.ok(title !== '' && shortTitle !== '' && shortTitle.length < title.length, set);
      assert.equal(TEST_SET_NAMES[set as 'id'], title, 'tasks that share the name of a set share its title');
      const shares = Object.values(domains);
      assert.equal(
        shares.reduce((sum, share) => sum + share, 0),
        1,
      );
      for (const share of shares) assert.ok(share > 0 && Number.isInteger(paperItems * share), set);
    }
    const inDomain = Object.keys(task.testSets.id!.domains);
    assert.deepEqual(inDomain, ['id'], 'the test set in domain is drawn as the training rows are');
    assert.throws(
      () => task.sample('mars', 'x', new Random(0)),
      new RegExp(`${key} has no domain 'mars'; choose ${trainAndTestDomains(key as TaskName).join(', ')}`),
    );

    assert.ok(task.rewards.includes(task.accuracyReward));
    assert.ok(task.rewards.includes(task.formatReward));
    assert.notEqual(task.accuracyReward, task.formatReward);
    const settings = Object.values(task.rewardAblation);
    assert.equal(
      settings.filter((rewards) => isDeepStrictEqual(rewards, task.rewards)).length,
      1,
      'the base is one setting',
    );
    assert.equal(new Set(settings.map(String)).size, settings.length, 'no two settings are the same');
    for (const name of [...task.rewards, task.bareReward, ...task.releasedRewards, ...settings.flat()])
      assert.ok(name in REWARDS, name);
  });

  test(`${key}: partial credit is declared as the score gives it`, () => {
    const random = new Random(3, 'partial credit');
    const answers = Array.from({ length: 60 }, (_, i) => task.sample('id', `row-${i}`, random).answer);
    const scores = answers.map((answer) => task.score(`<answer>${answer}</answer>`, { answer: answers[0]! }));
    assert.equal(scores[0], 1);
    assert.equal(
      scores.some((score) => score > 0 && score < 1),
      task.partialCredit,
    );
  });

  test(`${key}: the solution of a row in tags fits into the nano model's completion`, () => {
    const random = new Random(4, 'length');
    const lengths = Array.from({ length: 200 }, (_, i) => {
      const row = task.sample('id', `row-${i}`, random);
      return tokenizer.encode(writeTarget(task.workOut(row), row.answer)).length;
    });
    const fitting = lengths.filter((length) => length < task.nanoCompletionTokens).length;
    assert.ok(fitting / lengths.length > 0.95, `${fitting} of 200 fit, the longest has ${Math.max(...lengths)} tokens`);
  });

  test(`${key}: a bare answer fits into the longest one and earns its reward; a solution does not fit, and would earn nothing`, () => {
    const random = new Random(5, 'bare answers');
    type AnswerReward = (input: AnsweredCompletion) => number;
    const [bareReward, reward] = [task.bareReward, task.accuracyReward].map((name) => REWARDS[name] as AnswerReward);
    for (let i = 0; i < 200; i++) {
      const row = task.sample(i % 2 === 0 ? 'id' : trainAndTestDomains(key as TaskName)[1]!, `row-${i}`, random);
      const tokens = (text: string) => tokenizer.encode(text).length;
      // Each with the token that ends it.
      assert.ok(tokens(row.answer) + 1 <= task.nanoAnswerTokens, row.answer);
      const [solution, tagged] = [task.workOut(row), writeTarget(task.workOut(row), row.answer)];
      assert.ok(tokens(solution) + 1 > task.nanoAnswerTokens, solution);
      const earned = (completion: string) => bareReward!({ completion, row });
      assert.deepEqual([row.answer, solution, tagged].map(earned), [1, 0, 0]);
      assert.equal(reward!({ completion: tagged, row }), 1);
    }
  });

  test(`${key}: the released dataset has a file for training and one for each test set`, () => {
    const { released } = task;
    if (!released) return;
    assert.deepEqual(Object.keys(released.files), ['train', ...Object.keys(task.testSets)]);
    assert.equal(released.images, imageNames(task.sample('id', 'x', new Random(0))).length);
    assert.match(released.promptName('1', 'think'), /^PROMPT_[A-Z_]+_COT_SFT$/);
    assert.match(released.promptName('1', 'bare'), /^PROMPT_[A-Z_]+_ANS_SFT$/);
    assert.ok(released.writeQuestion('How many?').endsWith('How many?'));
    assert.equal(typeof released.answerFault('perhaps'), 'string');
  });
}

test('test sets begin with the one in domain; an unknown task is named with those that exist', () => {
  for (const name of TASK_NAMES) assert.equal(testSetsOf(name)[0], 'id');
  assert.deepEqual(testSetsOf('transformation'), ['id', 'ood-left', 'ood-right']);
  assert.throws(() => taskNamed('chess'), /no task 'chess'; choose counting, structure, transformation/);
  assert.throws(() => testSetNamed('counting', 'ood-left'), /counting has no test set 'ood-left'; choose id, ood/);
});

test('the examples of the README are rows of their tasks: rationale and solution lead to the answer', () => {
  const readme = readFileSync(path.join(__dirname, '../../lib/tasks/README.md'), 'utf8');
  const quotes = readme.match(/(?:^>.*\n)+/gm)!.map((quote) => quote.replaceAll(/^> ?/gm, '').replaceAll('\n', ' '));
  assert.equal(quotes.length, TASK_NAMES.length);
  for (const [i, name] of TASK_NAMES.entries()) {
    const part = (label: string) => new RegExp(`\\*\\*${label}\\.\\*\\* (.*?) *(?:\\*\\*|$)`).exec(quotes[i]!)![1]!;
    for (const text of [part('Rationale'), part('Solution')])
      assert.deepEqual(TASKS[name].rederive(text, part('Question')), { answer: part('Answer') }, text);
  }
});
