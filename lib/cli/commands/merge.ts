/** `reason-rft merge`: adapters become part of their base model. */
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { startEngine } from '../../engine/backend.js';
import { isAdapterFolder } from '../../model/adapter-config.js';
import { mergeAdapters } from '../../model/lora.js';
import { loadModel, saveModel } from '../../model/model.js';
import { fetchModel } from '../model-option.js';
import { printResult } from '../print-result.js';
import { UsageError } from '../usage.js';

interface MergeOptions {
  model: string;
  out: string;
  dtype: string;
  json?: boolean;
}

/** Adds the command to the program. */
export function addMerge(program: Command): void {
  program
    .command('merge')
    .description('add adapters into their base model: a whole checkpoint')
    .requiredOption('--model <dir>', 'the folder of the adapters')
    .requiredOption('--out <dir>', 'the folder of the checkpoint, which must not exist yet')
    .option('--dtype <type>', "the weights' type in the files: float32, or bfloat16 for serving", 'float32')
    .option('--json', 'one JSON object on stdout')
    .addHelpText('after', '\nExample: reason-rft merge --model runs/my-lora/final --out runs/my-merged')
    .action(merge);
}

async function merge({ model: folder, out, dtype, json }: MergeOptions): Promise<void> {
  if (dtype !== 'float32' && dtype !== 'bfloat16')
    throw new UsageError(`--dtype must be float32 or bfloat16, got '${dtype}'`);
  if (existsSync(out)) throw new UsageError(`${out} exists already; choose another folder`);
  if (!isAdapterFolder(folder)) throw new UsageError(`${folder} holds no adapter_config.json`);
  await startEngine();
  const model = loadModel(await fetchModel(folder));
  mergeAdapters(model.parameters);
  saveModel(model, out, { dtype });
  printResult(json, { checkpoint: out }, `the checkpoint lies in ${out}`);
}
