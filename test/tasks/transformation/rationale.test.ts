import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../lib/engine/random.js';
import { rederiveTransformationRationale } from '../../../lib/tasks/transformation/rationale.js';
import { sampleTransformationRecord } from '../../../lib/tasks/transformation/sample.js';

const records = (['id', 'ood-left', 'ood-right'] as const).flatMap((domain) => {
  const random = new Random(7, `test/transformation/rationale/${domain}`);
  return Array.from({ length: 60 }, (_, i) => sampleTransformationRecord(domain, `${domain}-${i}`, random));
});

/** Ways to spoil one thing of a sentence: the kind, the object, what was and what is, the call. */
function corruptions(sentence: string): string[] {
  const [, kind, id, was, is, call] = /^the (\w+) of object (\d+) has changed, (.+) to (.+), that is (\S+)$/.exec(
    sentence,
  )!;
  const change = (k: string, o: string, a: string, b: string, c: string) =>
    `the ${k} of object ${o} has changed, ${a} to ${b}, that is ${c}`;
  return [
    change(kind === 'size' ? 'color' : 'size', id!, was!, is!, call!),
    change(kind!, String(Number(id) + 1), was!, is!, call!),
    change(kind!, id!, is!, was!, call!),
    change(kind!, id!, was!, was!, call!),
    change(kind!, id!, 'pink', is!, call!),
    change(kind!, id!, was!, '4 4', call!),
    change(
      kind!,
      id!,
      was!,
      is!,
      call!.replace(/\((\d)/, (_, object) => `(${Number(object) + 1}`),
    ),
    change(kind!, id!, was!, is!, call!.replace(/,\w+\)/, ',pink)')),
    `${sentence} and more`,
  ];
}

test('a rationale with one thing spoiled, or a sentence doubled or moved, never leads to the answer', () => {
  let checked = 0;
  for (const { cot, problem, answer } of records) {
    assert.deepEqual(rederiveTransformationRationale(cot, problem), { answer });
    const sentences = cot.slice(0, -1).split('. ');
    const wrong = (changed: string[]) => {
      checked++;
      const text = `${changed.join('. ')}.`;
      assert.ok('reason' in rederiveTransformationRationale(text, problem), `taken for right: ${text}\nof: ${cot}`);
    };
    sentences.forEach((sentence, i) => {
      for (const spoiled of corruptions(sentence)) wrong(sentences.toSpliced(i, 1, spoiled));
      wrong(sentences.toSpliced(i, 0, sentence));
    });
    if (sentences.length > 1) wrong([...sentences.slice(1), sentences[0]!]);
  }
  assert.ok(checked > 3000);
});

test('a sentence left out leads to another answer', () => {
  for (const { cot, problem, answer } of records) {
    const sentences = cot.slice(0, -1).split('. ');
    if (sentences.length === 1) continue;
    const [, ...others] = answer.split(', ');
    const left = rederiveTransformationRationale(`${sentences.slice(1).join('. ')}.`, problem);
    assert.deepEqual(left, { answer: others.join(', ') });
  }
});

test('what is wrong is said', () => {
  const problem = 'Initial objects: (0,cube,small,red,metal). What has changed?';
  const reason = (cot: string) => (rederiveTransformationRationale(cot, problem) as { reason: string }).reason;
  const reasonFor = (attribute: string, change: string, call: string) =>
    reason(`the ${attribute} of object 0 has changed, ${change}, that is ${call}.`);
  assert.match(reason('the color of object 0 has changed'), /full stop/);
  assert.match(reason('nothing moved.'), /names no change/);
  assert.match(reasonFor('color', 'red to green', 'change_color(0,red)'), /makes change_color\(0,green\)/);
  assert.match(reasonFor('color', 'red to pink', 'change_color(0,pink)'), /pink is not a color/);
  assert.match(reasonFor('color', 'blue to red', 'change_color(0,red)'), /listed as red, not blue/);
  assert.match(reasonFor('color', 'red to red', 'change_color(0,red)'), /nothing changes/);
  assert.match(reasonFor('position', '2 2 to 2 2', 'change_position(0,left)'), /nothing moves/);
  assert.match(reasonFor('position', '2 2 to 3 4', 'change_position(0,right)'), /none of the eight/);
  assert.match(reasonFor('position', '2 2 to 5 2', 'change_position(0,right)'), /not on the grid/);
  assert.match(reason('the color of object 3 has changed, red to blue, that is change_color(3,blue).'), /no object 3/);
});
