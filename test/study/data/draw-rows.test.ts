import assert from 'node:assert/strict';
import { test } from 'node:test';
import { curateTrainingRows } from '../../../lib/study/data/curate-rows.js';
import {
  drawValidationRows,
  pretrainingScenes,
  questionFingerprintOf,
  sampleTestRows,
  sampleTrainingRows,
  sceneFingerprintOf,
} from '../../../lib/study/data/draw-rows.js';
import { QUICK, STANDARD } from '../../../lib/study/profile.js';
import { openStudy } from '../../../lib/study/workspace.js';

const study = openStudy('tiny');

test('counting: no scene stands in two of training, tests and pretraining', () => {
  const quick = { ...openStudy('quick'), profile: { ...QUICK, trainRows: 1600, stageOneRows: 400 } };
  const tests = sampleTestRows(quick, 'counting');
  const { kept } = curateTrainingRows(quick, sampleTrainingRows(quick, 'counting'), tests);
  assert.equal(kept.length, 1600);
  assert.deepEqual([tests.id.length, tests.ood.length], [500, 500]);
  const train = new Set(kept.map(sceneFingerprintOf));
  const pretraining = pretrainingScenes(quick);
  const held = [...tests.id, ...tests.ood].map(sceneFingerprintOf);
  assert.equal(new Set(held).size, 1000, 'test scenes repeat');
  assert.equal(held.filter((scene) => train.has(scene)).length, 0);
  assert.equal(held.filter((scene) => pretraining.has(scene)).length, 0);
});

for (const task of ['structure', 'transformation'] as const) {
  test(`${task}: no test item is trained on, by scene and by question, nor stands in two test sets`, () => {
    // Spatial transformation's rows take long to draw.
    const testItems = task === 'transformation' ? 300 : STANDARD.testItems;
    const profile = { ...STANDARD, testItems, trainRows: 1600, stageOneRows: 400 };
    const standard = { ...openStudy('standard'), profile };
    const tests = sampleTestRows(standard, task);
    const raw = sampleTrainingRows(standard, task);
    const { kept, dropped } = curateTrainingRows(standard, raw, tests);
    assert.equal(kept.length, 1600);
    const held = Object.values(tests).flat();
    for (const name of [sceneFingerprintOf, questionFingerprintOf]) {
      const asked = new Set(held.map(name));
      assert.equal(asked.size, held.length, 'test items repeat');
      assert.equal(kept.filter((row) => asked.has(name(row))).length, 0);
    }
    // Had nobody looked, some would be: the raw rows hold test items.
    assert.ok(dropped.some(({ check }) => check === 'leakage'));
  });
}

test('out of domain is 3 to 1 by look alone and by look and question', () => {
  const { ood } = sampleTestRows(study, 'counting');
  assert.equal(ood.filter((row) => row.domain === 'ood-look').length, 6);
  assert.equal(ood.filter((row) => row.domain === 'ood-look-question').length, 2);
});

test('more rows than can be drawn are refused by name, and not drawn for ever', () => {
  const drawing = (changes: object) => ({ ...study, profile: { ...study.profile, ...changes } });
  for (const [changes, message] of [
    [{ trainRows: 1e12 }, /profile tiny: trainRows may be at most 10000000/],
    [{ trainRows: 0.5 }, /trainRows must be a whole number of 1 or more, got 0\.5/],
    [{ seed: 1e300 }, /profile tiny: seed may be at most/],
    [{ spoiledShare: 2 }, /spoiledShare must be from 0 to 1, got 2/],
  ] as const)
    assert.throws(() => sampleTrainingRows(drawing(changes), 'counting'), message);
  assert.throws(
    () => sampleTestRows(drawing({ testItems: 4e12 }), 'counting'),
    /profile tiny: testItems may be at most 1000000/,
  );
  const everything = new Set<string>();
  everything.has = () => true;
  assert.throws(
    () => drawValidationRows('counting', 1, everything),
    /counting: after 0 rows, 10000 draws in a row gave no new scene and question; ask for fewer rows/,
  );
});

test('the same profile gives the same rows', () => {
  assert.deepEqual(sampleTrainingRows(study, 'counting'), sampleTrainingRows(study, 'counting'));
});
