/** `reason-rft sft`: supervised fine-tuning on records. */
import type { Command } from 'commander';
import { fileDigest } from '../../engine/file-digest.js';
import { prepareQuestions, prepareSftRows, styleOfTarget } from '../../study/cells/prepared-rows.js';
import { loadRowFiles } from '../../study/data/load-rows.js';
import { QUICK } from '../../study/profile.js';
import { checkSft, REASON_RFT_SFT, type SftSettings } from '../../train/sft.js';
import { addRunOptions, type RunOptions } from '../run-options.js';
import { mergeSettings, settingPairs } from '../settings.js';
import { drawnTask, taskOfRows } from '../task-option.js';
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
    .option('--preset <name>', "nano (what the shipped model learns with) or reason-rft (the paper's)", 'nano')
    .addHelpText(
      'after',
      '\nAny setting is an option: --epochs 2 --batchSize 16 --schedule.learningRate 1e-4\nExample: reason-rft sft --data runs/quick/data/counting/train.jsonl --out runs/my-sft --epochs 1',
    )
    .action(sft);
}

async function sft(options: SftOptions, command: Command): Promise<void> {
  const settings = mergeSettings(presetNamed(options.preset), options.config, settingPairs(command.args));
  checkUsage(() => checkSft(settings));
  const { target } = options;
  if (target !== 'answer' && target !== 'cot') throw new UsageError(`--target must be answer or cot, got '${target}'`);
  const rows = await loadRowFiles({ file: options.data, images: options.images });
  const task = taskOfRows(options.data, rows.records, options.task);
  const sampling = { ...QUICK.grpo, maxNewTokens: drawnTask(task)?.nanoCompletionTokens ?? QUICK.grpo.maxNewTokens };
  const heldOut = await loadHeldOut(options, sampling, rows);
  const trained = { rows: prepareSftRows(rows, target), settings };
  const identity = { data: fileDigest(options.data), target, settings, ...heldOut?.identity };
  await trainAndReport('sft', options, identity, (start) => {
    const validation = heldOut && {
      settings: heldOut.settings,
      rows: prepareQuestions(heldOut.rows, styleOfTarget(target)),
      score: task.score,
    };
    return { kind: 'sft', start, ...trained, ...(validation ? { validation } : {}) };
  });
}

/** @throws UsageError naming the presets that exist */
function presetNamed(name: string): SftSettings {
  if (name === 'nano') return QUICK.cotSft;
  if (name === 'reason-rft') return REASON_RFT_SFT;
  throw new UsageError(`there is no preset '${name}'; choose nano or reason-rft`);
}
