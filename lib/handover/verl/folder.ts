/** The folder of a hand-over to verl: GRPO through FSDP, vLLM and Ray. Stage 1 goes through the files for TRL. */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { writeParquetTable } from '../../data/parquet-table.js';
import { streamFileAtomic } from '../../engine/atomic-write.js';
import { writeFileOfPartial } from '../../engine/disk.js';
import { copyModel } from '../copy-model.js';
import type { Experiment } from '../experiment.js';
import { markedMessages } from '../marked-messages.js';
import { tablePictures } from '../pictures.js';
import { copyPython, writeRewards } from '../rewards-folder.js';
import { namedNotes } from '../translation.js';
import { completionsPerUpdate } from '../trl/grpo-options.js';
import { writeStageOne } from '../trl/stage-one.js';
import { grpoOptions } from './grpo-options.js';
import { launchFiles } from './launch.js';
import { loraOptions } from './lora-options.js';
import { longestPrompt } from './prompt-length.js';
import { REQUIREMENTS, readmeText } from './readme.js';

/** The name under which verl logs the rows. */
const DATA_SOURCE = 'reason-rft';

/**
 * Writes the folder.
 *
 * @throws Error naming every setting that verl cannot express, a row whose text verl would misread, or a picture that cannot be read
 */
export async function writeVerl(folder: string, experiment: Experiment): Promise<void> {
  const { stageOne, heldOut, lora, questions, pixels } = experiment;
  const grpo = grpoOptions(experiment);
  const adapters = lora && loraOptions(lora);
  for (const name of ['data', 'config', 'launch']) mkdirSync(path.join(folder, name));
  const at = (name: string) => path.join(folder, ...name.split('/'));
  await writeQuestions(at('data/train.parquet'), questions, 'train');
  if (heldOut) await writeQuestions(at('data/held-out.parquet'), heldOut.rows, 'held-out');
  const { packages } = await writeRewards(folder, experiment);
  copyModel(experiment.model, folder);
  const stageNotes = stageOne ? await writeStageOne(at('stage-one'), experiment, '../model') : {};
  for (const name of ['kit_rewards.py', 'kit_sampler.py', 'train.py']) copyPython(`verl/${name}`, at(name));
  const bounds = {
    ...(pixels.minPixels === undefined ? {} : { '+data.mm_processor_kwargs.min_pixels': pixels.minPixels }),
    ...(pixels.maxPixels === undefined ? {} : { '+data.mm_processor_kwargs.max_pixels': pixels.maxPixels }),
  };
  const promptLength = await longestPrompt([...questions, ...(heldOut?.rows ?? [])], pixels);
  const config = configOf(experiment, {
    ...{ ...grpo.options, ...adapters?.options, ...bounds },
    'data.max_prompt_length': promptLength,
  });
  writeFileOfPartial(at('config/grpo.json'), `${JSON.stringify(config, null, 1)}\n`);
  for (const [name, content] of Object.entries(launchFiles(experiment))) writeFileOfPartial(at(name), content);
  writeFileOfPartial(at('requirements.txt'), REQUIREMENTS);
  const notes = { ...stageNotes, ...namedNotes({ grpo, lora: adapters }) };
  writeFileOfPartial(at('README.md'), readmeText(experiment, notes, packages));
}

/** What `train.py` reads. */
function configOf({ model, rewards, stageOne, heldOut, grpo }: Experiment, options: object): object {
  return {
    options,
    model: 'folder' in model ? { folder: 'model' } : model,
    rewards: rewards.map(({ name, weight }) => ({ name, weight })),
    stage_one: stageOne !== undefined,
    held_out: heldOut !== undefined,
    completions_per_update: completionsPerUpdate(grpo),
    completions_at_once: grpo.promptsPerMicroBatch * grpo.completions,
  };
}

/** Rows in the form of verl's `RLHFDataset`: a mark stands in the text where a picture goes. */
async function writeQuestions(file: string, questions: Experiment['questions'], split: string): Promise<void> {
  const rows = async function* () {
    for (const [index, question] of questions.entries())
      yield {
        data_source: DATA_SOURCE,
        prompt: markedMessages(question),
        images: await tablePictures(question, index),
        reward_model: { style: 'rule', ground_truth: question.solution },
        extra_info: { id: question.id, index, split },
      };
  };
  const columns = {
    data_source: 'text',
    prompt: 'messages',
    images: 'pictures',
    reward_model: { style: 'text', ground_truth: 'text' },
    extra_info: { id: 'text', index: 'whole', split: 'text' },
  } as const;
  await streamFileAtomic(file, (write) => writeParquetTable(write, columns, rows()));
}
