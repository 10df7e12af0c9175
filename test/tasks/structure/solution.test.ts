import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../lib/engine/random.js';
import { sampleStructureRecord } from '../../../lib/tasks/structure/sample.js';
import { rederiveStructureSolution, writeStructureSolution } from '../../../lib/tasks/structure/solution.js';
import type { StructureProgram } from '../../../lib/tasks/structure/theorem.js';

const records = (['id', 'ood'] as const).flatMap((domain) => {
  const random = new Random(7, `test/structure/solution/${domain}`);
  return Array.from({ length: 1200 }, (_, i) => sampleStructureRecord(domain, `structure-${domain}-${i}`, random));
});

test('a solution with any number changed, or a sentence left out, doubled or moved, is refused', () => {
  let corrupted = 0;
  for (const record of records) {
    const program = record.program as StructureProgram;
    const { choices } = program;
    const solution = writeStructureSolution(program);
    assert.deepEqual(rederiveStructureSolution(solution, choices), { answer: record.answer });
    const wrong = (cot: string) => {
      corrupted++;
      assert.ok('fault' in rederiveStructureSolution(cot, choices), `${cot} was taken, from ${solution}`);
    };
    for (const { 0: number, index } of solution.matchAll(/\d+/g)) {
      for (const shift of [-1, 1, 10]) {
        wrong(solution.slice(0, index) + (Number(number) + shift) + solution.slice(index + number.length));
      }
    }
    const sentences = solution.slice(0, -1).split('. ');
    for (let i = 0; i < sentences.length; i++) {
      wrong(`${sentences.filter((_, s) => s !== i).join('. ')}.`);
      wrong(`${sentences.toSpliced(i, 0, sentences[i]!).join('. ')}.`);
      if (i > 0) wrong(`${sentences.toSpliced(i - 1, 2, sentences[i]!, sentences[i - 1]!).join('. ')}.`);
    }
    if (choices) {
      for (const letter of ['A', 'B', 'C', 'D']) {
        if (letter !== record.answer) wrong(solution.replace(/[A-D]: /, `${letter}: `));
      }
    }
  }
  assert.ok(corrupted > 50_000);
});

test('what is no solution is refused with a reason', () => {
  const fault = (cot: string) => (rederiveStructureSolution(cot) as { fault: string }).fault;
  assert.match(fault(''), /full stop|does not list/);
  assert.match(fault('given: 5. the moon is round. value: 5.'), /is no theorem/);
  assert.match(fault('given: 50. the angles of a triangle add to 180. value: 50.'), /needs 2 numbers, but 1/);
  assert.match(fault('given: 50, 60. the angles of a triangle add to 180. 50 + 60 = 120.'), /'50 \+ 60 = 110' follows/);
  assert.match(fault('given: 8. the middle line is half the base. 8 / 2 = 4. value: 5.'), /does not state the value 4/);
});
