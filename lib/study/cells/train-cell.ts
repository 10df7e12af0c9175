/** What training a cell does with its rows and its start: all of it that numbers depend on, but for what makes the rows. */
import path from 'node:path';
import { addAdapters, hasAdapters, mergeAdapters } from '../../model/lora.js';
import { disposeModel, loadModel, type Model, saveModel } from '../../model/model.js';
import { readImage } from '../../records/image.js';
import { REWARDS, type RewardName } from '../../rewards/rewards.js';
import type { Scorer } from '../../rewards/scorer.js';
import { trainGrpo } from '../../train/grpo.js';
import type { EvaluationSchedule, LoopControl } from '../../train/loop.js';
import type { NamedReward } from '../../train/rollout.js';
import type { RunDirectory } from '../../train/run-directory.js';
import { trainSft } from '../../train/sft.js';
import { saveTrained, type TrainedCheckpoints } from '../../train/trained.js';
import type { TrainingWarning } from '../../train/warnings.js';
import type { LoadedRows } from '../data/load-rows.js';
import type { Cell, GrpoCell } from './cell.js';
import { evaluationItems, grpoExamples, type Rows, sftExamples } from './examples.js';
import { validation } from './validation.js';

/** What a caller says about the course of a cell's training; none of it changes what is learned. */
export type CellControl = Omit<LoopControl, 'evaluate'> & { onWarning?: (warning: TrainingWarning) => void };

/** Images of records as training and evaluation see them, by their files. */
export function readImages(files: readonly (readonly string[])[]): Promise<LoadedRows['images']> {
  return Promise.all(files.map((each) => Promise.all(each.map(readImage))));
}

/**
 * Trains a cell in its run directory, or goes on there, and saves the trained checkpoint.
 *
 * @param start the checkpoint's folder
 * @param heldOut rows that it is validated on, where it is
 * @throws TrainingStopped when interrupted
 */
export async function trainCell(
  cell: Cell,
  from: { start: string; rows: Rows; heldOut?: LoadedRows; score: Scorer },
  run: RunDirectory,
  control: CellControl,
): Promise<TrainedCheckpoints> {
  const { rows } = from;
  const model = loadModel(from.start);
  try {
    if (cell.lora) {
      if (hasAdapters(model.parameters)) mergeStart(model, run);
      addAdapters(model.parameters, cell.lora);
    }
    const evaluate = from.heldOut && cellValidation(cell, model, from.heldOut, from.score);
    if (cell.kind === 'sft') {
      const examples = sftExamples(model, rows, cell.target);
      await trainSft({ model, examples, settings: cell.settings, run, evaluate, ...control });
    } else {
      const [examples, rewards] = [grpoExamples(model, rows), namedRewards(cell)];
      await trainGrpo({ model, examples, rewards, settings: cell.settings, run, evaluate, ...control });
    }
    return saveTrained(model, run, run.metrics().length);
  } finally {
    disposeModel(model);
  }
}

/**
 * Merges the adapters of the start cell into a checkpoint of its own, which the new ones are for: GRPO's reference is then what
 * the start cell trained, as without adapters, and not the base below it.
 */
function mergeStart(model: Model, run: RunDirectory): void {
  mergeAdapters(model.parameters);
  const folder = path.join(run.folder, 'start');
  saveModel(model, folder);
  model.folder = folder;
}

function cellValidation(cell: Cell, model: Model, rows: LoadedRows, score: Scorer): EvaluationSchedule | undefined {
  const items = evaluationItems(model, rows, cell.kind === 'sft' && cell.target === 'answer' ? 'bare' : 'think');
  const rewards = cell.kind === 'grpo' ? namedRewards(cell) : [];
  return validation({ model, items, settings: cell.validation!, rewards, score });
}

function namedRewards(cell: GrpoCell): NamedReward[] {
  return Object.entries(cell.rewards).map(([name, weight]) => ({ name, weight, reward: REWARDS[name as RewardName] }));
}
