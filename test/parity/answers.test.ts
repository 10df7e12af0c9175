/** Pairs of answers, equal and unequal, against Math-Verify, from the fixture of `make_answer_fixture.py`. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { equalAnswers } from '../../lib/rewards/symbolic.js';

interface Pair {
  form: string;
  answer: string;
  gold: string;
  /** As a reader would judge. */
  equal: boolean;
  /** Why Math-Verify judges otherwise. */
  why?: string;
}

const read = (name: string): unknown =>
  JSON.parse(readFileSync(path.join(__dirname, 'fixtures/answers', name), 'utf8'));
const pairs = read('pairs.json') as Pair[];
const judge = read('math-verify.json') as { pairs: { answer: string; gold: string; equal: boolean }[] };

for (const form of new Set(pairs.map((pair) => pair.form))) {
  test(`${form}: as a reader judges, in both directions`, () => {
    for (const { answer, gold, equal } of pairs.filter((pair) => pair.form === form)) {
      assert.equal(equalAnswers(answer, gold), equal, `${answer} against ${gold}`);
      assert.equal(equalAnswers(gold, answer), equal, `${gold} against ${answer}`);
    }
  });
}

test('at least 200 pairs, each with a verdict of Math-Verify; the file says why where it is another, and only there', () => {
  assert.ok(pairs.length >= 200);
  assert.equal(judge.pairs.length, pairs.length);
  for (const [i, { answer, gold, equal, why }] of pairs.entries()) {
    const verdict = judge.pairs[i]!;
    assert.deepEqual([verdict.answer, verdict.gold], [answer, gold]);
    assert.equal(why !== undefined, verdict.equal !== equal, `${answer} against ${gold}`);
  }
});
