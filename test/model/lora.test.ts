/** LoRA: adapters in memory, in training and in PEFT’s files. */

import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { startEngine } from '../../lib/engine/backend.js';
import { widen } from '../../lib/engine/packed.js';
import { adapterBaseName } from '../../lib/model/adapter-config.js';
import { collate } from '../../lib/model/batch.js';
import { Generator } from '../../lib/model/generate.js';
import { hiddenStates } from '../../lib/model/hidden-states.js';
import { logits } from '../../lib/model/log-probability.js';
import {
  addAdapters,
  hasAdapters,
  isAdapterParameter,
  LORA_DEFAULTS,
  loadAdapters,
  mergeAdapters,
  saveAdapters,
  targetedModules,
  withoutAdapters,
} from '../../lib/model/lora.js';
import { readSafetensors, writeSafetensors } from '../../lib/model/safetensors.js';
import { GREEDY } from '../../lib/model/sampling.js';
import { trainGrpo } from '../../lib/train/grpo.js';
import { REASON_RFT_GRPO } from '../../lib/train/grpo-settings.js';
import { likelihoodStep } from '../../lib/train/likelihood.js';
import { likelihoodGradients } from '../../lib/train/likelihood-update.js';
import { RunDirectory } from '../../lib/train/run-directory.js';
import { REASON_RFT_SFT, trainSft } from '../../lib/train/sft.js';
import { fixtureFolder, largestGap } from '../support/parity-fixture.js';
import { TINY_CONFIG, TINY_QWEN3_CONFIG, tinyParameters, tinyPrompt } from '../support/tiny-model.js';
import { tinyExamples, tinyPolicy } from '../support/tiny-policy.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-lora-'));
/** A checkpoint and an adapter as transformers and PEFT write them; parity.test.ts compares their numbers. */
const FIXTURE = fixtureFolder('qwen2-vl');
const SETTINGS = { ...LORA_DEFAULTS, rank: 3, alpha: 6, targetModules: 'all-linear' };

type Map = { [name: string]: tf.Tensor };

before(async () => {
  await startEngine();
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** Logits after each token of a prompt with an image. */
function promptLogits(parameters: Map, config = TINY_CONFIG, prompt = tinyPrompt(1, [20, 21])): number[] {
  return tf.tidy(() => {
    const { batch } = collate([{ prefix: { tokens: prompt.tokens }, images: prompt.images, segments: [] }], config, {
      length: prompt.tokens.length,
    });
    return Array.from(logits(parameters, hiddenStates(parameters, batch, config)).dataSync());
  });
}

/** Adapters whose B is not zero. */
function moved(parameters: Map): Map {
  addAdapters(parameters, SETTINGS);
  for (const name of Object.keys(parameters))
    if (name.endsWith('lora_B.weight'))
      parameters[name] = tf.randomNormal(parameters[name]!.shape, 0, 0.3, 'float32', name.length);
  return parameters;
}

test('new adapters change nothing, as B is zero; moved ones do', () => {
  const parameters = tinyParameters();
  const before = promptLogits(parameters);
  addAdapters(parameters, SETTINGS);
  assert.deepEqual(promptLogits(parameters), before);
  assert.ok(largestGap(promptLogits(moved(tinyParameters())), before) > 0.01);
});

test('merged weights give the adapted logits to 1e-5, and the map is a plain model again', () => {
  const parameters = moved(tinyParameters());
  const adapted = promptLogits(parameters);
  mergeAdapters(parameters);
  assert.equal(hasAdapters(parameters), false);
  assert.deepEqual(Object.keys(parameters).sort(), Object.keys(tinyParameters()).sort());
  assert.ok(largestGap(promptLogits(parameters), adapted) < 1e-5);
});

test('cached decoding uses the adapters too: greedy tokens are the argmax of full passes', () => {
  const parameters = moved(tinyParameters());
  const generator = new Generator(TINY_CONFIG, []);
  const prompt = tinyPrompt(1, [20, 21]);
  const [[completion]] = generator.generate(parameters, [prompt], {
    ...GREEDY,
    maxNewTokens: 6,
    completions: 1,
    seed: 1,
  }) as unknown as [[{ tokens: number[] }]];
  const tokens = [...prompt.tokens];
  for (const token of completion.tokens) {
    const last = promptLogits(parameters, TINY_CONFIG, { ...prompt, tokens }).slice(-TINY_CONFIG.vocabSize);
    assert.equal(token, last.indexOf(Math.max(...last)));
    tokens.push(token);
  }
});

test('targets: ends of names, a regular expression over transformers’ names, all linear maps but the head', () => {
  const parameters = tinyParameters();
  // Two layers of seven maps each; one block of four and a merger of two.
  assert.equal(targetedModules(parameters, 'all-linear').length, 2 * 7 + 4 + 2);
  // Three layers, two blocks, three mergers. The table of learned positions is no linear map.
  const qwen3 = tinyParameters(1, TINY_QWEN3_CONFIG);
  assert.equal(targetedModules(qwen3, 'all-linear').length, 3 * 7 + 2 * 4 + 3 * 2);
  assert.deepEqual(targetedModules(parameters, 'q_proj, v_proj'), [
    'model.layers.0.self_attn.q_proj',
    'model.layers.0.self_attn.v_proj',
    'model.layers.1.self_attn.q_proj',
    'model.layers.1.self_attn.v_proj',
  ]);
  assert.deepEqual(targetedModules(parameters, '/.*visual.*fc1/'), ['visual.blocks.0.mlp.fc1']);
  assert.throws(() => targetedModules(parameters, 'w1'), /'w1' is the end of no module; there are .*q_proj/);
});

test('the gradient of adapters agrees with finite differences to 1 %, and nothing else has one', () => {
  const parameters = moved(tinyParameters());
  const adapters = Object.fromEntries(Object.entries(parameters).filter(([name]) => isAdapterParameter(name)));
  const frozen = Object.fromEntries(Object.entries(parameters).filter(([name]) => !isAdapterParameter(name)));
  const rows = [
    {
      prefix: { tokens: tinyPrompt(1, [20]).tokens },
      images: tinyPrompt(1, [20]).images,
      segments: [{ tokens: [7, 8, 31], trained: [true, true, true] }],
    },
  ];
  const step = likelihoodStep(TINY_CONFIG);
  const gradientsOf = (trainable: Map) => likelihoodGradients(step, { trainable, frozen }, [rows], TINY_CONFIG);
  const { gradients } = gradientsOf(adapters);
  assert.deepEqual(Object.keys(gradients).sort(), Object.keys(adapters).sort());
  let checked = 0;
  for (const [name, gradient] of Object.entries(gradients)) {
    const norm = tf.norm(gradient).dataSync()[0]!;
    if (norm < 0.02) continue;
    const h = 2e-3;
    const loss = (by: number) =>
      gradientsOf({ ...adapters, [name]: tf.add(adapters[name]!, tf.mul(gradient, by / norm)) }).metrics.loss!;
    const slope = (8 * (loss(h) - loss(-h)) - (loss(2 * h) - loss(-2 * h))) / (12 * h);
    assert.ok(Math.abs(slope - norm) / norm < 1e-2, `${name}: slope ${slope}, norm ${norm}`);
    checked++;
  }
  assert.ok(checked >= 10, `only ${checked} tensors were checked`);
});

test('SFT with LoRA lowers the loss, moves the adapters alone, and its checkpoints hold nothing else', async () => {
  const model = tinyPolicy();
  addAdapters(model.parameters, SETTINGS);
  const base = withoutAdapters(model.parameters);
  const held = Object.fromEntries(
    Object.entries(base).map(([name, tensor]) => [name, widen(tensor).dataSync().slice()]),
  );
  const run = RunDirectory.open(path.join(folder, 'sft'), {});
  const examples = tinyExamples(4).map(({ prompt }, i) => ({ prompt, completion: [6 + i, 31] }));
  const schedule = { learningRate: 1e-2, warmupSteps: 0, decay: 'constant' } as const;
  const settings = { ...REASON_RFT_SFT, epochs: 30, batchSize: 4, examplesPerMicroBatch: 4, schedule };
  await trainSft({ model, examples, settings: { ...settings, freezeVision: false }, run, checkpointEvery: 10 });
  const losses = run.metrics().map((row) => row.loss!);
  assert.ok(losses.at(-1)! < 0.5 * losses[0]!, `${losses[0]} to ${losses.at(-1)}`);
  for (const [name, tensor] of Object.entries(withoutAdapters(model.parameters)))
    assert.deepEqual(widen(tensor).dataSync(), held[name], name);
  const saved = [...savedNames(run.latestCheckpoint()!.folder)];
  assert.ok(saved.length > 0 && saved.every(isAdapterParameter), saved.join(' '));
});

function savedNames(checkpoint: string): string[] {
  const header = readFileSync(path.join(checkpoint, 'trainable.safetensors'));
  const length = Number(header.readBigUInt64LE());
  return Object.keys(JSON.parse(header.subarray(8, 8 + length).toString())).filter((name) => name !== '__metadata__');
}

test('GRPO with LoRA: the reference is the base, so the KL is 0 at first and grows', async () => {
  const model = tinyPolicy();
  addAdapters(model.parameters, SETTINGS);
  const run = RunDirectory.open(path.join(folder, 'grpo'), {});
  const settings = {
    ...REASON_RFT_GRPO,
    steps: 3,
    promptsPerStep: 2,
    completions: 4,
    maxNewTokens: 8,
    temperature: 1,
    schedule: { learningRate: 1e-2, warmupSteps: 0, decay: 'constant' } as const,
  };
  const rewards = [
    {
      name: 'variety',
      weight: 1,
      reward: ({ completion }: { completion: string }) => new Set(completion.split(' ')).size,
    },
  ];
  // One image each, so that all steps have the same shapes and share their graphs.
  const examples = tinyExamples(18).filter((_, i) => i % 3 === 0);
  await trainGrpo({ model, examples, rewards, settings, run });
  const kl = run.metrics().map((row) => row.kl!);
  assert.ok(Math.abs(kl[0]!) < 1e-9, `first KL ${kl[0]}`);
  assert.ok(kl[2]! > 1e-5, `third KL ${kl[2]}`);
  const refreshing = trainGrpo({
    model,
    examples,
    rewards,
    settings: { ...settings, referenceRefreshEvery: 1 },
    run: RunDirectory.open(path.join(folder, 'refresh'), {}),
  });
  await assert.rejects(refreshing, /the reference is what the run starts from/);
});

test('saved and loaded, adapters give the same logits bit for bit; the files are PEFT’s', () => {
  const parameters = moved(tinyParameters());
  const target = path.join(folder, 'saved');
  saveAdapters(parameters, path.join(folder, 'bases', 'mine'), target);
  const config = JSON.parse(readFileSync(path.join(target, 'adapter_config.json'), 'utf8'));
  assert.equal(config.peft_type, 'LORA');
  assert.equal(config.base_model_name_or_path, '../bases/mine');
  assert.deepEqual([config.r, config.lora_alpha], [3, 6]);
  assert.ok(config.target_modules.includes('model.language_model.layers.0.self_attn.q_proj'));
  const loaded = tinyParameters();
  loadAdapters(loaded, target);
  assert.deepEqual(promptLogits(loaded), promptLogits(parameters));
});

test('an adapter with options that the kit lacks, or that does not fit, is refused with the field or tensor named', () => {
  const broken = (name: string, change: (config: { [field: string]: unknown }) => void): string => {
    const copy = path.join(folder, name);
    cpSync(path.join(FIXTURE, 'adapter'), copy, { recursive: true });
    const file = path.join(copy, 'adapter_config.json');
    const config = JSON.parse(readFileSync(file, 'utf8'));
    change(config);
    writeFileSync(file, JSON.stringify(config));
    return copy;
  };
  const attempt = (target: string, parameters = tinyParameters()) => loadAdapters(parameters, target);
  assert.throws(() => attempt(broken('dora', (c) => Object.assign(c, { use_dora: true }))), /use_dora/);
  for (const start of ['pissa', 'pissa_niter_16', 'olora', 'corda', 'loftq', 'lora_ga', 'something new'])
    assert.throws(
      () => attempt(broken(`start-${start}`, (c) => Object.assign(c, { init_lora_weights: start }))),
      (error: Error) =>
        error.message.includes(`init_lora_weights: "${start}" is none of true, false, gaussian, eva, orthogonal`),
    );
  for (const [field, value] of [
    ['alora_invocation_tokens', [3, 4]],
    ['use_qalora', true],
    ['lora_bias', true],
    ['layer_replication', [[0, 1]]],
  ] as const)
    assert.throws(
      () => attempt(broken(`with-${field}`, (c) => Object.assign(c, { [field]: value }))),
      new RegExp(`${field}: asks for .* which the kit does not compute`),
    );
  const starts = { init_lora_weights: 'gaussian', alora_invocation_tokens: null, use_qalora: false, loftq_config: {} };
  assert.equal(adapterBaseName(broken('plain-start', (c) => Object.assign(c, starts))), '..');
  assert.throws(() => attempt(broken('bias', (c) => Object.assign(c, { bias: 'all' }))), /bias/);
  assert.throws(
    () => attempt(broken('saved-too', (c) => Object.assign(c, { modules_to_save: ['lm_head'] }))),
    /modules_to_save/,
  );
  assert.throws(
    () => attempt(broken('pattern', (c) => Object.assign(c, { rank_pattern: { q_proj: 8 } }))),
    /rank_pattern/,
  );
  assert.throws(
    () => attempt(broken('rank', (c) => Object.assign(c, { r: 4 }))),
    /is \[3,\d+\], but model and rank ask for \[4,/,
  );
  const infinite = broken('infinite', () => {});
  const tensors = [...readSafetensors(path.join(infinite, 'adapter_model.safetensors'))];
  tensors[1]!.data[2] = Number.POSITIVE_INFINITY;
  writeSafetensors(path.join(infinite, 'adapter_model.safetensors'), tensors);
  assert.throws(() => attempt(infinite), /adapter_model\.safetensors: '.*lora_B\.weight' holds Infinity \(number 3 of/);
  const { 'model.layers.1.mlp.down_proj.weight': _, ...lacking } = tinyParameters();
  assert.throws(() => attempt(path.join(FIXTURE, 'adapter'), lacking), /adapts 'model\.layers\.1\.mlp\.down_proj'/);
  assert.equal(existsSync(path.join(folder, 'nothing')), false);
  assert.throws(() => attempt(path.join(folder, 'nothing')), /is '.*nothing' an adapter's folder/);
});

test('impossible settings are named, and adapters are not added twice', () => {
  const parameters = tinyParameters();
  assert.throws(() => addAdapters(parameters, { ...SETTINGS, rank: 0 }), /rank must be a whole number of 1 or more/);
  assert.throws(() => addAdapters(parameters, { ...SETTINGS, alpha: 0 }), /alpha must be above 0/);
  addAdapters(parameters, SETTINGS);
  assert.throws(() => addAdapters(parameters, SETTINGS), /has adapters already/);
});
