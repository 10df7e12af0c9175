/**
 * Prints the megabytes by which a step through twelve packed weights of 16 MB each (float32: 32 MB) grows its process: with the
 * gradient of its input, or without it where the argument is `forward`.
 */
import * as tf from '@tensorflow/tfjs';
import { startEngine } from '../../lib/engine/backend.js';
import { compile } from '../../lib/engine/compile.js';
import { peakMemory, resetPeakMemory } from '../../lib/engine/memory.js';
import { linear } from '../../lib/engine/operations.js';
import type { PackedWeight } from '../../lib/engine/packed.js';

const [ROWS, WIDTH, LAYERS] = [4, 2880, 12];

async function main(): Promise<void> {
  await startEngine();
  const step = compile('layers', ({ x, weights }: { x: tf.Tensor2D; weights: PackedWeight[] }) => {
    const through = (x: tf.Tensor) =>
      tf.sum(weights.reduce((y, weight) => tf.tanh(linear(y, weight)), x as tf.Tensor2D)) as tf.Tensor;
    return process.argv[2] === 'forward' ? through(x) : tf.grad(through)(x);
  });
  const x = tf.ones([ROWS, WIDTH]) as tf.Tensor2D;
  const weights = Array.from({ length: LAYERS }, () => ({ packed: tf.zeros([WIDTH, WIDTH / 2]) }));
  tf.tidy(() => linear(x, weights[0]!).dataSync());
  for (const { packed } of weights) tf.tidy(() => tf.max(packed).dataSync());
  const before = process.memoryUsage.rss() / 2 ** 20;
  resetPeakMemory();
  // Recorded eagerly, then run as a graph: both are within the peak.
  step({ x, weights }).dataSync();
  console.log(Math.round(peakMemory() - before));
}

void main();
