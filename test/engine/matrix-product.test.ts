/** Products with packed weights block by block: the numbers of the whole float32 weight, for few rows and for many. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { startEngine } from '../../lib/engine/backend.js';
import { compile } from '../../lib/engine/compile.js';
import { linear } from '../../lib/engine/operations.js';
import { type Weight, widen } from '../../lib/engine/packed.js';

before(async () => {
  await startEngine();
});

test('1, 4, 32 and 33 rows through a weight of three blocks, the last one shorter', () => {
  // 2^20 / 2048 = 512 rows a block: 512, 512 and 76.
  const [out, width] = [1100, 2048];
  const bits = Uint16Array.from({ length: out * width }, (_, i) => {
    const [sign, exponent] = [i % 3 === 0 ? 0x8000 : 0, 120 + (i % 7)];
    return sign | (exponent << 7) | ((37 * i) % 128);
  });
  const packed = { packed: tf.tensor2d(new Float32Array(bits.buffer), [out, width / 2]) };
  const float32 = widen(packed);
  const step = compile('few rows', ({ x, w }: { x: tf.Tensor2D; w: Weight }) => linear(x, w));
  for (const rows of [1, 4, 32, 33]) {
    const x = tf.randomNormal([rows, width], 0, 1, 'float32', rows) as tf.Tensor2D;
    const expected = linear(x, float32);
    for (const [how, product] of [
      ['eagerly', linear(x, packed)],
      ['compiled', step({ x, w: packed })],
    ] as const) {
      assert.deepEqual(product.shape, [rows, out]);
      assert.deepEqual(product.dataSync(), expected.dataSync(), `${rows} rows, ${how}`);
      product.dispose();
    }
    tf.dispose([x, expected]);
  }
  // By hand: a row that picks one column gives that column's numbers.
  const pick = tf.oneHot(tf.tensor1d([2047], 'int32'), width) as tf.Tensor2D;
  const column = [...linear(tf.cast(pick, 'float32'), packed).dataSync()];
  const numberOf = (half: number) => new Float32Array(new Uint32Array([half << 16]).buffer)[0]!;
  assert.deepEqual(
    column,
    Array.from({ length: out }, (_, row) => numberOf(bits[row * width + 2047]!)),
  );
  step.dispose();
  tf.dispose([packed.packed, float32, pick]);
});
