import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../lib/engine/random.js';
import { rederiveCountingRationale } from '../../../lib/tasks/counting/rationale.js';
import { sampleCountingRecord } from '../../../lib/tasks/counting/sample.js';

const records = (['id', 'ood-look', 'ood-look-question'] as const).flatMap((domain) => {
  const random = new Random(7, `test/rationale/${domain}`);
  return Array.from({ length: 300 }, (_, i) => sampleCountingRecord(domain, `${domain}-${i}`, random));
});

test('a rationale in whole sentences: count, what changes it, answer', () => {
  const cot = 'the image has 7 objects. 2 of the objects are red spheres, and that is 7 - 2 = 5. the answer is 5.';
  assert.equal(rederiveCountingRationale(cot), 5);
  const cots = records.map((record) => record.cot);
  for (const form of [
    /^the image has 1 [a-z ]+[^s]\. the answer is 1\.$/,
    /with \d others, that is \d+ \+ \d = \d+\./,
    /\. 1 of the [a-z ]+s is a [a-z ]+, and that is/,
    /\d of the [a-z ]+ left are /,
    /\d must be subtracted, and that is/,
    /to get \d, that is/,
    /are not [a-z ]+, and the number is \d\./,
  ])
    assert.ok(
      cots.some((each) => form.test(each)),
      `none is like ${form}`,
    );
});

test('a rationale with any number changed never leads to the answer', () => {
  let corrupted = 0;
  for (const { cot, answer } of records) {
    for (const { 0: number, index } of cot.matchAll(/\d+/g)) {
      const wrong = cot.slice(0, index) + (Number(number) + 1) + cot.slice(index + number.length);
      corrupted++;
      assert.equal(typeof rederiveCountingRationale(wrong), 'string', `${wrong} was taken, for ${answer}`);
    }
  }
  assert.ok(corrupted > 3000);
});

test('what is wrong is said', () => {
  const reason = (middle: string, answer = 5) =>
    String(rederiveCountingRationale(`the image has 7 cubes. ${middle} the answer is ${answer}.`));
  assert.match(reason('with 2 others, that is 7 + 2 = 9.'), /said to be 5, but 9/);
  assert.match(reason('with 2 others, that is 6 + 2 = 8.'), /starts from 6, but 7/);
  assert.match(reason('with 2 others, that is 7 + 3 = 10.'), /uses 3, but says 2/);
  assert.match(reason('with 2 others, that is 7 - 2 = 5.'), /wrong sign/);
  assert.match(reason('to get 2, that is 7 - 2 = 4.'), /it makes 5/);
  assert.match(reason('the cars are not cubes, and the number is 5.'), /but 7 is what was reached/);
  assert.match(reason('the moon is round.'), /says nothing of how many/);
  assert.match(String(rederiveCountingRationale('')), /full stop|counts nothing/);
  assert.match(String(rederiveCountingRationale('the image has 7 cubes.')), /does not state the answer/);
  assert.match(String(rederiveCountingRationale('the answer is 5.')), /counts nothing/);
});
