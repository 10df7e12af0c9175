import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../lib/engine/random.js';
import type { CountingProgram } from '../../../lib/tasks/counting/program.js';
import { sampleCountingRecord } from '../../../lib/tasks/counting/sample.js';
import { rederiveCountingSolution, writeCountingSolution } from '../../../lib/tasks/counting/solution.js';
import type { Scene } from '../../../lib/tasks/world/scene.js';

test('a solution with one wrong number is never taken for a right one', () => {
  const random = new Random(7, 'test/solution');
  let corrupted = 0;
  for (const domain of ['id', 'ood-look', 'ood-look-question'] as const) {
    for (let i = 0; i < 500; i++) {
      const { scene, program, answer } = sampleCountingRecord(domain, `${domain}-${i}`, random);
      const solution = writeCountingSolution(program as CountingProgram, scene as Scene);
      assert.equal(String(rederiveCountingSolution(solution)), answer);
      for (const { 0: sum, 1: result, index } of solution.matchAll(/= (\d+)\./g)) {
        const cot = `${solution.slice(0, index)}= ${Number(result) + 1}.${solution.slice(index + sum.length)}`;
        corrupted++;
        assert.equal(typeof rederiveCountingSolution(cot), 'string', cot);
      }
    }
  }
  assert.ok(corrupted > 1000);
});

test('words that are no solution are refused with a reason', () => {
  const reason = (text: string) => String(rederiveCountingSolution(text));
  assert.match(reason(''), /full stop|counts nothing/);
  assert.match(reason('I think it is 4.'), /neither a count nor a sum/);
  assert.match(reason('4 - 1 = 3.'), /before anything was counted/);
  assert.match(reason('objects: 4. cubes: 1. 4 - 2 = 2.'), /uses 2, but 1 was counted/);
  assert.match(reason('objects: 4. cubes: 1. 5 - 1 = 4.'), /starts from 5, but 4/);
  assert.match(reason('objects: 4. cubes: 1. 4 - 1 = 2.'), /makes 3/);
  const cubes = 'small red metal cube, large red rubber cube';
  assert.equal(rederiveCountingSolution(`red cubes: ${cubes}: 2.`), 2);
  assert.match(reason(`red cubes: ${cubes}: 3.`), /lists 2 objects, but counts 3/);
  assert.match(reason(`small cubes: ${cubes}: 2.`), /counts 'large red rubber cube' among small cubes/);
  assert.equal(rederiveCountingSolution(`objects: 4. red objects left: ${cubes}: 2. 4 - 2 = 2.`), 2);
});
