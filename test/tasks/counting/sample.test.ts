import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../lib/engine/random.js';
import { PERCEPTION_WORDS, sampleShortQuestion } from '../../../lib/tasks/counting/perception.js';
import {
  type CountingFamily,
  type CountingProgram,
  solveCounting,
  TRAINED_FAMILIES,
  UNSEEN_FAMILIES,
} from '../../../lib/tasks/counting/program.js';
import { rederiveCountingRationale } from '../../../lib/tasks/counting/rationale.js';
import { sampleCountingRecord } from '../../../lib/tasks/counting/sample.js';
import { writeCountingSolution } from '../../../lib/tasks/counting/solution.js';
import { countingVocabulary, writeCaption } from '../../../lib/tasks/counting/wording.js';
import { promptVocabulary, writePrompt } from '../../../lib/tasks/prompts.js';
import { type Scene, SHAPES, sceneFingerprint } from '../../../lib/tasks/world/scene.js';

const DOMAINS = ['id', 'ood-look', 'ood-look-question'] as const;
const ROWS = 700;
const drawn = DOMAINS.map((domain) => {
  const random = new Random(7, `test/${domain}`);
  return Array.from({ length: ROWS }, (_, i) => sampleCountingRecord(domain, `counting-${domain}-${i}`, random));
});
const records = drawn.flat();

test('counting: gold answer, scene truth and rationale agree in 2,100 rows', () => {
  for (const record of records) {
    const solved = solveCounting(record.program as CountingProgram, record.scene as Scene);
    assert.equal(record.answer, String(solved), record.problem);
    assert.equal(rederiveCountingRationale(record.cot), solved, record.cot);
  }
});

test('counting: no constant answer is right in more than 30 % of a domain', () => {
  for (const [i, rows] of drawn.entries()) {
    const counts = new Map<string, number>();
    for (const { answer } of rows) counts.set(answer, (counts.get(answer) ?? 0) + 1);
    for (const [answer, times] of counts) {
      assert.ok(times <= 0.3 * ROWS, `${DOMAINS[i]}: ${answer} is right ${times} times in ${ROWS}`);
    }
  }
});

test('counting: every family of a domain is asked, and none of another', () => {
  const asked = drawn.map((rows) => new Set(rows.map((row) => row.family as CountingFamily)));
  assert.deepEqual([...asked[0]!].sort(), [...TRAINED_FAMILIES].sort());
  assert.deepEqual([...asked[1]!].sort(), [...TRAINED_FAMILIES].sort());
  assert.deepEqual([...asked[2]!].sort(), [...UNSEEN_FAMILIES].sort());
});

test('counting: in domain and out of domain share no shape, and out of domain holds larger counts', () => {
  const shapes = drawn.map((rows) => new Set(rows.flatMap((row) => (row.scene as Scene).objects.map((o) => o.shape))));
  assert.deepEqual([...shapes[0]!].sort(), [...SHAPES.blocks].sort());
  assert.deepEqual([...shapes[1]!].sort(), [...SHAPES.vehicles].sort());
  const most = drawn.map((rows) => Math.max(...rows.map((row) => (row.scene as Scene).objects.length)));
  assert.deepEqual(most, [6, 7, 7]);
});

test('counting: 2,100 rows hold 2,100 different scenes', () => {
  assert.equal(new Set(records.map((record) => sceneFingerprint(record.scene as Scene))).size, records.length);
});

test('counting: the same stream gives the same rows', () => {
  const again = new Random(7, 'test/ood-look');
  for (const record of drawn[1]!.slice(0, 20)) {
    assert.deepEqual(sampleCountingRecord('ood-look', record.id, again), record);
  }
});

test('counting: the vocabulary holds every word of questions, solutions, captions, short questions and prompts', () => {
  const known = new Set([...countingVocabulary(), ...promptVocabulary(), ...PERCEPTION_WORDS]);
  const random = new Random(8, 'test/short');
  for (const record of records) {
    const scene = record.scene as Scene;
    const short = Array.from({ length: 3 }, () => sampleShortQuestion(scene, random));
    const prompts = (['think', 'direct', 'bare'] as const).map((style) => writePrompt(record.problem, style));
    const solution = writeCountingSolution(record.program as CountingProgram, scene);
    const texts = [...prompts, solution, writeCaption(scene), ...short.flatMap((s) => [s.question, s.answer])];
    for (const text of texts) {
      for (const word of text.replaceAll(/<\/?\w+>/g, ' ').match(/[A-Za-z]+|[^\sA-Za-z\d]/g) ?? []) {
        assert.ok(known.has(word), `'${word}' of '${text}' is not in the vocabulary`);
      }
    }
  }
});
