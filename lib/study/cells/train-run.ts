/**
 * One training run from its start to its result, the same for cells, commands and notebooks: who holds the folder, what the run
 * starts from, training, the trained and the best checkpoint, the code that trained them, `result.json`.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { writeFileAtomic } from '../../engine/atomic-write.js';
import { startEngine } from '../../engine/backend.js';
import { REWARDS, type RewardName } from '../../rewards/rewards.js';
import type { Scorer } from '../../rewards/scorer.js';
import { nameOfScorer } from '../../rewards/scorers.js';
import type { GrpoSettings } from '../../train/grpo-settings.js';
import type { LoopControl } from '../../train/loop.js';
import type { NamedReward } from '../../train/rollout.js';
import { type Json, RunDirectory } from '../../train/run-directory.js';
import type { SftSettings } from '../../train/sft.js';
import { type CodeVersion, trainingCode } from './code-version.js';
import type { QuestionRow, SftRow } from './prepared-rows.js';
import { lockFolder } from './run-lock.js';
import type { RunStart } from './start-model.js';
import { trainGrpoRows } from './train-grpo.js';
import { trainSftRows } from './train-sft.js';
import { type ValidationSettings, validationOnRows } from './validation.js';

/** The course of a run, which a caller may set. Nothing of it changes what the model learns. */
export type RunControl = Omit<LoopControl, 'evaluate'>;

/** What a run trains, on what, and how. */
export type TrainingPlan = {
  start: RunStart;
  /** Evaluation on held-out rows while it trains. Default: none. */
  validation?: { settings: ValidationSettings; rows: readonly QuestionRow[]; score: Scorer };
} & (
  | { kind: 'sft'; rows: readonly SftRow[]; settings: SftSettings }
  | {
      kind: 'grpo';
      rows: readonly QuestionRow[];
      /** Each reward with its weight, in the order in which they are summed. */
      rewards: readonly (readonly [name: RewardName, weight: number])[];
      settings: GrpoSettings;
    }
);

/** Where a run lies. */
export interface RunPlace {
  folder: string;
  /** What the run is known by: a folder that holds a run of another configuration is refused. */
  configuration: Json;
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
 * Trains a run, or goes on where it was stopped, or takes its result when it is finished. One process at a time does so in a
 * folder. A start that cannot be loaded leaves nothing there.
 *
 * @param plan is asked for once this process holds the folder and the run is not finished
 * @throws TrainingStopped when interrupted
 * @throws Error when another process trains the run, or the folder holds something else
 */
export async function trainRun(
  place: RunPlace,
  plan: () => Promise<TrainingPlan>,
  control: RunControl = {},
): Promise<RunResult> {
  const { folder, configuration } = place;
  RunDirectory.check(folder, configuration);
  return lockFolder(folder, async () => {
    const finished = RunDirectory.check(folder, configuration)?.result<RunResult>();
    if (finished) return finished;
    await startEngine();
    const work = await plan();
    const code = planCode(work);
    let opened: RunDirectory | undefined;
    const openRun = () => {
      opened = RunDirectory.open(folder, configuration);
      keepCode(folder, code);
      return opened;
    };
    const { final, best } = await trainPlan(work, openRun, control);
    const run = opened!;
    const metrics = run.metrics();
    const shown = (checkpoint: string) =>
      place.pathsFrom === undefined ? checkpoint : path.relative(place.pathsFrom, checkpoint);
    const result: RunResult = {
      checkpoint: shown(final),
      ...(best ? { best: { checkpoint: shown(best.folder), step: best.step, score: best.score } } : {}),
      trainingRows: work.rows.length,
      wallSeconds: run.rows<{ step_time: number }>('timing.jsonl').reduce((sum, row) => sum + row.step_time, 0),
      tokens: metrics.at(-1)!.num_tokens!,
      seed: work.settings.seed,
      steps: metrics.length,
    };
    run.finish(result);
    return result;
  });
}

function trainPlan(plan: TrainingPlan, openRun: () => RunDirectory, control: RunControl) {
  const { start, validation } = plan;
  if (plan.kind === 'sft') {
    const evaluate = validation && validationOnRows(validation);
    return trainSftRows({ start, rows: plan.rows, settings: plan.settings, evaluate }, openRun, control);
  }
  const rewards: NamedReward[] = plan.rewards.map(([name, weight]) => ({ name, weight, reward: REWARDS[name] }));
  const evaluate = validation && validationOnRows({ ...validation, rewards });
  return trainGrpoRows({ start, rows: plan.rows, rewards, settings: plan.settings, evaluate }, openRun, control);
}

function planCode(plan: TrainingPlan): CodeVersion {
  const scorer = plan.validation?.settings.evaluateEvery ? nameOfScorer(plan.validation.score) : undefined;
  const rewards = plan.kind === 'grpo' ? plan.rewards.map(([name]) => name) : [];
  return trainingCode({ kind: plan.kind, rewards, scorer });
}

/** Writes down beside a run which code trains it; a run that goes on keeps what its first start wrote. */
function keepCode(folder: string, code: CodeVersion): void {
  const file = path.join(folder, 'code.json');
  if (!existsSync(file)) writeFileAtomic(file, `${JSON.stringify(code, null, 2)}\n`);
}
