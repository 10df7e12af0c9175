/** Ablations of Reason-RFT's second stage, each a few short GRPO runs that differ in one thing. */
import { TASKS, type TaskName, type TestSet, testSetsOf } from '../tasks/task.js';
import { evaluateCell, type GrpoCell, runCell } from './cell.js';
import { stageOneCell, taskGrpo, taskRewards } from './paradigms.js';
import type { Study } from './workspace.js';

export interface AblationCell {
  /** What is varied, as the figure names it. */
  ablation: string;
  /** The setting of this cell. */
  setting: string;
  cell: GrpoCell;
}

/**
 * Reward design, group size (at an equal number of completions a step) and the amount of chain-of-thought data in stage 1.
 * The settings that the study uses elsewhere occur in each of the three and are one and the same cell.
 */
export function ablationCells(study: Study, task: TaskName = 'counting'): AblationCell[] {
  const { profile } = study;
  const { stageOneRows, trainRows } = profile;
  const settings = taskGrpo(profile.ablation, profile, task);
  const base: GrpoCell = {
    kind: 'grpo',
    task,
    start: stageOneCell(study, stageOneRows, task),
    rows: [stageOneRows, trainRows],
    rewards: taskRewards(task),
    settings,
  };
  const group = (completions: number): GrpoCell => {
    const promptsPerStep = (settings.promptsPerStep * settings.completions) / completions;
    return { ...base, settings: { ...settings, completions, promptsPerStep } };
  };
  const stageOne = (rows: number): GrpoCell => ({ ...base, start: stageOneCell(study, rows, task) });
  const G = settings.completions;
  return [
    { ablation: 'Reward', setting: 'accuracy + format', cell: base },
    { ablation: 'Reward', setting: 'accuracy alone', cell: { ...base, rewards: { [TASKS[task].rewards[0]!]: 1 } } },
    { ablation: 'Group size', setting: `G = ${G / 2}`, cell: group(G / 2) },
    { ablation: 'Group size', setting: `G = ${G}`, cell: base },
    { ablation: 'Group size', setting: `G = ${2 * G}`, cell: group(2 * G) },
    ...[stageOneRows / 4, stageOneRows / 2].map((rows) => ({
      ablation: 'CoT rows in stage 1',
      setting: String(rows),
      cell: stageOne(rows),
    })),
    { ablation: 'CoT rows in stage 1', setting: String(stageOneRows), cell: base },
  ];
}

/** The accuracy of one setting on one test set, with its 95 % interval. */
export interface AblationResult {
  ablation: string;
  setting: string;
  testSet: TestSet;
  accuracy: number;
  interval: [number, number];
  /** Share of completions in the format asked for. */
  formatted: number;
}

/**
 * Trains and evaluates the cells of all ablations; what is finished already is taken as it is.
 *
 * @param onStep the training steps done and to do, all cells together
 */
export async function runAblations(
  study: Study,
  onStep?: (done: number, total: number) => void,
  task: TaskName = 'counting',
): Promise<AblationResult[]> {
  const cells = ablationCells(study, task);
  const total = cells.reduce((sum, { cell }) => sum + cell.settings.steps, 0);
  const results: AblationResult[] = [];
  let before = 0;
  for (const { ablation, setting, cell } of cells) {
    await runCell(study, cell, { onStep: (done) => onStep?.(before + done, total) });
    before += cell.settings.steps;
    onStep?.(before, total);
    for (const testSet of testSetsOf(task)) {
      const { accuracy, interval, formatted } = await evaluateCell(study, cell, testSet, 'think');
      results.push({ ablation, setting, testSet, accuracy, interval, formatted });
    }
  }
  return results;
}
