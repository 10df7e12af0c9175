/** Plans a grid of the study: the plan lists each training run once, however many cells share it, after the run that it starts from. */
import type { Json } from '../../train/run-configuration.js';
import { type BaseCell, type Cell, cellSteps } from '../cells/cell.js';
import { baseCellFolder, cellFolder } from '../cells/cell-identity.js';
import { finishedEvaluation, openCellRun } from '../cells/run-cell.js';
import type { GridCell } from '../design/grid.js';
import type { Study } from '../workspace.js';
import type { GridJob, Measure } from './job.js';
import { jobState } from './job-state.js';
import { runGridCell } from './run-grid-cell.js';
import { evaluationWork, trainingWork } from './time-left.js';

/** A job of a study's grid. */
export interface StudyJob extends GridJob, GridCell {
  after?: StudyJob;
}

/**
 * The jobs of a grid, each after the one that it waits for. A start cell that the grid does not list is a job too.
 *
 * @throws Error where two cells have one name, or a task's data or a base model is missing
 */
export function planJobs(study: Study, grid: readonly GridCell[]): StudyJob[] {
  const cellsByFolder = groupByFolder(study, grid);
  const jobs = new Map<string, StudyJob>();
  const addJob = (name: string, cell: Cell | BaseCell): StudyJob => {
    const folder = jobFolder(study, cell);
    const planned = jobs.get(folder);
    if (planned) return planned;
    const cells = cellsByFolder.get(folder) ?? [{ name, cell, evaluations: [] }];
    const after =
      cell.kind === 'grpo' && cell.start !== 'base' ? addJob(`${cells[0]!.name} (start)`, cell.start) : undefined;
    const heldOut = cells.find((listed) => listed.heldOut)?.heldOut;
    const reading = cells.find((listed) => listed.reading)?.reading;
    const gridCell: GridCell = {
      name: cells.map((listed) => listed.name).join(' = '),
      cell,
      evaluations: distinct(cells.flatMap((listed) => listed.evaluations)),
      ...(heldOut ? { heldOut } : {}),
      ...(reading ? { reading } : {}),
    };
    const job = studyJob(study, gridCell, folder, after);
    jobs.set(folder, job);
    return job;
  };
  for (const { name, cell } of grid) addJob(name, cell);
  return [...jobs.values()];
}

/** The job of a cell and of its evaluations. */
function studyJob(study: Study, gridCell: GridCell, folder: string, after: StudyJob | undefined): StudyJob {
  const { cell } = gridCell;
  const training = cell.kind === 'base' ? undefined : cell;
  return {
    ...gridCell,
    folder,
    ...(after ? { after } : {}),
    steps: training ? cellSteps(training) : 0,
    trainingWork: (steps) =>
      training ? trainingWork(training, steps) : { kind: 'measure', task: cell.task, units: 0 },
    measuringWork: evaluationWork(study, gridCell),
    state: () => jobState(study, gridCell),
    open: () => {
      if (training) openCellRun(study, training);
    },
    run: (control) => runGridCell(study, gridCell, control),
    measures: () => finishedMeasures(study, gridCell),
    description: { planner: 'study', content: { study, cell: gridCell } as unknown as Json },
  };
}

function finishedMeasures(study: Study, { cell, evaluations }: GridCell): Measure[] {
  return evaluations.flatMap(({ set, style }) => {
    const evaluation = finishedEvaluation(study, cell, set, style);
    if (!evaluation) return [];
    const { accuracy, interval, formatted, count } = evaluation;
    return [{ set, style, accuracy, interval, formatted, count }];
  });
}

/** The cells of a grid by the folder of their run. @throws Error where two cells have one name */
function groupByFolder(study: Study, grid: readonly GridCell[]): Map<string, GridCell[]> {
  const names = new Set<string>();
  const cellsByFolder = new Map<string, GridCell[]>();
  for (const listed of grid) {
    const { name } = listed;
    if (names.has(name)) throw new Error(`two cells of the grid are named '${name}'; names must be unique`);
    names.add(name);
    const folder = jobFolder(study, listed.cell);
    cellsByFolder.set(folder, [...(cellsByFolder.get(folder) ?? []), listed]);
  }
  return cellsByFolder;
}

function jobFolder(study: Study, cell: Cell | BaseCell): string {
  return cell.kind === 'base' ? baseCellFolder(study, cell) : cellFolder(study, cell);
}

function distinct(evaluations: GridCell['evaluations']): GridCell['evaluations'] {
  const byName = evaluations.map((evaluation) => [`${evaluation.set} ${evaluation.style}`, evaluation] as const);
  return [...new Map(byName).values()];
}
