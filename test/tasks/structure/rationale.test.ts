import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../lib/engine/random.js';
import { rederiveStructureRationale, writeStructureRationale } from '../../../lib/tasks/structure/rationale.js';
import { sampleStructureRecord } from '../../../lib/tasks/structure/sample.js';
import type { StructureProgram } from '../../../lib/tasks/structure/theorem.js';

const records = (['id', 'ood'] as const).flatMap((domain) => {
  const random = new Random(7, `test/structure/rationale/${domain}`);
  return Array.from({ length: 1200 }, (_, i) => sampleStructureRecord(domain, `structure-${domain}-${i}`, random));
});

test('the arithmetic is one expression: each step in place of its result', () => {
  const expression = (theorem: StructureProgram['theorem'], givens: number[]) =>
    /value is (.+?)\. the answer/.exec(writeStructureRationale({ theorem, givens }))![1];
  assert.equal(expression('triangle', [50, 60]), '180 - (50 + 60) = 70');
  assert.equal(expression('alternate', [65]), '65');
  assert.equal(expression('inside', [110]), '180 - 110 = 70');
  assert.equal(expression('equal-sides', [80]), '(180 - 80) / 2 = 50');
  assert.equal(expression('quadrilateral', [80, 90, 115]), '360 - (80 + 90 + 115) = 75');
  assert.equal(expression('triangle-area', [7, 6]), '(7 * 6) / 2 = 21');
  assert.equal(expression('trapezoid', [5, 11]), '(5 + 11) / 2 = 8');
  assert.equal(
    writeStructureRationale({ theorem: 'midline', givens: [8], choices: [3, 4, 5, 6] }),
    'the figure has 8. the middle line is half the base, and the value is 8 / 2 = 4. the answer is option B.',
  );
});

test('a rationale with any number changed, or a sentence left out, doubled or moved, is refused', () => {
  let corrupted = 0;
  for (const { cot, program, answer } of records) {
    const { choices } = program as StructureProgram;
    const wrong = (text: string) => {
      corrupted++;
      assert.ok('fault' in rederiveStructureRationale(text, choices), `${text} was taken, from ${cot}`);
    };
    for (const { 0: number, index } of cot.matchAll(/\d+/g)) {
      for (const shift of [-1, 1, 10]) {
        wrong(cot.slice(0, index) + (Number(number) + shift) + cot.slice(index + number.length));
      }
    }
    const sentences = cot.slice(0, -1).split('. ');
    for (let i = 0; i < sentences.length; i++) {
      wrong(`${sentences.filter((_, s) => s !== i).join('. ')}.`);
      wrong(`${sentences.toSpliced(i, 0, sentences[i]!).join('. ')}.`);
      if (i > 0) wrong(`${sentences.toSpliced(i - 1, 2, sentences[i]!, sentences[i - 1]!).join('. ')}.`);
    }
    for (const letter of choices ? ['A', 'B', 'C', 'D'] : []) {
      if (letter !== answer) wrong(cot.replace(/[A-D]\.$/, `${letter}.`));
    }
  }
  assert.ok(corrupted > 40_000);
});

test('what is wrong is said', () => {
  const fault = (cot: string) => (rederiveStructureRationale(cot) as { fault: string }).fault;
  const faultOf = (worked: string, answer = 'the answer is 4') => fault(`the figure has 8. ${worked}. ${answer}.`);
  assert.match(fault(''), /not three sentences/);
  assert.match(fault('I see 8. it is 4. the answer is 4.'), /does not tell the figure's numbers/);
  assert.match(faultOf('the moon is round, and the value is 8 / 2 = 4'), /names no theorem/);
  assert.match(
    faultOf('the angles of a triangle add to 180, and the value is 4'),
    /needs 2 numbers, but the figure has 1/,
  );
  assert.match(faultOf('the middle line is half the base, and the value is 8 / 2 = 5'), /'the .* 8 \/ 2 = 4' follows/);
  const sound = 'the middle line is half the base, and the value is 8 / 2 = 4';
  assert.match(faultOf(sound, 'the answer is 5'), /but the value is 4/);
  assert.match(faultOf(sound, 'that is all'), /does not state the answer/);
});
