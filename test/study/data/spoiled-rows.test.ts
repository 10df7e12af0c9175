import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../lib/engine/random.js';
import { spoilRows } from '../../../lib/study/data/spoiled-rows.js';
import { TASK_NAMES, TASKS } from '../../../lib/tasks/tasks.js';

for (const task of TASK_NAMES) {
  test(`${task}: half of the rows are spoiled, the others stay, and each keeps its images`, () => {
    const random = new Random(7, `test/uncurated/${task}`);
    const records = Array.from({ length: 200 }, (_, i) => TASKS[task].sample('id', String(i), random));
    // An image stands for its row: the number of the row is its width.
    const images = records.map((_, i) => [{ width: i, height: 1, data: new Uint8Array() }]);
    const spoiled = spoilRows({ records, images }, 0.5, new Random(1, 'spoil'));
    assert.deepEqual([spoiled.records.length, spoiled.images.length], [200, 200]);
    spoiled.records.forEach(({ id }, i) => {
      assert.equal(spoiled.images[i]![0]!.width, Number.parseInt(id, 10));
    });
    const text = (record: (typeof records)[number]) => `${record.id} ${record.cot} ${record.answer}`;
    const sound = new Set(records.map(text));
    const kept = spoiled.records.filter((record) => sound.has(text(record))).length;
    // 100 are expected to stay, and the first of two of those written twice; four standard deviations are 4 sqrt(200 / 4) = 28.
    assert.ok(kept > 100 - 28 && kept < 100 + 20 + 28, `${kept} stayed`);
    assert.deepEqual(spoilRows({ records, images }, 0, new Random(1, 'spoil')).records, records);
  });
}
