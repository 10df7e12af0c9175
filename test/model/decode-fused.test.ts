/** The kit's own operations of decoding beside the graph of TensorFlow's, on random caches. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { startEngine } from '../../lib/engine/backend.js';
import { compile } from '../../lib/engine/compile.js';
import { addAndNormRows, attendToken, drawTokens, usesDecodeOperations } from '../../lib/engine/decode-operations.js';
import { nodeBackend } from '../../lib/engine/tfjs-node.js';
import { emptyWindows, promptBias, type Shard } from '../../lib/model/cache.js';
import { type ModelConfig, parseConfig } from '../../lib/model/configuration.js';
import { type ChunkOutput, type ChunkSampling, decodeChunk } from '../../lib/model/decode-chunk.js';
import { decodeChunkFused } from '../../lib/model/decode-fused.js';
import { addAdapters, LORA_DEFAULTS } from '../../lib/model/lora.js';
import { disposeModel, loadModel } from '../../lib/model/model.js';
import { GREEDY } from '../../lib/model/sampling.js';
import type { ModelWeights } from '../../lib/model/tensors.js';
import { shippedModel } from '../../lib/study/workspace.js';
import { TINY_CONFIG, TINY_CONFIG_FILE, TINY_QWEN3_CONFIG, tinyParameters } from '../support/tiny-model.js';

before(async () => {
  // Where decoding uses them, whatever this machine has.
  process.env.TF_NUM_INTRAOP_THREADS = '1';
  process.env.REASON_RFT_DEVICE = 'cpu';
  await startEngine();
});

const CHUNK = 4;
const WINDOW = 8;
/**
 * `tinyParameters` with smaller matrices, the smaller the wider the model is: where hidden states grow from layer to layer, rounding
 * grows with them.
 */
function parametersOf(config: ModelConfig): { [name: string]: tf.Tensor } {
  const shrink = 0.5 * Math.sqrt(TINY_CONFIG.hiddenSize / config.hiddenSize);
  const entries = Object.entries(tinyParameters(1, config));
  return Object.fromEntries(entries.map(([name, tensor]) => [name, tensor.rank > 1 ? tf.mul(tensor, shrink) : tensor]));
}

const greedy: ChunkSampling = { ...GREEDY, keepSamplingMask: false };
const sampled: ChunkSampling = { ...greedy, temperature: 0.8 };

/** A shard whose prompts, of these lengths, hold random keys and values, with so many slots each; one row has ended. */
function randomShard(config: ModelConfig, lengths: readonly number[], slots: number, width: number): Shard {
  const { layers, keyValueHeads, headSize, hiddenSize } = config;
  const rows = lengths.length * slots;
  const cache = (layer: number, seed: number) =>
    tf.randomNormal([lengths.length, keyValueHeads, width, headSize], 0, 1, 'float32', 2 * layer + seed) as tf.Tensor4D;
  const perLayer = (seed: number) => Array.from({ length: layers }, (_, layer) => cache(layer, seed));
  const prompt = { keys: perLayer(1), values: perLayer(2), bias: promptBias(lengths, width) };
  return {
    prompt,
    state: {
      ...emptyWindows(prompt, slots, WINDOW),
      hidden: tf.randomNormal([rows, hiddenSize], 0, 1, 'float32', 99),
      position: tf.tensor1d(
        lengths.flatMap((length) => Array<number>(slots).fill(length)),
        'int32',
      ),
      done: tf.tensor1d(
        Array.from({ length: rows }, (_, row) => Number(row === 1)),
        'int32',
      ),
    },
  };
}

/** Two chunks' tokens and log-probabilities, `[2 x CHUNK x rows]`, and what the layers have left behind. */
function decodeTwice(
  decode: typeof decodeChunk,
  parameters: ModelWeights,
  config: ModelConfig,
  shard: Shard,
  sampling: ChunkSampling,
  ends: readonly number[] = [5, 6],
) {
  const step = compile('decode', (input: Parameters<typeof decodeChunk>[0]) => decode(input, sampling, ends, config));
  const rows = shard.state.done.shape[0];
  let { state } = shard;
  const outputs: ChunkOutput['shards'] = [];
  for (const seed of [1, 2]) {
    const uniform = tf.randomUniform([CHUNK, rows], 0, 1, 'float32', seed) as tf.Tensor2D;
    const [output] = step({ parameters, shards: [{ prompt: shard.prompt, state, uniform }] }).shards;
    outputs.push(output!);
    state = output!.state;
  }
  step.dispose();
  const numbers = (tensor: tf.Tensor) => Array.from(tensor.dataSync());
  return {
    tokens: outputs.flatMap(({ tokens }) => numbers(tokens)),
    logProbs: outputs.flatMap(({ logProbs }) => numbers(logProbs)),
    kept: outputs.flatMap(({ kept }) => (kept ? numbers(kept) : [])),
    done: numbers(state.done),
    position: numbers(state.position),
    bias: numbers(state.bias),
    floats: [state.hidden, ...state.keys, ...state.values].flatMap(numbers),
  };
}

/** Numbers above 1 may differ by that share of themselves. */
function assertClose(actual: readonly number[], expected: readonly number[], within: number, what: string): void {
  assert.equal(actual.length, expected.length, what);
  const worst = Math.max(...actual.map((x, i) => Math.abs(x - expected[i]!) / Math.max(1, Math.abs(expected[i]!))));
  assert.ok(worst <= within, `${what}: they differ by ${worst}`);
}

/** Both ways of decoding draw the same tokens, and differ in the last digits of numbers alone. */
function assertSame(parameters: ModelWeights, config: ModelConfig, shard: Shard, sampling: ChunkSampling): void {
  const plain = decodeTwice(decodeChunk, parameters, config, shard, sampling);
  const fused = decodeTwice(decodeChunkFused, parameters, config, shard, sampling);
  for (const name of ['tokens', 'kept', 'done', 'position', 'bias'] as const)
    assert.deepEqual(fused[name], plain[name], name);
  // Rounding grows through the layers: by 1.4e-5 where the shipped model reads random caches.
  assertClose(fused.logProbs, plain.logProbs, 3e-5, 'log-probabilities');
  assertClose(fused.floats, plain.floats, 1e-4, 'hidden states, keys and values');
  assert.ok(new Set(plain.tokens).size > 2, `${plain.tokens}: a weak test`);
}

/** Heads of 40, which are whole vectors of eight and one of four pairs; three queries a group; the width ends within a vector. */
const ODD_CONFIG = parseConfig({
  ...TINY_CONFIG_FILE,
  ...{ hidden_size: 120, intermediate_size: 27, num_attention_heads: 3, num_key_value_heads: 1, vocab_size: 43 },
  rope_scaling: { mrope_section: [8, 6, 6] },
  vision_config: { ...TINY_CONFIG_FILE.vision_config, hidden_size: 120 },
});
/** Too wide for weights that are laid side by side. */
const WIDE_CONFIG = parseConfig({
  ...TINY_CONFIG_FILE,
  ...{ hidden_size: 520, num_attention_heads: 65, num_key_value_heads: 13 },
  vision_config: { ...TINY_CONFIG_FILE.vision_config, hidden_size: 520 },
});

for (const [name, config] of [
  ['Qwen2-VL', TINY_CONFIG],
  ['Qwen3-VL', TINY_QWEN3_CONFIG],
  ['sizes that fill no vector', ODD_CONFIG],
  ['a wide model', WIDE_CONFIG],
] as const)
  test(`the kit’s operations decode as TensorFlow’s do: ${name}`, () => {
    assert.ok(usesDecodeOperations(), 'this engine does not use them');
    const untied = { ...config, tieWordEmbeddings: false };
    const parameters = parametersOf(untied);
    for (const slots of [1, 3]) {
      const shard = randomShard(untied, [9, 12, 3], slots, 12);
      for (const sampling of [
        greedy,
        sampled,
        { ...sampled, topK: 5, keepSamplingMask: true },
        { ...sampled, topP: 0.7 },
      ])
        assertSame(parameters, untied, shard, sampling);
    }
    addAdapters(parameters, { ...LORA_DEFAULTS, rank: 2 });
    for (const [name, tensor] of Object.entries(parameters))
      if (name.endsWith('.lora_B.weight')) parameters[name] = tf.randomNormal(tensor.shape, 0, 0.05, 'float32', 7);
    assertSame(parameters, untied, randomShard(untied, [9, 12], 1, 12), greedy);
  });

test('so they do with the shipped model, and with a penalty on repetition', () => {
  const { config, parameters, ...model } = loadModel(shippedModel());
  const shard = randomShard(config, [30, 17, 64, 50], 2, 64);
  assertSame(parameters, config, shard, greedy);
  assertSame(parameters, config, shard, sampled);
  const seen = tf.zeros([8, config.vocabSize]) as tf.Tensor2D;
  const penalized = { ...shard, state: { ...shard.state, seen } };
  assertSame(parameters, config, penalized, { ...greedy, repetitionPenalty: 1.5 });
  disposeModel({ config, parameters, ...model });
});

test('a row’s numbers are the same to the last digit whatever the padding and the window’s empty places', () => {
  const parameters = parametersOf(ODD_CONFIG);
  const narrow = randomShard(ODD_CONFIG, [9, 12], 2, 12);
  const pad = (x: tf.Tensor4D) => tf.pad(x, [[0, 0], [0, 0], [20, 0], [0, 0]], 7) as tf.Tensor4D; // biome-ignore format: one axis a pair
  const wide: Shard = {
    prompt: {
      keys: narrow.prompt.keys.map(pad),
      values: narrow.prompt.values.map(pad),
      bias: promptBias([9, 12], 32),
    },
    state: { ...narrow.state, ...emptyWindows(narrow.prompt, 2, 2 * WINDOW) },
  };
  const [one, other] = [narrow, wide].map((shard) =>
    decodeTwice(decodeChunkFused, parameters, ODD_CONFIG, shard, sampled),
  );
  assert.deepEqual(other!.logProbs, one!.logProbs);
  assert.deepEqual(other!.tokens, one!.tokens);
});

test('the first of equal logits is taken, and an ended row gets the first end token', () => {
  const logits = tf.tensor2d([
    [1, 3, 3, 0],
    [1, 3, 3, 0],
    [0, 0, 0, 9],
  ]);
  const done = tf.tensor1d([0, 1, 0], 'int32');
  const uniform = tf.zeros([1, 3]) as tf.Tensor2D;
  const drawn = drawTokens(logits, uniform, done, [2, 3], 0, 0);
  assert.deepEqual([...drawn.tokens.dataSync()], [1, 2, 3]);
  assert.deepEqual([...drawn.done.dataSync()], [0, 1, 1]);
  const logProb = 3 - Math.log(Math.exp(1) + 2 * Math.exp(3) + 1);
  assertClose([...drawn.logProbs.dataSync()].slice(0, 2), [logProb, logProb], 1e-6, 'log-probabilities');
});

test('a draw takes the first token whose cumulative probability lies above the number', () => {
  const logits = tf.log(tf.tensor2d([[1, 2, 3, 4]].flatMap((row) => [row, row, row, row, row]))) as tf.Tensor2D;
  // Cumulative probabilities: 0.1, 0.3, 0.6, 1.
  const uniform = tf.tensor2d([[0, 0.09, 0.11, 0.59, 0.99]]);
  const drawn = drawTokens(logits, uniform, tf.zeros([5], 'int32') as tf.Tensor1D, [], 1, 0);
  assert.deepEqual([...drawn.tokens.dataSync()], [0, 0, 1, 2, 3]);
  const expected = [0.1, 0.1, 0.2, 0.3, 0.4].map(Math.log);
  assertClose([...drawn.logProbs.dataSync()], expected, 1e-6, 'log-probabilities');
});

test('a binding that was built before there were such operations is named, with the remedy', () => {
  const backend = nodeBackend();
  const { binding } = backend;
  backend.binding = Object.create(binding, { hasOperations: { value: undefined } });
  try {
    assert.throws(usesDecodeOperations, /built from older sources .* npm start builds it anew/);
  } finally {
    backend.binding = binding;
  }
});

test('shapes that do not fit are refused, by the problem', () => {
  const x = tf.ones([2, 8]) as tf.Tensor2D;
  assert.throws(() => addAndNormRows(x, x, tf.ones([7]), 1e-6), /the norm's weight has another width than x/);
  const cache = tf.ones([1, 1, 1, 4, 2]);
  const prompt = { keys: tf.ones([1, 1, 3, 2]), values: tf.ones([1, 1, 3, 2]), bias: tf.zeros([1, 3]) };
  const angles = { cos: tf.ones([1, 1, 1]), sin: tf.zeros([1, 1, 1]) };
  const window = { keys: cache, values: cache, bias: tf.zeros([4]) };
  const input = { qkv: tf.ones([1, 6]) as tf.Tensor2D, bias: undefined, headNorms: undefined, angles, prompt, window };
  assert.throws(
    () => attendToken(input, { headSize: 2, eps: 1e-6, step: 0, place: 4 }),
    /the new token's place is not in the window/,
  );
  assert.throws(() => drawTokens(x, tf.zeros([1, 3]), tf.zeros([2], 'int32'), [], 0, 0), /the random numbers/);
});
