/** Stage 1 alone, for a hand-over whose GRPO another trainer computes: TRL's script, its configuration, its rows. */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { writeFileOfPartial } from '../../engine/disk.js';
import type { Experiment } from '../experiment.js';
import { copyPython } from '../rewards-folder.js';
import type { Translation } from '../translation.js';
import { sftConfig, writeExamples } from './folder.js';
import { launchFiles, updateSizes } from './launch.js';
import { REQUIREMENTS } from './readme.js';
import { sftOptions } from './sft-options.js';

/**
 * Writes a folder of stage 1, which leaves its checkpoint in `out/sft/final` there.
 *
 * @param modelFolder where the start lies, as seen from the folder
 * @returns what to know of single settings
 * @throws Error naming every setting that TRL cannot express, or a picture that cannot be read
 */
export async function writeStageOne(
  folder: string,
  experiment: Experiment,
  modelFolder: string,
): Promise<Translation['notes']> {
  const { settings, rows } = experiment.stageOne!;
  const { options, notes } = sftOptions(settings, rows.length);
  for (const name of ['', 'data', 'config', 'launch']) mkdirSync(path.join(folder, name));
  const at = (name: string) => path.join(folder, ...name.split('/'));
  await writeExamples(at('data/sft.parquet'), experiment.stageOne!);
  for (const name of ['common.py', 'train_sft.py']) copyPython(`trl/${name}`, at(name));
  const config = { ...sftConfig(experiment, options), model: { folder: modelFolder } };
  writeFileOfPartial(at('config/sft.json'), `${JSON.stringify(config, null, 1)}\n`);
  const { sft } = updateSizes(experiment);
  for (const [name, content] of Object.entries(launchFiles(experiment, { sft: sft! })))
    writeFileOfPartial(at(name), content);
  writeFileOfPartial(at('requirements.txt'), REQUIREMENTS);
  return Object.fromEntries(Object.entries(notes).map(([setting, note]) => [`sft.${setting}`, note]));
}
