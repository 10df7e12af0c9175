/**
 * Pretrains the base model: a nano Qwen2-VL that learns to see every look of the three tasks and to write. `lessons/` says what it is
 * shown, and `recipe.ts` how often and for how long.
 */
import path from 'node:path';
import { writeFolderAtomic } from '../engine/atomic-write.js';
import { startEngine } from '../engine/backend.js';
import { writeFileOfPartial } from '../engine/disk.js';
import { downloadTensor } from '../engine/transfer.js';
import { disposeModel } from '../model/model.js';
import { writeSafetensors } from '../model/safetensors.js';
import type { LoopControl } from '../train/loop.js';
import { RunDirectory } from '../train/run-directory.js';
import { examinationItems, scheduleExaminations } from './examination.js';
import { newNanoModel } from './nano-model.js';
import { pretrain } from './pretrain.js';
import type { BaseModelRecipe } from './recipe.js';
import { pretrainingRows } from './rows.js';
import { heldScenes, pretrainingFingerprints } from './scenes.js';

/**
 * Pretrains the base model and writes its checkpoint to `final/` of the run folder. A run that was stopped or killed at any step goes on
 * from its last checkpoint when it is called again, here or, with the folder copied, on another machine.
 *
 * After each examination the step's metrics hold `eval_caption/{look}` and `eval_short/{look}`: the shares of held-out pictures whose
 * whole caption, and of short questions whose answer, is right to the letter.
 *
 * @returns the folder of the checkpoint
 */
export async function pretrainBaseModel(
  folder: string,
  recipe: BaseModelRecipe,
  control: Omit<LoopControl, 'evaluate'> = {},
): Promise<string> {
  await startEngine();
  const { model, files } = newNanoModel(recipe.seed);
  const run = RunDirectory.open(folder, { recipe, configFile: files['config.json'] });
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
      writeJson('pretraining.json', { recipe, last: run.metrics().at(-1) });
      const scenes = pretrainingFingerprints(recipe, held);
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
