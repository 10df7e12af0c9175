/** Dropout of adapters: where it acts and where it does not, its draws, and PEFT's field of it. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { startEngine } from '../../lib/engine/backend.js';
import { Generator } from '../../lib/model/generate.js';
import {
  addAdapters,
  isAdapterParameter,
  LORA_DEFAULTS,
  loadAdapters,
  mergeAdapters,
  saveAdapters,
} from '../../lib/model/lora.js';
import { disposeModel } from '../../lib/model/model.js';
import { DROPOUT_SEED, project, weightsOfPart } from '../../lib/model/projection.js';
import type { ModelWeights } from '../../lib/model/tensors.js';
import { trainGrpo } from '../../lib/train/grpo.js';
import { type GrpoSettings, REASON_RFT_GRPO } from '../../lib/train/grpo-settings.js';
import { likelihoodStep } from '../../lib/train/likelihood.js';
import { likelihoodGradients } from '../../lib/train/likelihood-update.js';
import { TrainingStopped } from '../../lib/train/loop.js';
import { RunDirectory } from '../../lib/train/run-directory.js';
import { REASON_RFT_SFT, trainSft } from '../../lib/train/sft.js';
import { eagerly } from '../support/eagerly.js';
import { TINY_CONFIG, tinyParameters, tinyPrompt } from '../support/tiny-model.js';
import { tinyExamples, tinyPolicy } from '../support/tiny-policy.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-lora-dropout-'));
const SETTINGS = { ...LORA_DEFAULTS, rank: 3, alpha: 6, targetModules: 'all-linear', dropout: 0.5 };

type Map = { [name: string]: tf.Tensor };

before(async () => {
  await startEngine();
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** A model whose adapters have dropout and a B that is not zero. */
function moved(dropout = SETTINGS.dropout): Map {
  const parameters = tinyParameters();
  addAdapters(parameters, { ...SETTINGS, dropout });
  for (const name of Object.keys(parameters))
    if (name.endsWith('lora_B.weight'))
      parameters[name] = tf.randomNormal(parameters[name]!.shape, 0, 0.3, 'float32', name.length);
  return parameters;
}

test('by hand: W x + 2 B A d, where each number of d is 0 or twice that of x', () => {
  const adapter = (module: string): ModelWeights => ({
    [`${module}.weight`]: tf.tensor2d([[1, 1, 1, 1, 1, 1]]),
    [`${module}.lora_A.weight`]: tf.tensor2d([[1, 10, 100, 1000, 10000, 100000]]),
    [`${module}.lora_B.weight`]: tf.tensor2d([[3]]),
    [`${module}.lora_scaling`]: tf.scalar(2),
    [`${module}.lora_dropout`]: tf.scalar(0.5),
  });
  const weights = { ...adapter('first'), ...adapter('second'), [DROPOUT_SEED]: tf.tensor1d([5, 6], 'int32') };
  const x = tf.ones([20, 6]) as tf.Tensor2D;
  // W x is 6, and 2 x 3 x 2 = 12 times a number whose decimal digits are 1 where x is left.
  const digits = (given: ModelWeights, module: string) =>
    [...project(given, { name: module }, x).dataSync()].map((value) => (value - 6) / 12);
  const left = digits(weights, 'first');
  for (const number of left) assert.match(String(number), /^[01]{1,6}$/);
  assert.ok(new Set(left).size > 10, 'rows draw by themselves');
  assert.notDeepEqual(digits(weights, 'second'), left, 'each module draws by itself');
  assert.notDeepEqual(digits(weightsOfPart(weights, 1), 'first'), left, 'and so does each part of a batch');
  assert.deepEqual(digits(weightsOfPart(weights, 0), 'first'), left);
  // Without a seed nothing is dropped: W x + 2 x 3 x 111111.
  const { [DROPOUT_SEED]: _, ...unseeded } = weights;
  assert.deepEqual(digits(unseeded, 'first'), Array(20).fill(111111 / 2));
});

test('generation is that of the same adapters without dropout; so is a pass that only scores', () => {
  const settings = { temperature: 1, topK: 0, topP: 1, minP: 0, maxNewTokens: 8, completions: 4, seed: 1 };
  const draw = (parameters: Map) =>
    eagerly(() => new Generator(TINY_CONFIG, [31]).generate(parameters, [tinyPrompt(1, [20, 21])], settings));
  assert.deepEqual(draw(moved()), draw(moved(0)));
});

const ROWS = [0, 1].map((i) => ({
  prefix: { tokens: tinyPrompt(i, [20]).tokens },
  images: tinyPrompt(i, [20]).images,
  segments: [{ tokens: [7, 8 + i, 31], trained: [true, true, true] }],
}));

/** The gradients of an SFT step, flat, as a compiled step. */
function gradients(parameters: Map, update: string | undefined, checkpoint = false): number[] {
  const pick = (adapters: boolean) =>
    Object.fromEntries(Object.entries(parameters).filter(([name]) => isAdapterParameter(name) === adapters));
  const step = likelihoodStep(TINY_CONFIG, 'nll', checkpoint);
  const tensors = { trainable: pick(true), frozen: pick(false) };
  const options = update === undefined ? {} : { dropout: { seed: 1, update } };
  const { gradients } = likelihoodGradients(step, tensors, [ROWS], TINY_CONFIG, options);
  return Object.values(gradients).flatMap((gradient) => [...gradient.dataSync()]);
}

test('a step that trains drops by its name; gradient checkpointing draws the same again', () => {
  const parameters = moved();
  const first = gradients(parameters, 'step 0');
  assert.deepEqual(gradients(parameters, 'step 0'), first);
  assert.notDeepEqual(gradients(parameters, 'step 1'), first);
  assert.deepEqual(gradients(parameters, undefined), gradients(moved(0), 'step 0'));
  const again = gradients(parameters, 'step 0', true);
  const norm = Math.hypot(...first);
  assert.ok(Math.hypot(...again.map((value, i) => value - first[i]!)) < 1e-6 * norm);
});

test('a run that was stopped and goes on ends bit for bit as one that was not', async () => {
  const schedule = { learningRate: 1e-2, warmupSteps: 0, decay: 'constant' } as const;
  const settings = { ...REASON_RFT_SFT, epochs: 3, batchSize: 4, examplesPerMicroBatch: 2, schedule };
  const examples = tinyExamples(12)
    .filter((_, i) => i % 3 === 0)
    .map(({ prompt }, i) => ({ prompt, completion: [6 + i, 31] }));
  const train = async (name: string, stopAfter?: number) => {
    const model = tinyPolicy();
    addAdapters(model.parameters, { ...SETTINGS, targetModules: 'q_proj,down_proj' });
    const controller = new AbortController();
    try {
      await trainSft({
        ...{ model, examples, run: RunDirectory.open(path.join(folder, name), {}), signal: controller.signal },
        settings: { ...settings, freezeVision: false },
        onStep: (done) => done === stopAfter && controller.abort(),
      });
      const adapters = Object.entries(model.parameters).filter(([weight]) => isAdapterParameter(weight));
      return adapters.flatMap(([, tensor]) => [...(tensor as tf.Tensor).dataSync()]);
    } finally {
      disposeModel(model);
    }
  };
  const whole = await train('whole');
  await assert.rejects(train('stopped', 1), TrainingStopped);
  assert.deepEqual(await train('stopped'), whole);
});

test('GRPO: the policy alone drops, so that its KL to the reference is above 0 as soon as B is not 0', async () => {
  const settings: GrpoSettings = {
    ...{ ...REASON_RFT_GRPO, steps: 1, promptsPerStep: 2, completions: 2, maxNewTokens: 6 },
    schedule: { learningRate: 1e-3, warmupSteps: 0, decay: 'constant' },
  };
  const examples = tinyExamples(6).filter((_, i) => i % 3 === 0);
  const rewards = [
    { name: 'short', weight: 1, reward: ({ completion }: { completion: string }) => -completion.length },
  ];
  const kl = async (dropout: number) => {
    const model = { ...tinyPolicy(), parameters: moved(dropout) };
    try {
      const run = RunDirectory.open(path.join(folder, `grpo-${dropout}`), {});
      // The adapters of its start are trained on: the reference is the start as it is, without dropout.
      await trainGrpo({ model, examples, rewards, settings, run });
      return run.metrics()[0]!.kl!;
    } finally {
      disposeModel(model);
    }
  };
  assert.ok(Math.abs(await kl(0)) < 1e-9);
  assert.ok((await kl(0.5)) > 1e-4);
});

test('adapter_config.json has the rate as it was set, and a run that trains adapters on has it again', () => {
  const parameters = moved(0.05);
  const target = path.join(folder, 'saved');
  saveAdapters(parameters, path.join(folder, 'base'), target);
  const file = path.join(target, 'adapter_config.json');
  const config = JSON.parse(readFileSync(file, 'utf8'));
  assert.equal(config.lora_dropout, 0.05);
  const loaded = tinyParameters();
  loadAdapters(loaded, target);
  const rates = Object.entries(loaded).filter(([name]) => name.endsWith('.lora_dropout'));
  assert.ok(rates.length > 10);
  for (const [, rate] of rates) assert.equal((rate as tf.Tensor).dataSync()[0], Math.fround(0.05));
  writeFileSync(file, JSON.stringify({ ...config, lora_dropout: 1 }));
  assert.throws(() => loadAdapters(tinyParameters(), target), /lora_dropout: .*1/);
  writeFileSync(file, JSON.stringify({ ...config, lora_dropout: 0 }));
  const plain = tinyParameters();
  loadAdapters(plain, target);
  assert.ok(Object.keys(plain).every((name) => !name.endsWith('.lora_dropout')));
  mergeAdapters(loaded);
  assert.ok(Object.keys(loaded).every((name) => !name.includes('lora_')));
});

test('a rate below 0, of 1, or none is refused by name', () => {
  for (const dropout of [-0.1, 1, Number.NaN])
    assert.throws(() => addAdapters(tinyParameters(), { ...SETTINGS, dropout }), /lora: dropout must be/);
});
