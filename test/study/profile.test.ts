import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  domainRows,
  longestCompletion,
  PAPER_PROFILE,
  profileNamed,
  QUICK,
  STANDARD,
  TINY,
  testSetItems,
} from '../../lib/study/profile.js';
import { TASK_NAMES, testSetsOf } from '../../lib/tasks/tasks.js';

test('the standard profile tests on as many items as the paper', () => {
  const sizes = TASK_NAMES.map((task) => testSetsOf(task).map((set) => domainRows(STANDARD, task, set)));
  assert.deepEqual(sizes, [
    [{ id: 1000 }, { 'ood-look': 750, 'ood-look-question': 250 }],
    [{ id: 820 }, { ood: 800 }],
    [{ id: 1000 }, { 'ood-left': 1000 }, { 'ood-right': 1000 }],
  ]);
  assert.throws(
    () => domainRows({ ...STANDARD, testItems: 10 }, 'counting', 'ood'),
    /profile standard: 10 items of counting's test set 'ood' make 7\.5 rows of domain 'ood-look'/,
  );
});

test('completions are as long as the profile says, or as the nano model needs for the task', () => {
  assert.deepEqual(
    [QUICK, STANDARD, TINY, PAPER_PROFILE].map((profile) => TASK_NAMES.map((task) => longestCompletion(profile, task))),
    [
      [88, 84, 160],
      [88, 84, 160],
      [16, 16, 16],
      [512, 512, 512],
    ],
  );
});

test('the items of a test set are the sum of the rows of its domains', () => {
  for (const profile of [QUICK, STANDARD, TINY]) {
    for (const task of TASK_NAMES) {
      for (const set of testSetsOf(task)) {
        const rows = Object.values(domainRows(profile, task, set)).reduce((sum, count) => sum + count, 0);
        assert.equal(rows, testSetItems(profile, task, set), `${profile.name} ${task} ${set}`);
      }
    }
  }
});

test('an unknown profile is refused with the names of those there are', () => {
  assert.throws(() => profileNamed('huge'), /no profile 'huge'; choose quick, standard, tiny, paper/);
});
