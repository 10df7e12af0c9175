import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../lib/engine/random.js';
import { imageNames } from '../../../lib/records/records.js';
import { spoilRows } from '../../../lib/study/data/spoiled-rows.js';
import { TASK_NAMES, TASKS } from '../../../lib/tasks/tasks.js';

for (const task of TASK_NAMES) {
  test(`${task}: half of the rows are spoiled, the others stay, and each names the images of its own scene`, () => {
    const random = new Random(7, `test/uncurated/${task}`);
    const records = Array.from({ length: 200 }, (_, i) => TASKS[task].sample('id', String(i), random));
    const spoiled = spoilRows(records, 0.5, new Random(1, 'spoil'));
    assert.equal(spoiled.length, 200);
    for (const record of spoiled) {
      const original = records[Number.parseInt(record.id, 10)]!;
      assert.deepEqual(imageNames(record), imageNames(original));
      assert.equal(record.scene, original.scene);
    }
    const text = (record: (typeof records)[number]) => `${record.id} ${record.cot} ${record.answer}`;
    const sound = new Set(records.map(text));
    const kept = spoiled.filter((record) => sound.has(text(record))).length;
    // 100 are expected to stay, and the first of two of those written twice; four standard deviations are 4 sqrt(200 / 4) = 28.
    assert.ok(kept > 100 - 28 && kept < 100 + 20 + 28, `${kept} stayed`);
    assert.deepEqual(spoilRows(records, 0, new Random(1, 'spoil')), records);
  });
}
