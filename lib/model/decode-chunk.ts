/**
 * Decodes a chunk, a few tokens of each row, as one compiled step. It computes what `decoder.ts` does, for one token at a time: queries,
 * keys and values come from one product, gate and up from another, and all completions of a prompt look at the prompt's keys at once.
 */
import * as tf from '@tensorflow/tfjs';
import { swiGlu } from '../engine/activations.js';
import { batchedProduct, linear, meanOfRows, rmsNorm, takeRows } from '../engine/operations.js';
import type { DecodeState, PromptCache, Shard } from './cache.js';
import type { ModelConfig } from './configuration.js';
import { logits } from './log-probability.js';
import { biasOf, decoderLayer, finalNorm, type Module, normOf, tokenEmbedding, weightOf } from './modules.js';
import { rotaryFrequencies } from './mrope.js';
import { effectiveWeight, project } from './projection.js';
import { penalizeRepetition, type SamplingSettings, sampleTokens } from './sampling.js';
import type { ModelWeights } from './tensors.js';

/** The input of a chunk. */
export type ChunkInput = {
  parameters: ModelWeights;
  /** Independent parts of the batch, which compute side by side. `uniform` holds a number in [0, 1) for each token, `[chunk, rows]`. */
  shards: (Shard & { uniform: tf.Tensor2D })[];
};

/** How a chunk draws its tokens. */
export interface ChunkSampling extends SamplingSettings {
  /** Whether it says for each token which tokens could be drawn. */
  keepSamplingMask: boolean;
}

/** The output of a chunk. */
export type ChunkOutput = {
  /** Tokens drawn and their log-probabilities, `[chunk, rows]`; with `keepSamplingMask` the tokens that could be drawn. */
  shards: { state: DecodeState; tokens: tf.Tensor2D; logProbs: tf.Tensor2D; kept?: tf.Tensor3D }[];
};

/** The linear maps of a layer as decoding uses them, norms included. */
interface LayerMaps {
  /**
   * Queries (divided by sqrt(headSize), unless their heads are normed), keys and values side by side:
   * `[rows, (heads + 2 keyValueHeads) x headSize]`.
   */
  queriesKeysValues: (x: tf.Tensor2D) => tf.Tensor2D;
  /** The weights of the norms of queries' and keys' heads, the queries' divided by sqrt(headSize): `[heads + keyValueHeads, headSize]`. */
  headNorms?: tf.Tensor2D;
  output: (x: tf.Tensor2D) => tf.Tensor2D;
  /** `[rows, 2 x intermediate]`. */
  gateAndUp: (x: tf.Tensor2D) => tf.Tensor2D;
  down: (x: tf.Tensor2D) => tf.Tensor2D;
}

/**
 * Up to this hidden size, a layer's weights are laid side by side for each chunk of tokens, which saves operations. Above it, the
 * copy would take more time than the operations that it saves.
 */
export const WIDEST_COPIED = 512;

/**
 * Decodes `uniform.shape[0]` tokens for each row. Each token is drawn from the last hidden state, runs through the layers, and gives the
 * next hidden state.
 */
export function decodeChunk(
  { parameters, shards }: ChunkInput,
  sampling: ChunkSampling,
  endTokenIds: readonly number[],
  config: ModelConfig,
): ChunkOutput {
  const maps = config.hiddenSize <= WIDEST_COPIED ? mapsSideBySide : mapsOneByOne;
  const layers = Array.from({ length: config.layers }, (_, i) => maps(parameters, i, config));
  return { shards: shards.map((shard) => decodeShard(parameters, layers, shard, sampling, endTokenIds, config)) };
}

/** One product for each module, as in training. */
function mapsOneByOne(parameters: ModelWeights, layer: number, config: ModelConfig): LayerMaps {
  const modules = decoderLayer(config, layer);
  const map = (module: Module, x: tf.Tensor2D) => project(parameters, module, x);
  const norm = (module: Module, x: tf.Tensor2D) =>
    rmsNorm(x, normOf(parameters, module), config.rmsNormEps) as tf.Tensor2D;
  const scale = queryScale(config);
  return {
    headNorms: headNormWeights(parameters, modules.headNorms, config),
    queriesKeysValues: (x) => {
      const normed = norm(modules.attentionNorm, x);
      const queries = map(modules.queries, normed);
      const keys = map(modules.keys, normed);
      const values = map(modules.values, normed);
      return tf.concat([tf.mul(queries, scale), keys, values], 1) as tf.Tensor2D;
    },
    output: (x) => map(modules.output, x),
    gateAndUp: (x) => {
      const normed = norm(modules.perceptronNorm, x);
      return tf.concat([map(modules.gate, normed), map(modules.up, normed)], 1) as tf.Tensor2D;
    },
    down: (x) => map(modules.down, x),
  };
}

/** One product for queries, keys and values and one for gate and up, with the weights of the norms multiplied into theirs. */
function mapsSideBySide(parameters: ModelWeights, layer: number, config: ModelConfig): LayerMaps {
  const modules = decoderLayer(config, layer);
  const weight = (module: Module) => effectiveWeight(parameters, module);
  const scale = queryScale(config);
  const unit = (x: tf.Tensor2D) => unitRows(x, config) as tf.Tensor2D;
  const qkvWeight = tf.mul(
    tf.concat([tf.mul(weight(modules.queries), scale), weight(modules.keys), weight(modules.values)], 0),
    normOf(parameters, modules.attentionNorm),
  );
  const [queryBias, keyBias, valueBias] = [modules.queries, modules.keys, modules.values].map((module) =>
    biasOf(parameters, module),
  );
  const qkvBias = queryBias && tf.concat([tf.mul(queryBias, scale), keyBias!, valueBias!]);
  const gateUp = tf.mul(
    tf.concat([weight(modules.gate), weight(modules.up)], 0),
    normOf(parameters, modules.perceptronNorm),
  );
  const [output, down] = [weight(modules.output), weight(modules.down)];
  return {
    headNorms: headNormWeights(parameters, modules.headNorms, config),
    queriesKeysValues: (x) => linear(unit(x), qkvWeight, qkvBias),
    output: (x) => linear(x, output),
    gateAndUp: (x) => linear(unit(x), gateUp),
    down: (x) => linear(x, down),
  };
}

/** What queries are multiplied with; 1 where their heads are normed, since a norm would undo it (see `headNormWeights`). */
function queryScale({ headSize, queryKeyNorm }: ModelConfig): number {
  return queryKeyNorm ? 1 : 1 / Math.sqrt(headSize);
}

function headNormWeights(
  parameters: ModelWeights,
  norms: ReturnType<typeof decoderLayer>['headNorms'],
  { heads, keyValueHeads, headSize }: ModelConfig,
): tf.Tensor2D | undefined {
  if (!norms) return undefined;
  const weights = (module: Module, count: number) => tf.tile(tf.expandDims(normOf(parameters, module), 0), [count, 1]);
  const ofQueries = tf.mul(weights(norms.queries, heads), 1 / Math.sqrt(headSize));
  return tf.concat([ofQueries, weights(norms.keys, keyValueHeads)], 0) as tf.Tensor2D;
}

/** A root-mean-square norm over the last axis before it is multiplied with its weight. */
function unitRows(x: tf.Tensor, { rmsNormEps }: ModelConfig): tf.Tensor {
  return tf.mul(x, tf.rsqrt(tf.add(meanOfRows(tf.square(x)), rmsNormEps)));
}

function decodeShard(
  parameters: ModelWeights,
  layers: readonly LayerMaps[],
  { prompt, state, uniform }: ChunkInput['shards'][number],
  sampling: ChunkSampling,
  endTokenIds: readonly number[],
  config: ModelConfig,
): ChunkOutput['shards'][number] {
  const [chunk] = uniform.shape;
  const angles = chunkAngles(state.position, chunk, config);
  const biases = chunkBiases(prompt, state, chunk);
  const past = layers.map((_, i) => pastOf(prompt, state, i));
  const recent: RecentTokens[] = layers.map(() => ({ keys: [], values: [] }));
  const tokens: tf.Tensor1D[] = [];
  const logProbs: tf.Tensor1D[] = [];
  const kept: tf.Tensor2D[] = [];
  let { hidden, done, seen } = state;
  (tf.unstack(uniform) as tf.Tensor1D[]).forEach((uniformOfToken, t) => {
    const plain = logits(parameters, hidden);
    const penalized = seen ? penalizeRepetition(plain, seen, sampling.repetitionPenalty ?? 1) : plain;
    const sampled = sampleTokens(penalized, uniformOfToken, sampling, sampling.keepSamplingMask);
    const { tokens: token, done: doneAfter } = endRows(sampled.tokens, done, endTokenIds);
    done = doneAfter;
    if (seen) seen = tf.maximum(seen, tf.cast(tf.oneHot(token, plain.shape[1]), 'float32')) as tf.Tensor2D;
    tokens.push(token);
    logProbs.push(sampled.logProbs);
    if (sampled.kept) kept.push(sampled.kept);
    let x = takeRows(weightOf(parameters, tokenEmbedding(config)), token);
    layers.forEach((layer, i) => {
      x = decodeLayer(layer, x, past[i]!, recent[i]!, angles[t]!, biases[t]!, config);
    });
    hidden = rmsNorm(x, normOf(parameters, finalNorm(config)), config.rmsNormEps) as tf.Tensor2D;
  });
  return {
    state: {
      ...slideWindows(state, recent, chunk),
      hidden,
      ...(seen && { seen }),
      position: tf.add(state.position, tf.scalar(chunk, 'int32')) as tf.Tensor1D,
      done,
    },
    tokens: tf.stack(tokens) as tf.Tensor2D,
    logProbs: tf.stack(logProbs) as tf.Tensor2D,
    ...(kept.length > 0 && { kept: tf.stack(kept) as tf.Tensor3D }),
  };
}

/**
 * The tokens of rows some of which have ended, `[rows]`. Such a row goes on with end tokens, which nobody reads.
 *
 * @param done 1 where a row has ended, int32 `[rows]`
 * @returns also `done` with the rows that end with these tokens
 */
export function endRows(
  drawn: tf.Tensor1D,
  done: tf.Tensor1D,
  endTokenIds: readonly number[],
): { tokens: tf.Tensor1D; done: tf.Tensor1D } {
  const ended = tf.fill(done.shape, endTokenIds[0] ?? 0, 'int32');
  const tokens = tf.cast(tf.where(tf.greater(done, 0), ended, drawn), 'int32') as tf.Tensor1D;
  let doneAfter = done;
  for (const end of endTokenIds) doneAfter = tf.maximum(doneAfter, tf.cast(tf.equal(tokens, end), 'int32'));
  return { tokens, done: doneAfter };
}

/** Keys and values of one layer, which queries look at. */
interface SeenTokens {
  /** `[prompts, keyValueHeads, slots, width, headSize]`; slots is 1 where all slots of a prompt see the same keys. */
  keys: tf.Tensor;
  values: tf.Tensor;
}

/** The tokens before the chunk: the prompt, for all slots at once, and each slot's window. With one slot, the two are joined. */
function pastOf(prompt: PromptCache, state: DecodeState, layer: number): SeenTokens[] {
  const shared = {
    keys: tf.expandDims(prompt.keys[layer]!, 2),
    values: tf.expandDims(prompt.values[layer]!, 2),
  };
  const windowCache = { keys: state.keys[layer]!, values: state.values[layer]! };
  if (windowCache.keys.shape[2] > 1) return [shared, windowCache];
  return [
    { keys: tf.concat([shared.keys, windowCache.keys], 3), values: tf.concat([shared.values, windowCache.values], 3) },
  ];
}

/** Keys and values of the chunk's tokens so far, one of each for every token, `[prompts, keyValueHeads, slots, 1, headSize]`. */
interface RecentTokens {
  keys: tf.Tensor5D[];
  values: tf.Tensor5D[];
}

/** Cosines and signed sines over the whole head, `[rows, 1, headSize]`. With them x cos + swap(x) sin is the rotation. */
interface HeadAngles {
  cos: tf.Tensor;
  sin: tf.Tensor;
}

/** The angles of each of the chunk's tokens. All are text, so the three axes of M-RoPE agree. */
function chunkAngles(position: tf.Tensor1D, chunk: number, config: ModelConfig): HeadAngles[] {
  const frequencies = tf.tensor1d(rotaryFrequencies(config));
  const positions = tf.add(
    tf.reshape(tf.cast(position, 'float32'), [1, -1, 1, 1]),
    tf.reshape(tf.range(0, chunk), [-1, 1, 1, 1]),
  );
  const angles = tf.mul(positions, frequencies);
  const [cos, sin] = [tf.cos(angles), tf.sin(angles)];
  const cosines = tf.unstack(tf.concat([cos, cos], 3));
  const signedSines = tf.unstack(tf.concat([tf.neg(sin), sin], 3));
  return cosines.map((cos, t) => ({ cos, sin: signedSines[t]! }));
}

/** The bias that is added to the scores at each of the chunk's tokens. It covers the prompt, the window, and the chunk up to that token. */
function chunkBiases(prompt: PromptCache, state: DecodeState, chunk: number): tf.Tensor[] {
  const [prompts, width] = prompt.bias.shape;
  const window = state.bias.shape[0];
  const windowBias = tf.tile(tf.expandDims(state.bias, 0), [prompts, 1]);
  const wholeBias = tf.concat([prompt.bias, windowBias, tf.zeros([prompts, chunk])], 1);
  return Array.from({ length: chunk }, (_, t) =>
    tf.reshape(tf.slice(wholeBias, [0, 0], [-1, width + window + t + 1]), [prompts, 1, 1, 1, width + window + t + 1]),
  );
}

/** `[prompts x slots, groups x inner]` to `[prompts, groups, slots, inner]`, or back. It makes no copy where one of the two is 1. */
function swapSlotsAndGroups(x: tf.Tensor, prompts: number, first: number, second: number, inner: number): tf.Tensor {
  if (first === 1 || second === 1) return tf.reshape(x, [prompts, second, first, inner]);
  return tf.transpose(tf.reshape(x, [prompts, first, second, inner]), [0, 2, 1, 3]);
}

function decodeLayer(
  maps: LayerMaps,
  x: tf.Tensor2D,
  past: readonly SeenTokens[],
  recent: RecentTokens,
  angles: HeadAngles,
  bias: tf.Tensor,
  config: ModelConfig,
): tf.Tensor2D {
  const { heads, keyValueHeads: groups, headSize: size } = config;
  const lastPart = past[past.length - 1]!;
  const [prompts, , slots] = lastPart.keys.shape as [number, number, number];
  const headsPerGroup = heads / groups;
  const allHeads = tf.reshape(maps.queriesKeysValues(x), [prompts * slots, heads + 2 * groups, size]);
  const [turning, value] = tf.split(allHeads, [heads + groups, groups], 1) as [tf.Tensor, tf.Tensor];
  const normed = maps.headNorms ? tf.mul(unitRows(turning, config), maps.headNorms) : turning;
  const [query, key] = tf.split(rotateHeads(normed, angles), [heads, groups], 1) as [tf.Tensor, tf.Tensor];
  const perSlot = (y: tf.Tensor) =>
    tf.reshape(swapSlotsAndGroups(y, prompts, slots, groups, size), [prompts, groups, slots, 1, size]) as tf.Tensor5D;
  recent.keys.push(perSlot(key));
  recent.values.push(perSlot(value));

  const queries = swapSlotsAndGroups(query, prompts, slots, groups, headsPerGroup * size);
  const seen = [...past, { keys: tf.concat(recent.keys, 3), values: tf.concat(recent.values, 3) }];
  const widths = seen.map(({ keys }) => keys.shape[3] as number);
  // Where all slots of a prompt see the same keys, their queries stand in one matrix.
  const rowsFor = ({ keys }: SeenTokens) => (keys.shape[2] === slots ? headsPerGroup : slots * headsPerGroup);
  const scores = seen.map((part, i) => {
    const rows = tf.reshape(queries, [prompts, groups, -1, rowsFor(part), size]);
    return tf.reshape(batchedProduct(rows, part.keys, true), [prompts, groups, slots, headsPerGroup, widths[i]!]);
  });
  const attentionWeights = tf.split(tf.softmax(tf.add(tf.concat(scores, 4), bias)), widths, 4);
  const attended = seen.map((part, i) => {
    const rows = tf.reshape(attentionWeights[i]!, [prompts, groups, -1, rowsFor(part), widths[i]!]);
    return tf.reshape(batchedProduct(rows, part.values), [prompts, groups, slots, headsPerGroup * size]);
  });
  const mergedHeads = tf.reshape(swapSlotsAndGroups(tf.addN(attended), prompts, groups, slots, headsPerGroup * size), [
    prompts * slots,
    heads * size,
  ]);
  const afterAttention = tf.add(x, maps.output(mergedHeads as tf.Tensor2D)) as tf.Tensor2D;

  const [gate, up] = tf.split(maps.gateAndUp(afterAttention), 2, 1) as [tf.Tensor2D, tf.Tensor2D];
  return tf.add(afterAttention, maps.down(swiGlu(gate, up) as tf.Tensor2D)) as tf.Tensor2D;
}

/** Rotates the heads `[rows, heads, headSize]` by the angles of their token. */
function rotateHeads(x: tf.Tensor, { cos, sin }: HeadAngles): tf.Tensor {
  const [a, b] = tf.split(x, 2, 2) as [tf.Tensor, tf.Tensor];
  return tf.add(tf.mul(x, cos), tf.mul(tf.concat([b, a], 2), sin));
}

/** Appends the chunk's keys and values to each window and drops as many of its oldest entries. */
function slideWindows(
  state: DecodeState,
  recent: readonly RecentTokens[],
  chunk: number,
): Pick<DecodeState, 'keys' | 'values' | 'bias'> {
  const window = state.bias.shape[0];
  const slide = (old: tf.Tensor5D, fresh: tf.Tensor5D[]) =>
    tf.concat([tf.slice(old, [0, 0, 0, chunk, 0], [-1, -1, -1, window - chunk, -1]), ...fresh], 3) as tf.Tensor5D;
  return {
    keys: state.keys.map((keys, layer) => slide(keys, recent[layer]!.keys)),
    values: state.values.map((values, layer) => slide(values, recent[layer]!.values)),
    bias: tf.concat([tf.slice(state.bias, [chunk], [window - chunk]), tf.zeros([chunk])]) as tf.Tensor1D,
  };
}
