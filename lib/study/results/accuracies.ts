/** Accuracies with their intervals from finished evaluations: of paradigms, of numbers of training rows, of ablations. */
import { differenceOverSeeds, estimateOverSeeds } from '../../evaluate/over-seeds.js';
import { type TaskName, testSetsOf } from '../../tasks/tasks.js';
import { mean } from '../../train/advantage.js';
import type { AblationName } from '../ablation-names.js';
import type { BaseCell, Cell, CellResult } from '../cells/cell.js';
import { finishedCell, finishedHeldOut } from '../cells/run-cell.js';
import { ablationCells, startMeasure } from '../design/ablations.js';
import { EFFICIENCY_PARADIGMS, efficiencyCell, efficiencyRows, efficiencySeeds } from '../design/data-efficiency.js';
import { PARADIGM_PROMPTS, PARADIGMS, paradigmCell } from '../design/paradigms.js';
import type { Study } from '../workspace.js';
import { estimatesOf, evaluationsBySeed, itemScores, type SeedEvaluations } from './measures.js';
import type { AblationPoint, EfficiencyPoint, ParadigmResult } from './results.js';

/** The paradigms on each test set of a task. */
export function paradigmResults(study: Study, task: TaskName): ParadigmResult[] {
  return PARADIGMS.flatMap((paradigm) =>
    testSetsOf(task).flatMap((testSet): ParadigmResult[] => {
      const trained = paradigm !== 'zero-shot';
      // There is one base model, so zero-shot has one cell for all seeds.
      const seeds = trained ? study.profile.seeds : study.profile.seeds.slice(0, 1);
      const cellOf = (seed: number) => paradigmCell(study, paradigm, task, seed);
      const finished = evaluationsBySeed(study, seeds, cellOf, testSet, PARADIGM_PROMPTS[paradigm]);
      if (finished.evaluations.length === 0) return [];
      const cost = (measure: (result: CellResult) => number) =>
        mean(
          finished.cells.map((cell) => readStageResults(study, cell).reduce((sum, stage) => sum + measure(stage), 0)),
        );
      const cell = finished.cells[0]!;
      return [
        {
          ...{ task, paradigm, testSet, ...estimatesOf(finished.evaluations) },
          seeds: trained ? finished.seeds : [],
          // Stage 1 takes the first rows, so that all stages together end where the last does.
          trainingRows: cell.kind === 'base' ? 0 : cell.rows[1],
          wallSeconds: cost(({ wallSeconds }) => wallSeconds),
          tokens: cost(({ tokens }) => tokens),
        },
      ];
    }),
  );
}

/** Reads the results of a cell and of the cell that it starts from. */
function readStageResults(study: Study, cell: Cell | BaseCell): CellResult[] {
  if (cell.kind === 'base') return [];
  const stages = cell.kind === 'grpo' && cell.start !== 'base' ? [cell.start, cell] : [cell];
  return stages.flatMap((stage) => finishedCell(study, stage) ?? []);
}

/** The paper's trained paradigms on a task at each number of training rows. */
export function efficiencyPoints(study: Study, task: TaskName): EfficiencyPoint[] {
  return efficiencyRows(study, task).flatMap((rows) =>
    EFFICIENCY_PARADIGMS.flatMap((paradigm) =>
      testSetsOf(task).flatMap((testSet): EfficiencyPoint[] => {
        const wantedSeeds = efficiencySeeds(study, rows, task);
        const cellOf = (seed: number) => efficiencyCell(study, paradigm, rows, task, seed);
        const finished = evaluationsBySeed(study, wantedSeeds, cellOf, testSet, PARADIGM_PROMPTS[paradigm]);
        if (finished.evaluations.length === 0) return [];
        const { accuracy } = estimatesOf(finished.evaluations);
        return [{ task, paradigm, rows, testSet, accuracy, seeds: finished.seeds }];
      }),
    ),
  );
}

/** The settings of these ablations of a task, each with its difference from the base on the same items and seeds. */
export function ablationPoints(study: Study, task: TaskName, ablations: readonly AblationName[]): AblationPoint[] {
  const { seeds } = study.profile.ablations;
  const bySeed = new Map(seeds.map((seed) => [seed, ablationCells(study, task, seed)]));
  return bySeed.get(seeds[0]!)!.flatMap(({ ablation, setting, base }, cellIndex) =>
    testSetsOf(task).flatMap((testSet): AblationPoint[] => {
      if (!ablations.includes(ablation)) return [];
      const cellOf = (seed: number) => bySeed.get(seed)![cellIndex]!.cell;
      const baseOf = (seed: number) => bySeed.get(seed)!.find((other) => other.base)!.cell;
      const finished = evaluationsBySeed(study, seeds, cellOf, testSet, 'think');
      if (finished.evaluations.length === 0) return [];
      const bases = evaluationsBySeed(study, finished.seeds, baseOf, testSet, 'think');
      const comparable = !base && bases.seeds.length === finished.seeds.length;
      const difference =
        comparable && differenceOverSeeds(itemScores(finished.evaluations), itemScores(bases.evaluations));
      const passAtK = ablation === 'Start checkpoint' ? startPassAtK(study, task, finished) : undefined;
      return [
        {
          ...{ task, ablation, setting, base, testSet, ...estimatesOf(finished.evaluations), seeds: finished.seeds },
          ...(difference ? { difference } : {}),
          ...(passAtK ? { startPassAtK: passAtK } : {}),
        },
      ];
    }),
  );
}

/** The pass@k, on held-out rows, of the checkpoints that cells start from. */
function startPassAtK(study: Study, task: TaskName, { cells }: SeedEvaluations): AblationPoint['startPassAtK'] {
  const settings = startMeasure(study, task);
  if (!settings) return undefined;
  const perSeed = cells.flatMap((cell) => {
    const start = cell.kind === 'grpo' && cell.start !== 'base' ? cell.start : undefined;
    return start ? (finishedHeldOut(study, start, settings)?.[`pass@${settings.samples}`] ?? []) : [];
  });
  return perSeed.length === cells.length ? estimateOverSeeds(perSeed, settings.items) : undefined;
}
