/**
 * The key-value cache of a generation.
 *
 * The keys and values of a prompt are held once for all of its completions. Each completion has a window of its own tokens: tokens
 * are added on the right, the window slides to the left, and it is widened when it is full.
 *
 * Completions are laid out as `[prompts, slots]`, equally many slots to each prompt. A slot whose completion has ended is idle. When
 * half of the rows or more are idle, the others are packed closer (`packSlots`).
 */
import * as tf from '@tensorflow/tfjs';
import { FORBIDDEN } from './attention.js';

/** Keys and values of the prompts, which decoding only reads: one tensor of each for every layer. */
export type PromptCache = {
  /** `[prompts, keyValueHeads, width, headSize]`, padded on the left. */
  keys: tf.Tensor4D[];
  values: tf.Tensor4D[];
  /** Added to the scores of the keys: 0, or -1e9 for padding, `[prompts, width]`. */
  bias: tf.Tensor2D;
};

/** The state that decoding moves on. Rows are prompts x slots. */
export type DecodeState = {
  /** `[prompts, keyValueHeads, slots, window, headSize]`, one tensor for each layer. */
  keys: tf.Tensor5D[];
  values: tf.Tensor5D[];
  /** Added to the scores of the window's keys, `[window]`. One is enough, as all completions have equally many tokens. */
  bias: tf.Tensor1D;
  /** Last hidden state of each row, `[rows, hidden]`. The next token is drawn from it. */
  hidden: tf.Tensor2D;
  /** Position of the next token, int32 `[rows]`. */
  position: tf.Tensor1D;
  /** 1 where the end token was drawn, int32 `[rows]`. */
  done: tf.Tensor1D;
  /** 1 for each token that occurs in the row's prompt or completion, `[rows, vocab]`; absent without a penalty on repetition. */
  seen?: tf.Tensor2D;
};

/** A part of the batch. */
export type Shard = { prompt: PromptCache; state: DecodeState };

/** The number of a completion for each slot, `[prompts][slots]`; -1 for an idle slot. */
export type Slots = number[][];

/** Frees all of a shard's tensors. */
export function disposeShard({ prompt, state }: Shard): void {
  tf.dispose([prompt.keys, prompt.values, prompt.bias]);
  disposeState(state);
}

/** Frees the tensors of a state. */
export function disposeState({ keys, values, ...rest }: DecodeState): void {
  tf.dispose([keys, values, ...Object.values(rest)]);
}

/** The bias `[prompts, width]` of prompts that are padded on the left to one width. */
export function promptBias(lengths: readonly number[], width: number): tf.Tensor2D {
  const bias = lengths.map((length) => Array.from({ length: width }, (_, i) => (i < width - length ? FORBIDDEN : 0)));
  return tf.tensor2d(bias, [lengths.length, width]);
}

/** Windows without any token yet. */
export function emptyWindows(
  { keys }: PromptCache,
  slots: number,
  window: number,
): Pick<DecodeState, 'keys' | 'values' | 'bias'> {
  const [prompts, groups, , size] = keys[0]!.shape;
  // Filled where TensorFlow computes: tf.zeros would make the window on the host and upload it.
  const empty = () => tf.fill([prompts, groups, slots, window, size], 0) as tf.Tensor5D;
  return { keys: keys.map(empty), values: keys.map(empty), bias: tf.fill([window], FORBIDDEN) as tf.Tensor1D };
}

/** The same state with `more` empty places on the left of each window. The old state is freed. */
export function widenWindows(state: DecodeState, more: number): DecodeState {
  const wider = (x: tf.Tensor5D): tf.Tensor5D => {
    const [prompts, groups, slots, , size] = x.shape;
    const widened = tf.tidy(() => tf.concat([tf.fill([prompts, groups, slots, more, size], 0), x], 3));
    x.dispose();
    return widened as tf.Tensor5D;
  };
  const bias = tf.tidy(() => tf.concat([tf.fill([more], FORBIDDEN), state.bias])) as tf.Tensor1D;
  state.bias.dispose();
  return { ...state, keys: state.keys.map(wider), values: state.values.map(wider), bias };
}

/**
 * Decides which slots stay when idle ones go. Prompts without a live completion leave, and every other prompt keeps as many slots
 * as the one with the most live completions needs. Both numbers shrink by halves and are the same for all parts, so that few shapes
 * occur.
 *
 * @param parts the slots of each part, all of one shape
 * @param live whether a completion goes on
 * @returns undefined if more than half of the rows would stay
 */
export function packSlots(parts: readonly Slots[], live: (completion: number) => boolean): Slots[] | undefined {
  const kept = parts.map((slots) =>
    slots.map((row) => row.filter((completion) => completion >= 0 && live(completion))).filter((row) => row.length > 0),
  );
  const halved = (size: number, needed: number): number => {
    let smaller = size;
    while (smaller > 1 && Math.ceil(smaller / 2) >= needed) smaller = Math.ceil(smaller / 2);
    return smaller;
  };
  const [prompts, slots] = [parts[0]!.length, parts[0]![0]!.length];
  const fewerPrompts = halved(prompts, Math.max(...kept.map((rows) => rows.length)));
  const fewerSlots = halved(slots, Math.max(...kept.flat().map((row) => row.length)));
  if (2 * fewerPrompts * fewerSlots > prompts * slots) return undefined;
  return kept.map((rows) =>
    Array.from({ length: fewerPrompts }, (_, p) => Array.from({ length: fewerSlots }, (_, s) => rows[p]?.[s] ?? -1)),
  );
}

/** Moves a shard's tensors to the packed slots, and frees the old ones. An idle slot holds the tensors of some live completion. */
export function packShard(shard: Shard, before: Slots, after: Slots): Shard {
  const slotsBefore = before[0]!.length;
  const isLive = (completion: number) => completion >= 0;
  const rowOf = new Map(
    before.flatMap((row, p) => row.map((completion, s) => [completion, p * slotsBefore + s] as const)),
  );
  const firstLive = after.flat().find(isLive);
  const fallback = firstLive === undefined ? 0 : rowOf.get(firstLive)!;
  const rows = after.flat().map((completion) => (isLive(completion) ? rowOf.get(completion)! : fallback));
  const prompts = after.map((row) => {
    const live = row.find(isLive);
    return Math.floor((live === undefined ? fallback : rowOf.get(live)!) / slotsBefore);
  });
  const packed = tf.tidy(() => {
    const rowIndices = tf.tensor1d(rows, 'int32');
    const promptIndices = tf.tensor1d(prompts, 'int32');
    const takeRows = (x: tf.Tensor5D): tf.Tensor5D => {
      const [p, groups, s, window, size] = x.shape;
      const byRow = tf.reshape(tf.transpose(x, [0, 2, 1, 3, 4]), [p * s, groups, window, size]);
      const taken = tf.reshape(tf.gather(byRow, rowIndices), [after.length, after[0]!.length, groups, window, size]);
      return tf.transpose(taken, [0, 2, 1, 3, 4]) as tf.Tensor5D;
    };
    const takePrompts = <T extends tf.Tensor>(x: T): T => tf.gather(x, promptIndices) as T;
    const { prompt, state } = shard;
    const idle = after.flat().map((completion) => Number(!isLive(completion)));
    return {
      prompt: {
        keys: prompt.keys.map(takePrompts),
        values: prompt.values.map(takePrompts),
        bias: takePrompts(prompt.bias),
      },
      state: {
        keys: state.keys.map(takeRows),
        values: state.values.map(takeRows),
        bias: tf.clone(state.bias),
        hidden: tf.gather(state.hidden, rowIndices) as tf.Tensor2D,
        position: tf.gather(state.position, rowIndices) as tf.Tensor1D,
        done: tf.tensor1d(idle, 'int32'),
        ...(state.seen && { seen: tf.gather(state.seen, rowIndices) as tf.Tensor2D }),
      },
    };
  });
  disposeShard(shard);
  return packed;
}
