/** The loop on a model of one number: what is logged, evaluated, kept, and said when a step fails. */

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, mock, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { startEngine } from '../../lib/engine/backend.js';
import { widen } from '../../lib/engine/packed.js';
import { writeSafetensors } from '../../lib/model/safetensors.js';
import type { ModelWeights } from '../../lib/model/tensors.js';
import { ADAMW_DEFAULTS, AdamW, type TensorMap } from '../../lib/train/adamw.js';
import { type LoopOptions, runLoop, STOP_SIGNALS, TrainingStopped } from '../../lib/train/loop.js';
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

/** Writes other weights into a checkpoint. */
function writeTensors(checkpoint: string, tensors: { [name: string]: number[] }): void {
  const sources = Object.entries(tensors).map(([name, numbers]) => ({
    name,
    shape: [numbers.length],
    data: Float32Array.from(numbers),
  }));
  writeSafetensors(path.join(checkpoint, 'trainable.safetensors'), sources);
}

/** The task's metric as it might go at the start and after 2, 4, 6 and 8 steps: the best of training is reached at 4, and again at 6. */
const SCORES: { [done: number]: number } = { 0: 0.75, 2: 0.25, 4: 0.5, 6: 0.5, 8: 0.125 };
const measured: number[] = [];
const evaluate = {
  every: 2,
  measure: async (parameters: ModelWeights, done: number) => {
    measured.push(done);
    return { metrics: { accuracy: SCORES[done]!, x: widen(parameters.x!).dataSync()[0]! }, score: SCORES[done]! };
  },
};
const place = (...names: string[]) => path.join(folder, ...names);

test('evaluation is logged with its step, of the weights after it, and the earliest best checkpoint is kept', async () => {
  await train('evaluated', { evaluate, keepCheckpoints: 1 });
  assert.deepEqual(measured, [0, 2, 4, 6, 8]);
  const rows = RunDirectory.open(place('evaluated'), { name: 'evaluated' }).metrics();
  assert.deepEqual(
    rows.map((row) => row.eval_accuracy),
    [undefined, 0.25, undefined, 0.5, undefined, 0.5, undefined, 0.125],
  );
  assert.equal(rows[3]!.eval_x, rows[3]!.loss, 'the step’s loss is the number after its update');
  // The start is evaluated too. It is no row of a step, and never the best of the run, which it is not a checkpoint of.
  const start = RunDirectory.read(place('evaluated')).startEvaluation()!;
  assert.deepEqual([start.step, start.eval_accuracy], [0, 0.75]);
  assert.ok(start.eval_x! > rows[0]!.loss!);
  const best = JSON.parse(readFileSync(place('evaluated', 'checkpoints', 'best.json'), 'utf8'));
  assert.deepEqual(best, { step: 4, score: 0.5, checkpoint: 'step-000004' });
  // Every 3 steps: 3 and 6; and 2 and 4, as the best of their time.
  assert.deepEqual(readdirSync(place('evaluated', 'checkpoints')), ['best.json', 'step-000004', 'step-000006']);
});

test('the last step is evaluated too, and leaves a checkpoint where it is the best', async () => {
  const measure = async (_: ModelWeights, done: number) => ({ metrics: { accuracy: done }, score: done });
  await train('rising', { evaluate: { every: 5, measure } });
  const run = RunDirectory.open(place('rising'), { name: 'rising' });
  assert.deepEqual(
    run.metrics().flatMap((row) => row.eval_accuracy ?? []),
    [5, 8],
  );
  assert.equal(run.bestCheckpoint()?.step, 8);
  assert.ok(existsSync(path.join(run.bestCheckpoint()!.folder, 'trainable.safetensors')));
});

test('with doubling, early steps are evaluated after 2, 4, 8, ..., the others as often as ever', async () => {
  const steps: number[] = [];
  const measure = async (_: ModelWeights, done: number) => ({ metrics: { accuracy: steps.push(done) } });
  await train('doubling', { evaluate: { every: 10, doubling: true, measure }, steps: 24 });
  assert.deepEqual(steps, [0, 2, 4, 8, 10, 20, 24]);
});

test('an evaluation without a score is logged, at the start too, and chooses no checkpoint', async () => {
  const measure = async (_: ModelWeights, done: number) => ({ metrics: { accuracy: done / 8 } });
  await train('measured', { evaluate: { every: 3, measure }, keepCheckpoints: 1 });
  const run = RunDirectory.read(place('measured'));
  assert.deepEqual(
    [run.startEvaluation()!, ...run.metrics()].flatMap(({ step, eval_accuracy }) =>
      eval_accuracy === undefined ? [] : [[step, eval_accuracy]],
    ),
    [
      [0, 0],
      [3, 3 / 8],
      [6, 6 / 8],
      [8, 1],
    ],
  );
  assert.equal(run.bestCheckpoint(), undefined);
  assert.deepEqual(readdirSync(place('measured', 'checkpoints')), ['step-000006']);
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

test('SIGINT, SIGTERM and SIGHUP stop a run at the end of a step, with a checkpoint', async () => {
  const listeners = () => STOP_SIGNALS.map((signal) => process.listenerCount(signal));
  const before = listeners();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    const onStep = (done: number) => {
      if (done === 2) process.kill(process.pid, signal);
    };
    const stopped = (error: TrainingStopped) => {
      assert.ok(error instanceof TrainingStopped);
      assert.equal(error.signal, signal);
      const run = RunDirectory.open(place(signal), { name: signal });
      assert.equal(run.latestCheckpoint()?.step, error.done);
      assert.deepEqual([run.starts[0]!.ended!.step, run.starts[0]!.ended!.stoppedBy], [error.done, signal]);
      return true;
    };
    await assert.rejects(train(signal, { onStep, checkpointEvery: 99, steps: 1000 }), stopped);
  }
  assert.deepEqual(listeners(), before);
});

test('a script that trains in a folder locks it: another process is refused, and the folder stays as it is', async () => {
  const controller = new AbortController();
  const onStep = (done: number) => (done === 2 ? controller.abort() : undefined);
  await assert.rejects(train('locked', { onStep, signal: controller.signal }), TrainingStopped);
  assert.ok(!existsSync(place('locked', '.lock')), 'the lock is gone with the loop');
  const holder = { host: hostname(), pid: process.ppid, began: null, since: 'noon', job: null };
  writeFileSync(place('locked', '.lock'), JSON.stringify(holder));
  const log = readFileSync(place('locked', 'metrics.jsonl'));
  await assert.rejects(train('locked'), new RegExp(`locked is being trained in by process ${process.ppid} on `));
  assert.deepEqual(readFileSync(place('locked', 'metrics.jsonl')), log);
  rmSync(place('locked', '.lock'));
  assert.equal(await train('locked'), await train('never locked'));
});

test('a run that is started again while it trains on waits for the end of the first, and is then what that made', async () => {
  const [first, second] = await Promise.all([train('twice'), train('twice')]);
  assert.deepEqual([first, second], [await train('once'), first]);
  const steps = RunDirectory.open(place('twice'), { name: 'twice' })
    .metrics()
    .map(({ step }) => step);
  assert.deepEqual(steps, [1, 2, 3, 4, 5, 6, 7, 8]);
});

test('a start tells its step and its environment', async () => {
  await train('environment');
  const { starts } = JSON.parse(readFileSync(place('environment', 'run.json'), 'utf8'));
  assert.equal(starts.length, 1);
  assert.deepEqual([starts[0].step, starts[0].steps], [1, 8]);
  const { node, tfjs, tensorflow, backend, threads, packages } = starts[0].environment;
  assert.equal(node, process.versions.node);
  assert.equal(tfjs, tf.version.tfjs);
  assert.equal(backend, tf.getBackend());
  assert.match(tensorflow, /^\d+\.\d+/);
  assert.ok(threads >= 1);
  assert.match(packages['hyparquet-writer'], /^\d+\.\d+\.\d+$/);
});

test('a run that goes on with other threads is warned of; one in the same environment is not', async () => {
  const stopAtTwo = () => {
    const controller = new AbortController();
    return { signal: controller.signal, onStep: (done: number) => (done % 2 === 0 ? controller.abort() : undefined) };
  };
  const warn = mock.method(console, 'warn', () => {});
  try {
    await assert.rejects(train('threads', stopAtTwo()), TrainingStopped);
    await assert.rejects(train('threads', stopAtTwo()), TrainingStopped);
    assert.equal(warn.mock.callCount(), 0);
    const description = JSON.parse(readFileSync(place('threads', 'run.json'), 'utf8'));
    description.starts.at(-1).environment.variables.TF_NUM_INTRAOP_THREADS = '7';
    writeFileSync(place('threads', 'run.json'), JSON.stringify(description));
    await train('threads');
  } finally {
    warn.mock.restore();
  }
  const own = process.env.TF_NUM_INTRAOP_THREADS === undefined ? 'not set' : `"${process.env.TF_NUM_INTRAOP_THREADS}"`;
  const [line] = warn.mock.calls.map(({ arguments: [text] }) => String(text));
  assert.match(
    line!,
    new RegExp(`in another environment \\(TF_NUM_INTRAOP_THREADS was "7", now ${own}\\): its numbers may`),
  );
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
  const measure = async (_: ModelWeights, done: number) => ({
    metrics: { accuracy: 0 },
    score: done === 0 ? 0 : Number.NaN,
  });
  await assert.rejects(
    train('no score', { evaluate: { every: 4, measure } }),
    /the evaluation after step 4 of 8 failed: the metric 'score' is NaN; the last good checkpoint is .*step-000003/,
  );
});

test('weights that an update has broken are never saved: the run fails with the tensor and the last good checkpoint', async () => {
  // The loss of a step is that before its update, so nothing but the weights says what the update did.
  const train1e39 = (name: string, options: Partial<LoopOptions>, breaksAt = 0) => {
    const trainable: TensorMap = { x: tf.tensor1d([10]) };
    const optimizer = new AdamW({ ...ADAMW_DEFAULTS });
    const step = async (index: number) => {
      const learningRate = index < breaksAt ? 1 : 1e39;
      return { loss: 1, grad_norm: optimizer.apply(trainable, { x: tf.tensor1d([1]) }, learningRate) };
    };
    const run = RunDirectory.open(path.join(folder, name), { name });
    return runLoop({ run, steps: 3, checkpointEvery: 1, ...options, trainable, optimizer, step });
  };
  await assert.rejects(
    train1e39('diverged', {}, 1),
    /step 2 of 3 failed: the update made 'x' not finite .* lower the learning rate; the last good checkpoint is .*step-000001/,
  );
  assert.deepEqual(readdirSync(place('diverged', 'checkpoints')), ['step-000001']);
  await assert.rejects(
    train1e39('at once', { steps: 1 }),
    /step 1 of 1 failed: the update made 'x' not finite .*; no checkpoint was left yet/,
  );
  const controller = new AbortController();
  const stopped = train1e39('stopped', {
    checkpointEvery: 9,
    onStep: () => controller.abort(),
    signal: controller.signal,
  });
  await assert.rejects(stopped, /the checkpoint after step 1 of 3 failed: the update made 'x' not finite/);
  assert.ok(!existsSync(place('stopped', 'checkpoints')));
});

test('a damaged checkpoint is set aside with a word, and the run goes on from the older one to the same end', async () => {
  const whole = await train('sound');
  const damages: [string, (checkpoint: string) => void, RegExp][] = [
    [
      'torn',
      (dir) => truncateSync(path.join(dir, 'trainable.safetensors'), 20),
      /trainable\.safetensors is not a sound/,
    ],
    ['moments gone', (dir) => rmSync(path.join(dir, 'optimizer.safetensors')), /optimizer\.safetensors is missing/],
    [
      'step torn',
      (dir) => writeFileSync(path.join(dir, 'step.json'), '{"st'),
      /step\.json is not the description of step 6/,
    ],
    ['step gone', (dir) => rmSync(path.join(dir, 'step.json')), /step\.json is missing/],
    ['another run', (dir) => writeTensors(dir, { y: [1] }), /trainable\.safetensors is not of this run: it lacks 'x'/],
    ['another model', (dir) => writeTensors(dir, { x: [1, 2] }), /'x' is \[2\], but the model has \[1\]/],
    ['not finite', (dir) => writeTensors(dir, { x: [Number.NaN] }), /trainable\.safetensors: 'x' is not finite/],
  ];
  for (const [name, damage, message] of damages) {
    await assert.rejects(
      train(name, {}, (index) => (index === 6 ? Number.NaN : 1)),
      /step-000006/,
    );
    assert.deepEqual(readdirSync(place(name, 'checkpoints')), ['step-000003', 'step-000006']);
    damage(place(name, 'checkpoints', 'step-000006'));
    const warn = mock.method(console, 'warn', () => {});
    try {
      assert.equal(await train(name), whole, name);
    } finally {
      warn.mock.restore();
    }
    const [said] = warn.mock.calls.map(({ arguments: [line] }) => String(line));
    assert.match(said!, message);
    assert.match(said!, /step-000006 is not sound .*: the run goes on from an older one/);
    assert.equal(
      readFileSync(place(name, 'metrics.jsonl'), 'utf8'),
      readFileSync(place('sound', 'metrics.jsonl'), 'utf8'),
    );
    assert.deepEqual(readdirSync(place(name, 'checkpoints')), ['step-000003', 'step-000006', 'step-000006.unsound']);
  }
});

test('without a sound checkpoint, or with a log that lacks steps, a run says what to do and touches nothing', async () => {
  await assert.rejects(train('hopeless', {}, (index) => (index === 7 ? Number.NaN : 1)));
  const files = ['step-000003', 'step-000006'].map((name) => place('hopeless', 'checkpoints', name, 'step.json'));
  const kept = files.map((file) => readFileSync(file));
  for (const file of files) rmSync(file);
  await assert.rejects(
    train('hopeless'),
    /hopeless has no checkpoint to go on from \(step-000006: .*step\.json is missing; step-000003: .*\); put a sound copy in its place, or remove .*checkpoints to train the run again/,
  );
  for (const [i, file] of files.entries()) writeFileSync(file, kept[i]!);
  const log = place('hopeless', 'metrics.jsonl');
  const lines = readFileSync(log, 'utf8').split('\n');
  for (const [text, message] of [
    ['', /metrics\.jsonl, line 1 is not that of step 1, which the log lacks/],
    [lines.toSpliced(1, 1).join('\n'), /metrics\.jsonl, line 2 is not that of step 2/],
    [lines.with(2, 'null').join('\n'), /metrics\.jsonl, line 3 is not JSON of a step: null; put the file back/],
  ] as const) {
    writeFileSync(log, text);
    await assert.rejects(train('hopeless'), message);
    assert.equal(readFileSync(log, 'utf8'), text);
  }
  // A log that ends before the newest checkpoint is enough for the older one.
  writeFileSync(log, `${lines.slice(0, 4).join('\n')}\n`);
  const warn = mock.method(console, 'warn', () => {});
  assert.equal(await train('hopeless'), await train('hopeful'));
  assert.match(String(warn.mock.calls[0]!.arguments[0]), /step-000006 is not sound .*line 5 is not that of step 5/);
  warn.mock.restore();
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
