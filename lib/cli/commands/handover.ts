/** `reason-rft handover`: an experiment as a folder from which another trainer trains it. */
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { PRECISIONS, type Precision } from '../../handover/experiment.js';
import { handOver, TRAINERS, type TrainerName } from '../../handover/hand-over.js';
import { RefusedSettings } from '../../handover/translation.js';
import { readRows } from '../../records/open-rows.js';
import { shippedModel } from '../../study/workspace.js';
import { checkGrpo, type GrpoSettings } from '../../train/grpo-settings.js';
import { checkSft, type SftSettings } from '../../train/sft.js';
import { addLoraOptions, type LoraOptions, loraSettings } from '../lora-options.js';
import { addPixelOptions, type PixelOptions, pixelBounds } from '../pixel-options.js';
import {
  grpoPreset,
  PRESET_DEFAULT,
  settingsText,
  sftPreset,
  type TakenPreset,
  takePreset,
  withOnePass,
} from '../presets.js';
import { printResult } from '../print-result.js';
import { addPromptOptions, type PromptFlags, readPrompts } from '../prompt-options.js';
import { parseRewards, REWARDS_TEXT } from '../reward-option.js';
import { DATA_TEXT } from '../run-options.js';
import { changedSettings, mergeSettings, settingPairs } from '../settings.js';
import { drawnTask, RECORDS_TASK_OPTION, taskOfRows } from '../task-option.js';
import { checkUsage, parseWholeNumber, UsageError } from '../usage.js';

interface HandoverFlags extends LoraOptions, PixelOptions, PromptFlags {
  to: string;
  data: string;
  images?: string;
  model?: string;
  rewards?: string;
  out: string;
  task?: string;
  preset?: string;
  config?: string;
  sftData?: string;
  sftConfig?: string;
  target: string;
  validation?: string;
  evaluateEvery: string;
  validationSamples: string;
  precision: string;
  json?: boolean;
}

/** Adds the command to the program. */
export function addHandover(program: Command): void {
  const command = program
    .command('handover')
    .description("write a folder from which another trainer trains the experiment, on the kit's own rewards")
    .requiredOption('--to <trainer>', Object.keys(TRAINERS).join(', '))
    .requiredOption('--data <file>', `the rows of GRPO: ${DATA_TEXT}`)
    .requiredOption('--out <dir>', 'a new folder')
    .option(
      '--model <dir or id>',
      'the start: a folder, which is copied, or an id such as Qwen/Qwen2.5-VL-7B-Instruct or organisation/name@revision, which the other machine fetches (default: the shipped base model)',
    )
    .option('--rewards <list>', `${REWARDS_TEXT} (default: the task's)`)
    .option('--preset <name>', `nano, reason-rft or trl ${PRESET_DEFAULT}`)
    .option('--config <file>', 'settings of GRPO as JSON')
    .option('--sft-data <file>', 'the rows of a stage 1 of supervised fine-tuning before GRPO (default: none)')
    .option('--sft-config <file>', 'settings of stage 1 as JSON')
    .option('--target <kind>', 'what stage 1 trains: answer or cot', 'cot')
    .option('--validation <file>', 'held-out rows')
    .option('--evaluate-every <n>', 'log the rewards of held-out rows after every n steps', '0')
    .option('--validation-samples <n>', 'completions sampled of each', '4')
    .option('--precision <type>', `what is computed in: ${PRECISIONS.join(' or ')}`, 'bfloat16')
    .option(...RECORDS_TASK_OPTION)
    .option(
      '--images <dir>',
      'where the pictures of all rows lie (default: in images/ beside their file, or beside it)',
    );
  addPromptOptions(command);
  addPixelOptions(command);
  addLoraOptions(command)
    .option('--json', 'one JSON object on stdout')
    .allowUnknownOption()
    .allowExcessArguments()
    .addHelpText(
      'after',
      '\nAny setting of GRPO is an option (--steps 200 --beta 0), and with sft. before it any of stage 1 (--sft.epochs 2). A setting that the\n' +
        'other trainer cannot express is refused by name.\nExample: reason-rft handover --to trl --data rows.jsonl --model Qwen/Qwen2.5-VL-7B-Instruct --rewards accuracy,./mine.ts#brevity=0.2 ' +
        '--temperatureInLoss true --out for-trl',
    )
    .action(handover);
}

async function handover(options: HandoverFlags, command: Command): Promise<void> {
  const { to, out, data, images, json, model = shippedModel() } = options;
  if (!Object.hasOwn(TRAINERS, to))
    throw new UsageError(`there is no trainer '${to}'; choose ${Object.keys(TRAINERS).join(', ')}`);
  const pairs = settingPairs(command.args);
  const isSft = ([name]: readonly [string, string]) => name.startsWith('sft.');
  const ofSft = pairs.filter(isSft).map(([name, text]): [string, string] => [name.slice('sft.'.length), text]);
  const ofGrpo = pairs.filter((pair) => !isSft(pair));
  if (options.sftData === undefined && (ofSft.length > 0 || options.sftConfig !== undefined))
    throw new UsageError('settings of stage 1 do nothing without its rows: name them with --sft-data');
  const target = options.target;
  if (target !== 'answer' && target !== 'cot') throw new UsageError(`--target must be answer or cot, got '${target}'`);
  const source = (file: string) => (images === undefined ? file : { file, images });
  const prompts = readPrompts(options);
  const lora = loraSettings(options);
  const pixels = pixelBounds(options);
  const { records } = await readRows({ file: data, images });
  const task = taskOfRows(data, records, options.task);
  const preset = presetOf(options.preset, model);
  const grpo = grpoSettings(options, preset, ofGrpo, records.length, drawnTask(task)?.nanoCompletionTokens);
  const sft = options.sftData === undefined ? undefined : stageOneSettings(options, preset, ofSft);
  const rewards = options.rewards ?? task.rewards.join(',');
  parseRewards(rewards);
  const heldOut = heldOutRows(options);
  try {
    const written = await handOver({
      ...{ to: to as TrainerName, out, data: source(data), model, rewards, grpo, task, pixels, ...prompts },
      ...{ precision: options.precision as Precision, ...(lora && { lora }) },
      ...(sft && { stageOne: { data: source(options.sftData!), settings: sft, target } }),
      ...(heldOut && { heldOut: { ...heldOut, data: source(heldOut.data) } }),
    });
    printResult(
      json,
      written,
      `${out} holds ${written.rows} rows of GRPO${sft ? ` and ${written.stageOneRows} of stage 1` : ''}; its README.md has the commands`,
    );
  } catch (error) {
    throw error instanceof RefusedSettings ? new UsageError(error.message) : error;
  }
}

/** A model of the hub is not fetched, so it cannot bring a preset of its own. */
function presetOf(preset: string | undefined, model: string): TakenPreset {
  if (preset === undefined && !existsSync(model))
    return { name: 'reason-rft', reason: `the paper's, as ${model} is no folder here` };
  return takePreset(preset, model);
}

function grpoSettings(
  { config }: HandoverFlags,
  preset: TakenPreset,
  pairs: [string, string][],
  rows: number,
  nanoCompletionTokens: number | undefined,
): GrpoSettings {
  const merged = mergeSettings(grpoPreset(preset.name, nanoCompletionTokens), config, pairs);
  const changes = changedSettings(config, pairs);
  const stepsAreSet = preset.name === 'nano' || Object.values(changes).flat().includes('steps');
  const settings = stepsAreSet ? merged : withOnePass(merged, rows);
  checkUsage(() => checkGrpo(settings));
  const steps = stepsAreSet ? '' : `; steps ${settings.steps}, one pass over the rows`;
  process.stderr.write(`GRPO: ${settingsText(preset, settings, changes)}${steps}\n`);
  return settings;
}

/** TRL has no settings of this phase that are a preset here. */
function stageOneSettings({ sftConfig }: HandoverFlags, preset: TakenPreset, pairs: [string, string][]): SftSettings {
  const taken =
    preset.name === 'trl' ? { name: 'reason-rft', reason: "the paper's, as there is none named trl for SFT" } : preset;
  const settings = mergeSettings(sftPreset(taken.name), sftConfig, pairs);
  checkUsage(() => checkSft(settings));
  process.stderr.write(`stage 1: ${settingsText(taken, settings, changedSettings(sftConfig, pairs))}\n`);
  return settings;
}

function heldOutRows({ validation, evaluateEvery, validationSamples }: HandoverFlags) {
  const every = parseWholeNumber('--evaluate-every', evaluateEvery);
  const samples = parseWholeNumber('--validation-samples', validationSamples, 1);
  if ((every === 0) !== (validation === undefined))
    throw new UsageError('--validation FILE and --evaluate-every N go together: which rows, and after how many steps');
  return validation === undefined ? undefined : { data: validation, evaluateEvery: every, samples };
}
