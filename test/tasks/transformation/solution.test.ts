import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../lib/engine/random.js';
import type { TransformationScenes } from '../../../lib/tasks/transformation/program.js';
import { sampleTransformationRecord } from '../../../lib/tasks/transformation/sample.js';
import {
  rederiveTransformationSolution,
  writeTransformationSolution,
} from '../../../lib/tasks/transformation/solution.js';

const records = (['id', 'ood-left', 'ood-right'] as const).flatMap((domain) => {
  const random = new Random(7, `test/transformation/solution/${domain}`);
  return Array.from({ length: 100 }, (_, i) => sampleTransformationRecord(domain, `${domain}-${i}`, random));
});

/** Ways to spoil one thing of a solution: the object, a place, what it looks like, a call's object, value or kind, the order. */
function corruptions(cot: string): string[] {
  const sentences = cot.slice(0, -1).split('. ');
  const join = (changed: string[]) => `${changed.join('. ')}.`;
  const out: string[] = [];
  sentences.forEach((sentence, i) => {
    const put = (text: string) => out.push(join(sentences.map((other, k) => (k === i ? text : other))));
    put(sentence.replace(/^\d/, (id) => String(Number(id) + 1)));
    const [, was, is] = /^\d (\d \d) to (\d \d)/.exec(sentence)!;
    if (was !== is) {
      put(sentence.replace(`${was} to ${is}`, `${is} to ${was}`));
      put(sentence.replace(` to ${is}`, ` to ${was}`));
    }
    put(sentence.replace(` to ${is}`, ''));
    put(sentence.replace(` to ${is}`, ' to 4 4'));
    put(sentence.replace(/: (\w+)/, (_, size) => `: ${size === 'small' ? 'large' : 'small'}`));
    put(sentence.replace(/(: \w+) (\w+)/, (_, listed, seen) => `${listed} ${seen === 'small' ? 'large' : 'small'}`));
    put(sentence.replace(/ (cube|sphere|cylinder)/, (_, shape) => (shape === 'cube' ? ' sphere' : ' cube')));
    put(sentence.replace(/ (cube|sphere|cylinder)/, ' car'));
    put(`${sentence} change_color(0,red)`);
    for (const [call] of sentence.matchAll(/change_\w+\(\d,\w+\)/g)) {
      const wrong = (changed: string) => put(sentence.replace(call, changed));
      wrong(call.replace(/\((\d)/, (_, id) => `(${Number(id) + 1}`));
      wrong(call.replace(/,\w+\)/, call.includes(',left)') ? ',right)' : ',left)'));
      if (!call.includes(',red)')) wrong(call.replace(/,\w+\)/, ',red)'));
      wrong(call.replace(/^change_\w+/, call.startsWith('change_size') ? 'change_shape' : 'change_size'));
      put(sentence.replace(` ${call}`, ''));
    }
    out.push(join(sentences.filter((_, k) => k !== i)));
  });
  out.push(join([...sentences.slice(1), sentences[0]!]));
  out.push(`${cot} ${cot}`, '', 'I think nothing moved.');
  return out;
}

test('a solution with one thing spoiled never leads to the answer', () => {
  let checked = 0;
  for (const record of records) {
    const solution = writeTransformationSolution(record.scene as TransformationScenes);
    assert.deepEqual(rederiveTransformationSolution(solution, record.problem), { answer: record.answer });
    for (const cot of corruptions(solution)) {
      checked++;
      const result = rederiveTransformationSolution(cot, record.problem);
      assert.ok('reason' in result, `taken for right: ${cot}\nof: ${solution}`);
    }
  }
  assert.ok(checked > 3000);
});

test('reasons say what is wrong', () => {
  const problem = 'Initial objects: (0,cube,small,red,metal). What has changed?';
  const reason = (cot: string) => (rederiveTransformationSolution(cot, problem) as { reason: string }).reason;
  const same = 'small small red red metal metal cube cube';
  const painted = (color: string, call: string) =>
    `0 2 2 to 2 2: small small red ${color} ${call} metal metal cube cube.`;
  assert.match(reason(painted('green', 'change_color(0,red)')), /makes change_color\(0,green\)/);
  assert.match(reason(painted('pink', 'change_color(0,pink)')), /pink is not a color/);
  assert.match(reason(`0 2 2 to 2 2: small small blue red metal metal cube cube.`), /listed as red, not blue/);
  assert.match(reason(`0 2 2 to 3 4: ${same} change_position(0,right).`), /none of the eight/);
  assert.match(reason(`0 2 2 to 5 2: ${same} change_position(0,right).`), /not on the grid/);
  assert.match(reason(`0 2 2 to 4 2: ${same} change_position(0,left).`), /makes change_position\(0,right\)/);
  assert.match(reason(`0 2 2 to 4 2: ${same}.`), /makes change_position\(0,right\), not ''/);
  assert.match(reason(`0 2 2 to 2 2: ${same} change_color(0,red).`), /comes after all that changed/);
  assert.match(reason(`1 2 2 to 2 2: ${same}.`), /does not tell of object 0/);
  assert.match(reason(`0 2 2 to 2 2: ${same}.`), /names no change/);
  const moved = `0 2 2 to 4 2: ${same} change_position(0,right).`;
  assert.deepEqual(rederiveTransformationSolution(moved, problem), { answer: 'change_position(0,right)' });
  assert.match(reason(`${moved} 1 2 2 to 2 2: ${same}.`), /after the last object/);
});
