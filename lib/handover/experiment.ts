/** The experiment that is handed over to another trainer: rows as the model is shown them, rewards, start and settings of both phases. */
import { existsSync, statSync } from 'node:fs';
import { isAdapterFolder } from '../model/adapter-config.js';
import { type ModelId, parseId } from '../model/hub-cache.js';
import type { PixelBounds } from '../model/image-processor.js';
import { checkLora, type LoraSettings } from '../model/lora.js';
import { type RowSource, readRows } from '../records/open-rows.js';
import { type ListedReward, parseRewardList } from '../rewards/reward-list.js';
import {
  prepareQuestions,
  prepareSftRows,
  type QuestionRow,
  type SftRow,
  type SftTarget,
} from '../study/cells/prepared-rows.js';
import type { PromptOptions } from '../tasks/asked-prompt.js';
import { checkGrpo, type GrpoSettings } from '../train/grpo-settings.js';
import { checkRewards } from '../train/named-reward.js';
import { checkSft, type SftSettings } from '../train/sft.js';

/** What the other trainer computes in: float32, or bfloat16 with float32 weights behind it, which is what the field trains in on GPUs. */
export const PRECISIONS = ['bfloat16', 'float32'] as const;
export type Precision = (typeof PRECISIONS)[number];

/** Everything that is asked for; rows and rewards are still names of files. */
export interface ExperimentOptions extends PromptOptions {
  /** The rows of GRPO: a file, or one with the folder of its pictures. */
  data: string | RowSource;
  /** The start: a checkpoint's folder, which is copied, or an id of the hub, `organisation/name` or `organisation/name@revision`. */
  model: string;
  /** The rewards as the command line takes them: `accuracy,./mine.ts#brevity=0.2`. */
  rewards: string;
  /** The settings of GRPO. */
  grpo: GrpoSettings;
  /** Supervised fine-tuning before GRPO, which then begins with what came of it. Default: GRPO alone. */
  stageOne?: {
    data: string | RowSource;
    settings: SftSettings;
    /** Default: `cot`, rationale and answer in tags. */
    target?: SftTarget;
  };
  /** Held-out rows, for which the trainer logs the rewards every so many steps. Default: none. */
  heldOut?: {
    data: string | RowSource;
    evaluateEvery: number;
    /** Completions for each row. Default: 4. */
    samples?: number;
  };
  /** Trains adapters in both phases. Default: all weights. */
  lora?: LoraSettings;
  /** The area that pictures are resized to. Default: as the checkpoint says. */
  pixels?: PixelBounds;
  /** Default: `bfloat16`. */
  precision?: Precision;
}

/** The start of the experiment: a folder of this machine, or a model of the hub, which the other machine fetches. */
export type HandedModel = { folder: string } | ModelId;

/** An experiment with its rows read and its settings checked. */
export interface Experiment {
  /** The rows of GRPO, each as the model is shown it. */
  questions: readonly QuestionRow[];
  stageOne?: { rows: readonly SftRow[]; settings: SftSettings; target: SftTarget };
  heldOut?: { rows: readonly QuestionRow[]; evaluateEvery: number; samples: number };
  model: HandedModel;
  rewards: readonly ListedReward[];
  grpo: GrpoSettings;
  lora?: LoraSettings;
  pixels: PixelBounds;
  precision: Precision;
  /** The templates of the prompts, if they were own ones. */
  templates: Pick<PromptOptions, 'prompt' | 'system'>;
}

/**
 * Reads the rows and the rewards, and checks every setting. Pictures are not read yet.
 *
 * @throws Error naming what is wrong: a setting, a reward, a row, the model, or an id that two rows of the reward server would share
 */
export async function readExperiment(options: ExperimentOptions): Promise<Experiment> {
  const { data, grpo, stageOne, heldOut, lora, pixels = {}, precision = 'bfloat16', prompt, system } = options;
  checkGrpo(grpo);
  if (stageOne) checkSft(stageOne.settings);
  if (lora) checkLora(lora);
  if (!PRECISIONS.includes(precision))
    throw new Error(`hand-over: precision must be ${PRECISIONS.join(' or ')}, got '${precision}'`);
  const whole = (name: string, value: number) => {
    if (!Number.isInteger(value) || value < 1)
      throw new Error(`hand-over: ${name} must be a whole number of 1 or more, got ${value}`);
  };
  if (heldOut) whole('evaluateEvery', heldOut.evaluateEvery);
  if (heldOut) whole('samples', heldOut.samples ?? 4);
  const model = handedModel(options.model);
  const rewards = parseRewardList(options.rewards);
  checkRewards(rewards);
  const asked: PromptOptions = {
    ...(options.task === undefined ? {} : { task: options.task }),
    ...(prompt === undefined ? {} : { prompt }),
    ...(system === undefined ? {} : { system }),
  };
  const style = options.style === undefined ? {} : { style: options.style };
  const questionsOf = async (source: string | RowSource) =>
    prepareQuestions(await readRows(sourceOf(source)), { ...asked, ...style });
  const target = stageOne?.target ?? 'cot';
  const experiment: Experiment = {
    questions: await questionsOf(data),
    ...(stageOne && {
      stageOne: {
        rows: prepareSftRows(await readRows(sourceOf(stageOne.data)), target, { ...asked, ...style }),
        ...{ settings: stageOne.settings, target },
      },
    }),
    ...(heldOut && {
      heldOut: {
        rows: await questionsOf(heldOut.data),
        ...{ evaluateEvery: heldOut.evaluateEvery, samples: heldOut.samples ?? 4 },
      },
    }),
    ...{ model, rewards, grpo, ...(lora && { lora }), pixels, precision },
    templates: { ...(prompt === undefined ? {} : { prompt }), ...(system === undefined ? {} : { system }) },
  };
  refuseSharedIds(experiment);
  return experiment;
}

function sourceOf(source: string | RowSource): RowSource {
  return typeof source === 'string' ? { file: source } : source;
}

/** @throws Error when it is neither a checkpoint's folder nor an id, or holds adapters */
function handedModel(name: string): HandedModel {
  if (existsSync(name) && statSync(name).isDirectory()) {
    if (isAdapterFolder(name))
      throw new Error(
        `${name} holds adapters, and the other trainer starts from a whole checkpoint; make one: npx reason-rft merge --model ${name} --out MERGED`,
      );
    return { folder: name };
  }
  const id = parseId(name);
  if (id) return id;
  throw new Error(
    `there is no folder '${name}', nor is it the id of a model, such as Qwen/Qwen2.5-VL-7B-Instruct or organisation/name@revision`,
  );
}

/** The reward server knows a row by its id, those of training and those that are held out alike. */
function refuseSharedIds({ questions, heldOut }: Experiment): void {
  if (!heldOut) return;
  const trained = new Set(questions.map(({ id }) => id));
  const shared = heldOut.rows.filter(({ id }) => trained.has(id));
  if (shared.length > 0)
    throw new Error(
      `${shared.length} held-out rows have the ids of rows that are trained on, among them '${shared[0]!.id}'; if they are other rows, give them ids of their own`,
    );
}
