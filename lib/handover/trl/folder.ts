/** The folder of a hand-over to TRL: both phases, with accelerate, DeepSpeed and vLLM. */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { type TableMessage, writeParquetTable } from '../../data/parquet-table.js';
import { streamFileAtomic } from '../../engine/atomic-write.js';
import { writeFileOfPartial } from '../../engine/disk.js';
import type { PreparedRow } from '../../study/cells/prepared-rows.js';
import { copyModel } from '../copy-model.js';
import type { Experiment } from '../experiment.js';
import { tablePictures } from '../pictures.js';
import { copyPython, writeRewards } from '../rewards-folder.js';
import { namedNotes, RefusedSettings } from '../translation.js';
import { completionsPerUpdate, grpoOptions, updatesPerStep } from './grpo-options.js';
import { launchFiles } from './launch.js';
import { loraOptions } from './lora-options.js';
import { REQUIREMENTS, readmeText, VLLM_REQUIREMENTS } from './readme.js';
import { sftOptions } from './sft-options.js';

/**
 * Writes the folder.
 *
 * @throws RefusedSettings naming every setting that TRL cannot express, or a picture that cannot be read
 */
export async function writeTrl(folder: string, experiment: Experiment): Promise<void> {
  const { stageOne, heldOut, lora, grpo } = experiment;
  refuseTakenNames(experiment);
  const translated = {
    grpo: grpoOptions(experiment),
    ...(stageOne && { sft: sftOptions(stageOne.settings, stageOne.rows.length) }),
    ...(lora && { lora: loraOptions(lora, grpo.freezeVision) }),
  };
  for (const name of ['data', 'config', 'launch']) mkdirSync(path.join(folder, name));
  const at = (name: string) => path.join(folder, ...name.split('/'));
  await writeQuestions(at('data/train.parquet'), experiment.questions);
  if (heldOut) await writeQuestions(at('data/held-out.parquet'), heldOut.rows);
  if (stageOne) await writeExamples(at('data/sft.parquet'), stageOne);
  const { packages } = await writeRewards(folder, experiment);
  copyModel(experiment.model, folder);
  const phases = ['common.py', 'train_grpo.py', ...(stageOne ? ['train_sft.py'] : [])];
  for (const name of phases) copyPython(`trl/${name}`, at(name));
  const writeJson = (name: string, value: object) =>
    writeFileOfPartial(at(name), `${JSON.stringify(value, null, 1)}\n`);
  writeJson('config/grpo.json', grpoConfig(experiment, translated.grpo.options));
  if (translated.sft) writeJson('config/sft.json', sftConfig(experiment, translated.sft.options));
  for (const [name, content] of Object.entries(launchFiles(experiment))) writeFileOfPartial(at(name), content);
  writeFileOfPartial(at('requirements.txt'), REQUIREMENTS);
  writeFileOfPartial(at('requirements-vllm.txt'), VLLM_REQUIREMENTS);
  writeFileOfPartial(at('README.md'), readmeText(experiment, namedNotes(translated), packages));
}

/** The columns of the files in which TRL writes completions, beside a column for each reward. */
const TAKEN_NAMES = ['step', 'prompt', 'completion', 'advantage', 'id', 'text', 'image'];

/** @throws RefusedSettings naming a reward whose column another would take the place of */
function refuseTakenNames({ rewards }: Experiment): void {
  const taken = rewards.find(({ name }) => TAKEN_NAMES.includes(name));
  if (taken)
    throw new RefusedSettings(
      `TRL writes a column '${taken.name}' of its own beside those of the rewards; give the reward another name (that of its export)`,
    );
}

/** What both configurations hold beside the options of TRL. */
function sharedConfig({ model, pixels, precision, lora }: Experiment, freezeVision: boolean) {
  return {
    model: 'folder' in model ? { folder: 'model' } : model,
    pixels: {
      ...(pixels.minPixels === undefined ? {} : { min_pixels: pixels.minPixels }),
      ...(pixels.maxPixels === undefined ? {} : { max_pixels: pixels.maxPixels }),
    },
    ...{ precision, lora: lora ? loraOptions(lora, freezeVision).options : null, freeze_vision: freezeVision },
  };
}

function grpoConfig(experiment: Experiment, options: object): object {
  const { grpo, rewards, stageOne, heldOut } = experiment;
  const updates = updatesPerStep(grpo);
  const isFlat = grpo.schedule.decay === 'constant' && grpo.schedule.warmupSteps === 0;
  return {
    options,
    ...sharedConfig(experiment, grpo.freezeVision),
    rewards: rewards.map(({ name, weight }) => ({ name, weight })),
    stage_one: stageOne !== undefined,
    held_out: heldOut !== undefined,
    completions_per_update: completionsPerUpdate(grpo),
    completions_at_once: grpo.promptsPerMicroBatch * grpo.completions,
    updates_per_step: updates,
    hold_rate: updates > 1 && !isFlat,
  };
}

/** What `train_sft.py` reads. */
export function sftConfig(experiment: Experiment, options: object): object {
  const { settings } = experiment.stageOne!;
  return {
    options,
    ...sharedConfig(experiment, settings.freezeVision),
    batch_size: settings.batchSize,
    examples_at_once: settings.examplesPerMicroBatch,
  };
}

/** The turns that ask about a row. TRL puts the pictures before the text of the user's turn, as the kit does. */
function promptMessages({ prompt, system }: Pick<PreparedRow, 'prompt' | 'system'>): TableMessage[] {
  const before = system === undefined ? [] : [{ role: 'system', content: system }];
  return [...before, { role: 'user', content: prompt }];
}

async function writeQuestions(file: string, questions: Experiment['questions']): Promise<void> {
  const rows = async function* () {
    for (const [i, question] of questions.entries())
      yield {
        ...{ id: question.id, prompt: promptMessages(question), images: await tablePictures(question, i) },
        answer: question.solution,
      };
  };
  const columns = { id: 'text', prompt: 'messages', images: 'pictures', answer: 'text' } as const;
  await streamFileAtomic(file, (write) => writeParquetTable(write, columns, rows()));
}

/** Writes the rows of stage 1. */
export async function writeExamples(
  file: string,
  { rows: examples }: NonNullable<Experiment['stageOne']>,
): Promise<void> {
  const rows = async function* () {
    for (const [i, example] of examples.entries())
      yield {
        ...{ id: example.id, prompt: promptMessages(example) },
        completion: [{ role: 'assistant', content: example.completion }],
        images: await tablePictures(example, i),
      };
  };
  const columns = { id: 'text', prompt: 'messages', completion: 'messages', images: 'pictures' } as const;
  await streamFileAtomic(file, (write) => writeParquetTable(write, columns, rows()));
}
