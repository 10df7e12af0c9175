/**
 * Decoding a few tokens a row, as one compiled step: what `decoder.ts` computes, for one token at a time, with queries, keys
 * and values in one product, gate and up in another, and the keys of a shared prompt looked at by all of its completions at
 * once.
 */
import * as tf from '@tensorflow/tfjs';
import { linear, rmsNorm, swiGlu, takeRows } from '../engine/operations.js';
import type { DecodeState, PromptCache, Shard } from './cache.js';
import type { Qwen2VLConfig } from './configuration.js';
import { logits } from './log-probability.js';
import { effectiveWeight } from './projection.js';
import { type SamplingSettings, sampleTokens } from './sampling.js';
import type { Parameters } from './vision.js';

export type ChunkInput = {
  parameters: Parameters;
  /** Independent parts of the batch, which compute side by side; `uniform` holds a number in [0, 1) a token, `[steps, rows]`. */
  shards: (Shard & { uniform: tf.Tensor2D })[];
};

export type ChunkOutput = {
  /** Tokens drawn and their log-probabilities, `[steps, rows]`. */
  shards: { state: DecodeState; tokens: tf.Tensor2D; logProbs: tf.Tensor2D }[];
};

/** The weights of a layer as decoding uses them. */
interface LayerWeights {
  inputNorm: tf.Tensor;
  /** Queries (divided by sqrt(headSize)), keys and values: `[(heads + 2 keyValueHeads) x headSize, hidden]`. */
  qkv: tf.Tensor2D;
  qkvBias: tf.Tensor1D;
  output: tf.Tensor;
  afterNorm: tf.Tensor;
  /** `[2 x intermediate, hidden]`. */
  gateUp: tf.Tensor2D;
  down: tf.Tensor;
}

/** As many tokens a row as `uniform` has rows: draw from the last hidden state, run the token through the layers, and again. */
export function decodeChunk(
  { parameters, shards }: ChunkInput,
  sampling: SamplingSettings,
  endTokenId: number,
  config: Qwen2VLConfig,
): ChunkOutput {
  const layers = Array.from({ length: config.layers }, (_, i) => sideBySide(parameters, i, config));
  return { shards: shards.map((shard) => decodeShard(parameters, layers, shard, sampling, endTokenId, config)) };
}

function sideBySide(parameters: Parameters, layer: number, config: Qwen2VLConfig): LayerWeights {
  const of = (name: string) => parameters[`model.layers.${layer}.${name}`]!;
  const weight = (name: string) => effectiveWeight(parameters, `model.layers.${layer}.${name}`);
  const [query, key, value] = ['q_proj', 'k_proj', 'v_proj'].map((name) => `self_attn.${name}`) as [
    string,
    string,
    string,
  ];
  const scale = 1 / Math.sqrt(config.headSize);
  return {
    inputNorm: of('input_layernorm.weight'),
    qkv: tf.concat([tf.mul(weight(query), scale), weight(key), weight(value)], 0) as tf.Tensor2D,
    qkvBias: tf.concat([tf.mul(of(`${query}.bias`), scale), of(`${key}.bias`), of(`${value}.bias`)], 0) as tf.Tensor1D,
    output: weight('self_attn.o_proj'),
    afterNorm: of('post_attention_layernorm.weight'),
    gateUp: tf.concat([weight('mlp.gate_proj'), weight('mlp.up_proj')], 0) as tf.Tensor2D,
    down: weight('mlp.down_proj'),
  };
}

function decodeShard(
  parameters: Parameters,
  layers: readonly LayerWeights[],
  { prompt, state, uniform }: ChunkInput['shards'][number],
  sampling: SamplingSettings,
  endTokenId: number,
  config: Qwen2VLConfig,
): ChunkOutput['shards'][number] {
  const [steps, rows] = uniform.shape;
  const angles = chunkAngles(state.position, steps, config);
  const biases = chunkBiases(prompt, state, steps);
  const recent: Recent[] = layers.map(() => ({ keys: [], values: [] }));
  const tokens: tf.Tensor1D[] = [];
  const logProbs: tf.Tensor1D[] = [];
  let { hidden, done } = state;
  (tf.unstack(uniform) as tf.Tensor1D[]).forEach((draw, t) => {
    const sampled = sampleTokens(logits(parameters, hidden), draw, sampling);
    // A row that ended goes on with end tokens that nobody reads.
    const ended = tf.fill([rows], endTokenId, 'int32');
    const token = tf.cast(tf.where(tf.greater(done, 0), ended, sampled.tokens), 'int32') as tf.Tensor1D;
    done = tf.maximum(done, tf.cast(tf.equal(token, endTokenId), 'int32')) as tf.Tensor1D;
    tokens.push(token);
    logProbs.push(sampled.logProbs);
    let x = takeRows(parameters['model.embed_tokens.weight'] as tf.Tensor2D, token);
    layers.forEach((layer, i) => {
      x = decodeLayer(layer, x, { prompt, state }, i, recent[i]!, angles[t]!, biases[t]!, config);
    });
    hidden = rmsNorm(x, parameters['model.norm.weight']!, config.rmsNormEps) as tf.Tensor2D;
  });
  return {
    state: {
      ...slide(state, recent, steps),
      hidden,
      position: tf.add(state.position, tf.scalar(steps, 'int32')) as tf.Tensor1D,
      done,
    },
    tokens: tf.stack(tokens) as tf.Tensor2D,
    logProbs: tf.stack(logProbs) as tf.Tensor2D,
  };
}

/** Keys and values of the chunk's tokens so far, each `[prompts, keyValueHeads, slots, 1, headSize]`. */
interface Recent {
  keys: tf.Tensor5D[];
  values: tf.Tensor5D[];
}

/** Cosines and signed sines over the whole head, `[rows, 1, headSize]`: x cos + swap(x) sin is the rotation. */
interface HeadAngles {
  cos: tf.Tensor;
  sin: tf.Tensor;
}

/** The angles of each of the chunk's tokens. All are text, so the three axes of M-RoPE agree. */
function chunkAngles(position: tf.Tensor1D, steps: number, config: Qwen2VLConfig): HeadAngles[] {
  const half = config.headSize / 2;
  const frequencies = tf.tensor1d(Array.from({ length: half }, (_, i) => config.ropeTheta ** (-i / half)));
  const places = tf.add(
    tf.reshape(tf.cast(position, 'float32'), [1, -1, 1, 1]),
    tf.reshape(tf.range(0, steps), [-1, 1, 1, 1]),
  );
  const angles = tf.mul(places, frequencies);
  const [cos, sin] = [tf.cos(angles), tf.sin(angles)];
  const whole = tf.unstack(tf.concat([cos, cos], 3));
  const signed = tf.unstack(tf.concat([tf.neg(sin), sin], 3));
  return whole.map((cos, t) => ({ cos, sin: signed[t]! }));
}

/** What is added to the scores at each of the chunk's tokens: prompt, own window, the tokens of this chunk. */
function chunkBiases(prompt: PromptCache, state: DecodeState, steps: number): tf.Tensor[] {
  const [prompts, width] = prompt.bias.shape;
  const window = state.bias.shape[0];
  const own = tf.tile(tf.expandDims(state.bias, 0), [prompts, 1]);
  const all = tf.concat([prompt.bias, own, tf.zeros([prompts, steps])], 1);
  return Array.from({ length: steps }, (_, t) =>
    tf.reshape(tf.slice(all, [0, 0], [-1, width + window + t + 1]), [prompts, 1, 1, 1, width + window + t + 1]),
  );
}

/** `[prompts x slots, groups x inner]` to `[prompts, groups, slots, inner]`, or back: no copy where one of the two is 1. */
function swapSlotsAndGroups(x: tf.Tensor, prompts: number, first: number, second: number, inner: number): tf.Tensor {
  if (first === 1 || second === 1) return tf.reshape(x, [prompts, second, first, inner]);
  return tf.transpose(tf.reshape(x, [prompts, first, second, inner]), [0, 2, 1, 3]);
}

function decodeLayer(
  weights: LayerWeights,
  x: tf.Tensor2D,
  { prompt, state }: Shard,
  layer: number,
  recent: Recent,
  angles: HeadAngles,
  bias: tf.Tensor,
  config: Qwen2VLConfig,
): tf.Tensor2D {
  const { heads, keyValueHeads: groups, headSize: size, rmsNormEps } = config;
  const [prompts, , slots, window] = state.keys[layer]!.shape;
  const width = prompt.keys[layer]!.shape[2];
  const each = heads / groups;
  const flat = linear(rmsNorm(x, weights.inputNorm, rmsNormEps) as tf.Tensor2D, weights.qkv, weights.qkvBias);
  const all = tf.reshape(flat, [prompts * slots, heads + 2 * groups, size]);
  const [rotated, value] = tf.split(all, [heads + groups, groups], 1) as [tf.Tensor, tf.Tensor];
  const [query, key] = tf.split(turn(rotated, angles), [heads, groups], 1) as [tf.Tensor, tf.Tensor];
  const queries = swapSlotsAndGroups(query, prompts, slots, groups, each * size);
  const perSlot = (y: tf.Tensor) =>
    tf.reshape(swapSlotsAndGroups(y, prompts, slots, groups, size), [prompts, groups, slots, 1, size]) as tf.Tensor5D;
  recent.keys.push(perSlot(key));
  recent.values.push(perSlot(value));
  const recentKeys = tf.concat(recent.keys, 3);
  const recentValues = tf.concat(recent.values, 3);

  const ofSlots = tf.reshape(queries, [prompts, groups, slots, each, size]);
  const ofPrompt = tf.reshape(queries, [prompts, groups, slots * each, size]);
  const scores = tf.concat(
    [
      tf.reshape(tf.matMul(ofPrompt, prompt.keys[layer]!, false, true), [prompts, groups, slots, each, width]),
      tf.matMul(ofSlots, state.keys[layer]!, false, true),
      tf.matMul(ofSlots, recentKeys, false, true),
    ],
    4,
  );
  const shares = tf.split(tf.softmax(tf.add(scores, bias)), [width, window, recent.keys.length], 4);
  const [toPrompt, toOwn, toRecent] = shares as [tf.Tensor, tf.Tensor, tf.Tensor];
  const mixed = tf.addN([
    tf.reshape(tf.matMul(tf.reshape(toPrompt, [prompts, groups, slots * each, width]), prompt.values[layer]!), [
      prompts,
      groups,
      slots,
      each,
      size,
    ]),
    tf.matMul(toOwn, state.values[layer]!),
    tf.matMul(toRecent, recentValues),
  ]);
  const back = tf.reshape(swapSlotsAndGroups(mixed, prompts, groups, slots, each * size), [
    prompts * slots,
    heads * size,
  ]);
  const attended = tf.add(x, linear(back as tf.Tensor2D, weights.output)) as tf.Tensor2D;

  const inner = linear(rmsNorm(attended, weights.afterNorm, rmsNormEps) as tf.Tensor2D, weights.gateUp);
  const [gate, up] = tf.split(inner, 2, 1) as [tf.Tensor2D, tf.Tensor2D];
  return tf.add(attended, linear(swiGlu(gate, up) as tf.Tensor2D, weights.down)) as tf.Tensor2D;
}

/** Rotates heads `[rows, heads, headSize]`. */
function turn(x: tf.Tensor, { cos, sin }: HeadAngles): tf.Tensor {
  const [a, b] = tf.split(x, 2, 2) as [tf.Tensor, tf.Tensor];
  return tf.add(tf.mul(x, cos), tf.mul(tf.concat([b, a], 2), sin));
}

/** The chunk's keys and values join the windows, whose oldest places go. */
function slide(
  state: DecodeState,
  recent: readonly Recent[],
  steps: number,
): Pick<DecodeState, 'keys' | 'values' | 'bias'> {
  const window = state.bias.shape[0];
  const slid = (old: tf.Tensor5D, fresh: tf.Tensor5D[]) =>
    tf.concat([tf.slice(old, [0, 0, 0, steps, 0], [-1, -1, -1, window - steps, -1]), ...fresh], 3) as tf.Tensor5D;
  return {
    keys: state.keys.map((keys, layer) => slid(keys, recent[layer]!.keys)),
    values: state.values.map((values, layer) => slid(values, recent[layer]!.values)),
    bias: tf.concat([tf.slice(state.bias, [steps], [window - steps]), tf.zeros([steps])]) as tf.Tensor1D,
  };
}
