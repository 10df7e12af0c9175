/** The knob of a study from its finished cells: how often each start works a question out, accuracy over completions drawn, and the draws to a share of the gain. */
import { wilsonInterval } from '../../evaluate/interval.js';
import { type Estimate, estimateOverSeeds } from '../../evaluate/over-seeds.js';
import { type TaskName, type TestSet, testSetsOf } from '../../tasks/tasks.js';
import { mean } from '../../train/advantage.js';
import type { StepMetrics } from '../../train/metrics.js';
import type { BaseCell, Cell } from '../cells/cell.js';
import { curveMetric, evenPlaces } from '../cells/learning-curve.js';
import { finishedCell, finishedEvaluation, finishedReading, startedRun } from '../cells/run-cell.js';
import {
  drawsAfter,
  KNOB_DRAWERS,
  type KnobDrawer,
  knobBase,
  knobCotSft,
  knobGrpo,
  knobOf,
  knobStageOne,
  knobTasks,
  readingSettings,
} from '../design/knob.js';
import type { KnobLevel } from '../knob-settings.js';
import { testSetItems } from '../profile.js';
import type { Study } from '../workspace.js';
import {
  inDomain,
  type KnobAccuracy,
  type KnobCurve,
  type KnobDraws,
  type KnobGain,
  type KnobPoint,
  type KnobReading,
  type KnobResults,
} from './knob-results.js';
import { knobText } from './knob-wording.js';

/** The knob of some tasks; undefined where the study has none, or nothing of it is finished. */
export function knobResults(study: Study, selected: readonly TaskName[]): KnobResults | undefined {
  const knob = knobOf(study);
  if (!knob) return undefined;
  const tasks = knobTasks(study).filter((task) => selected.includes(task));
  const perLevel = <T>(of: (task: TaskName, level: KnobLevel) => readonly T[]) =>
    tasks.flatMap((task) => knob.levels.flatMap((level) => of(task, level)));
  const readings = perLevel((task, level) => readingsOf(study, task, level));
  const curves = perLevel((task, level) =>
    KNOB_DRAWERS.flatMap((paradigm) => curveOf(study, task, level, paradigm) ?? []),
  );
  const cotSft = perLevel((task, level) => cotSftOf(study, task, level));
  if (readings.length + curves.length + cotSft.length === 0) return undefined;
  const gains = tasks.flatMap((task) => gainOf(curves, task) ?? []);
  const draws = curves.flatMap((curve) => drawsOf(curve, gains) ?? []);
  const parts = { levels: [...knob.levels], readings, curves, cotSft, gains, draws };
  const findings = perLevel((task, level) => {
    const text = knobText(parts, task, level.name);
    return text === '' ? [] : [{ task, level: level.name, text }];
  });
  return { ...parts, findings };
}

function readingsOf(study: Study, task: TaskName, level: KnobLevel): KnobReading[] {
  const settings = readingSettings(study, task);
  const models: [KnobReading['model'], Cell | BaseCell][] = [
    ['base', knobBase(level, task)],
    ['stage 1', knobStageOne(study, level, task, level.seeds[0]!)],
  ];
  return models.flatMap(([model, cell]) => {
    const reading = finishedReading(study, cell, settings);
    if (!reading) return [];
    const interval = wilsonInterval(reading.workedOut, reading.drawn);
    return [{ task, level: level.name, model, ...reading, interval }];
  });
}

function curveOf(study: Study, task: TaskName, level: KnobLevel, paradigm: KnobDrawer): KnobCurve | undefined {
  const runs = level.seeds.flatMap((seed) => {
    const cell = knobGrpo(study, paradigm, level, task, seed);
    if (!finishedCell(study, cell)) return [];
    const run = startedRun(study, cell)!;
    const start = run.startEvaluation();
    const measured = run.metrics().filter((row) => row[`eval_${curveMetric(testSetsOf(task)[0]!)}`] !== undefined);
    return [{ seed, cell, rows: [...(start ? [start] : []), ...measured] }];
  });
  const [first] = runs;
  const { curve } = study.profile;
  if (!first || !curve) return undefined;
  const accuracyAt = (set: TestSet, place: number): Estimate => {
    const perSeed = runs.map(({ rows }) => metricOf(rows[place]!, set));
    return estimateOverSeeds(perSeed, Math.min(curve.items, testSetItems(study.profile, task, set)));
  };
  const points = first.rows.map((row, place): KnobPoint => {
    const accuracy = Object.fromEntries(testSetsOf(task).map((set) => [set, accuracyAt(set, place)]));
    return { draws: drawsAfter(first.cell, row.step), accuracy };
  });
  const drawsPerStep = drawsAfter(first.cell, 1);
  return { task, level: level.name, paradigm, seeds: runs.map(({ seed }) => seed), drawsPerStep, points };
}

/** @throws Error naming a step that lacks the accuracy on a test set */
function metricOf(row: StepMetrics, set: TestSet): number {
  const value = row[`eval_${curveMetric(set)}`];
  if (value === undefined) throw new Error(`step ${row.step} of a learning curve has no accuracy on ${set}`);
  return value;
}

/** CoT-SFT is tested on all items; the curve's are taken out of them, so that lines of one panel are of the same items. */
function cotSftOf(study: Study, task: TaskName, level: KnobLevel): KnobAccuracy[] {
  const items = study.profile.curve?.items ?? Number.POSITIVE_INFINITY;
  return testSetsOf(task).flatMap((testSet): KnobAccuracy[] => {
    const tested = level.seeds.flatMap((seed) => {
      const evaluation = finishedEvaluation(study, knobCotSft(study, level, task, seed), testSet, 'think');
      return evaluation ? [{ seed, items: evaluation.items }] : [];
    });
    if (tested.length === 0) return [];
    const perSeed = tested.map((test) => {
      const places = evenPlaces(test.items.length, items);
      return mean(places.map((place) => test.items[place]!.score));
    });
    const count = evenPlaces(tested[0]!.items.length, items).length;
    const accuracy = estimateOverSeeds(perSeed, count);
    return [{ task, level: level.name, testSet, accuracy, seeds: tested.map(({ seed }) => seed) }];
  });
}

/** What the best run of a task gains; undefined while no base model was measured, or where no run ends above the base models. */
function gainOf(curves: readonly KnobCurve[], task: TaskName): KnobGain | undefined {
  const ofTask = curves.filter((curve) => curve.task === task);
  const bases = ofTask.filter(({ paradigm }) => paradigm === 'reason-rft-zero').map(({ points }) => points[0]!);
  if (bases.length === 0) return undefined;
  const from = mean(bases.map((point) => inDomain(task, point)));
  const to = Math.max(...ofTask.map(({ points }) => inDomain(task, points.at(-1)!)));
  if (to <= from) return undefined;
  return { task, from, to, half: from + (to - from) / 2, most: from + 0.9 * (to - from) };
}

/** The draws of a run to half and to nine tenths of its task's gain: of the first point that is as high. */
function drawsOf(
  { task, level, paradigm, drawsPerStep, points }: KnobCurve,
  gains: readonly KnobGain[],
): KnobDraws | undefined {
  const gain = gains.find((candidate) => candidate.task === task);
  if (!gain) return undefined;
  const drawsTo = (accuracy: number) => points.find((point) => inDomain(task, point) >= accuracy)?.draws ?? null;
  const budget = points.at(-1)!.draws;
  return { task, level, paradigm, half: drawsTo(gain.half), most: drawsTo(gain.most), budget, drawsPerStep };
}
