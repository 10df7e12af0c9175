/** From token sequences to tensors: rows of a shared prefix and its segments are padded to one length and laid out with their images. */
import * as tf from '@tensorflow/tfjs';
import { type BlockLayout, blockLayout } from './block-attention.js';
import type { ModelConfig } from './configuration.js';
import type { Targets } from './log-probability.js';
import { nextPosition, type Position, positionIds } from './mrope.js';
import { imageTensors, layOutPatches, patchCount } from './patch-packing.js';
import type { ProcessedImage, TokenBatch } from './tensors.js';

/** One continuation of a row's prefix. */
export interface Segment {
  tokens: readonly number[];
  /** True for each of `tokens` that is predicted and weighs in the loss. Default: none. */
  trained?: readonly boolean[];
  /** The images whose tokens stand in this segment. Further image tokens, which a model wrote itself, are text. */
  images?: readonly ProcessedImage[];
}

/**
 * A row of a batch: a prefix, and segments that see the prefix but not each other. With an empty prefix the segments are packed
 * samples, which share nothing but the row.
 */
export interface Row {
  prefix: Segment;
  /** The images of the prefix. */
  images: readonly ProcessedImage[];
  segments: readonly Segment[];
}

/** A batch in tensors, with the places of its targets. `disposeBatch` frees it. */
export interface CollatedBatch {
  batch: TokenBatch;
  targets: Targets;
  /** For each target, in order: its row, its segment (-1 for the prefix) and its index there. Padding has none. */
  origin: { row: number; segment: number; index: number }[];
  /** Tokens that are not padding. */
  tokenCount: number;
}

/** Rows are padded to a multiple of this, so that few graphs are compiled. */
const LENGTH_STEP = 32;
/**
 * Targets are padded to a power of two, and to no fewer than these, for the same reason. With a large vocabulary the head costs as
 * much as layers do, so that smaller numbers of targets are worth graphs of their own.
 */
const FEWEST_TARGETS = { small: 512, large: 32 };
const LARGE_VOCABULARY = 16_384;

/** The smallest multiple of `step` that is not below `n`, and at least one step. */
export function roundUp(n: number, step: number): number {
  return Math.max(step, Math.ceil(n / step) * step);
}

/**
 * Lays rows out as tensors, padded on the right (training) or on the left (generation, where the last token must be last).
 * Rows of several segments are laid out in blocks if that makes attention cheaper; each prefix is then padded to one width first.
 *
 * @param options.side the side of the padding; default: right
 * @param options.length tokens in a row; rows are then never laid out in blocks. Default: the longest row, rounded up to `lengthStep`
 * @param options.lengthStep default 32
 * @throws Error when a row is longer than `length`, or its image tokens do not fit its images
 */
export function collate(
  rows: readonly Row[],
  config: ModelConfig,
  options: { side?: 'left' | 'right'; length?: number; lengthStep?: number } = {},
): CollatedBatch {
  const laidRows = rows.map((row, i) => {
    try {
      return layRow(row, config);
    } catch (error) {
      throw new Error(`row ${i + 1} of the batch: ${(error as Error).message}`);
    }
  });
  const longest = Math.max(...laidRows.map((row) => row.tokens.length));
  const denseLength = options.length ?? roundUp(longest, options.lengthStep ?? LENGTH_STEP);
  const layout = options.length === undefined ? layoutOf(rows, denseLength) : undefined;
  const length = layout ? layout.prefix + layout.blocks * layout.size : denseLength;
  if (longest > length) throw new Error(`a row of the batch has ${longest} tokens, more than the ${length} allowed`);

  const count = rows.length;
  const tokens = new Int32Array(count * length);
  const positions = new Int32Array(3 * count * length);
  const segments = new Int32Array(count * length).fill(-1);
  const visual = new Int32Array(count * length).fill(-1);
  const predictors: number[] = [];
  const predicted: number[] = [];
  const origin: CollatedBatch['origin'] = [];
  const images = laidRows.flatMap((row) => row.images);
  const patches = layOutPatches(images.map(patchCount));
  const merge = config.vision.mergeSize ** 2;
  let firstImage = 0;
  let tokenCount = 0;

  laidRows.forEach((row, r) => {
    const offset = r * length + (options.side === 'left' ? length - row.tokens.length : 0);
    const prefix = rows[r]!.prefix.tokens.length;
    const gap = layout ? layout.prefix - prefix : 0;
    const indexOf = (t: number) => offset + t + (t < prefix ? 0 : gap);
    row.tokens.forEach((token, t) => {
      const batchIndex = indexOf(t);
      tokens[batchIndex] = token;
      segments[batchIndex] = row.segments[t] as number;
      row.positions[t]!.forEach((position, axis) => {
        positions[axis * count * length + batchIndex] = position;
      });
      const patch = row.visual[t];
      if (patch) visual[batchIndex] = patches.starts[firstImage + patch.image]! / merge + patch.within;
    });
    for (const target of row.targets) {
      predictors.push(indexOf(target.predictor));
      predicted.push(row.tokens[target.predicted] as number);
      origin.push({ row: r, segment: target.segment, index: target.index });
    }
    firstImage += row.images.length;
    tokenCount += row.tokens.length;
  });

  const batch: TokenBatch = {
    tokens: tf.tensor2d(tokens, [count, length], 'int32'),
    positions: tf.tensor3d(positions, [3, count, length], 'int32'),
    ...segmentTensors(segments, count, length, layout),
    visual: tf.tensor2d(visual, [count, length], 'int32'),
  };
  if (images.length > 0) batch.images = imageTensors(images, patches, config.vision);
  return {
    batch,
    targets: targetTensors(predictors, predicted, config),
    origin,
    tokenCount,
  };
}

/** The targets in tensors, padded (see `FEWEST_TARGETS`). */
function targetTensors(from: readonly number[], predicted: readonly number[], { vocabSize }: ModelConfig): Targets {
  const fewest = vocabSize < LARGE_VOCABULARY ? FEWEST_TARGETS.small : FEWEST_TARGETS.large;
  const length = 2 ** Math.ceil(Math.log2(Math.max(fewest, from.length)));
  const padded = (values: readonly number[]) => Int32Array.from({ length }, (_, i) => values[i] ?? 0);
  return { from: tf.tensor1d(padded(from), 'int32'), token: tf.tensor1d(padded(predicted), 'int32') };
}

/** The layout in blocks; undefined if no row has several segments, or if blocks are not cheaper. */
function layoutOf(rows: readonly Row[], dense: number): BlockLayout | undefined {
  if (rows.every(({ segments }) => segments.length < 2)) return undefined;
  const lengths = rows.map(({ prefix, segments }) => ({
    prefix: prefix.tokens.length,
    segments: segments.map(({ tokens }) => tokens.length),
  }));
  return blockLayout(lengths, dense);
}

function segmentTensors(
  segments: Int32Array,
  count: number,
  length: number,
  layout: BlockLayout | undefined,
): Pick<TokenBatch, 'segments' | 'blocks'> {
  if (!layout) return { segments: tf.tensor2d(segments, [count, length], 'int32') };
  const { prefix, blocks, size } = layout;
  const part = (from: number, to: number) =>
    Int32Array.from({ length: count * (to - from) }, (_, i) => {
      const row = Math.floor(i / (to - from));
      return segments[row * length + from + (i % (to - from))]!;
    });
  return {
    segments: tf.tensor2d(part(0, prefix), [count, prefix], 'int32'),
    blocks: tf.tensor3d(part(prefix, length), [count, blocks, size], 'int32'),
  };
}

/** Frees the tensors of a batch. */
export function disposeBatch({ batch, targets }: CollatedBatch): void {
  const { images, blocks, ...rest } = batch;
  tf.dispose([...Object.values(rest), ...Object.values(images ?? {}), ...Object.values(targets)]);
  blocks?.dispose();
}

interface LaidRow {
  tokens: number[];
  positions: Position[];
  segments: number[];
  /** For each token the image (counted in this row) and the merged patch that it stands for; undefined for text. */
  visual: ({ image: number; within: number } | undefined)[];
  images: ProcessedImage[];
  /** The place of the token that predicts, that of the token predicted, and where the latter belongs (see `origin`). */
  targets: { predictor: number; predicted: number; segment: number; index: number }[];
}

/** Lays down prefix and segments one after the other. Each segment's positions go on from the end of the prefix. */
function layRow(row: Row, config: ModelConfig): LaidRow {
  const laid: LaidRow = { tokens: [], positions: [], segments: [], visual: [], images: [], targets: [] };
  appendTokens(laid, { ...row.prefix, images: row.images }, 0, 0, config);
  row.prefix.trained?.forEach((trained, index) => {
    if (trained && index > 0) laid.targets.push({ predictor: index - 1, predicted: index, segment: -1, index });
  });
  const start = nextPosition(laid.positions);
  const end = row.prefix.tokens.length - 1;
  row.segments.forEach((segment, s) => {
    const first = laid.tokens.length;
    appendTokens(laid, segment, s + 1, start, config);
    segment.trained?.forEach((trained, index) => {
      const predictor = index === 0 ? end : first + index - 1;
      if (trained && predictor >= 0) laid.targets.push({ predictor, predicted: first + index, segment: s, index });
    });
  });
  return laid;
}

/** Lays tokens down behind those that lie there. The merged patches of images take the places of their image tokens. */
function appendTokens(
  laid: LaidRow,
  { tokens, images = [] }: Segment,
  segment: number,
  start: number,
  { imageTokenId, vision }: ModelConfig,
): void {
  const grids = images.map((image) => image.grid);
  // One by one: a call with as many arguments as a long text has tokens would overflow the stack.
  for (const position of positionIds(tokens, grids, imageTokenId, vision.mergeSize, start))
    laid.positions.push(position);
  const places = grids.flatMap(([t, h, w], image) =>
    Array.from({ length: (t * h * w) / vision.mergeSize ** 2 }, (_, within) => ({
      image: laid.images.length + image,
      within,
    })),
  );
  let next = 0;
  for (const token of tokens) {
    laid.tokens.push(token);
    laid.segments.push(segment);
    laid.visual.push(token === imageTokenId ? places[next++] : undefined);
  }
  laid.images.push(...images);
}
