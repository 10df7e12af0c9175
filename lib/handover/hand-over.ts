/** Hands an experiment over to another trainer: a folder that stands alone. */
import path from 'node:path';
import { writeFileOfPartial } from '../engine/disk.js';
import { unknownNameText } from '../engine/names.js';
import { kitCommit } from '../train/environment.js';
import { type Experiment, type ExperimentOptions, readExperiment } from './experiment.js';
import { writeMsSwift } from './ms-swift/folder.js';
import { writeNewFolder } from './new-folder.js';
import { writeTrl } from './trl/folder.js';
import { writeVerl } from './verl/folder.js';

/** What writes the folder for each trainer. It throws, naming each setting, where the trainer cannot train as asked. */
export const TRAINERS = {
  trl: writeTrl,
  verl: writeVerl,
  'ms-swift': writeMsSwift,
} as const satisfies { [trainer: string]: (folder: string, experiment: Experiment) => Promise<void> };
export type TrainerName = keyof typeof TRAINERS;

/** What is handed over, to whom, and where the folder goes. */
export interface HandOverOptions extends ExperimentOptions {
  to: TrainerName;
  /** A new folder, or an empty one. */
  out: string;
}

/** What was written. */
export interface HandOver {
  folder: string;
  rows: number;
  stageOneRows: number;
  heldOutRows: number;
}

/**
 * Writes a folder from which another trainer trains the experiment: rows as Parquet, the rewards with a client in Python, configurations
 * with every setting translated, scripts and a README.
 *
 * @throws RefusedSettings naming every setting that the trainer cannot express, or Error saying what else is wrong; nothing is written then
 * @example
 * await handOver({ to: 'trl', out: 'for-trl', data: 'rows.jsonl', model: 'Qwen/Qwen2.5-VL-7B-Instruct', rewards: 'accuracy,./mine.ts#brevity=0.2',
 *   grpo: grpoSettings({ steps: 200, temperatureInLoss: true }) });
 */
export async function handOver({ to, out, ...options }: HandOverOptions): Promise<HandOver> {
  if (!Object.hasOwn(TRAINERS, to)) throw new Error(unknownNameText('trainer', to, Object.keys(TRAINERS)));
  const experiment = await readExperiment(options);
  await writeNewFolder(out, async (folder) => {
    await TRAINERS[to](folder, experiment);
    writeFileOfPartial(path.join(folder, 'experiment.json'), `${JSON.stringify(recordOf(to, experiment), null, 1)}\n`);
  });
  return {
    ...{ folder: out, rows: experiment.questions.length },
    ...{ stageOneRows: experiment.stageOne?.rows.length ?? 0, heldOutRows: experiment.heldOut?.rows.length ?? 0 },
  };
}

/** What was handed over, in our own words; `takeback` reads it. */
function recordOf(to: TrainerName, experiment: Experiment): object {
  const { questions, stageOne, heldOut, model, rewards, grpo, lora, pixels, precision, templates } = experiment;
  return {
    ...{ format: 1, to, kit: kitCommit(), model: 'folder' in model ? { folder: 'model' } : model },
    ...{ grpo, ...(lora && { lora }), pixels, precision, ...templates },
    rewards: rewards.map(({ name, weight, code }) => ({ name, weight, ...code })),
    rows: questions.length,
    ...(stageOne && { stageOne: { target: stageOne.target, settings: stageOne.settings, rows: stageOne.rows.length } }),
    ...(heldOut && { heldOut: { ...heldOut, rows: heldOut.rows.length } }),
  };
}
