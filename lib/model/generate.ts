/**
 * Batched generation with a key-value cache: one prefill for each distinct prompt, then decoding in chunks of compiled steps.
 *
 * The cache is a window of fixed width that slides: prompts end at its right edge, each chunk drops as many slots on the
 * left as it adds on the right. All shapes stay the same, so one graph serves the whole completion.
 */
import * as tf from '@tensorflow/tfjs';
import { type CompiledStep, compile } from '../engine/compile.js';
import { takeRows } from '../engine/operations.js';
import { Random } from '../engine/random.js';
import { collate, disposeBatch, type ProcessedImage, roundUp } from './batch.js';
import type { Qwen2VLConfig } from './configuration.js';
import { decode, FORBIDDEN, groupedMix, groupedScores } from './decoder.js';
import { mropeAngles, nextPosition, positionIds } from './mrope.js';
import { hiddenStates, logits, type TokenBatch } from './qwen2-vl.js';
import { checkSampling, type SamplingSettings, sampleTokens } from './sampling.js';
import type { Parameters } from './vision.js';

/** A prompt, ready for the model. */
export interface EncodedPrompt {
  tokens: readonly number[];
  images: readonly ProcessedImage[];
}

export interface GenerationSettings extends SamplingSettings {
  maxNewTokens: number;
  /** Completions drawn of each prompt. */
  completions: number;
  /** Seed of the draws; completion g of prompt p draws from its own stream, whatever else is in the batch. */
  seed: number;
}

export interface Completion {
  /** Up to and including the end token, where there is one. */
  tokens: number[];
  /** Log-probability of each token under softmax(logits / temperature). */
  logProbs: number[];
  /** False when it was cut at `maxNewTokens`. */
  ended: boolean;
}

/** The largest float32 below 1: a draw that rounded up to 1 would fall behind the last token. */
const BELOW_ONE = 1 - 2 ** -24;

/** Tokens decoded by one graph call. */
const CHUNK = 8;
const PROMPT_STEP = 16;

type Cache = { keys: tf.Tensor4D[]; values: tf.Tensor4D[]; bias: tf.Tensor2D };

type DecodeState = {
  cache: Cache;
  /** Last hidden state of each row, from which the next token is drawn, `[rows, hidden]`. */
  hidden: tf.Tensor2D;
  /** Position of the next token, int32 `[rows]`. */
  position: tf.Tensor1D;
  /** 1 where the end token was drawn, int32 `[rows]`. */
  done: tf.Tensor1D;
};

type PrefillInput = { parameters: Parameters; batch: TokenBatch };
type ChunkInput = { parameters: Parameters; state: DecodeState; uniform: tf.Tensor2D };
type ChunkOutput = { state: DecodeState; tokens: tf.Tensor2D; logProbs: tf.Tensor2D };

/** Generates from one model configuration; holds the compiled steps, not the parameters. */
export class Generator {
  private readonly prefill: CompiledStep<
    PrefillInput,
    { keys: tf.Tensor4D[]; values: tf.Tensor4D[]; hidden: tf.Tensor2D }
  >;
  private readonly chunks = new Map<string, CompiledStep<ChunkInput, ChunkOutput>>();

  /** @param endTokenId the token that ends a completion, `<|im_end|>` */
  constructor(
    private readonly config: Qwen2VLConfig,
    private readonly endTokenId: number,
  ) {
    this.prefill = compile('prefill', ({ parameters, batch }: PrefillInput) => prefillStep(parameters, batch, config));
  }

  /**
   * Draws `settings.completions` completions of each prompt.
   *
   * @param streams one name a prompt for its random numbers; default: its index
   * @returns `[prompts][completions]`
   * @throws Error when a setting is impossible or a prompt is malformed
   */
  generate(
    parameters: Parameters,
    prompts: readonly EncodedPrompt[],
    settings: GenerationSettings,
    streams: readonly string[] = prompts.map((_, i) => String(i)),
  ): Completion[][] {
    checkSampling(settings);
    const { completions, maxNewTokens } = settings;
    if (!Number.isInteger(maxNewTokens) || maxNewTokens < 1)
      throw new Error(`maxNewTokens must be 1 or more, got ${maxNewTokens}`);
    if (!Number.isInteger(completions) || completions < 1)
      throw new Error(`completions must be 1 or more, got ${completions}`);
    if (prompts.length === 0) return [];
    const rows = prompts.length * completions;
    const budget = roundUp(maxNewTokens, CHUNK);
    const step = this.chunkStep(settings);
    let state = this.start(parameters, prompts, completions, budget);
    const random = streams.flatMap((stream) =>
      Array.from({ length: completions }, (_, g) => new Random(settings.seed, `generate/${stream}/${g}`)),
    );
    const out: Completion[] = Array.from({ length: rows }, () => ({ tokens: [], logProbs: [], ended: false }));

    for (let done = 0; done < maxNewTokens && out.some((each) => !each.ended); done += CHUNK) {
      const uniform = new Float32Array(CHUNK * rows);
      for (let s = 0; s < CHUNK; s++)
        for (let r = 0; r < rows; r++) uniform[s * rows + r] = Math.min(random[r]!.uniform(), BELOW_ONE);
      const draws = tf.tensor2d(uniform, [CHUNK, rows]);
      const next = step({ parameters, state, uniform: draws });
      const tokens = next.tokens.dataSync();
      const logProbs = next.logProbs.dataSync();
      for (let s = 0; s < CHUNK && done + s < maxNewTokens; s++) {
        out.forEach((completion, r) => {
          if (completion.ended) return;
          const token = tokens[s * rows + r] as number;
          completion.tokens.push(token);
          completion.logProbs.push(logProbs[s * rows + r] as number);
          completion.ended = token === this.endTokenId;
        });
      }
      disposeState(state);
      tf.dispose([draws, next.tokens, next.logProbs]);
      state = next.state;
    }
    disposeState(state);
    return prompts.map((_, p) => out.slice(p * completions, (p + 1) * completions));
  }

  /** Logits after a prompt's last token, `[vocab]`, with what the prompt was laid out as. */
  promptLogits(parameters: Parameters, prompt: EncodedPrompt): { logits: Float32Array; positions: number[][] } {
    const row = { prefix: { tokens: prompt.tokens }, images: prompt.images, segments: [] };
    const collated = collate([row], this.config, { side: 'left', length: prompt.tokens.length });
    const values = tf.tidy(() => {
      const hidden = hiddenStates(parameters, collated.batch, this.config);
      return logits(parameters, tf.slice(hidden, [prompt.tokens.length - 1, 0], [1, -1])).dataSync() as Float32Array;
    });
    disposeBatch(collated);
    const grids = prompt.images.map((image) => image.grid);
    const ids = positionIds(prompt.tokens, grids, this.config.imageTokenId, this.config.vision.mergeSize);
    return { logits: values, positions: [0, 1, 2].map((axis) => ids.map((id) => id[axis] as number)) };
  }

  /** Frees the compiled graphs. */
  dispose(): void {
    this.prefill.dispose();
    for (const chunk of this.chunks.values()) chunk.dispose();
    this.chunks.clear();
  }

  private chunkStep(settings: SamplingSettings): CompiledStep<ChunkInput, ChunkOutput> {
    const key = `${settings.temperature}/${settings.topK}/${settings.topP}`;
    let step = this.chunks.get(key);
    if (!step) {
      const sampling = { temperature: settings.temperature, topK: settings.topK, topP: settings.topP };
      step = compile('decode', (input: ChunkInput) => decodeChunk(input, sampling, this.endTokenId, this.config));
      this.chunks.set(key, step);
    }
    return step;
  }

  /** Prefills the prompts once each and repeats their caches for every completion. */
  private start(
    parameters: Parameters,
    prompts: readonly EncodedPrompt[],
    completions: number,
    budget: number,
  ): DecodeState {
    const { imageTokenId, vision } = this.config;
    const width = roundUp(Math.max(...prompts.map((prompt) => prompt.tokens.length)), PROMPT_STEP);
    const rows = prompts.map(({ tokens, images }) => ({ prefix: { tokens }, images, segments: [] }));
    const collated = collate(rows, this.config, { side: 'left', length: width });
    const filled = this.prefill({ parameters, batch: collated.batch });
    disposeBatch(collated);
    const state = tf.tidy(() => {
      const copies = tf.tensor1d(
        prompts.flatMap((_, p) => Array<number>(completions).fill(p)),
        'int32',
      );
      const repeat = <T extends tf.Tensor>(x: T): T => (completions === 1 ? tf.clone(x) : tf.gather(x, copies)) as T;
      const spread = (x: tf.Tensor4D) =>
        repeat(
          tf.pad(x, [
            [0, 0],
            [0, 0],
            [budget, 0],
            [0, 0],
          ]),
        ) as tf.Tensor4D;
      const seen = prompts.flatMap(({ tokens }) => {
        const visible = Array.from({ length: budget + width }, (_, i) =>
          i < budget + width - tokens.length ? FORBIDDEN : 0,
        );
        return Array<number[]>(completions).fill(visible);
      });
      const positions = prompts.flatMap(({ tokens, images }) => {
        const grids = images.map((image) => image.grid);
        const next = nextPosition(positionIds(tokens, grids, imageTokenId, vision.mergeSize));
        return Array<number>(completions).fill(next);
      });
      return {
        cache: { keys: filled.keys.map(spread), values: filled.values.map(spread), bias: tf.tensor2d(seen) },
        hidden: repeat(filled.hidden),
        position: tf.tensor1d(positions, 'int32'),
        done: tf.zeros([seen.length], 'int32') as tf.Tensor1D,
      };
    });
    tf.dispose([filled.keys, filled.values, filled.hidden]);
    return state;
  }
}

function disposeState(state: DecodeState): void {
  tf.dispose([state.cache.keys, state.cache.values, state.cache.bias, state.hidden, state.position, state.done]);
}

function prefillStep(parameters: Parameters, batch: TokenBatch, config: Qwen2VLConfig) {
  const keys: tf.Tensor4D[] = [];
  const values: tf.Tensor4D[] = [];
  const all = hiddenStates(parameters, batch, config, (_, k, v) => {
    keys.push(k);
    values.push(v);
  });
  const [count, length] = batch.tokens.shape;
  const ends = tf.tensor1d(
    Array.from({ length: count }, (_, i) => (i + 1) * length - 1),
    'int32',
  );
  return { keys, values, hidden: takeRows(all, ends) };
}

/** CHUNK tokens a row: draw from the last hidden state, run the token through the layers, and again. */
function decodeChunk(
  { parameters, state, uniform }: ChunkInput,
  sampling: SamplingSettings,
  endTokenId: number,
  config: Qwen2VLConfig,
): ChunkOutput {
  const { cache } = state;
  const rows = state.hidden.shape[0];
  const end = tf.scalar(endTokenId, 'int32');
  const one = tf.scalar(1, 'int32');
  const window = cache.bias.shape[1];
  const cacheBias = tf.reshape(cache.bias, [rows, 1, 1, 1, window]);
  const localKeys: tf.Tensor4D[][] = cache.keys.map(() => []);
  const localValues: tf.Tensor4D[][] = cache.keys.map(() => []);
  const tokens: tf.Tensor1D[] = [];
  const logProbs: tf.Tensor1D[] = [];
  let { hidden, position, done } = state;

  for (const draw of tf.unstack(uniform) as tf.Tensor1D[]) {
    const sampled = sampleTokens(logits(parameters, hidden), draw, sampling);
    // A row that ended goes on with end tokens that nobody reads.
    const token = tf.cast(
      tf.where(tf.greater(done, 0), tf.fill([rows], endTokenId, 'int32'), sampled.tokens),
      'int32',
    ) as tf.Tensor1D;
    tokens.push(token);
    logProbs.push(sampled.logProbs);
    done = tf.maximum(done, tf.cast(tf.equal(token, end), 'int32')) as tf.Tensor1D;
    const x = takeRows(parameters['model.embed_tokens.weight'] as tf.Tensor2D, token);
    const places = tf.tile(tf.reshape(position, [1, rows, 1]), [3, 1, 1]) as tf.Tensor3D;
    hidden = decode(
      parameters,
      x,
      rows,
      mropeAngles(places, config),
      (layer, queries, keys, values) => {
        localKeys[layer]!.push(keys);
        localValues[layer]!.push(values);
        const recentKeys = tf.concat(localKeys[layer]!, 2) as tf.Tensor4D;
        const recentValues = tf.concat(localValues[layer]!, 2) as tf.Tensor4D;
        const past = tf.add(groupedScores(queries, cache.keys[layer]!), cacheBias);
        const recent = groupedScores(queries, recentKeys);
        const shares = tf.softmax(tf.concat([past, recent], 4));
        const [ofPast, ofRecent] = tf.split(shares, [window, recentKeys.shape[2]], 4) as [tf.Tensor5D, tf.Tensor5D];
        return tf.add(groupedMix(ofPast, cache.values[layer]!), groupedMix(ofRecent, recentValues)) as tf.Tensor4D;
      },
      config,
    );
    position = tf.add(position, one) as tf.Tensor1D;
  }

  const steps = uniform.shape[0];
  const slide = (old: tf.Tensor4D, recent: tf.Tensor4D[]) =>
    tf.concat([tf.slice(old, [0, 0, steps, 0], [-1, -1, window - steps, -1]), ...recent], 2) as tf.Tensor4D;
  return {
    state: {
      cache: {
        keys: cache.keys.map((keys, layer) => slide(keys, localKeys[layer]!)),
        values: cache.values.map((values, layer) => slide(values, localValues[layer]!)),
        bias: tf.concat(
          [tf.slice(cache.bias, [0, steps], [-1, window - steps]), tf.zeros([rows, steps])],
          1,
        ) as tf.Tensor2D,
      },
      hidden,
      position,
      done,
    },
    tokens: tf.stack(tokens) as tf.Tensor2D,
    logProbs: tf.stack(logProbs) as tf.Tensor2D,
  };
}
