/** Weights in the checkpoint's 16 bits: the same numbers, bit for bit, as in float32, in half the memory. */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { startEngine } from '../../lib/engine/backend.js';
import { compile } from '../../lib/engine/compile.js';
import { linear, takeRows } from '../../lib/engine/operations.js';
import { isPacked, shapeOf, tensorOf, type Weight, widen } from '../../lib/engine/packed.js';
import type { Row } from '../../lib/model/batch.js';
import { writeCheckpointTensors } from '../../lib/model/checkpoint-files.js';
import { parseConfig } from '../../lib/model/configuration.js';
import { roundToBfloat16, widenBfloat16 } from '../../lib/model/float16.js';
import { equalWeights, loadWeight, readWeight, type WeightType } from '../../lib/model/held-weights.js';
import { predictTargets } from '../../lib/model/log-probability.js';
import { addAdapters, LORA_DEFAULTS, mergeAdapters } from '../../lib/model/lora.js';
import { disposeModel, encodePrompt, loadModel, type Model, saveModel } from '../../lib/model/model.js';
import { initialParameters, parameterShapes } from '../../lib/model/parameters.js';
import { readSafetensors, storedTensors, writeSafetensors } from '../../lib/model/safetensors.js';
import { GREEDY } from '../../lib/model/sampling.js';
import type { ModelWeights } from '../../lib/model/tensors.js';
import { shippedModel } from '../../lib/study/workspace.js';
import { partParameters } from '../../lib/train/batches.js';
import { trainGrpo } from '../../lib/train/grpo.js';
import { REASON_RFT_GRPO } from '../../lib/train/grpo-settings.js';
import { likelihoodStep } from '../../lib/train/likelihood.js';
import { likelihoodGradients } from '../../lib/train/likelihood-update.js';
import { RunDirectory } from '../../lib/train/run-directory.js';
import { REASON_RFT_SFT, trainSft } from '../../lib/train/sft.js';
import { dataRow } from '../support/data-row.js';

const folder = mkdtempSync(path.join(tmpdir(), 'held-weights-'));
/**
 * The shipped model rounded to bfloat16, and two models of random weights: one that is too wide for decoding's copies of weights, and
 * a Qwen3-VL.
 */
const [narrow, wide, qwen3] = ['narrow', 'wide', 'qwen3'].map((name) => path.join(folder, name)) as [
  string,
  string,
  string,
];

before(async () => {
  await startEngine();
  const model = loadModel(shippedModel());
  saveModel(model, narrow, { dtype: 'bfloat16' });
  disposeModel(model);
  writeRandom(wide, (nano) => ({
    ...{ ...nano, hidden_size: 640, intermediate_size: 512, num_hidden_layers: 2 },
    ...{ num_attention_heads: 5, num_key_value_heads: 1, rope_scaling: { mrope_section: [16, 24, 24] } },
    vision_config: { ...nano.vision_config, hidden_size: 640, depth: 1 },
  }));
  writeRandom(qwen3, ({ vision_config: { patch_size }, vocab_size, rms_norm_eps, ...nano }) => ({
    ...nano,
    model_type: 'qwen3_vl',
    text_config: {
      ...{ hidden_size: 128, intermediate_size: 256, num_hidden_layers: 2, vocab_size, rms_norm_eps },
      ...{ num_attention_heads: 4, num_key_value_heads: 2, head_dim: 64, tie_word_embeddings: true },
      rope_parameters: { rope_theta: 10_000, mrope_section: [16, 8, 8] },
    },
    vision_config: {
      ...{ depth: 2, hidden_size: 64, num_heads: 2, intermediate_size: 256, out_hidden_size: 128, patch_size },
      ...{ num_position_embeddings: 16, deepstack_visual_indexes: [0] },
    },
  }));
});
after(() => rmSync(folder, { recursive: true, force: true }));

type ConfigFile = { [field: string]: unknown; vision_config: { [field: string]: unknown } };

/** Writes a checkpoint in bfloat16 with random weights, and with the shipped model's tokenizer and a change of its configuration. */
function writeRandom(checkpoint: string, change: (nano: ConfigFile) => object): void {
  cpSync(shippedModel(), checkpoint, { recursive: true });
  const configFile = path.join(checkpoint, 'config.json');
  const file = change(JSON.parse(readFileSync(configFile, 'utf8')));
  writeFileSync(configFile, JSON.stringify(file));
  const config = parseConfig(file);
  const values = initialParameters(config, 1);
  const tensors = [...parameterShapes(config)].map(([name, shape]) => ({ name, shape, data: values.get(name)! }));
  writeCheckpointTensors(checkpoint, tensors, { dtype: 'BF16' });
}

/** Runs `use` on the model as the checkpoint has it and in float32. */
function bothWays<T>(checkpoint: string, use: (model: Model) => T): [packed: T, float32: T] {
  return (['auto', 'float32'] as const).map((dtype) => {
    const model = loadModel(checkpoint, { dtype });
    try {
      return use(model);
    } finally {
      disposeModel(model);
    }
  }) as [T, T];
}

async function bothWaysInTurn<T>(
  checkpoint: string,
  use: (model: Model, dtype: string) => Promise<T>,
): Promise<[packed: T, float32: T]> {
  const results: T[] = [];
  for (const dtype of ['auto', 'float32'] as const) {
    const model = loadModel(checkpoint, { dtype });
    results.push(await use(model, dtype));
    disposeModel(model);
  }
  return results as [T, T];
}

function numbersOf(weights: ModelWeights): { [name: string]: number[] } {
  return Object.fromEntries(
    Object.entries(weights).map(([name, weight]) => [name, [...readWeight(weight)].flatMap((piece) => [...piece])]),
  );
}

const IMAGE = { width: 32, height: 48, data: Uint8Array.from({ length: 32 * 48 * 3 }, (_, i) => (7 * i) % 251) };

/** A weight of these numbers, rounded, as it is held when it is loaded from a file. */
function packedWeight(shape: number[], numbers: Float32Array): Weight {
  const file = path.join(folder, 'one.safetensors');
  writeSafetensors(file, [{ name: 'w', shape, data: numbers }], 'BF16');
  for (const stored of storedTensors(file)) return loadWeight(stored, 'auto', file);
  throw new Error('no tensor was stored');
}

test('a packed weight takes half the memory, and reads and widens to the numbers of the file', () => {
  // Two pieces of 2^18 numbers and a rest; the largest, the smallest and negative zero among them.
  const shape = [700, 1024];
  const numbers = Float32Array.from({ length: 700 * 1024 }, (_, i) => Math.sin(i) * 10 ** ((i % 60) - 30));
  numbers.set([3.3e38, -3.3e38, 2 ** -133, -(2 ** -133), -0, 0, -1, 1]);
  const weight = packedWeight(shape, numbers);
  const expected = new Float32Array(numbers.length);
  widenBfloat16(roundToBfloat16(numbers), expected);
  assert.ok(isPacked(weight));
  assert.deepEqual(shapeOf(weight), shape);
  assert.equal(tensorOf(weight).size, numbers.length / 2);
  const bits = (floats: Float32Array) => Buffer.from(floats.buffer, floats.byteOffset, floats.byteLength);
  const read = Buffer.concat([...readWeight(weight)].map((piece) => Buffer.from(bits(piece))));
  assert.ok(read.equals(bits(expected)), 'as it is read');
  const wideTensor = widen(weight);
  assert.deepEqual(wideTensor.shape, shape);
  assert.ok(bits(wideTensor.dataSync() as Float32Array).equals(bits(expected)), 'as it is widened');
  tf.dispose([wideTensor, tensorOf(weight)]);
});

test('a number in 16 bits that is not finite is refused, with the tensor named', () => {
  const numbers = (last: number) => Float32Array.from({ length: 64 }, (_, i) => (i === 61 ? last : i));
  assert.throws(
    () => packedWeight([8, 8], numbers(Number.NaN)),
    /one\.safetensors: 'w' holds NaN \(number 62 of the tensor\)/,
  );
  assert.throws(() => packedWeight([8, 8], numbers(Number.NEGATIVE_INFINITY)), /'w' holds -Infinity \(number 62/);
  tf.dispose(packedWeight([8, 8], numbers(3.3e38)));
});

test('what is packed: matrices in bfloat16 with an even last axis; norms, biases and other types are float32', () => {
  const file = path.join(folder, 'kinds.safetensors');
  const held = (shape: number[], stored: 'F32' | 'BF16', dtype: WeightType) => {
    const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => 1 + i / 1000);
    writeSafetensors(file, [{ name: 'w', shape, data }], stored);
    for (const tensor of storedTensors(file)) {
      const weight = loadWeight(tensor, dtype, file);
      const numbers = [...readWeight(weight)].flatMap((piece) => [...piece]);
      tf.dispose(weight);
      return { packed: isPacked(weight), numbers, stored: [...data] };
    }
    throw new Error('no tensor was stored');
  };
  for (const [shape, stored, dtype, packed] of [
    [[3, 4], 'BF16', 'auto', true],
    [[2, 3, 2, 4, 4], 'BF16', 'auto', true],
    [[3, 5], 'BF16', 'auto', false],
    [[4], 'BF16', 'auto', false],
    [[3, 4], 'BF16', 'float32', false],
    [[3, 4], 'F32', 'auto', false],
    [[3, 4], 'F32', 'bfloat16', true],
    [[4], 'F32', 'bfloat16', false],
  ] as const) {
    assert.equal(held([...shape], stored, dtype).packed, packed, `[${shape}] ${stored} as ${dtype}`);
  }
  // An odd row cannot be packed, but has the numbers that it would have.
  const odd = held([3, 5], 'F32', 'bfloat16');
  const rounded = new Float32Array(15);
  widenBfloat16(roundToBfloat16(Float32Array.from(odd.stored)), rounded);
  assert.deepEqual(odd.numbers, [...rounded]);
  // Norms and biases are not rounded.
  const vector = held([4], 'F32', 'bfloat16');
  assert.deepEqual(vector.numbers, vector.stored.map(Math.fround));
});

test('products, their gradient and rows of a table: as in float32, eagerly and compiled', () => {
  const numbers = Float32Array.from({ length: 6 * 8 }, (_, i) => Math.sin(3 * i));
  const weight = packedWeight([6, 8], numbers);
  const full = widen(weight);
  const x = tf.randomNormal([5, 8], 0, 1, 'float32', 1) as tf.Tensor2D;
  const rows = tf.tensor1d([5, 0, 3, 3], 'int32');
  const compute = ({ x, w, rows }: { x: tf.Tensor2D; w: Weight; rows: tf.Tensor1D }) => {
    const { value, grad } = tf.valueAndGrad((y: tf.Tensor) => tf.sum(tf.square(linear(y as tf.Tensor2D, w))))(
      x,
    ) as unknown as {
      value: tf.Tensor;
      grad: tf.Tensor;
    };
    return { value, grad, taken: takeRows(w, rows) };
  };
  const step = compile('packed product', compute);
  const expected = compute({ x, w: full, rows });
  for (const actual of [compute({ x, w: weight, rows }), step({ x, w: weight, rows }), step({ x, w: full, rows })])
    for (const part of ['value', 'grad', 'taken'] as const)
      assert.deepEqual(actual[part].dataSync(), expected[part].dataSync(), part);
  assert.equal(step.graphs(), 2, 'a packed weight is another input than a float32 tensor');
  step.dispose();
});

test('the head in chunks: predictions and the gradient of the hidden states as in float32', () => {
  const numbers = Float32Array.from({ length: 40 * 6 }, (_, i) => Math.sin(5 * i));
  const head = packedWeight([40, 6], numbers);
  const hidden = tf.randomNormal([9, 6], 0, 1, 'float32', 2) as tf.Tensor2D;
  const targets = { from: tf.tensor1d([0, 3, 8], 'int32'), token: tf.tensor1d([39, 0, 17], 'int32') };
  const compute = (w: Weight) => {
    const parameters = { 'lm_head.weight': w };
    const options = { chunk: 7, headIsFrozen: true, temperature: 0.7 };
    const total = (x: tf.Tensor) => {
      const { logProbs, entropies } = predictTargets(parameters, x as tf.Tensor2D, targets, options);
      return tf.sum(tf.add(logProbs, tf.mul(entropies, 0.3)));
    };
    const { logProbs, entropies, hits } = predictTargets(parameters, hidden, targets, options);
    return [logProbs, entropies, hits, tf.grad(total)(hidden)].map((tensor) => [...tensor.dataSync()]);
  };
  assert.deepEqual(compute(head), compute(widen(head)));
});

for (const [name, checkpoint] of [
  ['the shipped model', () => narrow],
  ['a model too wide for copies of its weights', () => wide],
  ['a Qwen3-VL', () => qwen3],
] as const) {
  test(`${name}: logits, greedy tokens and their log-probabilities are those of float32`, () => {
    const tensorsBefore = tf.memory().numTensors;
    const [packed, float32] = bothWays(checkpoint(), (model) => {
      const prompt = encodePrompt(model, [IMAGE], 'How many cubes are there?');
      const settings = { ...GREEDY, maxNewTokens: 8, completions: 2, seed: 1 };
      return {
        bytes: Object.values(model.parameters).reduce((sum, weight) => sum + 4 * tensorOf(weight).size, 0),
        logits: model.generator.promptLogits(model.parameters, prompt).logits,
        completions: model.generator.generate(model.parameters, [prompt], settings),
      };
    });
    assert.deepEqual(packed.logits, float32.logits);
    assert.deepEqual(packed.completions, float32.completions);
    assert.ok(packed.bytes < 0.51 * float32.bytes, `${packed.bytes} of ${float32.bytes} bytes`);
    assert.equal(tf.memory().numTensors, tensorsBefore, 'all tensors are freed');
  });
}

for (const [name, checkpoint, gradientCheckpointing] of [
  ['', wide, false],
  [', layers computed again too', wide, true],
  [', Qwen3-VL', qwen3, true],
] as const) {
  test(`LoRA: loss and gradients are those of float32${name}`, () => {
    const [packed, float32] = bothWays(checkpoint, (model) => {
      addAdapters(model.parameters, { ...LORA_DEFAULTS, rank: 2, targetModules: 'all-linear' });
      for (const name of Object.keys(model.parameters).filter((name) => name.endsWith('lora_B.weight'))) {
        const shape = shapeOf(model.parameters[name]!);
        tf.dispose(model.parameters[name]!);
        model.parameters[name] = tf.randomNormal(shape, 0, 0.1, 'float32', 3);
      }
      const { tokens, images } = encodePrompt(model, [IMAGE], 'How many cubes are there?');
      const segments = [{ tokens: [300, 301, 302], trained: [true, true, true] }];
      const rows: Row[] = [{ prefix: { tokens }, images, segments }];
      const parts = partParameters(model.parameters, { freezeVision: false });
      const step = likelihoodStep(model.config, 'nll', gradientCheckpointing);
      const { gradients, metrics } = likelihoodGradients(step, parts, [rows], model.config);
      const numbers = numbersOf(gradients);
      tf.dispose(gradients);
      return { numbers, metrics };
    });
    assert.ok(Object.keys(packed.numbers).length > 20);
    assert.ok(Object.values(packed.numbers).some((gradient) => gradient.some((x) => x !== 0)));
    assert.deepEqual(packed, float32);
  });
}

test('SFT of all weights: what trains becomes float32, the frozen tower stays packed, the weights are those of float32', async () => {
  const tensorsBefore = tf.memory().numTensors;
  const [packed, float32] = await bothWaysInTurn(narrow, async (model, dtype) => {
    const run = RunDirectory.open(path.join(folder, `sft-${dtype}`), {});
    const example = { prompt: encodePrompt(model, [IMAGE], 'How many?'), completion: [300, 301] };
    const settings = { ...REASON_RFT_SFT, epochs: 2, batchSize: 1, freezeVision: true };
    await trainSft({ model, examples: [example], settings, run });
    const packed = Object.entries(model.parameters).filter(([, weight]) => isPacked(weight));
    assert.ok(packed.every(([name]) => name.startsWith('visual.')));
    assert.equal(packed.length > 0, dtype === 'auto');
    return numbersOf(model.parameters);
  });
  assert.deepEqual(packed, float32);
  assert.equal(tf.memory().numTensors, tensorsBefore, 'all tensors are freed');
});

test('GRPO with a reference of its own: the reference stays packed while the policy moves, as in float32', async () => {
  const tensorsBefore = tf.memory().numTensors;
  const [packed, float32] = await bothWaysInTurn(narrow, async (model, dtype) => {
    const run = RunDirectory.open(path.join(folder, `grpo-${dtype}`), {});
    const prompt = encodePrompt(model, [IMAGE], 'How many?');
    await trainGrpo({
      model,
      examples: [{ id: '0', prompt, row: dataRow('0') }],
      rewards: [{ name: 'length', weight: 1, reward: ({ completion }) => completion.length % 7 }],
      settings: {
        ...{ ...REASON_RFT_GRPO, beta: 0.1, steps: 2, promptsPerStep: 1, promptsPerMicroBatch: 1, completions: 4 },
        ...{ maxNewTokens: 8, temperature: 1, topK: 0, topP: 1 },
        schedule: { learningRate: 1e-3, warmupSteps: 0, decay: 'constant' },
      },
      run,
    });
    const metrics = run.metrics();
    assert.ok(metrics[1]!.kl! > 0, 'the policy has left the reference');
    return { weights: numbersOf(model.parameters), metrics };
  });
  assert.deepEqual(packed, float32);
  assert.equal(tf.memory().numTensors, tensorsBefore, 'all tensors are freed');
});

test('a packed model is saved as the same bytes in bfloat16, and as those of float32', () => {
  const model = loadModel(narrow);
  const bytes = (folder: string) => readFileSync(path.join(folder, 'model.safetensors'));
  saveModel(model, path.join(folder, 'again'), { dtype: 'bfloat16' });
  assert.ok(bytes(path.join(folder, 'again')).equals(bytes(narrow)));
  saveModel(model, path.join(folder, 'full'));
  disposeModel(model);
  const float32 = loadModel(narrow, { dtype: 'float32' });
  saveModel(float32, path.join(folder, 'expected'));
  disposeModel(float32);
  assert.ok(bytes(path.join(folder, 'full')).equals(bytes(path.join(folder, 'expected'))));
});

test('adapters merge into packed weights as into float32 ones; modules without one stay packed', () => {
  const [packed, float32] = bothWays(narrow, (model) => {
    addAdapters(model.parameters, { ...LORA_DEFAULTS, rank: 2, targetModules: 'q_proj' });
    const name = 'model.layers.0.self_attn.q_proj';
    tf.dispose(model.parameters[`${name}.lora_B.weight`]!);
    model.parameters[`${name}.lora_B.weight`] = tf.randomNormal([128, 2], 0, 1, 'float32', 4);
    mergeAdapters(model.parameters);
    assert.ok(!isPacked(model.parameters[`${name}.weight`]!));
    return {
      numbers: numbersOf(model.parameters),
      packs: isPacked(model.parameters['model.layers.0.mlp.up_proj.weight']!),
    };
  });
  assert.ok(packed.packs && !float32.packs);
  assert.deepEqual(packed.numbers, float32.numbers);
});

test('bfloat16 rounds the matrices of a float32 checkpoint; its norms and biases stay', () => {
  const model = loadModel(shippedModel(), { dtype: 'bfloat16' });
  const rounded = numbersOf(model.parameters);
  for (const { name, shape, data } of readSafetensors(path.join(shippedModel(), 'model.safetensors'))) {
    const expected = new Float32Array(data.length);
    widenBfloat16(roundToBfloat16(data), expected);
    assert.deepEqual(rounded[name], [...(shape.length > 1 ? expected : data)], name);
  }
  disposeModel(model);
});

test('a stored copy of a tied head may be packed too; one that differs in a single number is refused', () => {
  const tied = path.join(folder, 'tied');
  cpSync(narrow, tied, { recursive: true });
  const tensors = [...readSafetensors(path.join(narrow, 'model.safetensors'))];
  const table = tensors.find(({ name }) => name === 'model.embed_tokens.weight')!;
  const write = (data: Float32Array) =>
    writeSafetensors(
      path.join(tied, 'model.safetensors'),
      [...tensors, { ...table, name: 'lm_head.weight', data }],
      'BF16',
    );
  write(table.data);
  disposeModel(loadModel(tied));
  write(table.data.with(table.data.length - 1, 1));
  assert.throws(() => loadModel(tied), /differs from 'model\.embed_tokens\.weight'/);
});

test('equal weights are equal however they are held', () => {
  const numbers = Float32Array.from({ length: 3 * 4 }, (_, i) => i / 4);
  const weight = packedWeight([3, 4], numbers);
  const full = tf.tensor2d(numbers, [3, 4]);
  assert.ok(equalWeights(weight, full) && equalWeights(full, weight));
  assert.ok(!equalWeights(weight, tf.tensor2d(numbers.with(11, 3), [3, 4])));
  tf.dispose([tensorOf(weight), full]);
});
