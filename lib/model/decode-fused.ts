/**
 * Decodes a chunk as `decode-chunk.ts` does, with the kit's own operations between the matrix products: eight nodes a layer in place of
 * some sixty. The numbers are the same to float32's last digits.
 */
import * as tf from '@tensorflow/tfjs';
import { addAndNormRows, attendToken, drawTokens, normRows, swiGluOfRows } from '../engine/decode-operations.js';
import { productWithoutGradient } from '../engine/matrix-product.js';
import { takeRows } from '../engine/operations.js';
import type { DecodeState } from './cache.js';
import type { ModelConfig } from './configuration.js';
import { type ChunkInput, type ChunkOutput, type ChunkSampling, endRows, WIDEST_COPIED } from './decode-chunk.js';
import { logits } from './log-probability.js';
import { biasOf, decoderLayer, finalNorm, type Module, normOf, tokenEmbedding, weightOf } from './modules.js';
import { rotaryFrequencies } from './mrope.js';
import { effectiveWeight, project } from './projection.js';
import { leavesTokensOut, penalizeRepetition, sampleTokens } from './sampling.js';
import type { ModelWeights } from './tensors.js';

/** A layer's tensors and linear maps, which take rows that are normed. */
interface FusedLayer {
  attentionNorm: tf.Tensor;
  /** Queries, keys and values side by side, without `qkvBias`. */
  queriesKeysValues: (x: tf.Tensor2D) => tf.Tensor2D;
  qkvBias: tf.Tensor | undefined;
  /** `[(heads + keyValueHeads) x headSize]`. */
  headNorms: tf.Tensor | undefined;
  output: (x: tf.Tensor2D) => tf.Tensor2D;
  perceptronNorm: tf.Tensor;
  /** `[rows, 2 x intermediate]`. */
  gateAndUp: (x: tf.Tensor2D) => tf.Tensor2D;
  down: (x: tf.Tensor2D) => tf.Tensor2D;
}

/** `decodeChunk`, on a CPU that gives each operation one thread (see `usesDecodeOperations`). */
export function decodeChunkFused(
  { parameters, shards }: ChunkInput,
  sampling: ChunkSampling,
  endTokenIds: readonly number[],
  config: ModelConfig,
): ChunkOutput {
  const layers = Array.from({ length: config.layers }, (_, i) => fusedLayer(parameters, i, config));
  return { shards: shards.map((shard) => decodeShard(parameters, layers, shard, sampling, endTokenIds, config)) };
}

function fusedLayer(parameters: ModelWeights, layer: number, config: ModelConfig): FusedLayer {
  const modules = decoderLayer(config, layer);
  const { headNorms: norms, queries, keys, values, gate, up } = modules;
  const repeated = (module: Module, count: number) => tf.tile(normOf(parameters, module), [count]);
  const headNorms =
    norms && tf.concat([repeated(norms.queries, config.heads), repeated(norms.keys, config.keyValueHeads)]);
  const attentionNorm = normOf(parameters, modules.attentionNorm);
  const perceptronNorm = normOf(parameters, modules.perceptronNorm);
  if (config.hiddenSize > WIDEST_COPIED) {
    const map = (module: Module) => (x: tf.Tensor2D) => project(parameters, module, x);
    const maps = (modules: Module[]) => (x: tf.Tensor2D) =>
      tf.concat(
        modules.map((module) => project(parameters, module, x)),
        1,
      ) as tf.Tensor2D;
    return {
      ...{ attentionNorm, perceptronNorm, headNorms, qkvBias: undefined },
      ...{ queriesKeysValues: maps([queries, keys, values]), gateAndUp: maps([gate, up]) },
      ...{ output: map(modules.output), down: map(modules.down) },
    };
  }
  const map = (modules: Module[]) => {
    const weights = modules.map((module) => effectiveWeight(parameters, module));
    // TensorFlow would turn the weight around for each product anew.
    const byInputs = tf.transpose(weights.length === 1 ? weights[0]! : tf.concat(weights, 0)) as tf.Tensor2D;
    return (x: tf.Tensor2D) => productWithoutGradient(x, byInputs);
  };
  const biases = [queries, keys, values].map((module) => biasOf(parameters, module));
  return {
    ...{ attentionNorm, perceptronNorm, headNorms },
    ...{ queriesKeysValues: map([queries, keys, values]), gateAndUp: map([gate, up]) },
    ...{ output: map([modules.output]), down: map([modules.down]) },
    qkvBias: biases[0] && tf.concat(biases as tf.Tensor[]),
  };
}

function decodeShard(
  parameters: ModelWeights,
  layers: readonly FusedLayer[],
  { prompt, state, uniform }: ChunkInput['shards'][number],
  sampling: ChunkSampling,
  endTokenIds: readonly number[],
  config: ModelConfig,
): ChunkOutput['shards'][number] {
  const [chunk] = uniform.shape;
  const { headSize, rmsNormEps: eps } = config;
  const angles = chunkAngles(state.position, chunk, config);
  const window = slideWindows(state, chunk);
  const firstPlace = state.bias.shape[0] - chunk;
  const tokens: tf.Tensor1D[] = [];
  const logProbs: tf.Tensor1D[] = [];
  const kept: tf.Tensor2D[] = [];
  let { hidden, done, seen } = state;
  for (let step = 0; step < chunk; step++) {
    const plain = logits(parameters, hidden);
    const penalized = seen ? penalizeRepetition(plain, seen, sampling.repetitionPenalty ?? 1) : plain;
    const drawn = drawStep(penalized, uniform, done, sampling, endTokenIds, step);
    done = drawn.done;
    tokens.push(drawn.tokens);
    logProbs.push(drawn.logProbs);
    if (drawn.kept) kept.push(drawn.kept);
    if (seen) seen = tf.maximum(seen, tf.cast(tf.oneHot(drawn.tokens, plain.shape[1]), 'float32')) as tf.Tensor2D;
    let x = takeRows(weightOf(parameters, tokenEmbedding(config)), drawn.tokens);
    let normed = normRows(x, layers[0]!.attentionNorm, eps);
    layers.forEach((layer, i) => {
      const { attended, keys, values } = attendToken(
        {
          ...{ qkv: layer.queriesKeysValues(normed), bias: layer.qkvBias, headNorms: layer.headNorms, angles },
          prompt: { keys: prompt.keys[i]!, values: prompt.values[i]!, bias: prompt.bias },
          window: { keys: window.keys[i]!, values: window.values[i]!, bias: window.bias },
        },
        { headSize, eps, step, place: firstPlace + step },
      );
      window.keys[i] = keys;
      window.values[i] = values;
      const middle = addAndNormRows(x, layer.output(attended), layer.perceptronNorm, eps);
      const inner = swiGluOfRows(layer.gateAndUp(middle.normed));
      const nextNorm = layers[i + 1]?.attentionNorm ?? normOf(parameters, finalNorm(config));
      const end = addAndNormRows(middle.sum, layer.down(inner), nextNorm, eps);
      x = end.sum;
      normed = end.normed;
    });
    hidden = normed;
  }
  return {
    state: {
      ...window,
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

/** Draws a step's tokens; `done` gains the rows that end with it. Where settings leave tokens out, TensorFlow's operations draw. */
function drawStep(
  logits: tf.Tensor2D,
  uniform: tf.Tensor2D,
  done: tf.Tensor1D,
  sampling: ChunkSampling,
  endTokenIds: readonly number[],
  step: number,
): { tokens: tf.Tensor1D; logProbs: tf.Tensor1D; done: tf.Tensor1D; kept?: tf.Tensor2D } {
  if (!leavesTokensOut(sampling)) return drawTokens(logits, uniform, done, endTokenIds, sampling.temperature, step);
  const uniformOfToken = tf.reshape(tf.slice(uniform, [step, 0], [1, -1]), [-1]) as tf.Tensor1D;
  const { tokens, ...rest } = sampleTokens(logits, uniformOfToken, sampling, sampling.keepSamplingMask);
  return { ...endRows(tokens, done, endTokenIds), ...rest };
}

/** Cosines and sines of the rotary angles of the chunk's tokens, `[chunk, rows, headSize / 2]`. All are text, so the three axes agree. */
function chunkAngles(position: tf.Tensor1D, chunk: number, config: ModelConfig): { cos: tf.Tensor; sin: tf.Tensor } {
  const positions = tf.add(
    tf.reshape(tf.cast(position, 'float32'), [1, -1, 1]),
    tf.reshape(tf.range(0, chunk), [-1, 1, 1]),
  );
  const angles = tf.mul(positions, tf.tensor1d(rotaryFrequencies(config)));
  return { cos: tf.cos(angles), sin: tf.sin(angles) };
}

/**
 * Moves each window to the left by a chunk. The places that come free on the right still hold what was dropped on the left, until the
 * chunk's tokens are written over it one by one; nothing looks behind the token that was written last.
 */
function slideWindows(state: DecodeState, chunk: number): Pick<DecodeState, 'keys' | 'values' | 'bias'> {
  const stays = state.bias.shape[0] - chunk;
  const slide = (x: tf.Tensor5D) => {
    const dropped = tf.slice(x, [0, 0, 0, 0, 0], [-1, -1, -1, chunk, -1]);
    return tf.concat([tf.slice(x, [0, 0, 0, chunk, 0], [-1, -1, -1, stays, -1]), dropped], 3) as tf.Tensor5D;
  };
  return {
    keys: state.keys.map(slide),
    values: state.values.map(slide),
    bias: tf.concat([tf.slice(state.bias, [chunk], [stays]), tf.zeros([chunk])]) as tf.Tensor1D,
  };
}
