/** The loop on a model of one number: what is logged, evaluated, kept, and said when a step fails. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { startEngine } from '../../lib/engine/backend.js';
import { ADAMW_DEFAULTS, AdamW, type TensorMap } from '../../lib/train/adamw.js';
import { type LoopOptions, runLoop, TrainingStopped } from '../../lib/train/loop.js';
import { RunDirectory } from '../../lib/train/run-directory.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-loop-'));
before(async () => {
  await startEngine();
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** Eight steps that each move one number by about -1 (Adam's first steps are as long as the learning rate). */
async function train(name: string, options: Partial<LoopOptions> = {}, gradient = (_: number) => 1): Promise<number> {
  const run = RunDirectory.open(path.join(folder, name), { name });
  const trainable: TensorMap = { x: tf.tensor1d([10]) };
  const optimizer = new AdamW({ ...ADAMW_DEFAULTS });
  const step = async (index: number) => {
    const grad_norm = optimizer.apply(trainable, { x: tf.tensor1d([gradient(index)]) }, 1);
    return { loss: trainable.x!.dataSync()[0]!, grad_norm };
  };
  try {
    await runLoop({ run, steps: 8, checkpointEvery: 3, trainable, optimizer, step, ...options });
    return trainable.x!.dataSync()[0]!;
  } finally {
    tf.dispose(trainable);
    optimizer.dispose();
  }
}

/** The task's metric as it might go after 2, 4, 6 and 8 steps: the best is reached at 4, and again at 6. */
const SCORES: { [done: number]: number } = { 2: 0.25, 4: 0.5, 6: 0.5, 8: 0.125 };
const measured: number[] = [];
const evaluate = {
  every: 2,
  measure: async (parameters: TensorMap, done: number) => {
    measured.push(done);
    return { metrics: { accuracy: SCORES[done]!, x: parameters.x!.dataSync()[0]! }, score: SCORES[done]! };
  },
};
const place = (...names: string[]) => path.join(folder, ...names);

test('evaluation is logged with its step, of the weights after it, and the earliest best checkpoint is kept', async () => {
  await train('evaluated', { evaluate, keepCheckpoints: 1 });
  assert.deepEqual(measured, [2, 4, 6, 8]);
  const rows = RunDirectory.open(place('evaluated'), { name: 'evaluated' }).metrics();
  assert.deepEqual(
    rows.map((row) => row.eval_accuracy),
    [undefined, 0.25, undefined, 0.5, undefined, 0.5, undefined, 0.125],
  );
  assert.equal(rows[3]!.eval_x, rows[3]!.loss, 'the step’s loss is the number after its update');
  const best = JSON.parse(readFileSync(place('evaluated', 'checkpoints', 'best.json'), 'utf8'));
  assert.deepEqual(best, { step: 4, score: 0.5, checkpoint: 'step-000004' });
  // Every 3 steps: 3 and 6; and 2 and 4, as the best of their time.
  assert.deepEqual(readdirSync(place('evaluated', 'checkpoints')), ['best.json', 'step-000004', 'step-000006']);
});

test('the last step is evaluated too, and leaves a checkpoint where it is the best', async () => {
  const measure = async (_: TensorMap, done: number) => ({ metrics: { accuracy: done }, score: done });
  await train('rising', { evaluate: { every: 5, measure } });
  const run = RunDirectory.open(place('rising'), { name: 'rising' });
  assert.deepEqual(
    run.metrics().flatMap((row) => row.eval_accuracy ?? []),
    [5, 8],
  );
  assert.equal(run.bestCheckpoint()?.step, 8);
  assert.ok(existsSync(path.join(run.bestCheckpoint()!.folder, 'trainable.safetensors')));
});

test('stopped anywhere and resumed, the metrics, the best and the weights are those of a run that was not', async () => {
  const whole = await train('whole', { evaluate });
  for (let stopAfter = 1; stopAfter < 8; stopAfter++) {
    const name = `stopped-${stopAfter}`;
    const controller = new AbortController();
    const onStep = (done: number) => {
      if (done === stopAfter) controller.abort();
    };
    await assert.rejects(train(name, { evaluate, onStep, signal: controller.signal }), TrainingStopped);
    assert.equal(await train(name, { evaluate }), whole);
    for (const file of ['metrics.jsonl', 'checkpoints/best.json']) {
      assert.equal(readFileSync(place(name, file), 'utf8'), readFileSync(place('whole', file), 'utf8'), file);
    }
  }
});

test('a start tells its step and its environment', async () => {
  await train('environment');
  const { starts } = JSON.parse(readFileSync(place('environment', 'run.json'), 'utf8'));
  assert.equal(starts.length, 1);
  assert.equal(starts[0].step, 0);
  const { node, tfjs, tensorflow, backend, threads, packages } = starts[0].environment;
  assert.equal(node, process.versions.node);
  assert.equal(tfjs, tf.version.tfjs);
  assert.equal(backend, tf.getBackend());
  assert.match(tensorflow, /^\d+\.\d+/);
  assert.ok(threads >= 1);
  assert.match(packages['hyparquet-writer'], /^\d+\.\d+\.\d+$/);
});

test('a gradient that is not finite stops the run with the step, the tensor and the last good checkpoint', async () => {
  const attempt = train('broken', {}, (index) => (index === 4 ? Number.NaN : 1));
  await assert.rejects(
    attempt,
    /step 5 of 8 failed: the gradient norm is NaN; the first tensor .* is 'x'; the last good checkpoint is .*step-000003/,
  );
  // The bad step left nothing, and the run goes on from the good checkpoint once the cause is mended.
  assert.equal(RunDirectory.open(place('broken'), { name: 'broken' }).metrics().length, 4);
  assert.equal(await train('broken'), await train('never broken'));
});

test('a loss or a score that is not finite stops the run the same way', async () => {
  const step = async (index: number) => ({ loss: index === 1 ? Number.POSITIVE_INFINITY : 1, kl: 0 });
  await assert.rejects(
    train('infinite', { step }),
    /step 2 of 8 failed: the metric 'loss' is Infinity; no checkpoint was left yet/,
  );
  const measure = async () => ({ metrics: { accuracy: 0 }, score: Number.NaN });
  await assert.rejects(
    train('no score', { evaluate: { every: 4, measure } }),
    /the evaluation after step 4 of 8 failed: the metric 'score' is NaN; the last good checkpoint is .*step-000003/,
  );
});

test('impossible intervals are named', async () => {
  await assert.rejects(
    train('interval', { checkpointEvery: 0 }),
    /checkpointEvery must be a whole number of 1 or more/,
  );
  await assert.rejects(train('interval', { keepCheckpoints: 0 }), /keepCheckpoints/);
  await assert.rejects(train('interval', { evaluate: { ...evaluate, every: 1.5 } }), /evaluate\.every/);
});

test('a run leaves no tensors behind', async () => {
  const before = tf.memory().numTensors;
  await train('tidy', { evaluate });
  assert.equal(tf.memory().numTensors, before);
});
