/** The model of a training run from its start to its end: load, merge, add adapters, train, save. */
import path from 'node:path';
import { addAdapters, hasAdapters, type LoraSettings, mergeAdapters } from '../../model/lora.js';
import { disposeModel, type LoadOptions, loadModel, type Model, saveModel } from '../../model/model.js';
import type { RunDirectory } from '../../train/run-directory.js';
import { saveTrained, type TrainedCheckpoints } from '../../train/trained.js';

/** What a run starts from, and how it is loaded. */
export interface RunStart extends LoadOptions {
  /** The folder of the checkpoint, or of adapters. */
  checkpoint: string;
  /** The adapters that the run trains in place of all weights. */
  lora?: LoraSettings;
}

/**
 * Loads the start, trains it and saves the trained checkpoint.
 *
 * @param openRun opens the run directory, which happens once the start is known to be sound
 * @param train trains the model in place
 */
export async function trainFromStart(
  { checkpoint, lora, ...options }: RunStart,
  openRun: () => RunDirectory,
  train: (model: Model, run: RunDirectory) => Promise<void>,
): Promise<TrainedCheckpoints> {
  const model = loadModel(checkpoint, options);
  try {
    const merges = lora !== undefined && hasAdapters(model.parameters);
    if (merges) mergeAdapters(model.parameters);
    const merged: Model['parameters'] = { ...model.parameters };
    if (lora) addAdapters(model.parameters, lora);
    const run = openRun();
    if (merges) keepMergedStart({ ...model, parameters: merged }, model, run);
    await train(model, run);
    return saveTrained(model, run, run.metrics().length);
  } finally {
    disposeModel(model);
  }
}

/**
 * Saves the start with its adapters merged, as a checkpoint that the new adapters belong to. The reference of GRPO is then what the
 * start's adapters had learned, as in a run without adapters, and not the base below them.
 */
function keepMergedStart(merged: Model, model: Model, run: RunDirectory): void {
  const folder = path.join(run.folder, 'start');
  saveModel(merged, folder);
  model.folder = folder;
}
