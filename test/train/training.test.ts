/** Whole training runs on the shipped model: what is learned, what is kept, what a resume gives. */

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { startEngine } from '../../lib/engine/backend.js';
import { widen } from '../../lib/engine/packed.js';
import { Random } from '../../lib/engine/random.js';
import { disposeModel, encodeCompletion, encodePrompt, loadModel, type Model } from '../../lib/model/model.js';
import { formatReward } from '../../lib/rewards/format.js';
import { openStudy } from '../../lib/study/workspace.js';
import { sampleCountingRecord } from '../../lib/tasks/counting/sample.js';
import { writePrompt, writeTarget } from '../../lib/tasks/prompts.js';
import { drawScene } from '../../lib/tasks/world/ray-cast.js';
import type { Scene } from '../../lib/tasks/world/scene.js';
import { trainGrpo } from '../../lib/train/grpo.js';
import { type GrpoSettings, REASON_RFT_GRPO } from '../../lib/train/grpo-settings.js';
import { TrainingStopped } from '../../lib/train/loop.js';
import type { NamedReward } from '../../lib/train/named-reward.js';
import type { GrpoExample } from '../../lib/train/rollout.js';
import { RunDirectory } from '../../lib/train/run-directory.js';
import { type SftExample, type SftSettings, trainSft } from '../../lib/train/sft.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-training-'));
const base = openStudy('tiny').base;
const records = Array.from({ length: 24 }, (_, i) =>
  sampleCountingRecord('id', `t-${i}`, new Random(5, `training test/${i}`)),
);

before(async () => {
  await startEngine();
});
after(() => rmSync(folder, { recursive: true, force: true }));

function prompts(model: Model, style: 'think' | 'bare') {
  return records.map((record) =>
    encodePrompt(model, [drawScene(record.scene as Scene)], writePrompt(record.problem, style)),
  );
}

const sft: SftSettings = {
  lossType: 'nll',
  epochs: 4,
  batchSize: 8,
  examplesPerMicroBatch: 8,
  gradientCheckpointing: false,
  packTo: 0,
  schedule: { learningRate: 1e-3, warmupSteps: 2, decay: 'constant' },
  weightDecay: 0,
  freezeVision: true,
  seed: 1,
};

function sftExamples(model: Model): SftExample[] {
  return prompts(model, 'think').map((prompt, i) => ({
    prompt,
    completion: encodeCompletion(model, writeTarget(records[i]!.cot, records[i]!.answer)),
  }));
}

const grpo: GrpoSettings = {
  ...REASON_RFT_GRPO,
  steps: 4,
  promptsPerStep: 4,
  completions: 4,
  maxNewTokens: 24,
  schedule: { learningRate: 1e-4, warmupSteps: 0, decay: 'constant' },
  temperature: 1,
  topK: 0,
  topP: 1,
  promptsPerMicroBatch: 2,
  seed: 1,
};

function grpoExamples(model: Model): GrpoExample[] {
  return prompts(model, 'think').map((prompt, i) => ({ id: records[i]!.id, prompt, row: records[i]! }));
}

/** Rewards a completion that thinks in tags, which the base model does now and then: what a few steps can teach. */
const thinking: NamedReward = {
  name: 'think_reward',
  weight: 1,
  reward: ({ completion }) => completion.includes('<think>'),
};

/** The steps that the newest run reported. */
const stepsDone: number[] = [];

/** Trains GRPO in a run folder, and stops after `stopAfter` steps if that is set. Returns the weights and the run's files. */
async function runGrpo(name: string, settings: GrpoSettings, stopAfter?: number): Promise<RunDirectory> {
  const model = loadModel(base);
  const run = RunDirectory.open(path.join(folder, name), { name: 'grpo test' });
  const controller = new AbortController();
  try {
    await trainGrpo({
      model,
      examples: grpoExamples(model),
      rewards: [thinking, { name: 'format_reward', weight: 1, reward: formatReward }],
      settings,
      run,
      signal: controller.signal,
      onStep: (done) => {
        stepsDone.push(done);
        if (done === stopAfter) controller.abort();
      },
    });
  } finally {
    run.append('weights.jsonl', [{ step: 0, sum: weightDigest(model) }]);
    disposeModel(model);
  }
  return run;
}

function weightDigest(model: Model): string {
  return Object.keys(model.parameters)
    .sort()
    .map((name) => tf.tidy(() => tf.sum(tf.mul(model.parameters[name]!, 1.5)).dataSync()[0]))
    .join(' ');
}

test('SFT lowers the loss, leaves the vision tower alone and logs every metric', async () => {
  const model = loadModel(base);
  const vision = widen(model.parameters['visual.merger.mlp.0.weight']!).dataSync().slice();
  const run = RunDirectory.open(path.join(folder, 'sft'), {});
  await trainSft({ model, examples: sftExamples(model), settings: sft, run });
  const metrics = run.metrics();
  assert.equal(metrics.length, 12, '24 examples x 4 epochs / 8 a step');
  assert.ok(metrics.at(-1)!.loss! < 0.7 * metrics[0]!.loss!, `${metrics[0]!.loss} to ${metrics.at(-1)!.loss}`);
  for (const name of ['mean_token_accuracy', 'entropy', 'num_tokens', 'learning_rate', 'grad_norm', 'epoch']) {
    assert.ok(Number.isFinite(metrics[0]![name]), name);
  }
  assert.deepEqual(widen(model.parameters['visual.merger.mlp.0.weight']!).dataSync(), vision);
  disposeModel(model);
});

test('SFT without examples, or with an empty completion, is an error', async () => {
  const model = loadModel(base);
  const run = RunDirectory.open(path.join(folder, 'empty'), {});
  await assert.rejects(trainSft({ model, examples: [], settings: sft, run }), /no examples/);
  const [first] = sftExamples(model);
  const examples = [{ ...first!, completion: [] }];
  await assert.rejects(trainSft({ model, examples, settings: sft, run }), /example 1 has no completion tokens/);
  disposeModel(model);
});

test('GRPO learns: the format reward, 0.39 in the first six steps, is above 0.8 in steps 19 to 24', async () => {
  const settings = { ...grpo, steps: 24, completions: 8, schedule: { ...grpo.schedule, learningRate: 3e-4 } };
  const run = await runGrpo('learns', settings);
  const rewards = run.metrics().map((row) => row['rewards/format_reward/mean']!);
  const average = (xs: number[]) => xs.reduce((a, b) => a + b) / xs.length;
  // 32 completions a step: a mean of six steps has a standard error of at most 0.5 / sqrt(192) = 0.036.
  assert.ok(average(rewards.slice(0, 6)) < 0.6, `it began at ${average(rewards.slice(0, 6))}: nothing to learn`);
  assert.ok(average(rewards.slice(-6)) > 0.8, `it ended at ${average(rewards.slice(-6))}`);
});

test('a GRPO run that was stopped and resumed equals one that was not: metrics and weights', async () => {
  const whole = await runGrpo('whole', grpo);
  await assert.rejects(runGrpo('stopped', grpo, 2), TrainingStopped);
  const half = RunDirectory.open(path.join(folder, 'stopped'), { name: 'grpo test' });
  assert.equal(half.latestCheckpoint()?.step, 2);
  stepsDone.length = 0;
  const resumed = await runGrpo('stopped', grpo);
  assert.deepEqual(stepsDone, [3, 4], 'it began again instead of going on');
  const read = (run: RunDirectory, name: string) => readFileSync(path.join(run.folder, name), 'utf8');
  assert.equal(read(resumed, 'metrics.jsonl'), read(whole, 'metrics.jsonl'));
  assert.deepEqual(await resumed.readCompletions(4), await whole.readCompletions(4));
  assert.deepEqual(resumed.rows('weights.jsonl').at(-1), whole.rows('weights.jsonl').at(-1));
});

test('training leaves no tensors behind', async () => {
  const before = tf.memory().numTensors;
  await runGrpo('leak', { ...grpo, steps: 2 });
  assert.equal(tf.memory().numTensors, before);
});

test('a run folder refuses another configuration', () => {
  RunDirectory.open(path.join(folder, 'taken'), { seed: 1 });
  assert.throws(() => RunDirectory.open(path.join(folder, 'taken'), { seed: 2 }), /another configuration/);
});

test('impossible settings are named', async () => {
  const model = loadModel(base);
  const run = RunDirectory.open(path.join(folder, 'impossible'), {});
  const attempt = (settings: GrpoSettings) =>
    trainGrpo({ model, examples: grpoExamples(model), rewards: [thinking], settings, run });
  await assert.rejects(attempt({ ...grpo, completions: 1 }), /group size/);
  await assert.rejects(attempt({ ...grpo, temperature: 0 }), /temperature 0/);
  await assert.rejects(attempt({ ...grpo, beta: -1 }), /beta/);
  disposeModel(model);
});
