/**
 * Batched generation with a key-value cache: each prompt is prefilled once, then tokens are decoded in chunks, each of which is one call
 * of a compiled step.
 *
 * The window that holds a completion's tokens slides, so that one graph serves many chunks, and doubles when it is full, so that short
 * completions do not pay for a large limit. The batch is cut into shards, which compute side by side. As completions end, the others
 * are packed closer.
 */
import * as tf from '@tensorflow/tfjs';
import { shardCount } from '../engine/backend.js';
import { checkBounds } from '../engine/bounds.js';
import { type CompiledStep, compile } from '../engine/compile.js';
import { usesDecodeOperations } from '../engine/decode-operations.js';
import { takeRows } from '../engine/operations.js';
import { Random } from '../engine/random.js';
import type { KeepCache } from './attention.js';
import { collate, disposeBatch, roundUp } from './batch.js';
import {
  disposeShard,
  disposeState,
  emptyWindows,
  packShard,
  packSlots,
  promptBias,
  type Shard,
  type Slots,
  widenWindows,
} from './cache.js';
import { appendDrawn, type Completion } from './completion.js';
import type { ModelConfig } from './configuration.js';
import { type ChunkInput, type ChunkOutput, type ChunkSampling, decodeChunk } from './decode-chunk.js';
import { decodeChunkFused } from './decode-fused.js';
import { hiddenStates } from './hidden-states.js';
import { logits } from './log-probability.js';
import { nextPosition, positionIds } from './mrope.js';
import { checkSampling, type SamplingSettings } from './sampling.js';
import type { ModelWeights, ProcessedImage, TokenBatch } from './tensors.js';

/** A prompt, ready for the model. */
export interface EncodedPrompt {
  tokens: readonly number[];
  images: readonly ProcessedImage[];
}

/** How completions are drawn, how many of each prompt, and how long at most. */
export interface GenerationSettings extends SamplingSettings {
  maxNewTokens: number;
  /** Completions drawn of each prompt. */
  completions: number;
  /** Seed of the draws. Each completion draws from a stream of its own, so that the rest of the batch does not change it. */
  seed: number;
  /** Notes for each token which tokens could be drawn in its place (see `Completion.kept`). Default: false. */
  keepSamplingMask?: boolean;
}

/** The largest float32 below 1. A number that is rounded up to 1 would choose no token, since it lies behind the last one. */
const BELOW_ONE = 1 - 2 ** -24;

/**
 * Tokens that one call of a graph decodes. A large batch has more of them, as it saves the calls' own cost. A small one has fewer, as
 * its graph is built for a short use.
 */
const CHUNK = { small: 4, large: 8 };
const LARGE_BATCH = 64;
/** A completion has room for so many tokens of its own at first. */
const FIRST_WINDOW = 64;
/** Prompts are padded to a multiple of this, so that few graphs are compiled. */
const PROMPT_STEP = 32;

type Prefilled = { keys: tf.Tensor4D[]; values: tf.Tensor4D[]; hidden: tf.Tensor2D };
type PrefillInput = { parameters: ModelWeights; shards: TokenBatch[] };
type PrefillOutput = { shards: Prefilled[] };

/** A shard, and the completion in each of its slots. */
interface Part {
  shard: Shard;
  slots: Slots;
}

/** A batch of fewer rows is not cut into shards. */
const FEWEST_ROWS = 16;
/** Shards of fewer rows are not packed closer: a step of half the rows costs nearly as much, and a new shape needs a new graph. */
const FEWEST_PACKED = 128;

/** Generates from models of one configuration. It holds the compiled steps, not the weights. */
export class Generator {
  private readonly prefill: CompiledStep<PrefillInput, PrefillOutput>;
  private readonly chunks = new Map<string, CompiledStep<ChunkInput, ChunkOutput>>();

  /** @param endTokenIds the tokens that end a completion, see `endTokens` */
  constructor(
    private readonly config: ModelConfig,
    private readonly endTokenIds: readonly number[],
  ) {
    this.prefill = compile('prefill', prefillShards, { config });
  }

  /**
   * Draws `settings.completions` completions of each prompt.
   *
   * @param streams a name for each prompt's random numbers; default: its index
   * @returns `[prompts][completions]`
   * @throws Error when a setting is impossible or a prompt is malformed
   */
  generate(
    parameters: ModelWeights,
    prompts: readonly EncodedPrompt[],
    settings: GenerationSettings,
    streams: readonly string[] = prompts.map((_, i) => String(i)),
  ): Completion[][] {
    checkSampling(settings);
    checkBounds(settings, '');
    const { completions, maxNewTokens, repetitionPenalty = 1 } = settings;
    if (!Number.isInteger(maxNewTokens) || maxNewTokens < 1)
      throw new Error(`maxNewTokens must be 1 or more, got ${maxNewTokens}`);
    if (!Number.isInteger(completions) || completions < 1)
      throw new Error(`completions must be 1 or more, got ${completions}`);
    if (prompts.length === 0) return [];
    const step = this.chunkStep(settings);
    const chunk = prompts.length * completions < LARGE_BATCH ? CHUNK.small : CHUNK.large;
    let window = Math.min(FIRST_WINDOW, roundUp(maxNewTokens, chunk));
    const parts = this.prefillParts(parameters, prompts, completions, window, repetitionPenalty !== 1);
    const random = streams.flatMap((stream) =>
      Array.from({ length: completions }, (_, g) => new Random(settings.seed, `generate/${stream}/${g}`)),
    );
    const outputs = random.map((): Completion => ({ tokens: [], logProbs: [], ended: false }));
    const live = (completion: number) => !outputs[completion]!.ended;

    for (let done = 0; done < maxNewTokens && outputs.some(({ ended }) => !ended); done += chunk) {
      packParts(parts, live);
      if (done === window) {
        for (const { shard } of parts) shard.state = widenWindows(shard.state, window);
        window *= 2;
      }
      const uniforms = parts.map(({ slots }) => drawUniform(slots.flat(), random, chunk));
      const decoded = step({ parameters, shards: parts.map(({ shard }, i) => ({ ...shard, uniform: uniforms[i]! })) });
      decoded.shards.forEach(({ state, ...drawn }, i) => {
        const part = parts[i]!;
        appendDrawn(outputs, part.slots.flat(), drawn, maxNewTokens - done, this.endTokenIds);
        disposeState(part.shard.state);
        part.shard = { ...part.shard, state };
        tf.dispose(Object.values(drawn));
      });
      tf.dispose(uniforms);
    }
    for (const { shard } of parts) disposeShard(shard);
    return prompts.map((_, p) => outputs.slice(p * completions, (p + 1) * completions));
  }

  /** Logits after a prompt's last token, `[vocab]`, and the prompt's position ids, `[3][tokens]`. */
  promptLogits(parameters: ModelWeights, prompt: EncodedPrompt): { logits: Float32Array; positions: number[][] } {
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

  private chunkStep(settings: GenerationSettings): CompiledStep<ChunkInput, ChunkOutput> {
    const { temperature, topK, topP, minP, repetitionPenalty = 1, keepSamplingMask = false } = settings;
    const sampling: ChunkSampling = { temperature, topK, topP, minP, repetitionPenalty, keepSamplingMask };
    const key = JSON.stringify(sampling);
    let step = this.chunks.get(key);
    if (!step) {
      const { endTokenIds, config } = this;
      step = compile('decode', decodeFrom, { sampling, endTokenIds, config });
      this.chunks.set(key, step);
    }
    return step;
  }

  /** Prefills each prompt once, in shards of equally many prompts. Idle prompts fill up the last shard. */
  private prefillParts(
    parameters: ModelWeights,
    prompts: readonly EncodedPrompt[],
    completions: number,
    window: number,
    keepSeen: boolean,
  ): Part[] {
    const width = roundUp(Math.max(...prompts.map((prompt) => prompt.tokens.length)), PROMPT_STEP);
    const shards = prompts.length * completions < FEWEST_ROWS ? 1 : Math.min(shardCount(), prompts.length);
    const size = Math.ceil(prompts.length / shards);
    const parts = Array.from({ length: shards }, (_, i) => {
      const promptIndices = Array.from({ length: size }, (_, p) => i * size + p);
      const slots = promptIndices.map((p) =>
        Array.from({ length: completions }, (_, g) => (p < prompts.length ? p * completions + g : -1)),
      );
      // A copy reads the prompt's images once. The prompt itself cuts them into patches whenever it is asked for them.
      const filledPrompts = promptIndices.map((p) => ({ ...prompts[Math.min(p, prompts.length - 1)]! }));
      return { slots, prompts: filledPrompts };
    });
    const collated = parts.map((part) => {
      const rows = part.prompts.map(({ tokens, images }) => ({ prefix: { tokens }, images, segments: [] }));
      return collate(rows, this.config, { side: 'left', length: width });
    });
    const prefilled = this.prefill({ parameters, shards: collated.map(({ batch }) => batch) });
    collated.forEach(disposeBatch);
    return parts.map(({ slots, prompts }, i) => ({
      slots,
      shard: this.openShard(prefilled.shards[i]!, prompts, slots, width, window, keepSeen),
    }));
  }

  /** The state before the first token. It takes over the tensors of the prefill. */
  private openShard(
    { keys, values, hidden }: Prefilled,
    prompts: readonly EncodedPrompt[],
    slots: Slots,
    width: number,
    window: number,
    keepSeen: boolean,
  ): Shard {
    const { imageTokenId, vision, vocabSize } = this.config;
    const lengths = prompts.map(({ tokens }) => tokens.length);
    const prompt = { keys, values, bias: promptBias(lengths, width) };
    const positions = prompts.map(({ tokens, images }) => {
      const grids = images.map((image) => image.grid);
      return nextPosition(positionIds(tokens, grids, imageTokenId, vision.mergeSize));
    });
    const perRow = <T>(values: readonly T[]): T[] => slots.flatMap((row, p) => row.map(() => values[p]!));
    const idle = slots.flat().map((completion) => Number(completion < 0));
    const promptOfRow = tf.tensor1d(perRow(prompts.map((_, p) => p)), 'int32');
    const state = {
      ...emptyWindows(prompt, slots[0]!.length, window),
      hidden: tf.gather(hidden, promptOfRow) as tf.Tensor2D,
      position: tf.tensor1d(perRow(positions), 'int32'),
      done: tf.tensor1d(idle, 'int32'),
      ...(keepSeen && { seen: seenTokens(prompts, vocabSize, promptOfRow) }),
    };
    tf.dispose([hidden, promptOfRow]);
    return { prompt, state };
  }
}

/** 1 for each token of the row's prompt, `[rows, vocab]`. */
function seenTokens(prompts: readonly EncodedPrompt[], vocab: number, promptOfRow: tf.Tensor1D): tf.Tensor2D {
  const seen = new Float32Array(prompts.length * vocab);
  prompts.forEach(({ tokens }, p) => {
    for (const token of tokens) seen[p * vocab + token] = 1;
  });
  return tf.tidy(() => tf.gather(tf.tensor2d(seen, [prompts.length, vocab]), promptOfRow) as tf.Tensor2D);
}

/** Draws a uniform number for each token of a chunk from its completion's own stream, `[chunk, rows]`. */
function drawUniform(rows: readonly number[], random: readonly Random[], chunk: number): tf.Tensor2D {
  const uniform = new Float32Array(chunk * rows.length);
  for (let t = 0; t < chunk; t++) {
    rows.forEach((completion, r) => {
      if (completion >= 0) uniform[t * rows.length + r] = Math.min(random[completion]!.uniform(), BELOW_ONE);
    });
  }
  return tf.tensor2d(uniform, [chunk, rows.length]);
}

/**
 * Packs the parts closer if at least half of the rows of each are idle. All parts get one shape, so that few graphs are built.
 */
function packParts(parts: Part[], live: (completion: number) => boolean): void {
  if (parts.some(({ slots }) => slots.flat().length < FEWEST_PACKED)) return;
  const packed = packSlots(
    parts.map(({ slots }) => slots),
    live,
  );
  packed?.forEach((slots, i) => {
    const part = parts[i]!;
    part.shard = packShard(part.shard, part.slots, slots);
    part.slots = slots;
  });
}

function prefillShards({ parameters, shards }: PrefillInput, { config }: { config: ModelConfig }): PrefillOutput {
  return { shards: shards.map((batch) => prefillStep(parameters, batch, config)) };
}

/** The plain values, beside its tensors, that a chunk depends on. */
interface DecodeConstants {
  sampling: ChunkSampling;
  endTokenIds: readonly number[];
  config: ModelConfig;
}

function decodeFrom(input: ChunkInput, { sampling, endTokenIds, config }: DecodeConstants): ChunkOutput {
  const decode = usesDecodeOperations() ? decodeChunkFused : decodeChunk;
  return decode(input, sampling, endTokenIds, config);
}

function prefillStep(parameters: ModelWeights, batch: TokenBatch, config: ModelConfig): Prefilled {
  const keys: tf.Tensor4D[] = [];
  const values: tf.Tensor4D[] = [];
  const keep: KeepCache = (_, k, v) => {
    keys.push(k);
    values.push(v);
  };
  const hidden = hiddenStates(parameters, batch, config, { keep });
  const [count, length] = batch.tokens.shape;
  const ends = tf.tensor1d(
    Array.from({ length: count }, (_, i) => (i + 1) * length - 1),
    'int32',
  );
  return { keys, values, hidden: takeRows(hidden, ends) };
}
