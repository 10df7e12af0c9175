/** The checkpoints of a finished run: the trained one, and with evaluation during training the best one. */
import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { type Model, saveModel } from '../model/model.js';
import { readSafetensors } from '../model/safetensors.js';
import type { TensorMap } from './adamw.js';
import type { BestCheckpoint, RunDirectory } from './run-directory.js';

/** The folders of a run's checkpoints in the field's layout. */
export interface TrainedCheckpoints {
  /** After the last step. */
  final: string;
  /** The checkpoint with the best score on held-out items; `final` itself when the last step was the best. */
  best?: BestCheckpoint & { folder: string };
}

/**
 * Saves the trained model as the run's `final/`. When an earlier checkpoint had a better score, it saves that as `best/`. Each
 * folder appears whole or not at all.
 *
 * @param steps number of steps completed
 */
export function saveTrained(model: Model, run: RunDirectory, steps: number): TrainedCheckpoints {
  saveModel(model, run.final);
  const best = run.bestCheckpoint();
  if (!best) return { final: run.final };
  if (best.step === steps) return { final: run.final, best: { ...best, folder: run.final } };
  const trained: TensorMap = {};
  try {
    for (const { name, shape, data } of readSafetensors(path.join(best.folder, 'trainable.safetensors')))
      trained[name] = tf.tensor(data, shape, 'float32');
    saveModel({ ...model, parameters: { ...model.parameters, ...trained } }, run.best);
  } finally {
    tf.dispose(trained);
  }
  return { final: run.final, best: { ...best, folder: run.best } };
}
