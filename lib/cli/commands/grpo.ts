/** `reason-rft grpo`: group relative policy optimization on records. */
import type { Command } from 'commander';
import { fileDigest } from '../../engine/file-digest.js';
import { rowsFile } from '../../records/open-rows.js';
import { prepareQuestions } from '../../study/cells/prepared-rows.js';
import { checkGrpo } from '../../train/grpo-settings.js';
import { openData } from '../open-data.js';
import { grpoPreset, PRESET_DEFAULT, settingsText, takePreset, withOnePass } from '../presets.js';
import { readPrompts } from '../prompt-options.js';
import { parseRewards, REWARDS_TEXT } from '../reward-option.js';
import { addRunOptions, type RunOptions } from '../run-options.js';
import { changedSettings, mergeSettings, settingPairs } from '../settings.js';
import { drawnTask } from '../task-option.js';
import { trainAndReport } from '../train-into.js';
import { checkUsage } from '../usage.js';
import { loadHeldOut } from '../validation-options.js';
import { warnOfOtherPrompt } from '../warn-of-prompt.js';

interface GrpoOptions extends RunOptions {
  rewards?: string;
}

/** Adds the command to the program. */
export function addGrpo(program: Command): void {
  addRunOptions(program.command('grpo'))
    .description('GRPO of a checkpoint on records')
    .option(
      '--rewards <list>',
      `${REWARDS_TEXT} (default: the task's; with --preset reason-rft those of its released script)`,
    )
    .option(
      '--preset <name>',
      `nano (what the shipped model learns with), reason-rft (the paper's) or trl (TRL's defaults) ${PRESET_DEFAULT}`,
    )
    .addHelpText(
      'after',
      '\nAny setting is an option: --steps 60 --beta 0 --schedule.learningRate 5e-5\nExample: reason-rft grpo --data runs/quick/data/counting/train.jsonl --model runs/my-sft/final --out runs/my-grpo --evaluate-every 10 --validation held-out.jsonl',
    )
    .action(grpo);
}

async function grpo(options: GrpoOptions, command: Command): Promise<void> {
  const pairs = settingPairs(command.args);
  // What the command line alone can say to be wrong is said before any file is read.
  checkUsage(() => checkGrpo(mergeSettings(grpoPreset(options.preset ?? 'reason-rft'), options.config, pairs)));
  if (options.rewards !== undefined) parseRewards(options.rewards);
  const texts = readPrompts(options);
  const data = await openData(options);
  const { rows, task, checkpoint } = data;
  const drawn = drawnTask(task);
  const preset = takePreset(options.preset, checkpoint);
  const merged = mergeSettings(grpoPreset(preset.name, drawn?.nanoCompletionTokens), options.config, pairs);
  const changes = changedSettings(options.config, pairs);
  const stepsAreSet = preset.name === 'nano' || Object.values(changes).flat().includes('steps');
  const settings = stepsAreSet ? merged : withOnePass(merged, rows.records.length);
  checkUsage(() => checkGrpo(settings));
  const taskRewards = options.preset === 'reason-rft' && drawn ? drawn.releasedRewards : task.rewards;
  const rewards = parseRewards(options.rewards ?? taskRewards.join(','));
  warnOfOtherPrompt(checkpoint, { style: 'think', ...texts });
  const heldOut = await loadHeldOut(options, settings, data);
  const weights = rewards.map(({ name, weight }) => [name, weight]);
  const asked = { task, ...texts };
  const trained = { rows: prepareQuestions(rows, asked), rewards, settings };
  const identity = {
    data: fileDigest(rowsFile(options.data)),
    rewards: weights,
    ...texts,
    settings,
    ...heldOut?.identity,
  };
  const steps = stepsAreSet ? '' : `; steps ${settings.steps}, one pass over the rows`;
  process.stderr.write(`${settingsText(preset, settings, changes)}${steps}\n`);
  await trainAndReport('grpo', options, checkpoint, identity, (start) => {
    const validation = heldOut && {
      settings: heldOut.settings,
      rows: prepareQuestions(heldOut.rows, asked),
      ...heldOut.scorer,
    };
    return { kind: 'grpo', start, ...trained, ...(validation ? { validation } : {}) };
  });
}
