/** The state of a training run between two steps: the tensors that a checkpoint holds, checked before they are saved and when they are read. */
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { downloadTensor, uploadTensor } from '../engine/transfer.js';
import { finitePieces } from '../model/finite-weights.js';
import { storedTensors, writeSafetensors } from '../model/safetensors.js';
import type { AdamW, TensorMap } from './adamw.js';

export interface TrainingState {
  /** The parameters that move: each step replaces them in place, checkpoints save them, a resume restores them. */
  trainable: TensorMap;
  /** Tensors that a resume replaces and yet must not free, such as those of a reference model. */
  tensorsNotToFree?: ReadonlySet<tf.Tensor>;
  optimizer: AdamW;
  /** Further tensors that steps move, by the name of their file in a checkpoint: saved and restored in place too. */
  state?: { readonly [name: string]: TensorMap };
}

/** The tensors of a checkpoint that was read, by the name of their file; the caller restores or frees them. */
export interface SavedState {
  tensors: { [file: string]: TensorMap };
  /** The number of updates that the optimizer has taken. */
  updates: number;
}

/** @throws Error naming the first weight, moment or other tensor of the state that holds a NaN or an infinity */
export function checkState({ trainable, optimizer, state = {} }: TrainingState): void {
  for (const tensors of [trainable, optimizer.state().moments, ...Object.values(state)]) {
    const name = firstNotFinite(tensors);
    if (name !== undefined)
      throw new Error(
        `the update made '${name}' not finite (it holds NaN or Infinity), so it is not saved; lower the learning rate`,
      );
  }
}

/** The name of the first tensor that holds a NaN or an infinity. The device sends one number for all of them. */
function firstNotFinite(tensors: TensorMap): string | undefined {
  const entries = Object.entries(tensors);
  if (entries.length === 0) return undefined;
  const isSound = (tensor: tf.Tensor) => tf.all(tf.isFinite(tensor));
  const allSound = tf.tidy(() => tf.all(tf.stack(entries.map(([, tensor]) => isSound(tensor)))).dataSync()[0] === 1);
  if (allSound) return undefined;
  return entries.find(([, tensor]) => tf.tidy(() => isSound(tensor).dataSync()[0] === 0))![0];
}

/** Writes the state's tensors into a folder: `trainable`, `optimizer` and further ones, each a safetensors file. */
export function writeState(folder: string, { trainable, optimizer, state = {} }: TrainingState): void {
  const { moments, updates } = optimizer.state();
  const count = tf.scalar(updates);
  try {
    for (const [name, tensors] of Object.entries({ trainable, optimizer: { ...moments, updates: count }, ...state }))
      writeTensors(fileOf(folder, name), tensors);
  } finally {
    count.dispose();
  }
}

/**
 * Reads the state that a folder holds.
 *
 * @param current the state of the same run, which says what tensors there are and of which shapes; it stays as it is
 * @throws Error naming the file that is missing or damaged, or the tensor that is not this run's or not finite
 */
export function readState(folder: string, { trainable, state = {} }: TrainingState): SavedState {
  const tensors: { [file: string]: TensorMap } = {};
  try {
    for (const name of ['trainable', 'optimizer', ...Object.keys(state)])
      tensors[name] = readTensors(fileOf(folder, name));
    const { updates: count, ...moments } = tensors.optimizer!;
    if (count?.size !== 1) throw new Error(`${fileOf(folder, 'optimizer')} does not hold the number of updates`);
    const updates = count.dataSync()[0] as number;
    count.dispose();
    tensors.optimizer = moments;
    const expected = { trainable, optimizer: updates === 0 ? {} : momentsOf(trainable), ...state };
    for (const [name, known] of Object.entries(expected)) {
      const file = fileOf(folder, name);
      checkAlike(file, tensors[name]!, known);
      const broken = firstNotFinite(tensors[name]!);
      if (broken !== undefined) throw new Error(`${file}: '${broken}' is not finite`);
    }
    return { tensors, updates };
  } catch (error) {
    tf.dispose(tensors);
    throw error;
  }
}

/**
 * Checks the state that a folder holds without the model that it is of: whether the files are there and sound, the optimizer has its
 * two moments of each weight and of no other, in that weight's shape, and every number is finite.
 *
 * @returns the number of tensors
 * @throws Error naming the file, and the tensor that is missing, of another shape or not finite
 */
export function checkStoredState(folder: string): number {
  const shapesOf = (name: string): Map<string, string> => {
    const file = fileOf(folder, name);
    if (!existsSync(file)) throw new Error(`${file} is missing`);
    const shapes = new Map<string, string>();
    for (const { name: tensor, shape, pieces } of storedTensors(file)) {
      for (const _ of finitePieces(pieces(), tensor, file));
      shapes.set(tensor, String(shape));
    }
    return shapes;
  };
  const weights = shapesOf('trainable');
  const moments = shapesOf('optimizer');
  if (!moments.delete('updates')) throw new Error(`${fileOf(folder, 'optimizer')} does not hold the number of updates`);
  // Before the first update there are none.
  for (const [moment, shape] of moments) {
    const weight = moment.replace(/^(first|second)\//, '');
    if (weights.get(weight) !== shape)
      throw new Error(
        `${fileOf(folder, 'optimizer')}: '${moment}' is [${shape}], and the weight is [${weights.get(weight)}]`,
      );
  }
  if (moments.size > 0 && moments.size !== 2 * weights.size)
    throw new Error(`${fileOf(folder, 'optimizer')} holds ${moments.size} moments of ${weights.size} weights`);
  const known = ['trainable.safetensors', 'optimizer.safetensors'];
  const others = readdirSync(folder).filter((name) => name.endsWith('.safetensors') && !known.includes(name));
  const further = others.map((name) => shapesOf(name.slice(0, -'.safetensors'.length)).size);
  return weights.size + moments.size + further.reduce((a, b) => a + b, 0);
}

/** Replaces the tensors in memory by those that were read, and frees the old ones. */
export function restoreState(
  { trainable, tensorsNotToFree, optimizer, state = {} }: TrainingState,
  { tensors: { trainable: weights, optimizer: moments, ...others }, updates }: SavedState,
): void {
  tf.dispose(Object.values(trainable).filter((tensor) => !tensorsNotToFree?.has(tensor)));
  Object.assign(trainable, weights);
  optimizer.restore({ moments: moments!, updates });
  for (const [name, tensors] of Object.entries(state)) {
    tf.dispose(tensors);
    Object.assign(tensors, others[name]);
  }
}

/** Names and shapes of an optimizer's moments. */
function momentsOf(trainable: TensorMap): TensorMap {
  const entries = Object.entries(trainable);
  return Object.fromEntries(
    ['first', 'second'].flatMap((moment) => entries.map(([name, tensor]) => [`${moment}/${name}`, tensor])),
  );
}

/** @throws Error naming the first tensor that only one of the two has, or that has another shape */
function checkAlike(file: string, stored: TensorMap, known: TensorMap): void {
  const fail = (problem: string): never => {
    throw new Error(`${file} is not of this run: ${problem}`);
  };
  for (const [name, { shape }] of Object.entries(known)) {
    if (!stored[name]) fail(`it lacks '${name}'`);
    if (String(stored[name]!.shape) !== String(shape))
      fail(`'${name}' is [${stored[name]!.shape}], but the model has [${shape}]`);
  }
  const strange = Object.keys(stored).find((name) => !known[name]);
  if (strange !== undefined) fail(`it holds '${strange}', which is not trained here`);
}

function fileOf(folder: string, name: string): string {
  return path.join(folder, `${name}.safetensors`);
}

function writeTensors(file: string, tensors: TensorMap): void {
  const entries = Object.entries(tensors).map(([name, tensor]) => ({
    name,
    shape: tensor.shape,
    // In pieces: as a whole, the state's copy on the host would take as much memory again as the state.
    data: () => downloadTensor(tensor),
  }));
  writeSafetensors(file, entries);
}

function readTensors(file: string): TensorMap {
  if (!existsSync(file)) throw new Error(`${file} is missing`);
  const tensors: TensorMap = {};
  for (const { name, shape, pieces } of storedTensors(file)) tensors[name] = uploadTensor(shape, pieces());
  return tensors;
}
