/** From the finished cells of a study to its results. Nothing is trained or evaluated here; what is missing is named. */

import type { Evaluation } from '../../evaluate/evaluate.js';
import { differenceOverSeeds, estimateOverSeeds } from '../../evaluate/over-seeds.js';
import { readRecords } from '../../records/records.js';
import type { PromptStyle } from '../../tasks/prompts.js';
import { TASK_NAMES, TASKS, type TaskName, TEST_SET_NAMES, type TestSet, testSetsOf } from '../../tasks/tasks.js';
import { kitCommit } from '../../train/environment.js';
import {
  type BaseCell,
  type Cell,
  type CellResult,
  finishedCell,
  finishedEvaluation,
  finishedHeldOut,
  hasData,
} from '../cells/cell.js';
import { bestConstantScore } from '../data/label-control.js';
import { recordsFile } from '../data/study-data.js';
import { ABLATIONS, type AblationName, ablationCells, startMeasure } from '../design/ablations.js';
import { efficiencyCell, efficiencyRows, efficiencySeeds } from '../design/data-efficiency.js';
import type { GridCell } from '../design/grid.js';
import { PARADIGM_PROMPTS, PARADIGMS, paradigmCell, TRAINED_PARADIGMS } from '../design/paradigms.js';
import { controlSeeds, ownWordsCell, shuffledLabelsCell, studyGrid } from '../design/study-grid.js';
import type { Study } from '../workspace.js';
import { claimVerdicts } from './claims.js';
import { studyLeakage } from './leakage.js';
import { estimatesOf, percentText, pointsText, testScores } from './measures.js';
import { phenomenaOf } from './phenomena.js';
import type {
  AblationFinding,
  AblationPoint,
  ControlResult,
  EfficiencyPoint,
  ParadigmResult,
  StudyResults,
  WordsResult,
} from './results.js';

/** All that can be said from the cells that are finished, of the tasks whose data is there. */
export function computeResults(study: Study): StudyResults {
  const tasks = TASK_NAMES.filter((task) => hasData(study, task));
  const ablations = tasks
    .filter((task) => study.profile.ablations.tasks.includes(task))
    .flatMap((task) => ablationPoints(study, task));
  return {
    profile: study.profile.name,
    seeds: [...study.profile.seeds],
    commit: kitCommit(),
    paradigms: tasks.flatMap((task) => paradigmResults(study, task)),
    efficiency: tasks.flatMap((task) => efficiencyPoints(study, task)),
    ablations,
    findings: ablationFindings(ablations),
    claims: tasks.flatMap((task) => claimVerdicts(study, task)),
    phenomena: tasks.flatMap((task) => phenomenaOf(study, task)),
    controls: tasks.flatMap((task) => controlResults(study, task)),
    words: tasks.flatMap((task) => wordsResults(study, task)),
    leakage: tasks.map((task) => studyLeakage(study, task)),
    missing: missingCells(study),
  };
}

/** The names of the grid's cells that are not trained, or not measured as the grid asks. */
export function missingCells(study: Study): string[] {
  const finished = ({ cell, evaluations, heldOut }: GridCell) =>
    (cell.kind === 'base' || finishedCell(study, cell) !== undefined) &&
    evaluations.every(({ set, style }) => finishedEvaluation(study, cell, set, style) !== undefined) &&
    (!heldOut || finishedHeldOut(study, cell, heldOut) !== undefined);
  return studyGrid(study)
    .filter((each) => !finished(each))
    .map(({ name }) => name);
}

/** The evaluations that are there of a cell by several seeds. */
interface BySeed {
  seeds: number[];
  cells: (Cell | BaseCell)[];
  evaluations: Evaluation[];
}

function evaluationsBySeed(
  study: Study,
  seeds: readonly number[],
  cellOf: (seed: number) => Cell | BaseCell,
  set: TestSet,
  style: PromptStyle,
): BySeed {
  const found: BySeed = { seeds: [], cells: [], evaluations: [] };
  for (const seed of seeds) {
    const cell = cellOf(seed);
    const evaluation = finishedEvaluation(study, cell, set, style);
    if (!evaluation) continue;
    found.seeds.push(seed);
    found.cells.push(cell);
    found.evaluations.push(evaluation);
  }
  return found;
}

function paradigmResults(study: Study, task: TaskName): ParadigmResult[] {
  return PARADIGMS.flatMap((paradigm) =>
    testSetsOf(task).flatMap((testSet): ParadigmResult[] => {
      const trained = paradigm !== 'zero-shot';
      // The base model is one, whatever the seed.
      const seeds = trained ? study.profile.seeds : study.profile.seeds.slice(0, 1);
      const cellOf = (seed: number) => paradigmCell(study, paradigm, task, seed);
      const found = evaluationsBySeed(study, seeds, cellOf, testSet, PARADIGM_PROMPTS[paradigm]);
      if (found.evaluations.length === 0) return [];
      const cost = (measure: (result: CellResult) => number) =>
        meanOf(found.cells.map((cell) => stageResults(study, cell).reduce((sum, each) => sum + measure(each), 0)));
      const cell = found.cells[0]!;
      return [
        {
          ...{ task, paradigm, testSet, ...estimatesOf(found.evaluations) },
          seeds: trained ? found.seeds : [],
          // Stage 1 takes the first rows, so that all stages together end where the last does.
          trainingRows: cell.kind === 'base' ? 0 : cell.rows[1],
          wallSeconds: cost(({ wallSeconds }) => wallSeconds),
          tokens: cost(({ tokens }) => tokens),
        },
      ];
    }),
  );
}

/** What a cell and the cell that it starts from left. */
function stageResults(study: Study, cell: Cell | BaseCell): CellResult[] {
  if (cell.kind === 'base') return [];
  const stages = cell.kind === 'grpo' && cell.start !== 'base' ? [cell.start, cell] : [cell];
  return stages.flatMap((each) => finishedCell(study, each) ?? []);
}

function efficiencyPoints(study: Study, task: TaskName): EfficiencyPoint[] {
  return efficiencyRows(study, task).flatMap((rows) =>
    TRAINED_PARADIGMS.flatMap((paradigm) =>
      testSetsOf(task).flatMap((testSet): EfficiencyPoint[] => {
        const cellOf = (seed: number) => efficiencyCell(study, paradigm, rows, task, seed);
        const style = PARADIGM_PROMPTS[paradigm];
        const { seeds, evaluations } = evaluationsBySeed(
          study,
          efficiencySeeds(study, rows, task),
          cellOf,
          testSet,
          style,
        );
        if (evaluations.length === 0) return [];
        return [{ task, paradigm, rows, testSet, accuracy: estimatesOf(evaluations).accuracy, seeds }];
      }),
    ),
  );
}

function ablationPoints(study: Study, task: TaskName): AblationPoint[] {
  const { seeds } = study.profile.ablations;
  const bySeed = new Map(seeds.map((seed) => [seed, ablationCells(study, task, seed)]));
  return bySeed.get(seeds[0]!)!.flatMap(({ ablation, setting, base }, place) =>
    testSetsOf(task).flatMap((testSet): AblationPoint[] => {
      const cellOf = (seed: number) => bySeed.get(seed)![place]!.cell;
      const found = evaluationsBySeed(study, seeds, cellOf, testSet, 'think');
      if (found.evaluations.length === 0) return [];
      const baseOf = (seed: number) => bySeed.get(seed)!.find((each) => each.base)!.cell;
      const bases = evaluationsBySeed(study, found.seeds, baseOf, testSet, 'think');
      const scores = ({ evaluations }: BySeed) => evaluations.map(({ items }) => items.map(({ score }) => score));
      const comparable = !base && bases.seeds.length === found.seeds.length;
      const start = ablation === 'Start checkpoint' ? startPassAtK(study, task, found) : undefined;
      return [
        {
          ...{ task, ablation, setting, base, testSet, ...estimatesOf(found.evaluations), seeds: found.seeds },
          ...(comparable ? { difference: differenceOverSeeds(scores(found), scores(bases)) } : {}),
          ...(start ? { startPassAtK: start } : {}),
        },
      ];
    }),
  );
}

/** pass@k of the checkpoints that cells start from, on held-out rows. */
function startPassAtK(study: Study, task: TaskName, { cells }: BySeed): AblationPoint['startPassAtK'] {
  const settings = startMeasure(study, task);
  if (!settings) return undefined;
  const each = cells.flatMap((cell) => {
    const start = cell.kind === 'grpo' && cell.start !== 'base' ? cell.start : undefined;
    return start ? (finishedHeldOut(study, start, settings)?.[`pass@${settings.samples}`] ?? []) : [];
  });
  return each.length === cells.length ? estimateOverSeeds(each, settings.items) : undefined;
}

/** What each ablation shows on each task, from its points. */
export function ablationFindings(points: readonly AblationPoint[]): AblationFinding[] {
  return TASK_NAMES.flatMap((task) =>
    ABLATIONS.flatMap((ablation): AblationFinding[] => {
      const own = points.filter((point) => point.task === task && point.ablation === ablation);
      return own.length === 0 ? [] : [{ task, ablation, text: findingText(ablation, own) }];
    }),
  );
}

function findingText(ablation: AblationName, points: readonly AblationPoint[]): string {
  const sets = [...new Set(points.map(({ testSet }) => testSet))];
  const on = (set: TestSet) => points.filter(({ testSet }) => testSet === set);
  const apart = sets.flatMap((set) => setText(set, on(set)) ?? []);
  const bases = points.filter(({ base }) => base);
  const none = bases.map(({ testSet, accuracy }) => `${percentText(accuracy)} ${TEST_SET_NAMES[testSet]}`);
  const sentences =
    bases.length === 0
      ? ['The base is not finished.']
      : apart.length === 0
        ? [`On no test set is another setting told apart from ${bases[0]!.setting}, which has ${none.join(', ')}.`]
        : [...apart, ...(apart.length < sets.length ? ['Elsewhere none is told apart.'] : [])];
  return [...sentences, ...(ablation === 'Start checkpoint' ? choiceText(on(sets[0]!)) : [])].join(' ');
}

/** The settings that are told apart from the base on a test set, those whose difference's interval leaves out 0; undefined for none. */
function setText(set: TestSet, points: readonly AblationPoint[]): string | undefined {
  const base = points.find((point) => point.base);
  const others = points.filter((point) => point.difference);
  const apart = others.filter(({ difference }) => difference!.interval[0] > 0 || difference!.interval[1] < 0);
  if (!base || apart.length === 0) return undefined;
  const where = `${TEST_SET_NAMES[set].charAt(0).toUpperCase()}${TEST_SET_NAMES[set].slice(1)}`;
  const named = apart.map(({ setting, difference }) => `${setting} by ${pointsText(difference!)}`);
  const rest = others.length > apart.length ? '; the others are not told apart' : '';
  return `${where}, ${named.join(', ')} from ${base.setting} (${percentText(base.accuracy)})${rest}.`;
}

/** Which start checkpoint pass@k would choose, and how its run does beside the best. */
function choiceText(points: readonly AblationPoint[]): string[] {
  const measured = points.filter((point) => point.startPassAtK);
  if (measured.length < 2) return [];
  const best = (value: (point: AblationPoint) => number) =>
    measured.reduce((one, other) => (value(other) > value(one) ? other : one));
  const chosen = best(({ startPassAtK }) => startPassAtK!.mean);
  const highest = best(({ accuracy }) => accuracy.mean);
  const end =
    chosen.accuracy.mean === highest.accuracy.mean
      ? 'which is the most accurate after GRPO too'
      : `after GRPO ${highest.setting} is the most accurate`;
  return [
    `By pass@k on held-out rows one would start from ${chosen.setting} (${percentText(chosen.startPassAtK!)}); ${end}.`,
  ];
}

function controlResults(study: Study, task: TaskName): ControlResult[] {
  return testSetsOf(task).flatMap((testSet): ControlResult[] => {
    const cellOf = (seed: number) => shuffledLabelsCell(study, task, seed);
    const { seeds, evaluations } = evaluationsBySeed(study, controlSeeds(study), cellOf, testSet, 'bare');
    if (evaluations.length === 0) return [];
    const { accuracy } = estimatesOf(evaluations);
    const chance = bestConstantScore(readRecords(recordsFile(study, testSet, task)), TASKS[task].score);
    const holds = accuracy.interval[0] <= chance;
    const text =
      `Trained on shuffled labels, ${percentText(accuracy)} ${TEST_SET_NAMES[testSet]}: ` +
      `${holds ? 'not above' : 'above'} chance, the best constant answers' ${(100 * chance).toFixed(1)} %.`;
    return [{ task, control: 'shuffled labels', testSet, accuracy, seeds, chance, holds, text }];
  });
}

function wordsResults(study: Study, task: TaskName): WordsResult[] {
  if (study.profile.released) return [];
  return testSetsOf(task).flatMap((testSet): WordsResult[] => {
    const scored = (cellOf: typeof ownWordsCell) =>
      testScores(
        study,
        controlSeeds(study).map((seed) => cellOf(study, task, seed)),
        testSet,
        'think',
      );
    const own = scored(ownWordsCell);
    const annotators = scored((_, __, seed) => paradigmCell(study, 'cot-sft', task, seed));
    if (!own || !annotators) return [];
    const [of, to] = [own, annotators].map((scores) => estimateOverSeeds(scores.map(meanOf), scores[0]!.length));
    const difference = differenceOverSeeds(own, annotators);
    const text =
      `CoT-SFT on the same rows has ${percentText(of!)} ${TEST_SET_NAMES[testSet]} with rationales in the base model's own words, ` +
      `${percentText(to!)} in an annotator's: ${pointsText(difference)}.`;
    return [{ task, testSet, annotators: to!, own: of!, seeds: [...controlSeeds(study)], difference, text }];
  });
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
