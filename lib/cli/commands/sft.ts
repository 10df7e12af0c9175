/** `reason-rft sft`: supervised fine-tuning on records. */
import type { Command } from 'commander';
import { fileDigest } from '../../engine/file-digest.js';
import { rowsFile } from '../../records/open-rows.js';
import { prepareQuestions, prepareSftRows, styleOfTarget } from '../../study/cells/prepared-rows.js';
import { checkSft } from '../../train/sft.js';
import { openData } from '../open-data.js';
import { evaluationSampling, PRESET_DEFAULT, settingsText, sftPreset, takePreset } from '../presets.js';
import { readPrompts } from '../prompt-options.js';
import { addRunOptions, type RunOptions } from '../run-options.js';
import { changedSettings, mergeSettings, settingPairs } from '../settings.js';
import { drawnTask } from '../task-option.js';
import { trainAndReport } from '../train-into.js';
import { checkUsage, UsageError } from '../usage.js';
import { loadHeldOut } from '../validation-options.js';

interface SftOptions extends RunOptions {
  target: string;
}

/** Adds the command to the program. */
export function addSft(program: Command): void {
  addRunOptions(program.command('sft'))
    .description('supervised fine-tuning of a checkpoint on records')
    .option('--target <kind>', 'answer or cot', 'cot')
    .option(
      '--preset <name>',
      `nano (what the shipped model learns with) or reason-rft (the paper's) ${PRESET_DEFAULT}`,
    )
    .addHelpText(
      'after',
      '\nAny setting is an option: --epochs 2 --batchSize 16 --schedule.learningRate 1e-4\nExample: reason-rft sft --data runs/quick/data/counting/train.jsonl --out runs/my-sft --epochs 1',
    )
    .action(sft);
}

async function sft(options: SftOptions, command: Command): Promise<void> {
  const pairs = settingPairs(command.args);
  // What the command line alone can say to be wrong is said before any file is read.
  checkUsage(() => checkSft(mergeSettings(sftPreset(options.preset ?? 'reason-rft'), options.config, pairs)));
  const { target } = options;
  if (target !== 'answer' && target !== 'cot') throw new UsageError(`--target must be answer or cot, got '${target}'`);
  const texts = readPrompts(options);
  const data = await openData(options);
  const { rows, task, checkpoint } = data;
  const preset = takePreset(options.preset, checkpoint);
  const settings = mergeSettings(sftPreset(preset.name), options.config, pairs);
  checkUsage(() => checkSft(settings));
  const asked = { task, style: styleOfTarget(target), ...texts };
  const { sampling } = evaluationSampling(checkpoint, drawnTask(task)?.nanoCompletionTokens);
  const heldOut = await loadHeldOut(options, sampling, data);
  const trained = { rows: prepareSftRows(rows, target, asked), settings };
  const identity = { data: fileDigest(rowsFile(options.data)), target, ...texts, settings, ...heldOut?.identity };
  process.stderr.write(`${settingsText(preset, settings, changedSettings(options.config, pairs))}\n`);
  await trainAndReport('sft', options, checkpoint, identity, (start) => {
    const validation = heldOut && {
      settings: heldOut.settings,
      rows: prepareQuestions(heldOut.rows, asked),
      ...heldOut.scorer,
    };
    return { kind: 'sft', start, ...trained, ...(validation ? { validation } : {}) };
  });
}
