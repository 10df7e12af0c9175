/** Prints the megabytes by which a step of twelve layers, each wide inside, grows its process; checkpointed or not. */
import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { startEngine } from '../../lib/engine/backend.js';
import { checkpointed } from '../../lib/engine/checkpoint.js';
import { compile } from '../../lib/engine/compile.js';

/** 2,000 x 64 numbers between layers (0.5 MB), 2,000 x 512 inside (4 MB a tensor). */
const [ROWS, WIDTH, INNER, LAYERS] = [2000, 64, 512, 12];

function layer(x: tf.Tensor, w: tf.Tensor): tf.Tensor {
  const inner = tf.matMul(x as tf.Tensor2D, w as tf.Tensor2D);
  const bent = tf.tanh(tf.mul(tf.sigmoid(inner), tf.sin(inner)));
  return tf.add(x, tf.matMul(bent as tf.Tensor2D, w as tf.Tensor2D, false, true));
}

function residentMegabytes(field: string): number {
  return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync('/proc/self/status', 'utf8'))![1]) / 1024;
}

async function main(checkpoint: boolean): Promise<void> {
  await startEngine();
  const runLayer = checkpoint
    ? (x: tf.Tensor, w: tf.Tensor) => checkpointed(([x, w]) => layer(x!, w!), [x, w], [])
    : layer;
  const step = compile('layers', ({ x, ws }: { x: tf.Tensor; ws: tf.Tensor[] }) => ({
    gradients: tf.grads((...ws) => tf.sum(ws.reduce((y, w) => runLayer(y, w), x)))(ws),
  }));
  const ws = Array.from({ length: LAYERS }, (_, i) => tf.randomNormal([WIDTH, INNER], 0, 0.05, 'float32', i));
  const run = (rows: number) => {
    const x = tf.randomNormal([rows, WIDTH], 0, 1, 'float32', 99);
    const { gradients } = step({ x, ws });
    (gradients as tf.Tensor[])[0]!.dataSync();
    tf.dispose([x, gradients]);
  };
  run(8);
  const before = residentMegabytes('VmRSS');
  // Recorded eagerly, then replayed as a graph: both are within the peak.
  run(ROWS);
  console.log(Math.round(residentMegabytes('VmHWM') - before));
}

void main(process.argv[2] === 'true');
