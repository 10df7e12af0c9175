/**
 * A program that starts the engine, multiplies two matrices in a recorded step, and prints what computed as one JSON line. `doctor.ts`
 * runs it in a process of its own: a card on which TensorFlow starts may still fail at the first operation, or end the process.
 */
import * as tf from '@tensorflow/tfjs';
import { startEngine } from '../engine/backend.js';
import { compile } from '../engine/compile.js';

const SIDE = 64;

async function main(): Promise<void> {
  const engine = await startEngine();
  const step = compile('probe', ({ ones }: { ones: tf.Tensor2D }) => ({ sum: tf.sum(tf.matMul(ones, ones)) }));
  const { sum } = step({ ones: tf.ones([SIDE, SIDE]) });
  const [total] = sum.dataSync();
  if (total !== SIDE ** 3) throw new Error(`the product of two matrices of ones sums to ${total}, not to ${SIDE ** 3}`);
  console.log(JSON.stringify(engine));
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
