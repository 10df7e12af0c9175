/**
 * One training run from its start to its result, the same for cells, commands and notebooks. It locks the folder, loads the start, trains,
 * saves the trained and the best checkpoint, notes the code that trained them, and writes `result.json`.
 */

import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { writeFileAtomic } from '../../engine/atomic-write.js';
import { startEngine } from '../../engine/backend.js';
import { readJsonFile } from '../../engine/read-json.js';
import type { Model } from '../../model/model.js';
import type { OwnCodeIdentity } from '../../rewards/own-code.js';
import type { ListedReward } from '../../rewards/reward-list.js';
import type { Scorer } from '../../rewards/scorer.js';
import { nameOfScorer } from '../../rewards/scorers.js';
import type { GrpoSettings } from '../../train/grpo-settings.js';
import type { LoopControl } from '../../train/loop.js';
import type { Json } from '../../train/run-configuration.js';
import { RunDirectory } from '../../train/run-directory.js';
import { lockFolder } from '../../train/run-lock.js';
import type { SftSettings } from '../../train/sft.js';
import type { TrainedCheckpoints } from '../../train/trained.js';
import { heldOutScore } from './card-scores.js';
import { type CodeVersion, changedSources, trainingCode } from './code-version.js';
import { type CurveOptions, scheduleCurve } from './learning-curve.js';
import { type CardFacts, writeModelCard } from './model-card.js';
import type { QuestionRow, SftRow } from './prepared-rows.js';
import type { RunStart } from './start-model.js';
import { trainGrpoRows } from './train-grpo.js';
import { trainSftRows } from './train-sft.js';
import { scheduleValidationOnRows, type ValidationSettings } from './validation.js';

/** The course of a run, which a caller may set. Nothing of it changes what the model learns. */
export type RunControl = Omit<LoopControl, 'evaluate'>;

/** All that a run trains from: its start, its rows and its settings. */
export type TrainingPlan = {
  start: RunStart;
  /** Evaluation on held-out rows while it trains. Default: none. */
  validation?: {
    settings: ValidationSettings;
    rows: readonly QuestionRow[];
    score: Scorer;
    /** The files of the scorer, if it is none of the kit's. */
    scoreCode?: OwnCodeIdentity;
  };
} & (
  | { kind: 'sft'; rows: readonly SftRow[]; settings: SftSettings }
  | {
      kind: 'grpo';
      rows: readonly QuestionRow[];
      /** The rewards, in the order in which they are summed. */
      rewards: readonly ListedReward[];
      settings: GrpoSettings;
      /** Points of accuracy on test sets while it trains, in place of validation. Default: none. */
      curve?: CurveOptions;
    }
);

/** The folder of a run, and its configuration. */
export interface RunPlace {
  folder: string;
  /** The configuration of the run. A folder that holds a run of another configuration is refused. */
  configuration: Json;
  /** The code that trains the run, unless the folder's name says it: a folder with a run that other code trains is refused. */
  code?: CodeVersion;
  /** The folder that the paths of the result are relative to. Default: they begin as `folder` does. */
  pathsFrom?: string;
}

/** The `result.json` of a finished run. */
export interface RunResult {
  /** The trained checkpoint. */
  checkpoint: string;
  /** With validation: of the evaluated checkpoints that with the highest accuracy on held-out rows. */
  best?: { checkpoint: string; step: number; score: number };
  trainingRows: number;
  wallSeconds: number;
  tokens: number;
  seed: number;
  steps: number;
}

/**
 * Trains a run, or goes on where it was stopped, or reads its result when it is finished. One process at a time does so in a
 * folder. A start that cannot be loaded leaves nothing there.
 *
 * @param plan makes the plan. It is called only if the run is not finished, and after this process has locked the folder
 * @throws TrainingStopped when interrupted
 * @throws Error when another process trains the run, when the folder holds something else or a run of other code, or when what a
 *   finished run left is damaged
 */
export async function trainRun(
  location: RunPlace,
  plan: () => Promise<TrainingPlan>,
  control: RunControl = {},
): Promise<RunResult> {
  const { folder, configuration } = location;
  const resultPath = (checkpoint: string) =>
    location.pathsFrom === undefined ? checkpoint : path.relative(location.pathsFrom, checkpoint);
  const checkFolder = () => {
    if (RunDirectory.check(folder, configuration) && location.code) checkCode(folder, location.code);
  };
  checkFolder();
  return lockFolder(folder, async () => {
    checkFolder();
    const finished = readRunResult(folder);
    if (finished) {
      warnOfLog(RunDirectory.open(folder, configuration), finished.steps);
      return locateCheckpoints(finished, folder, resultPath);
    }
    await startEngine();
    const readyPlan = await plan();
    const code = planCode(readyPlan);
    let opened: RunDirectory | undefined;
    const openRun = () => {
      opened = RunDirectory.open(folder, configuration);
      opened.isLockedByOpener = true;
      writeCodeVersion(folder, code);
      return opened;
    };
    const { final, best } = await trainPlan(readyPlan, openRun, control);
    const run = opened!;
    const metrics = run.metrics();
    writeCards(run, readyPlan, code, { final, best });
    const result: RunResult = {
      checkpoint: resultPath(final),
      ...(best ? { best: { checkpoint: resultPath(best.folder), step: best.step, score: best.score } } : {}),
      trainingRows: readyPlan.rows.length,
      wallSeconds: run.rows<{ step_time: number }>('timing.jsonl').reduce((sum, row) => sum + row.step_time, 0),
      tokens: metrics.at(-1)!.num_tokens!,
      seed: readyPlan.settings.seed,
      steps: metrics.length,
    };
    run.finish(result);
    return result;
  });
}

/** Writes the model cards of the trained and of the best checkpoint. */
function writeCards(
  run: RunDirectory,
  plan: TrainingPlan,
  code: CodeVersion,
  { final, best }: TrainedCheckpoints,
): void {
  const metrics = run.metrics();
  const facts = { plan, code, kit: run.starts[0]?.environment as CardFacts['kit'], steps: metrics.length };
  const cards = new Map([[final, metrics.length]]);
  if (best) cards.set(best.folder, best.step);
  for (const [folder, step] of cards) {
    const accuracy = metrics[step - 1]?.eval_accuracy;
    const scores =
      accuracy === undefined || !plan.validation ? [] : [heldOutScore(accuracy, plan.validation.rows.length)];
    writeModelCard(folder, { ...facts, step, scores });
  }
}

function trainPlan(plan: TrainingPlan, openRun: () => RunDirectory, control: RunControl) {
  const { start, validation } = plan;
  if (plan.kind === 'sft') {
    const evaluate = validation && scheduleValidationOnRows(validation);
    return trainSftRows({ start, rows: plan.rows, settings: plan.settings, evaluate }, openRun, control);
  }
  const { rewards } = plan;
  const { curve } = plan;
  const evaluate = curve
    ? (model: Model) => scheduleCurve(model, curve)
    : validation && scheduleValidationOnRows({ ...validation, rewards, rewardSettings: plan.settings });
  return trainGrpoRows({ start, rows: plan.rows, rewards, settings: plan.settings, evaluate }, openRun, control);
}

/**
 * Reads the `result.json` of a run's folder; undefined while the run is not finished.
 *
 * @throws Error when the file is not the result of a run
 */
export function readRunResult(folder: string): RunResult | undefined {
  const file = path.join(folder, 'result.json');
  if (!existsSync(file)) return undefined;
  let result: Partial<RunResult> | null = null;
  try {
    result = JSON.parse(readFileSync(file, 'utf8')) as Partial<RunResult> | null;
  } catch {
    // Text that is not JSON is no result either.
  }
  if (typeof result?.checkpoint !== 'string' || typeof result.steps !== 'number')
    throw new Error(
      `${file} is not the result of a run; put it back from a copy, or remove it: the run then goes on from its last checkpoint`,
    );
  return result as RunResult;
}

/**
 * The result of a finished run with the paths of this call: an earlier one may have come from another folder.
 *
 * @throws Error when a checkpoint of the run is gone
 */
function locateCheckpoints(result: RunResult, folder: string, shown: (checkpoint: string) => string): RunResult {
  const locate = (stored: string) => {
    const checkpoint = path.join(folder, path.basename(stored));
    if (!existsSync(checkpoint))
      throw new Error(
        `the run in ${folder} is finished, but its checkpoint ${checkpoint} is gone; put it back, or remove ` +
          `${path.join(folder, 'result.json')}: the run then goes on from its last checkpoint and saves it again`,
      );
    return shown(checkpoint);
  };
  const { best } = result;
  return {
    ...result,
    checkpoint: locate(result.checkpoint),
    ...(best ? { best: { ...best, checkpoint: locate(best.checkpoint) } } : {}),
  };
}

/** Says on stderr when the log of a finished run is damaged. Its checkpoint is sound all the same. */
function warnOfLog(run: RunDirectory, steps: number): void {
  try {
    run.checkLog(steps);
  } catch (error) {
    console.warn(
      `the run in ${run.folder} is finished, but its log is damaged (${(error as Error).message}): curves and counts of it are ` +
        'not to be trusted; put the file back from a copy',
    );
  }
}

/** The code of the kit that trains a plan. Files of one's own are part of the configuration instead (`plan-digests.ts`). */
export function planCode(plan: TrainingPlan): CodeVersion {
  const { validation } = plan;
  const isKits = validation?.settings.evaluateEvery && validation.scoreCode === undefined;
  const curve = plan.kind === 'grpo' ? plan.curve : undefined;
  const scorer = curve ? nameOfScorer(curve.score) : isKits ? nameOfScorer(validation.score) : undefined;
  const rewards = plan.kind === 'grpo' ? plan.rewards.flatMap(({ code }) => ('kit' in code ? [code.kit] : [])) : [];
  return trainingCode({ kind: plan.kind, rewards, scorer, ...(curve ? { evaluation: 'curve' } : {}) });
}

/** @throws Error when other code trains the run in a folder, naming the modules that differ */
function checkCode(folder: string, now: CodeVersion): void {
  const file = path.join(folder, 'code.json');
  if (!existsSync(file)) return;
  const before = readJsonFile<CodeVersion>(file, `remove ${folder} to train in it anew`);
  if (before.version === now.version) return;
  const changed = changedSources(before, now);
  const modules = changed.length === 0 ? 'which module imports which' : changed.join(', ');
  throw new Error(
    `${folder} holds a run that other code trains (since changed: ${modules}); choose another folder, or remove this one to ` +
      'train in it anew',
  );
}

/** Writes the version of the code that trains a run into its folder. A run that goes on keeps the version of its first start. */
function writeCodeVersion(folder: string, code: CodeVersion): void {
  const file = path.join(folder, 'code.json');
  if (!existsSync(file)) writeFileAtomic(file, `${JSON.stringify(code, null, 2)}\n`);
}
