/** Ablations of Reason-RFT's second stage, each a few short GRPO runs that differ in one thing. */
import type { GrpoCell } from './cell.js';
import { stageOneCell } from './paradigms.js';
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
export function ablationCells(study: Study): AblationCell[] {
  const { profile } = study;
  const { ablation: settings, stageOneRows, trainRows } = profile;
  const base: GrpoCell = {
    kind: 'grpo',
    start: stageOneCell(study),
    rows: [stageOneRows, trainRows],
    rewards: { accuracy_reward: 1, format_reward: 1 },
    settings,
  };
  const group = (completions: number): GrpoCell => {
    const promptsPerStep = (settings.promptsPerStep * settings.completions) / completions;
    return { ...base, settings: { ...settings, completions, promptsPerStep } };
  };
  const stageOne = (rows: number): GrpoCell => ({ ...base, start: stageOneCell(study, rows) });
  const quarter = stageOneRows / 4;
  const G = settings.completions;
  return [
    { ablation: 'Reward', setting: 'accuracy + format', cell: base },
    { ablation: 'Reward', setting: 'accuracy alone', cell: { ...base, rewards: { accuracy_reward: 1 } } },
    { ablation: 'Group size', setting: `G = ${G / 2}`, cell: group(G / 2) },
    { ablation: 'Group size', setting: `G = ${G}`, cell: base },
    { ablation: 'Group size', setting: `G = ${2 * G}`, cell: group(2 * G) },
    { ablation: 'CoT rows in stage 1', setting: String(quarter), cell: stageOne(quarter) },
    { ablation: 'CoT rows in stage 1', setting: String(stageOneRows), cell: base },
    { ablation: 'CoT rows in stage 1', setting: String(2 * stageOneRows), cell: stageOne(2 * stageOneRows) },
  ];
}
