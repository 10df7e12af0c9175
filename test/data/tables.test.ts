import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { countByCheck, countByFamily, describeRecords } from '../../lib/data/tables.js';
import { startEngine } from '../../lib/engine/backend.js';
import type { TaskRecord } from '../../lib/records/record.js';

const row = (family: string, answer: string, cot: string): TaskRecord => ({
  ...{ id: cot, image: 'a.png', problem: 'How many cubes?', answer, cot, task: 'counting', family, domain: 'id' },
  ...{ scene: null, program: null },
});
const rows = [row('needed', '1', 'a b'), row('count', '1', 'a b c'), row('count', '3', 'a'), row('count', '3', 'a b')];

test('rows by family', () => {
  // Rationales of 'count': 3, 1 and 2 words, mean 2.
  assert.deepEqual(countByFamily(rows).objects(), [
    { family: 'count', rows: 3, answers: 2, meanCotWords: 2 },
    { family: 'needed', rows: 1, answers: 1, meanCotWords: 2 },
  ]);
});

test('dropped rows by check', () => {
  const dropped = (['truth', 'format', 'truth'] as const).map((check) => ({ id: 'x', check, reason: 'r' }));
  assert.deepEqual(countByCheck(dropped).objects(), [
    { check: 'truth', rows: 2 },
    { check: 'format', rows: 1 },
  ]);
});

test('danfojs describes lengths and answers, and leaves the engine its backend', async () => {
  const { backend } = await startEngine();
  const described = await describeRecords(rows);
  assert.deepEqual(described.columns, ['problemWords', 'cotWords', 'answer']);
  const at = (statistic: string) => (described.values as number[][])[described.index.indexOf(statistic)];
  // Words of problems 3 3 3 3, of rationales 2 3 1 2, answers 1 1 3 3.
  assert.deepEqual(at('count'), [4, 4, 4]);
  assert.deepEqual(at('mean'), [3, 2, 2]);
  assert.deepEqual(at('max'), [3, 3, 3]);
  assert.equal(tf.getBackend(), backend);
  assert.deepEqual([...tf.tensor1d([1, 2]).sum().dataSync()], [3]);
});
