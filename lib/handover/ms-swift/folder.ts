/** The folder of a hand-over to ms-swift: `swift sft` for stage 1 and `swift rlhf` for GRPO. */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { writeParquetTable } from '../../data/parquet-table.js';
import { streamFileAtomic } from '../../engine/atomic-write.js';
import { writeFileOfPartial } from '../../engine/disk.js';
import { readConfig } from '../../model/configuration.js';
import { copyModel } from '../copy-model.js';
import type { Experiment, HandedModel } from '../experiment.js';
import { markedMessages } from '../marked-messages.js';
import { tablePictures } from '../pictures.js';
import { copyPython, writeRewards } from '../rewards-folder.js';
import { namedNotes } from '../translation.js';
import { completionsPerUpdate, updatesPerStep } from '../trl/grpo-options.js';
import { grpoOptions } from './grpo-options.js';
import { launchFiles } from './launch.js';
import { loraOptions } from './lora-options.js';
import { REQUIREMENTS, readmeText, VLLM_REQUIREMENTS } from './readme.js';
import { sftOptions } from './sft-options.js';

/**
 * Writes the folder.
 *
 * @throws RefusedSettings naming every setting that ms-swift cannot express, or Error naming a row whose text it would misread or a picture
 *   that cannot be read
 */
export async function writeMsSwift(folder: string, experiment: Experiment): Promise<void> {
  const { stageOne, heldOut, lora, grpo, questions } = experiment;
  refuseOtherPictures(experiment.model);
  const translated = {
    grpo: grpoOptions(experiment),
    ...(stageOne && { sft: sftOptions(stageOne.settings, stageOne.rows.length) }),
    ...(lora && { lora: loraOptions(lora, grpo.freezeVision) }),
  };
  for (const name of ['data', 'config', 'launch']) mkdirSync(path.join(folder, name));
  const at = (name: string) => path.join(folder, ...name.split('/'));
  await writeQuestions(at('data/train.parquet'), questions, 'train');
  if (heldOut) await writeQuestions(at('data/held-out.parquet'), heldOut.rows, 'held-out');
  if (stageOne) await writeExamples(at('data/sft.parquet'), stageOne);
  const { packages } = await writeRewards(folder, experiment);
  copyModel(experiment.model, folder);
  for (const name of ['kit_rewards.py', 'train.py']) copyPython(`ms-swift/${name}`, at(name));
  const writeJson = (name: string, value: object) =>
    writeFileOfPartial(at(name), `${JSON.stringify(value, null, 1)}\n`);
  writeJson('config/grpo.json', grpoConfig(experiment, translated.grpo.options));
  if (translated.sft) writeJson('config/sft.json', sftConfig(experiment, translated.sft.options));
  for (const [name, content] of Object.entries(launchFiles(experiment))) writeFileOfPartial(at(name), content);
  writeFileOfPartial(at('requirements.txt'), REQUIREMENTS);
  writeFileOfPartial(at('requirements-vllm.txt'), VLLM_REQUIREMENTS);
  writeFileOfPartial(at('README.md'), readmeText(experiment, namedNotes(translated), packages));
}

/** The sides of patches of the published checkpoints, and the token of a picture there. ms-swift holds to these, whatever a checkpoint says. */
const [PATCH_SIZES, PICTURE_TOKEN] = [[14, 16], 151_655];

/** @throws Error when the checkpoint cuts pictures into other patches, or has another token for them */
function refuseOtherPictures(model: HandedModel): void {
  if (!('folder' in model)) return;
  const { vision, imageTokenId } = readConfig(model.folder);
  const has = (what: string, value: number, wanted: string) =>
    new Error(
      `${model.folder} has ${what} ${value}, and ms-swift holds to those of the published checkpoints, ${wanted}; hand over to TRL or verl`,
    );
  if (!PATCH_SIZES.includes(vision.patchSize)) throw has('patch_size', vision.patchSize, PATCH_SIZES.join(' or '));
  if (imageTokenId !== PICTURE_TOKEN) throw has('image_token_id', imageTokenId, String(PICTURE_TOKEN));
}

/** What both configurations hold beside the arguments of one phase. */
function sharedConfig({ model, pixels, precision, lora }: Experiment, options: object, freezeVision: boolean) {
  const isWide = precision === 'float32' || lora === undefined;
  return {
    options: {
      ...options,
      tuner_type: lora ? 'lora' : 'full',
      // Weights that train are float32. Below adapters they may stay as the checkpoint has them.
      torch_dtype: isWide ? 'float32' : 'bfloat16',
      ...{ bf16: precision === 'bfloat16', fp16: false },
      ...(lora && { ...loraOptions(lora, freezeVision).options, lora_dtype: 'float32' }),
    },
    model: 'folder' in model ? { folder: 'model' } : model,
    environment: {
      ...(pixels.minPixels === undefined ? {} : { MIN_PIXELS: String(pixels.minPixels) }),
      ...(pixels.maxPixels === undefined ? {} : { MAX_PIXELS: String(pixels.maxPixels) }),
    },
  };
}

function grpoConfig(experiment: Experiment, options: object): object {
  const { grpo, rewards, stageOne, heldOut } = experiment;
  return {
    ...sharedConfig(experiment, options, grpo.freezeVision),
    rewards: rewards.map(({ name, weight }) => ({ name, weight })),
    ...{ stage_one: stageOne !== undefined, held_out: heldOut !== undefined, data: 'train.parquet' },
    ...{ per_update: completionsPerUpdate(grpo), what: 'completions' },
    at_once: grpo.promptsPerMicroBatch * grpo.completions,
    updates_per_step: updatesPerStep(grpo),
  };
}

function sftConfig(experiment: Experiment, options: object): object {
  const { batchSize, examplesPerMicroBatch, freezeVision } = experiment.stageOne!.settings;
  return {
    ...sharedConfig(experiment, options, freezeVision),
    ...{ stage_one: false, data: 'sft.parquet' },
    ...{ per_update: batchSize, what: 'examples', at_once: examplesPerMicroBatch },
  };
}

/** Rows of GRPO. The rewards' server has the other columns, and knows a row by its id. */
async function writeQuestions(file: string, questions: Experiment['questions'], split: string): Promise<void> {
  const rows = async function* () {
    for (const [index, question] of questions.entries())
      yield {
        ...{ id: question.id, split, messages: markedMessages(question) },
        ...{ images: await tablePictures(question, index), solution: question.solution },
      };
  };
  const columns = { id: 'text', split: 'text', messages: 'messages', images: 'pictures', solution: 'text' } as const;
  await streamFileAtomic(file, (write) => writeParquetTable(write, columns, rows()));
}

async function writeExamples(file: string, { rows: examples }: NonNullable<Experiment['stageOne']>): Promise<void> {
  const rows = async function* () {
    for (const [index, example] of examples.entries())
      yield {
        messages: [...markedMessages(example), { role: 'assistant', content: example.completion }],
        images: await tablePictures(example, index),
      };
  };
  const columns = { messages: 'messages', images: 'pictures' } as const;
  await streamFileAtomic(file, (write) => writeParquetTable(write, columns, rows()));
}
