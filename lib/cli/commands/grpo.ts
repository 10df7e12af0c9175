/** `reason-rft grpo`: group relative policy optimization on records. */
import type { Command } from 'commander';
import { fileDigest } from '../../engine/file-digest.js';
import { REWARDS, type RewardName } from '../../rewards/rewards.js';
import { prepareQuestions } from '../../study/cells/prepared-rows.js';
import { loadRowFiles } from '../../study/data/load-rows.js';
import { QUICK } from '../../study/profile.js';
import { checkGrpo, GRPO_PRESETS, type GrpoPreset, type GrpoSettings } from '../../train/grpo-settings.js';
import { addRunOptions, type RunOptions } from '../run-options.js';
import { mergeSettings, settingPairs } from '../settings.js';
import { drawnTask, taskOfRows } from '../task-option.js';
import { trainAndReport } from '../train-into.js';
import { checkUsage, UsageError } from '../usage.js';
import { loadHeldOut } from '../validation-options.js';

interface GrpoOptions extends RunOptions {
  rewards?: string;
}

/** Adds the command to the program. */
export function addGrpo(program: Command): void {
  addRunOptions(program.command('grpo'))
    .description('GRPO of a checkpoint on records')
    .option(
      '--rewards <list>',
      "names, with =weight where it is not 1 (default: the task's; with --preset reason-rft those of its released script)",
    )
    .option(
      '--preset <name>',
      "nano (what the shipped model learns with), reason-rft (the paper's) or trl (TRL's defaults)",
      'nano',
    )
    .addHelpText(
      'after',
      '\nAny setting is an option: --steps 60 --beta 0 --schedule.learningRate 5e-5\nExample: reason-rft grpo --data runs/quick/data/counting/train.jsonl --model runs/my-sft/final --out runs/my-grpo --evaluate-every 10 --validation held-out.jsonl',
    )
    .action(grpo);
}

async function grpo(options: GrpoOptions, command: Command): Promise<void> {
  const preset = presetNamed(options.preset);
  // What the command line alone can say to be wrong is said before any file is read.
  checkUsage(() => checkGrpo(mergeSettings(preset, options.config, settingPairs(command.args))));
  if (options.rewards !== undefined) parseRewards(options.rewards);
  const rows = await loadRowFiles({ file: options.data, images: options.images });
  const task = taskOfRows(options.data, rows.records, options.task);
  const drawn = drawnTask(task);
  if (options.preset === 'nano' && drawn) preset.maxNewTokens = drawn.nanoCompletionTokens;
  const settings = mergeSettings(preset, options.config, settingPairs(command.args));
  const taskRewards = options.preset === 'reason-rft' && drawn ? drawn.releasedRewards : task.rewards;
  const rewards = parseRewards(options.rewards ?? taskRewards.join(','));
  const heldOut = await loadHeldOut(options, settings, rows);
  const trained = { rows: prepareQuestions(rows, 'think'), rewards, settings };
  const identity = { data: fileDigest(options.data), rewards, settings, ...heldOut?.identity };
  await trainAndReport('grpo', options, identity, (start) => {
    const validation = heldOut && {
      settings: heldOut.settings,
      rows: prepareQuestions(heldOut.rows, 'think'),
      score: task.score,
    };
    return { kind: 'grpo', start, ...trained, ...(validation ? { validation } : {}) };
  });
}

/**
 * The rewards of a list such as `accuracy_reward,format_reward=0.5`, with their weights.
 *
 * @throws UsageError naming an unknown reward, one that is named twice, or a weight that is no number
 */
function parseRewards(list: string): [name: RewardName, weight: number][] {
  const names = new Set<string>();
  return list.split(',').map((entry) => {
    const [name, weight = '1'] = entry.split('=') as [string, string?];
    if (!Object.hasOwn(REWARDS, name))
      throw new UsageError(`there is no reward '${name}'; choose from ${Object.keys(REWARDS).join(', ')}`);
    if (names.has(name))
      throw new UsageError(`--rewards names ${name} twice; name it once, with a weight: ${name}=2 counts it twice`);
    names.add(name);
    if (weight.trim() === '' || !Number.isFinite(Number(weight)))
      throw new UsageError(`the weight of ${name} must be a number, got '${weight}'`);
    return [name as RewardName, Number(weight)];
  });
}

/**
 * The settings of a preset. The number of steps, which follows from the data in the paper, is the nano model's.
 *
 * @throws UsageError naming the presets that exist
 */
function presetNamed(name: string): GrpoSettings {
  if (name === 'nano') return { ...QUICK.grpo };
  if (!Object.hasOwn(GRPO_PRESETS, name))
    throw new UsageError(`there is no preset '${name}'; choose nano, ${Object.keys(GRPO_PRESETS).join(' or ')}`);
  return { ...GRPO_PRESETS[name as GrpoPreset], steps: QUICK.grpo.steps };
}
