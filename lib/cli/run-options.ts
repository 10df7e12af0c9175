/** The options that `sft` and `grpo` share: records, model, run folder, adapters and checkpoints. */
import type { Command } from 'commander';
import type { LoopControl } from '../train/loop.js';
import { DTYPE_OPTION } from './dtype-option.js';
import { addLoraOptions, type LoraOptions } from './lora-options.js';
import { MODEL_FLAGS, MODEL_IDS } from './model-option.js';
import { addPixelOptions, type PixelOptions } from './pixel-options.js';
import { addPromptOptions, type PromptFlags } from './prompt-options.js';
import { RECORDS_TASK_OPTION } from './task-option.js';
import { parseWholeNumber } from './usage.js';
import { addValidationOptions, type ValidationOptions } from './validation-options.js';

/** What `--data` takes. */
export const DATA_TEXT =
  'rows (id, image, problem, answer, and any further columns) or conversations (ShareGPT) as JSON Lines, a JSON array or Parquet; or a folder of pictures with metadata.jsonl';

export interface RunOptions extends LoraOptions, PixelOptions, PromptFlags, ValidationOptions {
  data: string;
  out: string;
  model?: string;
  dtype: string;
  task?: string;
  preset?: string;
  config?: string;
  checkpointEvery?: string;
  keepCheckpoints?: string;
  json?: boolean;
}

/** Adds the shared options to a command that trains. Settings come as further `--key value` pairs, which stay arguments. */
export function addRunOptions(command: Command): Command {
  command
    .requiredOption('--data <file>', DATA_TEXT)
    .requiredOption('--out <dir>', 'run folder; an unfinished run goes on')
    .option(MODEL_FLAGS, `start checkpoint; ${MODEL_IDS}`)
    .option(...DTYPE_OPTION)
    .option(...RECORDS_TASK_OPTION)
    .option(
      '--images <dir>',
      'where the pictures of all rows lie (default: in images/ beside their file, or beside it)',
    )
    .option('--config <file>', 'settings as JSON')
    .option('--checkpoint-every <n>', 'leave a checkpoint after every n steps (default: 100 in sft, 20 in grpo)')
    .option('--keep-checkpoints <n>', 'the newest n stay, and the best (default: 2)');
  addPromptOptions(command);
  addPixelOptions(command);
  addLoraOptions(command);
  return addValidationOptions(command)
    .option('--json', 'one JSON object on stdout')
    .allowUnknownOption()
    .allowExcessArguments();
}

/** When checkpoints are left and how many stay. Neither is part of what the run is. */
export function checkpointControl({ checkpointEvery, keepCheckpoints }: RunOptions): LoopControl {
  const parse = (option: string, text?: string) => (text === undefined ? undefined : parseWholeNumber(option, text, 1));
  return {
    checkpointEvery: parse('--checkpoint-every', checkpointEvery),
    keepCheckpoints: parse('--keep-checkpoints', keepCheckpoints),
  };
}
