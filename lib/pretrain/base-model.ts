/**
 * Pretrains a base model: a nano Qwen2-VL that learns to see every look of the three tasks and to write. `lessons/` says what it is
 * shown, and `recipe.ts` how often and for how long.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { writeFolderAtomic } from '../engine/atomic-write.js';
import { startEngine } from '../engine/backend.js';
import { writeFileOfPartial } from '../engine/disk.js';
import { fileDigest } from '../engine/file-digest.js';
import { downloadTensor } from '../engine/transfer.js';
import { disposeModel, loadModel, type Model } from '../model/model.js';
import { writeSafetensors } from '../model/safetensors.js';
import type { TensorMap } from '../train/adamw.js';
import type { LoopControl } from '../train/loop.js';
import type { Metrics } from '../train/metrics.js';
import { RunDirectory } from '../train/run-directory.js';
import { examinationItems, scheduleExaminations } from './examination.js';
import { newNanoModel } from './nano-model.js';
import { pretrain } from './pretrain.js';
import type { BaseModelRecipe } from './recipe.js';
import { pretrainingRows } from './rows.js';
import { heldScenes, pretrainingFingerprints } from './scenes.js';

/** What the recipe of a model that goes on from another leaves behind in its checkpoint. */
interface PretrainingRecord {
  recipe: BaseModelRecipe;
  /** The metrics of the last step. */
  last: Metrics | undefined;
  /** The record of the checkpoint that it goes on from; absent where it began with random weights. */
  start?: PretrainingRecord;
}

/**
 * Pretrains a base model and writes its checkpoint to `final/` of the run folder. A run that was stopped or killed at any step goes on
 * from its last checkpoint when it is called again, here or, with the folder copied, on another machine.
 *
 * After each examination the step's metrics hold `eval_caption/{look}` and `eval_short/{look}`: the shares of held-out pictures whose
 * whole caption, and of short questions whose answer, is right to the letter.
 *
 * @param start the checkpoint folder of the base model that this one goes on from. Default: random weights
 * @returns the folder of the checkpoint
 * @throws Error where `start` is no base model of this pretraining
 */
export async function pretrainBaseModel(
  folder: string,
  recipe: BaseModelRecipe,
  { start, ...control }: { start?: string } & Omit<LoopControl, 'evaluate'> = {},
): Promise<string> {
  await startEngine();
  const { model, files } = newNanoModel(recipe.seed);
  const before = start === undefined ? undefined : goOnFrom(start, model);
  const startDigest = start === undefined ? {} : { start: fileDigest(path.join(start, 'model.safetensors')) };
  const run = RunDirectory.open(folder, { recipe, configFile: files['config.json'], ...startDigest });
  try {
    const items = examinationItems(recipe.examination.items);
    const held = new Set([...heldScenes(), ...items.map(({ fingerprint }) => fingerprint)]);
    const rowsOf = pretrainingRows(recipe, model, held);
    const evaluate = scheduleExaminations(model, items, recipe.examination.every);
    const { config, parameters } = model;
    await pretrain({ config, parameters, rowsOf, settings: recipe, run, evaluate, ...control });
    writeFolderAtomic(run.final, (partial) => {
      const writeJson = (name: string, value: unknown) =>
        writeFileOfPartial(path.join(partial, name), `${JSON.stringify(value, null, 1)}\n`);
      for (const [name, value] of Object.entries(files)) writeJson(name, value);
      const record: PretrainingRecord = {
        recipe,
        last: run.metrics().at(-1),
        ...(before ? { start: before.record } : {}),
      };
      writeJson('pretraining.json', record);
      const scenes = [...new Set([...pretrainingFingerprints(recipe, held), ...(before?.scenes ?? [])])].sort();
      writeFileOfPartial(path.join(partial, 'pretraining-scenes.txt'), `${scenes.join('\n')}\n`);
      const tensors = Object.entries(parameters).map(([name, tensor]) => {
        return { name, shape: tensor.shape, data: () => downloadTensor(tensor) };
      });
      writeSafetensors(path.join(partial, 'model.safetensors'), tensors);
    });
    return run.final;
  } finally {
    disposeModel(model);
  }
}

/** Gives the model the weights of another base model, and reads what that one was shown. */
function goOnFrom(start: string, model: Model & { parameters: TensorMap }) {
  const weights = loadModel(start, { dtype: 'float32' }).parameters as TensorMap;
  for (const [name, tensor] of Object.entries(model.parameters)) {
    const held = weights[name];
    if (String(held?.shape) !== String(tensor.shape))
      throw new Error(
        `${start} is no base model of this pretraining, whose tensor '${name}' is [${tensor.shape}]; there it is ${held ? `[${held.shape}]` : 'missing'}`,
      );
    tensor.dispose();
    model.parameters[name] = held!;
  }
  const read = (name: string) => readFileSync(path.join(start, name), 'utf8');
  return {
    record: JSON.parse(read('pretraining.json')) as PretrainingRecord,
    scenes: read('pretraining-scenes.txt').trim().split('\n'),
  };
}
