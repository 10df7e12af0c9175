/** Positions on three axes, and their rotary angles. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { startEngine } from '../../lib/engine/backend.js';
import type { ModelConfig } from '../../lib/model/configuration.js';
import { axisOfFrequency, mropeAngles, nextPosition, positionIds } from '../../lib/model/mrope.js';
import { TINY_CONFIG } from '../support/tiny-model.js';

before(async () => {
  await startEngine();
});

test('text counts up on all three axes', () => {
  assert.deepEqual(positionIds([7, 8], [], 3, 2), [
    [0, 0, 0],
    [1, 1, 1],
  ]);
});

test('an image spans its merged grid from where the text stopped, and text goes on above its largest id', () => {
  // One text token, a 4 x 6 patch image merged to 2 x 3, one text token: the image starts at 1 and its columns reach 3.
  const ids = positionIds([9, 3, 3, 3, 3, 3, 3, 9], [[1, 4, 6]], 3, 2);
  assert.deepEqual(ids, [
    [0, 0, 0],
    [1, 1, 1],
    [1, 1, 2],
    [1, 1, 3],
    [1, 2, 1],
    [1, 2, 2],
    [1, 2, 3],
    [4, 4, 4],
  ]);
  assert.equal(nextPosition(ids), 5);
});

test('image tokens that do not fit the image are an error with both counts', () => {
  assert.throws(() => positionIds([3, 3, 9], [[1, 4, 4]], 3, 2), /needs 4 image tokens, but the prompt holds 2/);
  assert.throws(() => positionIds([9, 9], [[1, 4, 4]], 3, 2), /1 images were given, but the tokens hold 0/);
});

test('an image token past the last image is text', () => {
  assert.deepEqual(positionIds([3, 9], [], 3, 2), [
    [0, 0, 0],
    [1, 1, 1],
  ]);
});

test('angles: section 1 follows time, 2 height, 3 width; frequency i is theta^(-i / 4) for a head of 8', () => {
  const positions = tf.tensor3d([2, 3, 5], [3, 1, 1], 'int32');
  const { cos } = mropeAngles(positions, TINY_CONFIG);
  const f = (i: number) => 10000 ** (-i / 4);
  const expected = [2 * f(0), 3 * f(1), 5 * f(2), 5 * f(3)].map(Math.cos);
  [...cos.dataSync()].forEach((x, i) => {
    assert.ok(Math.abs(x - expected[i]!) < 1e-6);
  });
});

test('interleaved, time, height and width alternate as far as height and width reach, and time has the rest', () => {
  const config: ModelConfig = { ...TINY_CONFIG, headSize: 20, mropeSection: [5, 3, 2], mropeLayout: 'interleaved' };
  // Height at 1, 4, 7 and width at 2, 5; place 8, width's next, is already time's.
  assert.deepEqual(axisOfFrequency(config), [0, 1, 2, 0, 1, 2, 0, 1, 0, 0]);
  const { sin } = mropeAngles(tf.tensor3d([2, 3, 5], [3, 1, 1], 'int32'), config);
  const expected = [2, 3, 5, 2, 3, 5, 2, 3, 2, 2].map((place, i) => Math.sin(place * 10000 ** (-i / 10)));
  [...sin.dataSync()].forEach((x, i) => {
    assert.ok(Math.abs(x - expected[i]!) < 1e-6);
  });
});
