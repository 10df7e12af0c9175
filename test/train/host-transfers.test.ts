/**
 * Weights, gradients, moments, caches and activations stay where TensorFlow computes: what crosses to the host and back is the same
 * for a model of twice the width.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { startEngine } from '../../lib/engine/backend.js';
import { parseConfig } from '../../lib/model/configuration.js';
import { Generator } from '../../lib/model/generate.js';
import { disposeModel, type Model } from '../../lib/model/model.js';
import { initialParameters, parameterShapes } from '../../lib/model/parameters.js';
import { trainGrpo } from '../../lib/train/grpo.js';
import { type GrpoSettings, REASON_RFT_GRPO } from '../../lib/train/grpo-settings.js';
import { RunDirectory } from '../../lib/train/run-directory.js';
import { REASON_RFT_SFT, trainSft } from '../../lib/train/sft.js';
import { countHostTransfers, type HostTransfers } from '../support/host-transfers.js';
import { TINY_CONFIG_FILE } from '../support/tiny-model.js';
import { TINY_END, TINY_PROCESSOR, tinyExamples } from '../support/tiny-policy.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-transfers-'));

before(async () => {
  await startEngine();
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** The tiny model with `times` as many heads in decoder and tower, each of the same size. */
function modelOfWidth(times: number): Model {
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
  const parameters: { [name: string]: tf.Tensor } = {};
  for (const [name, shape] of parameterShapes(config)) parameters[name] = tf.tensor(values.get(name)!, shape);
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

async function grpoTransfers(times: number): Promise<HostTransfers> {
  const model = modelOfWidth(times);
  const run = RunDirectory.open(path.join(folder, `grpo-${times}`), { times });
  try {
    return await lastStep(GRPO.steps, (onStep) =>
      trainGrpo({
        model,
        examples: tinyExamples(2),
        rewards: [{ name: 'variety', weight: 1, reward: ({ completion }) => new Set(completion.split(' ')).size / 8 }],
        settings: GRPO,
        run,
        onStep,
        checkpointEvery: 100,
      }),
    );
  } finally {
    disposeModel(model);
  }
}

async function sftTransfers(times: number): Promise<HostTransfers> {
  const model = modelOfWidth(times);
  const run = RunDirectory.open(path.join(folder, `sft-${times}`), { times });
  const settings = { ...REASON_RFT_SFT, epochs: 4, batchSize: 4, examplesPerMicroBatch: 4, packTo: 0 };
  const examples = tinyExamples(4).map(({ prompt }) => ({ prompt, completion: [7, 8, 9, TINY_END] }));
  try {
    return await lastStep(4, (onStep) => trainSft({ model, examples, settings, run, onStep, checkpointEvery: 100 }));
  } finally {
    disposeModel(model);
  }
}

async function decodingTransfers(times: number): Promise<HostTransfers> {
  const model = modelOfWidth(times);
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

for (const [what, transfersOf] of [
  ['a GRPO step: rollout, scores of policy and reference, two updates', grpoTransfers],
  ['an SFT step', sftTransfers],
  ['a generation: prompts, empty caches, three chunks of eight tokens', decodingTransfers],
] as const) {
  test(`${what}: no weight, moment, gradient or cache crosses to the host or back`, async () => {
    const [narrow, wide] = [await transfersOf(1), await transfersOf(4)];
    assert.deepEqual(wide, narrow);
    assert.ok(narrow.uploaded > 0 && narrow.downloaded > 0);
  });
}

test('the count sees a weight that crosses', async () => {
  const model = modelOfWidth(2);
  try {
    const embedding = model.parameters['model.embed_tokens.weight']!;
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
