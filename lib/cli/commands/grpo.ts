/** `reason-rft grpo`: group relative policy optimization on records. */
import type { Command } from 'commander';
import { fileDigest } from '../../engine/file-digest.js';
import { REWARDS, type RewardName } from '../../rewards/rewards.js';
import { evaluationItems, grpoExamples } from '../../study/cells/examples.js';
import { validation } from '../../study/cells/validation.js';
import { loadRecords } from '../../study/data/load-rows.js';
import { QUICK } from '../../study/profile.js';
import { trainGrpo } from '../../train/grpo.js';
import { checkGrpo, GRPO_PRESETS, type GrpoPreset, type GrpoSettings } from '../../train/grpo-settings.js';
import type { NamedReward } from '../../train/rollout.js';
import { warningText } from '../../train/warnings.js';
import { addRunOptions, checkpointControl, type RunOptions } from '../run-options.js';
import { mergeSettings, settingPairs } from '../settings.js';
import { taskOfRecords } from '../task-option.js';
import { trainInto } from '../train-into.js';
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
  const rows = await loadRecords(options.data, options.images);
  const task = taskOfRecords(options.data, rows.records, options.task);
  if (options.preset === 'nano') preset.maxNewTokens = task.nanoCompletionTokens;
  const settings = mergeSettings(preset, options.config, settingPairs(command.args));
  const taskRewards = options.preset === 'reason-rft' ? task.releasedRewards : task.rewards;
  const rewards = parseRewards(options.rewards ?? taskRewards.join(','));
  const heldOut = await loadHeldOut(options, settings, rows);
  const control = checkpointControl(options);
  const weights = rewards.map(({ name, weight }) => [name, weight]);
  await trainInto(
    'grpo',
    options,
    { data: fileDigest(options.data), rewards: weights, settings, ...heldOut?.identity },
    (model, run, onStep) => {
      const items = heldOut ? evaluationItems(model, heldOut.rows, 'think') : [];
      return trainGrpo({
        model,
        examples: grpoExamples(model, rows),
        rewards,
        settings,
        run,
        evaluate: heldOut && validation({ ...heldOut, model, items, rewards, score: task.score }),
        onStep,
        ...control,
        onWarning: (warning) => process.stderr.write(`${warningText(warning)}\n`),
      });
    },
  );
}

/**
 * The rewards of a list such as `counting_accuracy,format_reward=0.5`.
 *
 * @throws UsageError naming an unknown reward, or a weight that is no number
 */
function parseRewards(list: string): NamedReward[] {
  return list.split(',').map((entry) => {
    const [name, weight = '1'] = entry.split('=') as [string, string?];
    if (!Object.hasOwn(REWARDS, name))
      throw new UsageError(`there is no reward '${name}'; choose from ${Object.keys(REWARDS).join(', ')}`);
    if (weight.trim() === '' || !Number.isFinite(Number(weight)))
      throw new UsageError(`the weight of ${name} must be a number, got '${weight}'`);
    return { name, weight: Number(weight), reward: REWARDS[name as RewardName] };
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
