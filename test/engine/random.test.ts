/** Seeded random streams. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../lib/engine/random.js';

test('a stream is a function of seed and name', () => {
  const draw = (seed: number, name: string) => {
    const random = new Random(seed, name);
    return [random.word(), random.word(), random.word()];
  };
  assert.deepEqual(draw(7, 'rollout'), draw(7, 'rollout'));
  assert.notDeepEqual(draw(7, 'rollout'), draw(7, 'shuffle'));
  assert.notDeepEqual(draw(7, 'rollout'), draw(8, 'rollout'));
});

test('a saved state continues exactly', () => {
  const random = new Random(3, 'x');
  random.uniform();
  const copy = Random.from(random.state());
  const next = Array.from({ length: 5 }, () => random.uniform());
  assert.deepEqual(
    Array.from({ length: 5 }, () => copy.uniform()),
    next,
  );
});

test('uniform numbers fill [0, 1) evenly: 10,000 draws in 10 cells, chi-square below its 99.9 % point, 27.9', () => {
  const random = new Random(1, 'even');
  const cells = Array<number>(10).fill(0);
  for (let i = 0; i < 10000; i++) cells[Math.floor(random.uniform() * 10)]!++;
  const chi = cells.reduce((sum, n) => sum + (n - 1000) ** 2 / 1000, 0);
  assert.ok(chi < 27.9, `chi-square ${chi}`);
});

test('normal numbers have mean 0 and variance 1: within 4 standard errors over 10,000 draws', () => {
  const random = new Random(1, 'normal');
  const xs = Array.from({ length: 10000 }, () => random.normal());
  const mean = xs.reduce((a, b) => a + b) / xs.length;
  const variance = xs.reduce((sum, x) => sum + (x - mean) ** 2, 0) / xs.length;
  assert.ok(Math.abs(mean) < 0.04, `mean ${mean}`);
  assert.ok(Math.abs(variance - 1) < 0.06, `variance ${variance}`);
});

test('shuffle keeps every element', () => {
  const shuffled = new Random(5, 's').shuffle([1, 2, 3, 4, 5, 6]);
  assert.deepEqual([...shuffled].sort(), [1, 2, 3, 4, 5, 6]);
});

test('a seed that is not a whole number is refused', () => {
  assert.throws(() => new Random(0.5), /whole number/);
});
