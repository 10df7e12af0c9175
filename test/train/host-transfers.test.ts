/**
 * Weights, gradients, moments, caches and activations stay where TensorFlow computes: what crosses to the host and back is the same
 * for a model of four times the width. Only what is saved crosses, once.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { startEngine } from '../../lib/engine/backend.js';
import { canBePacked, packedShape, shapeOf, tensorOf, type Weight } from '../../lib/engine/packed.js';
import { evaluateModel } from '../../lib/evaluate/evaluate.js';
import { parseConfig } from '../../lib/model/configuration.js';
import { roundToBfloat16 } from '../../lib/model/float16.js';
import { Generator } from '../../lib/model/generate.js';
import { addAdapters, LORA_DEFAULTS } from '../../lib/model/lora.js';
import { disposeModel, type Model, saveModel } from '../../lib/model/model.js';
import { initialParameters, parameterShapes } from '../../lib/model/parameters.js';
import { ADAMW_DEFAULTS, AdamW, type TensorMap } from '../../lib/train/adamw.js';
import { trainGrpo } from '../../lib/train/grpo.js';
import { type GrpoSettings, REASON_RFT_GRPO } from '../../lib/train/grpo-settings.js';
import { logProbStep } from '../../lib/train/policy-step.js';
import { computeLogProbs } from '../../lib/train/policy-update.js';
import { RunDirectory } from '../../lib/train/run-directory.js';
import { REASON_RFT_SFT, trainSft } from '../../lib/train/sft.js';
import { writeState } from '../../lib/train/training-state.js';
import { dataRow } from '../support/data-row.js';
import { countHostTransfers, type HostTransfers } from '../support/host-transfers.js';
import { TINY_CONFIG_FILE } from '../support/tiny-model.js';
import { TINY_END, TINY_PROCESSOR, tinyExamples } from '../support/tiny-policy.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-transfers-'));

before(async () => {
  await startEngine();
});
after(() => rmSync(folder, { recursive: true, force: true }));

/**
 * The tiny model with `times` as many heads in decoder and tower, each of the same size.
 *
 * @param form `lora`: its matrices are held in bfloat16, and every linear map of the decoder has an adapter
 */
function modelOfWidth(times: number, form: 'float32' | 'packed' | 'lora' = 'float32'): Model {
  const { vision_config: vision } = TINY_CONFIG_FILE;
  const config = parseConfig({
    ...TINY_CONFIG_FILE,
    hidden_size: 16 * times,
    intermediate_size: 24 * times,
    num_attention_heads: 2 * times,
    num_key_value_heads: times,
    vision_config: { ...vision, embed_dim: 16 * times, num_heads: 2 * times, hidden_size: 16 * times },
  });
  const values = initialParameters(config, 1);
  const parameters: { [name: string]: Weight } = {};
  for (const [name, shape] of parameterShapes(config)) {
    const numbers = values.get(name)!;
    parameters[name] = form === 'float32' ? tf.tensor(numbers, shape) : heldIn16Bits(numbers, shape);
  }
  if (form === 'lora') addAdapters(parameters, { ...LORA_DEFAULTS, rank: 2 });
  return {
    folder: 'tiny',
    config,
    parameters,
    generator: new Generator(config, [TINY_END]),
    tokenizer: { decode: (tokens: readonly number[]) => tokens.join(' ') },
    template: { opening: '' },
    imageProcessor: TINY_PROCESSOR,
  } as unknown as Model;
}

/** Numbers as a checkpoint in bfloat16 is held: its matrices packed, the rest in float32. */
function heldIn16Bits(numbers: Float32Array, shape: readonly number[]): Weight {
  if (!canBePacked(shape)) return tf.tensor(numbers, [...shape]);
  return { packed: tf.tensor(new Float32Array(roundToBfloat16(numbers).buffer), packedShape(shape)) };
}

/** What crosses in the last of `steps` training steps, whose graphs the steps before it have recorded. */
async function lastStep(
  steps: number,
  train: (onStep: (done: number) => void) => Promise<void>,
): Promise<HostTransfers> {
  let before = { uploaded: 0, downloaded: 0 };
  const all = await countHostTransfers((transfers) =>
    train((done) => {
      if (done === steps - 1) before = { ...transfers };
    }),
  );
  return { uploaded: all.uploaded - before.uploaded, downloaded: all.downloaded - before.downloaded };
}

const GRPO: GrpoSettings = {
  ...REASON_RFT_GRPO,
  steps: 4,
  promptsPerStep: 2,
  completions: 4,
  // One length and no end before it, so that every step has the shapes of the first.
  maxNewTokens: 8,
  temperature: 1,
  topP: 1,
  minP: 0,
  topK: 0,
  promptsPerMicroBatch: 1,
  updatesPerRollout: 2,
  seed: 1,
};

async function grpoTransfers(times: number, form: 'float32' | 'lora', settings: GrpoSettings): Promise<HostTransfers> {
  const model = modelOfWidth(times, form);
  const run = RunDirectory.open(path.join(folder, `grpo-${form}-${times}`), { times });
  try {
    return await lastStep(GRPO.steps, (onStep) =>
      trainGrpo({
        model,
        examples: tinyExamples(2),
        rewards: [{ name: 'variety', weight: 1, reward: ({ completion }) => new Set(completion.split(' ')).size / 8 }],
        settings,
        run,
        onStep,
        checkpointEvery: 100,
      }),
    );
  } finally {
    disposeModel(model);
  }
}

async function sftTransfers(times: number, form: 'float32' | 'lora'): Promise<HostTransfers> {
  const model = modelOfWidth(times, form);
  const run = RunDirectory.open(path.join(folder, `sft-${form}-${times}`), { times });
  const settings = { ...REASON_RFT_SFT, epochs: 4, batchSize: 4, examplesPerMicroBatch: 4, packTo: 0 };
  const examples = tinyExamples(4).map(({ prompt }) => ({ prompt, completion: [7, 8, 9, TINY_END] }));
  try {
    return await lastStep(4, (onStep) => trainSft({ model, examples, settings, run, onStep, checkpointEvery: 100 }));
  } finally {
    disposeModel(model);
  }
}

async function decodingTransfers(times: number, form: 'float32' | 'packed'): Promise<HostTransfers> {
  const model = modelOfWidth(times, form);
  const prompts = tinyExamples(2).map(({ prompt }) => prompt);
  const settings = { temperature: 1, topP: 1, minP: 0, topK: 0, maxNewTokens: 24, completions: 4, seed: 1 };
  const generate = () => model.generator.generate(model.parameters, prompts, settings);
  try {
    generate();
    return await countHostTransfers(generate);
  } finally {
    disposeModel(model);
  }
}

/** A second call, whose graphs the first has recorded. */
async function secondCall(model: Model, run: () => unknown): Promise<HostTransfers> {
  try {
    await run();
    return await countHostTransfers(run);
  } finally {
    disposeModel(model);
  }
}

function scoringTransfers(times: number): Promise<HostTransfers> {
  const model = modelOfWidth(times, 'packed');
  const step = logProbStep(model.config, 1);
  const examples = tinyExamples(2);
  const completion = { tokens: [7, 8, 9, TINY_END], logProbs: [0, 0, 0, 0], ended: true };
  const rollout = { examples, completions: examples.map(() => [completion, completion]) };
  return secondCall(model, () =>
    computeLogProbs(
      step,
      model.parameters,
      rollout as unknown as Parameters<typeof computeLogProbs>[2],
      model.config,
      1,
    ),
  );
}

function evaluationTransfers(times: number): Promise<HostTransfers> {
  const model = modelOfWidth(times, 'packed');
  // No token ends a completion, so that all widths decode equally many.
  const endless = { ...model, generator: new Generator(model.config, []) };
  const items = tinyExamples(3).map(({ id, prompt }) => ({ id, family: 'tiny', prompt, row: dataRow(id) }));
  return secondCall(model, () => evaluateModel(endless, items, { maxNewTokens: 12, score: () => 1 }));
}

const WITH_OLD_LOG_PROBS: GrpoSettings = { ...GRPO, topEntropyShare: 0.5 };

for (const [what, transfersOf] of [
  [
    'a GRPO step: rollout, scores of policy and reference, two updates',
    (times) => grpoTransfers(times, 'float32', GRPO),
  ],
  [
    'a GRPO step with LoRA on packed weights, log-probabilities computed anew',
    (times) => grpoTransfers(times, 'lora', WITH_OLD_LOG_PROBS),
  ],
  ['an SFT step', (times) => sftTransfers(times, 'float32')],
  ['an SFT step with LoRA on packed weights', (times) => sftTransfers(times, 'lora')],
  ['a generation: prompts, empty caches, three chunks of eight tokens', (times) => decodingTransfers(times, 'float32')],
  ['a generation from packed weights', (times) => decodingTransfers(times, 'packed')],
  ['scores of completions', scoringTransfers],
  ['an evaluation', evaluationTransfers],
] as [string, (times: number) => Promise<HostTransfers>][]) {
  test(`${what}: no weight, moment, gradient or cache crosses to the host or back`, async () => {
    const [narrow, wide] = [await transfersOf(1), await transfersOf(4)];
    assert.deepEqual(wide, narrow);
    assert.ok(narrow.uploaded > 0 && narrow.downloaded > 0);
  });
}

const numbersIn = (weights: { [name: string]: Weight }) =>
  Object.values(weights).reduce((sum, weight) => sum + tf.util.sizeFromShape(shapeOf(weight)), 0);

test('a checkpoint of a run takes each weight and its two moments to the host once, and nothing back', async () => {
  const model = modelOfWidth(2);
  const trainable = model.parameters as TensorMap;
  const optimizer = new AdamW(ADAMW_DEFAULTS);
  const gradients = Object.fromEntries(Object.entries(trainable).map(([name, weight]) => [name, tf.onesLike(weight)]));
  optimizer.apply(trainable, gradients, 1e-3);
  const target = mkdtempSync(path.join(folder, 'state-'));
  try {
    const transfers = await countHostTransfers(() => writeState(target, { trainable, optimizer }));
    assert.deepEqual(transfers, { uploaded: 0, downloaded: 3 * 4 * numbersIn(trainable) });
  } finally {
    tf.dispose([optimizer.state().moments, gradients]);
    disposeModel(model);
  }
});

test('a saved model takes each weight to the host once, two bytes of a packed number; of LoRA only the adapters', async () => {
  for (const form of ['float32', 'packed', 'lora'] as const) {
    const model = modelOfWidth(2, form);
    // The numbers reach TensorFlow now, and not while they are saved.
    for (const weight of Object.values(model.parameters)) tf.tidy(() => void tf.add(tensorOf(weight), 0));
    const isAdapter = (name: string) => /lora_[AB]/.test(name);
    const bytes = Object.entries(model.parameters).reduce((sum, [name, weight]) => {
      if (form === 'lora' && !isAdapter(name)) return sum;
      return sum + 4 * tensorOf(weight).size;
    }, 0);
    const transfers = await countHostTransfers(() => saveModel(model, path.join(folder, `saved-${form}`)));
    assert.equal(transfers.uploaded, 0, form);
    // Of LoRA the scaling of each module too, a number.
    const scalings =
      form === 'lora' ? 4 * Object.keys(model.parameters).filter((name) => name.endsWith('scaling')).length : 0;
    assert.equal(transfers.downloaded, bytes + scalings, form);
    disposeModel(model);
  }
});

test('the count sees a weight that crosses', async () => {
  const model = modelOfWidth(2);
  try {
    const embedding = model.parameters['model.embed_tokens.weight'] as tf.Tensor;
    const doubled = tf.add(embedding, embedding);
    // 32 tokens of 2 x 16 numbers, four bytes each.
    assert.deepEqual(await countHostTransfers(() => doubled.dataSync()), { uploaded: 0, downloaded: 32 * 32 * 4 });
    doubled.dispose();
    const written = await countHostTransfers(() =>
      tf.tidy(() => tf.add(tf.tensor1d([1, 2, 3]), tf.tensor1d([4, 5, 6]))),
    );
    assert.deepEqual(written, { uploaded: 2 * 3 * 4, downloaded: 0 });
  } finally {
    disposeModel(model);
  }
});
