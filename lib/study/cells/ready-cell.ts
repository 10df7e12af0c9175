/**
 * Reads what a cell of one's own names: rows, settings, rewards, tests. From their contents follow its identity and the folder of its run,
 * `cells/{kind}-{configuration}-{code}`, as for the cells of the study: whatever changes, a row, a picture, the prompt, a reward's file, a
 * setting, the start or the kit's code, makes another cell.
 */
import { createHash } from 'node:crypto';
import path from 'node:path';
import { askedArithmetic } from '../../engine/backend.js';
import type { PixelBounds } from '../../model/image-processor.js';
import type { LoadOptions } from '../../model/model.js';
import { checkpointDefaults } from '../../model/training-defaults.js';
import { type RowFiles, readRows } from '../../records/open-rows.js';
import type { DataRow } from '../../records/record.js';
import { type ListedReward, parseRewardList } from '../../rewards/reward-list.js';
import type { Scorer } from '../../rewards/scorer.js';
import { nameOfScorer } from '../../rewards/scorers.js';
import type { PromptOptions } from '../../tasks/asked-prompt.js';
import type { DrawnTask, Task } from '../../tasks/task.js';
import { ANY_TASK, taskOfRow } from '../../tasks/tasks.js';
import { GRPO_PRESETS, type GrpoSettings } from '../../train/grpo-settings.js';
import { configurationHash, type Json } from '../../train/run-configuration.js';
import { grpoSettings, sftSettings } from '../../train/settings.js';
import { REASON_RFT_SFT, type SftSettings, sftSteps } from '../../train/sft.js';
import { checkPictures, processorOf } from '../data/check-pictures.js';
import { QUICK } from '../profile.js';
import { shippedModel } from '../workspace.js';
import { type AskedScorer, askScorer } from './asked-scorer.js';
import { type CodeVersion, measuringCode } from './code-version.js';
import {
  cellBounds,
  type OwnCell,
  type OwnGrpoCell,
  type OwnSftCell,
  type OwnTestSet,
  startFolder,
  testSets,
} from './own-cell.js';
import { checkpointDigests, type RowDigests, rowDigests } from './plan-digests.js';
import { prepareQuestions, prepareSftRows, type QuestionRow, styleOfTarget } from './prepared-rows.js';
import { planCode, type TrainingPlan } from './train-run.js';
import { checkValidation, type ValidationSettings } from './validation.js';

/** A test set that is read. */
export interface ReadyTest {
  set: string;
  rows: readonly QuestionRow[];
  score: Scorer;
  /** The longest completion in tokens. */
  maxNewTokens: number;
  /** The file of its evaluation, beside the checkpoint. */
  file: string;
}

/** A cell whose rows are read. */
export interface ReadyCell {
  cell: OwnCell;
  /** The folder of its run. */
  folder: string;
  /** What the run is known by, as `run.json` has it. */
  configuration: Json;
  /** The cell that it starts from. */
  start?: ReadyCell;
  /** The run, from the folder of a checkpoint. */
  plan: (checkpoint: string) => TrainingPlan;
  /** The folder of the checkpoint that the first cell of the chain starts from. */
  base: string;
  settings: SftSettings | GrpoSettings;
  steps: number;
  /** The number of held-out rows, if the cell is evaluated on some while it trains. */
  heldOutItems?: number;
  tests: readonly ReadyTest[];
  /** How the models of the cell are loaded. */
  load: LoadOptions;
}

/** What has been read already: the cells of a sweep share files. Nothing is kept longer, so that files may change between two sweeps. */
export interface ReadFiles {
  rows: Map<string, Promise<RowFiles<DataRow>>>;
  digests: Map<string, RowDigests | Json>;
  /** Whether every picture is decoded once, so that a broken one is known before anything is trained. */
  checksPictures: boolean;
}

export function readNothing(checksPictures: boolean): ReadFiles {
  return { rows: new Map(), digests: new Map(), checksPictures };
}

/**
 * Reads a cell.
 *
 * @param workspace the folder that holds `cells/`
 * @throws Error naming the file with each row that is bad, or what is wrong with prompt, rewards or settings
 */
export async function readCell(workspace: string, cell: OwnCell, files: ReadFiles): Promise<ReadyCell> {
  const start = typeof cell.start === 'object' ? await readCell(workspace, cell.start, files) : undefined;
  const base = start?.base ?? (typeof cell.start === 'string' ? startFolder(cell.start) : shippedModel());
  const scorerOf = askScorer(cell.scorer ?? 'kit', 'scorer');
  const bounds = cellBounds(cell);
  const load: LoadOptions = { ...bounds, ...(cell.dtype === undefined ? {} : { dtype: cell.dtype }) };
  const rows = await readOnce(cell, base, bounds, files);
  const task = taskOf(rows, cell.data);
  const asked = promptOf(cell, task);
  const scorer = scorerOf(task);
  const settings = settingsOf(cell, base, task, rows.records.length);
  const validation = await readValidation(cell, base, asked, task, rows, settings, scorer, files);
  const rewards = cell.kind === 'grpo' ? parseRewardList(cell.rewards ?? rewardsOf(task)) : [];
  const shared = { ...(validation ? { validation } : {}) };
  const plan = (checkpoint: string): TrainingPlan => {
    const from = { start: { checkpoint, ...load, ...(cell.lora ? { lora: cell.lora } : {}) }, ...shared };
    return cell.kind === 'sft'
      ? { kind: 'sft', rows: prepareSftRows(rows, targetOf(cell), asked), settings: settings as SftSettings, ...from }
      : { kind: 'grpo', rows: prepareQuestions(rows, asked), rewards, settings: settings as GrpoSettings, ...from };
  };
  const planned = plan(base);
  const digestsOf = (key: unknown, make: () => RowDigests | Json) => {
    const name = JSON.stringify(key);
    const known = files.digests.get(name) ?? make();
    files.digests.set(name, known);
    return known;
  };
  const source = (from: { data: string; images?: string }) => [from.data, from.images, cell.prompt, cell.system];
  const arithmetic = askedArithmetic();
  const configuration = {
    kind: cell.kind,
    settings,
    ...(cell.lora ? { lora: cell.lora } : {}),
    ...arithmetic,
    // The other types give the same numbers as each other.
    ...(cell.dtype === 'bfloat16' ? { dtype: cell.dtype } : {}),
    ...bounds,
    ...(cell.kind === 'grpo' ? { rewards: rewards.map(identityOf) } : { target: targetOf(cell) }),
    rows: digestsOf(['train', cell.kind, cell.kind === 'sft' ? targetOf(cell) : '', ...source(cell)], () =>
      rowDigests(planned.rows),
    ),
    ...(validation
      ? {
          validation: validation.settings,
          ...(scorer.scoreCode ? { scorerFiles: scorer.scoreCode } : {}),
          heldOut: digestsOf(['held out', asked.style, ...source(cell.validation!)], () => rowDigests(validation.rows)),
        }
      : {}),
    start: start?.configuration ?? digestsOf(['start', base], () => checkpointDigests(base)),
  } as unknown as Json;
  const { version } = chainCode(planCode(planned), start);
  const folder = path.join(workspace, 'cells', `${cell.kind}-${configurationHash(configuration)}-${version}`);
  const testTokens = cell.testTokens ?? tokensOf(settings, base, task);
  const scorerName = scorer.scoreCode ? undefined : nameOfScorer(scorer.score);
  const evaluating = measuringCode('evaluation', scorerName).version;
  const scoredBy = scorer.scoreCode ?? scorerName;
  const tests: ReadyTest[] = [];
  for (const [set, test] of Object.entries(testSets(cell))) {
    const questions = prepareQuestions(await readOnce(test, base, bounds, files), asked);
    const digest = digestsOf(['test', asked.style, ...source(test)], () => rowDigests(questions));
    const name = configurationHash({ digest, testTokens, scorer: scoredBy, ...arithmetic } as unknown as Json).slice(
      0,
      8,
    );
    const file = path.join(folder, `evaluation-${set}-${name}-${evaluating}.json`);
    tests.push({ set, rows: questions, score: scorer.score, maxNewTokens: testTokens, file });
  }
  return {
    ...{ cell, folder, configuration, plan, base, settings, tests, load },
    ...(start ? { start } : {}),
    ...(validation ? { heldOutItems: validation.rows.length } : {}),
    steps: 'steps' in settings ? settings.steps : sftSteps(rows.records.length, settings),
  };
}

/** The kit's code of a cell and of the cells that it starts from. */
function chainCode(own: CodeVersion, start: ReadyCell | undefined): { version: string } {
  if (!start) return own;
  const before = path.basename(start.folder).split('-').at(-1)!;
  return { version: createHash('sha256').update(`${own.version} ${before}`).digest('hex').slice(0, 8) };
}

function readOnce(source: OwnTestSet, base: string, bounds: PixelBounds, files: ReadFiles): Promise<RowFiles<DataRow>> {
  const key = JSON.stringify([source.data, source.images, ...(files.checksPictures ? [base, bounds] : [])]);
  const known = files.rows.get(key) ?? readAndCheck(source, base, bounds, files.checksPictures);
  files.rows.set(key, known);
  return known;
}

async function readAndCheck(
  { data, images }: OwnTestSet,
  base: string,
  bounds: PixelBounds,
  checks: boolean,
): Promise<RowFiles<DataRow>> {
  const rows = await readRows({ file: data, ...(images === undefined ? {} : { images }) });
  if (checks) await checkPictures(rows, data, processorOf(base, bounds));
  return rows;
}

/** The task of rows. @throws Error where they are of several */
function taskOf({ records }: RowFiles<DataRow>, file: string): Task {
  const tasks = [...new Set(records.map((row) => taskOfRow(row)))];
  if (tasks.length > 1)
    throw new Error(
      `${file} holds rows of several tasks: ${tasks.map((task) => task?.name ?? 'none of the kit').join(', ')}`,
    );
  return tasks[0] ?? ANY_TASK;
}

/** The longest completion that the nano model needs, where a task of the kit says it. */
function nanoTokens(task: Task): number {
  return 'nanoCompletionTokens' in task ? (task as DrawnTask).nanoCompletionTokens : QUICK.grpo.maxNewTokens;
}

function rewardsOf(task: Task): string {
  return task.rewards.map((reward) => (typeof reward === 'string' ? reward : reward.name)).join(',');
}

function targetOf(cell: OwnSftCell) {
  return cell.target ?? 'cot';
}

function promptOf(cell: OwnCell, task: Task): PromptOptions {
  return {
    style: cell.kind === 'sft' ? styleOfTarget(targetOf(cell)) : 'think',
    task,
    ...(cell.prompt === undefined ? {} : { prompt: cell.prompt }),
    ...(cell.system === undefined ? {} : { system: cell.system }),
  };
}

function presetOf(cell: OwnCell, base: string): NonNullable<OwnCell['preset']> {
  return cell.preset ?? checkpointDefaults(base)?.preset ?? 'reason-rft';
}

/** A cell's settings: those of its preset with its changes. @throws Error naming a setting that does not exist or cannot be */
function settingsOf(cell: OwnCell, base: string, task: Task, rows: number): SftSettings | GrpoSettings {
  const preset = presetOf(cell, base);
  if (cell.kind === 'sft') {
    if (preset === 'trl') throw new Error('there is no preset trl of SFT; choose nano or reason-rft');
    return sftSettings(cell.settings ?? {}, preset === 'nano' ? QUICK.cotSft : REASON_RFT_SFT);
  }
  const changes: NonNullable<OwnGrpoCell['settings']> = cell.settings ?? {};
  if (preset === 'nano') return grpoSettings(changes, { ...QUICK.grpo, maxNewTokens: nanoTokens(task) });
  const paper = GRPO_PRESETS[preset];
  // The paper trains one pass over the rows.
  const steps = Math.ceil(rows / (changes.promptsPerStep ?? paper.promptsPerStep));
  return grpoSettings({ steps, ...changes }, paper);
}

function tokensOf(settings: SftSettings | GrpoSettings, base: string, task: Task): number {
  if ('maxNewTokens' in settings) return settings.maxNewTokens;
  return checkpointDefaults(base) ? nanoTokens(task) : GRPO_PRESETS['reason-rft'].maxNewTokens;
}

/** @throws Error where held-out rows are trained on */
async function readValidation(
  cell: OwnCell,
  base: string,
  asked: PromptOptions,
  task: Task,
  training: RowFiles<DataRow>,
  settings: SftSettings | GrpoSettings,
  scorer: AskedScorer,
  files: ReadFiles,
): Promise<TrainingPlan['validation']> {
  const { validation } = cell;
  if (!validation) return undefined;
  const rows = await readOnce(validation, base, cellBounds(cell), files);
  const trained = new Set(training.records.map(({ id }) => id));
  const seen = rows.records.filter(({ id }) => trained.has(id));
  if (seen.length > 0)
    throw new Error(
      `${validation.data} is not held out: ${seen.length} of its rows are trained on, among them '${seen[0]!.id}'`,
    );
  const usual = checkpointDefaults(base) ? QUICK.grpo : GRPO_PRESETS['reason-rft'];
  const { temperature, topP, topK, minP } = 'temperature' in settings ? settings : usual;
  const own: ValidationSettings = {
    ...{ evaluateEvery: validation.evaluateEvery, items: rows.records.length, samples: validation.samples ?? 4 },
    ...{ maxNewTokens: tokensOf(settings, base, task), temperature, topP, topK, minP },
  };
  checkValidation(own);
  return { settings: own, rows: prepareQuestions(rows, asked), ...scorer };
}

/** What a reward is known by: its name, its weight, and the files of one's own. */
function identityOf({ name, weight, code }: ListedReward): object {
  return 'kit' in code ? { name, weight } : { name, weight, ...code };
}
