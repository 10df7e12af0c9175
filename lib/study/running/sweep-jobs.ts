/** Plans the jobs of a sweep: each training run once, however many cells share it, after the run that it starts from. */
import path from 'node:path';
import type { Json } from '../../train/run-configuration.js';
import type { OwnCell } from '../cells/own-cell.js';
import { type ReadFiles, type ReadyCell, type ReadyTest, readCell, readNothing } from '../cells/ready-cell.js';
import { finishedTest, openOwnRun, trainAndMeasure } from '../cells/run-own-cell.js';
import { readRunResult } from '../cells/train-run.js';
import { type Sweep, type SweepCell, sweepCells } from '../design/sweep.js';
import type { GridJob, Measure } from './job.js';
import { type JobState, stepSeconds } from './job-state.js';
import type { Work } from './time-left.js';

/** A job of a sweep. */
export interface SweepJob extends GridJob {
  ready: ReadyCell;
  /** The cells that share this run. They may differ in their tests. */
  cells: OwnCell[];
  after?: SweepJob;
}

/** A cell of a sweep, with the job that trains it. */
export interface PlannedCell extends SweepCell {
  job: SweepJob;
  /** Its own tests: the job has those of all cells that share the run. */
  tests: readonly ReadyTest[];
}

/** The cells of a sweep with their jobs, and all jobs, each after the one that it waits for. */
export interface SweepPlan {
  cells: PlannedCell[];
  jobs: SweepJob[];
}

/**
 * Reads all that the cells of a sweep name, and plans their jobs. Every picture is decoded once, so that what is broken is known before
 * anything is trained.
 *
 * @throws Error as `sweepCells` and `readCell`
 */
export async function planSweep(sweep: Sweep): Promise<SweepPlan> {
  const planner = new SweepPlanner(path.resolve(sweep.out), readNothing(true));
  const cells: PlannedCell[] = [];
  for (const cell of sweepCells(sweep)) cells.push({ ...cell, ...(await planner.add(cell.name, cell.cell)) });
  return { cells, jobs: planner.jobs() };
}

/** Plans one job again, in another process. */
export async function planSweepJob({ workspace, name, cells }: SweepContent): Promise<GridJob> {
  const planner = new SweepPlanner(workspace, readNothing(false));
  for (const cell of cells) await planner.add(name, cell);
  return planner.jobs().at(-1)!;
}

/** What another process needs in order to plan a job again. */
export interface SweepContent {
  workspace: string;
  name: string;
  /** All cells that share the run. */
  cells: OwnCell[];
}

/** Plans jobs that share files and starts. */
class SweepPlanner {
  private readonly planned = new Map<string, SweepJob>();

  constructor(
    private readonly workspace: string,
    private readonly files: ReadFiles,
  ) {}

  async add(name: string, cell: OwnCell): Promise<{ job: SweepJob; tests: readonly ReadyTest[] }> {
    const ready = await readCell(this.workspace, cell, this.files);
    return { job: this.addReady(name, ready), tests: ready.tests };
  }

  /** The jobs so far, each after the one that it waits for. */
  jobs(): SweepJob[] {
    return [...this.planned.values()];
  }

  private addReady(name: string, ready: ReadyCell): SweepJob {
    const known = this.planned.get(ready.folder);
    if (known) {
      // A test set that only a later cell names is measured too.
      known.ready = withTests(known.ready, ready);
      const isListed = known.cells.some((cell) => JSON.stringify(cell) === JSON.stringify(ready.cell));
      if (!isListed) known.cells.push(ready.cell);
      return known;
    }
    const after = ready.start ? this.addReady(`${name} (start)`, ready.start) : undefined;
    const job = sweepJob(this.workspace, name, ready, after);
    this.planned.set(ready.folder, job);
    return job;
  }
}

function withTests(known: ReadyCell, further: ReadyCell): ReadyCell {
  const files = new Set(known.tests.map(({ file }) => file));
  return { ...known, tests: [...known.tests, ...further.tests.filter(({ file }) => !files.has(file))] };
}

function sweepJob(workspace: string, name: string, ready: ReadyCell, after: SweepJob | undefined): SweepJob {
  const { folder, steps, cell } = ready;
  const cells = [cell];
  const content: SweepContent = { workspace, name, cells };
  const job: SweepJob = {
    ...{ name, folder, steps, ready, cells },
    ...(after ? { after } : {}),
    trainingWork: (count) => trainingWork(ready, count),
    get measuringWork() {
      return measuringWork(job.ready);
    },
    state: () => stateOf(job.ready),
    open: () => void openOwnRun(ready),
    run: (control) => trainAndMeasure(job.ready, control),
    measures: () => measuresOf(job.ready),
    description: { planner: 'sweep', content: content as unknown as Json },
  };
  return job;
}

function trainingWork({ cell, settings }: ReadyCell, steps: number): Work {
  const units =
    'promptsPerStep' in settings
      ? settings.promptsPerStep * settings.completions * settings.maxNewTokens
      : settings.batchSize;
  return { kind: cell.kind, task: 'own rows', units: steps * units };
}

function measuringWork({ tests }: ReadyCell): Work {
  return {
    kind: 'measure',
    task: 'own rows',
    units: tests.reduce((sum, { rows, maxNewTokens }) => sum + maxNewTokens * rows.length, 0),
  };
}

function stateOf({ folder, tests }: ReadyCell): JobState {
  if (readRunResult(folder)) return { state: tests.every(finishedTest) ? 'done' : 'not measured' };
  const steps = stepSeconds({ folder }).length;
  return steps > 0 ? { state: 'begun', steps } : { state: 'to do' };
}

function measuresOf({ tests }: ReadyCell): Measure[] {
  return tests.flatMap((test) => {
    const evaluation = finishedTest(test);
    if (!evaluation) return [];
    const { accuracy, interval, formatted, count } = evaluation;
    return [{ set: test.set, accuracy, interval, formatted, count }];
  });
}
