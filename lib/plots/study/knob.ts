/** The drawings of a study's knob: accuracy over completions drawn, from each base model; and the draws to half of the gain over the share of worked-out ones. */
import type { Data, LayoutAxis } from 'plotly.js';
import { KNOB_DRAWERS } from '../../study/design/knob.js';
import { PARADIGM_NAMES } from '../../study/design/paradigms.js';
import type { KnobCurve, KnobPoint, KnobReading, KnobResults } from '../../study/results/knob-results.js';
import { levelText } from '../../study/results/knob-wording.js';
import { TASK_NAMES, TASKS, type TaskName, testSetsOf } from '../../tasks/tasks.js';
import { mean } from '../../train/advantage.js';
import { type PanelFrame, type PanelPlace, panelFigure } from '../panels.js';
import { type Figure, withOpacity } from '../style.js';
import { rowsText } from './efficiency.js';
import { paradigmStyle } from './paradigm-style.js';

/** The tasks of which a knob has something. */
export function knobTasksIn({ curves, readings, cotSft }: KnobResults): TaskName[] {
  const rows: { task: TaskName }[] = [...curves, ...readings, ...cotSft];
  return TASK_NAMES.filter((task) => rows.some((row) => row.task === task));
}

/** The place of 0 completions on a logarithmic axis whose first point has so many: left of it, where the axis has its beginning. */
const ZERO_SHARE = 1 / 3;

/** The line of accuracy out of domain. Its dashes are short, as the points of a curve lie close. */
const DASHED = '5px,3px';

/** Pixels of a row of panels, and between two rows. */
const ROW = 150;
const ROW_GAP = 56;
/** Pixels above and below the panels. */
const MARGIN = { l: 60, r: 12, t: 66, b: 96 };
/** Pixels below which two levels stand in a row in place of all. */
const LEAST_WIDTH = 720;
const NARROW_COLUMNS = 2;

/**
 * Draws a row of panels for each task and a column for each base model. Accuracy in domain is solid, out of domain dashed: the mean of the
 * test sets there. The step from 0 completions to the first point is dotted, as 0 has no place on a logarithmic axis.
 */
export function knobCurvesFigure(knob: KnobResults, title: string): Figure {
  const tasks = knobTasksIn(knob);
  const places = tasks.flatMap((task) => knob.levels.map((level) => ({ task, level: level.name })));
  const draw = (columns: number) =>
    panelFigure(
      places.map(({ task, level }, i): PanelFrame => {
        const inTask = knob.curves.filter((curve) => curve.task === task);
        return {
          title: levelText(level),
          xaxis: { ...drawsAxis(inTask), ...(i >= places.length - columns ? { title: { text: 'completions' } } : {}) },
          yaxis: {
            range: [0, topOf(knob, task)],
            ...(i % columns === 0 ? { title: { text: `${TASKS[task].title} (%)` } } : {}),
          },
        };
      }),
      columns,
      (place, i) => panelTraces(knob, places[i]!, place, i === 0),
      { title: { text: title }, margin: MARGIN, height: heightOf(places.length, columns) },
      ROW_GAP / plotHeight(places.length, columns),
    );
  const { data, layout } = draw(knob.levels.length);
  const stacked = draw(Math.min(NARROW_COLUMNS, knob.levels.length)).layout;
  const meta = { columns: knob.levels.length, leastWidth: LEAST_WIDTH, stacked };
  return { data: [...data, ...keyTraces()], layout: { ...layout, meta } };
}

function plotHeight(panels: number, columns: number): number {
  const rows = Math.ceil(panels / columns);
  return rows * ROW + (rows - 1) * ROW_GAP;
}

function heightOf(panels: number, columns: number): number {
  return plotHeight(panels, columns) + MARGIN.t + MARGIN.b;
}

/** The highest accuracy that a task's panels show, in percent, rounded up to tens. */
function topOf({ curves, cotSft }: KnobResults, task: TaskName): number {
  const shares = [
    ...curves
      .filter((curve) => curve.task === task)
      .flatMap(({ points }) => points.flatMap(({ accuracy }) => Object.values(accuracy))),
    ...cotSft.filter((row) => row.task === task).map(({ accuracy }) => accuracy),
  ].map(({ interval }) => interval[1]);
  return Math.min(100, 10 * Math.ceil(10 * Math.max(0.1, ...shares)));
}

/** The axis of completions of a task's panels: logarithmic from the first point on, with 0 left of it. */
function drawsAxis(curves: readonly KnobCurve[]): Partial<LayoutAxis> {
  const draws = [...new Set(curves.flatMap(({ points }) => points.map((point) => point.draws)))].sort((a, b) => a - b);
  const [first, last] = [draws.find((count) => count > 0) ?? 1, Math.max(1, ...draws)];
  const middle = draws.filter((count) => count > 3 * first && count < last / 3).at(-1);
  const named = [...new Set([first, ...(middle === undefined ? [] : [middle]), last])];
  return {
    type: 'log',
    range: [Math.log10(ZERO_SHARE * first) - 0.05, Math.log10(last) + 0.08],
    tickvals: [ZERO_SHARE * first, ...named],
    ticktext: ['0', ...named.map(rowsText)],
  };
}

type Axes = Pick<PanelPlace, 'xaxis' | 'yaxis'>;

/** The traces of one base model on one task. @param legend whether the paradigms' names are put into the legend */
function panelTraces(
  { curves, cotSft }: KnobResults,
  { task, level }: { task: TaskName; level: string },
  { xaxis, yaxis }: PanelPlace,
  legend: boolean,
): Data[] {
  const axes = { xaxis, yaxis };
  const inTask = curves.filter((curve) => curve.task === task);
  const first = Math.min(
    ...inTask.flatMap(({ points }) => points.map(({ draws }) => draws)).filter((draws) => draws > 0),
  );
  const ends = [ZERO_SHARE * first, Math.max(...inTask.flatMap(({ points }) => points.at(-1)!.draws))];
  const drawn = KNOB_DRAWERS.flatMap((paradigm) => {
    const curve = inTask.find((candidate) => candidate.level === level && candidate.paradigm === paradigm);
    return curve ? curveTraces(curve, ZERO_SHARE * first, axes, legend) : [];
  });
  const levels = cotSft.filter((row) => row.task === task && row.level === level);
  if (levels.length === 0) return drawn;
  const [inDomain, ...outOfDomain] = testSetsOf(task).map(
    (set) => levels.find((row) => row.testSet === set)?.accuracy.mean ?? 0,
  );
  const { color } = paradigmStyle('cot-sft');
  const line = (share: number, dash: string, showlegend: boolean) =>
    ({
      ...{
        type: 'scatter',
        mode: 'lines',
        ...axes,
        x: ends,
        y: [100 * share, 100 * share],
        line: { color, width: 1.6, dash },
      },
      ...{ name: PARADIGM_NAMES['cot-sft'], legendgroup: 'cot-sft', showlegend },
      hovertemplate: '%{y:.1f} %<extra>CoT-SFT</extra>',
    }) as Data;
  return [line(inDomain!, 'solid', legend), line(mean(outOfDomain), DASHED, false), ...drawn];
}

/** A paradigm's curve in domain with its band, and out of domain. @param zero the place of 0 completions */
function curveTraces({ task, paradigm, points }: KnobCurve, zero: number, axes: Axes, legend: boolean): Data[] {
  const style = paradigmStyle(paradigm);
  const [inside, ...outside] = testSetsOf(task);
  const at = ({ draws }: KnobPoint) => (draws === 0 ? zero : draws);
  const shares = [
    ({ accuracy }: KnobPoint) => 100 * accuracy[inside!]!.mean,
    ({ accuracy }: KnobPoint) => 100 * mean(outside.map((set) => accuracy[set]!.mean)),
  ];
  const group = { type: 'scatter', ...axes, legendgroup: paradigm } as const;
  const rest = points.filter(({ draws }) => draws > 0);
  const bounds = [0, 1].map((end) => rest.map(({ accuracy }) => 100 * accuracy[inside!]!.interval[end]!));
  const band = {
    ...{ ...group, mode: 'lines', fill: 'toself', fillcolor: withOpacity(style.color, 0.12), line: { width: 0 } },
    ...{ x: [...rest.map(at), ...rest.map(at).toReversed()], y: [...bounds[0]!, ...bounds[1]!.toReversed()] },
    ...{ hoverinfo: 'skip', showlegend: false },
  } as Data;
  const lines = shares.flatMap((shareOf, outOfDomain): Data[] => {
    const width = outOfDomain ? 1.5 : 2;
    const marker = { symbol: style.marker, size: outOfDomain ? 3 : 4, color: style.color };
    const text = points.map(({ draws }) => draws.toLocaleString('en'));
    const lead = points.slice(0, 2);
    return [
      {
        ...{ ...group, mode: 'lines', x: lead.map(at), y: lead.map(shareOf), hoverinfo: 'skip', showlegend: false },
        line: { color: style.color, width: 1, dash: 'dot' },
      } as Data,
      {
        ...{ ...group, mode: 'lines', x: rest.map(at), y: rest.map(shareOf), hoverinfo: 'skip' },
        ...{ name: PARADIGM_NAMES[paradigm], showlegend: legend && !outOfDomain },
        line: { color: style.color, width, dash: outOfDomain ? DASHED : 'solid' },
      } as Data,
      {
        ...{ ...group, mode: 'markers', x: points.map(at), y: points.map(shareOf), marker, text, showlegend: false },
        hovertemplate: `%{text} completions: %{y:.1f} %<extra>${PARADIGM_NAMES[paradigm]}${outOfDomain ? ', out of domain' : ''}</extra>`,
      } as Data,
    ];
  });
  return [band, ...lines];
}

/** The key of solid and dashed lines. */
function keyTraces(): Data[] {
  return ['solid', DASHED].map(
    (dash) =>
      ({
        ...{ type: 'scatter', mode: 'lines', x: [null], y: [null], xaxis: 'x', yaxis: 'y' },
        ...{ line: { color: '#555555', width: 1.8, dash }, name: dash === 'solid' ? 'in domain' : 'out of domain' },
      }) as Data,
  );
}

/** A run by the share of worked-out completions of the model that it starts from, and the draws to half of its task's gain. */
interface SharePoint {
  level: string;
  share: number;
  /** Whether no completion was worked out: the share is then the most that it can be. */
  atMost: boolean;
  draws: number;
  /** Whether half was not reached within the budget: there are then more draws. */
  more: boolean;
}

/** The mark of a bound: it points to where the true value lies, fewer worked out, more draws, or both. */
function boundSymbol({ atMost, more }: SharePoint): string {
  return atMost && more ? 'triangle-nw-open' : atMost ? 'triangle-left-open' : 'triangle-up-open';
}

/**
 * Draws, for each task, the completions to half of its gain over the share of them that the start works out: the base model for
 * Reason-RFT-Zero, stage 1 for Reason-RFT. A hollow triangle is a bound, where nothing was worked out or half was not reached. A run that
 * starts above half stands at 1.
 */
export function knobShareFigure(knob: KnobResults, title: string): Figure {
  const tasks = TASK_NAMES.filter((task) => knob.gains.some((gain) => gain.task === task));
  const points = tasks.map((task) => KNOB_DRAWERS.map((paradigm) => sharePoints(knob, task, paradigm)));
  const all = points.flat(2);
  const ends = (values: readonly number[]) => [
    Math.log10(Math.min(...values)) - 0.3,
    Math.log10(Math.max(...values)) + 0.3,
  ];
  const [shares, draws] = [ends(all.map(({ share }) => share)), ends(all.map((point) => point.draws))];
  return panelFigure(
    tasks.map((task, i) => ({
      title: TASKS[task].title,
      xaxis: { type: 'log', range: shares, dtick: 1, tickformat: '~%', title: { text: 'worked out' } },
      yaxis: {
        ...{ type: 'log', range: draws, dtick: 'D2', tickformat: '~s' },
        ...(i === 0 ? { title: { text: 'completions' } } : {}),
      },
    })),
    tasks.length,
    ({ xaxis, yaxis }, i) =>
      KNOB_DRAWERS.flatMap((paradigm, p): Data[] => {
        const { color, marker } = paradigmStyle(paradigm);
        const dots = points[i]![p]!;
        const group = { type: 'scatter', mode: 'markers', xaxis, yaxis, legendgroup: paradigm } as const;
        const mark = { size: 10, color, line: { width: 2, color } };
        const key = {
          ...group,
          x: [null],
          y: [null],
          name: PARADIGM_NAMES[paradigm],
          marker: { ...mark, symbol: marker },
        };
        const drawn = {
          ...{ ...group, x: dots.map(({ share }) => share), y: dots.map((dot) => dot.draws), showlegend: false },
          text: dots.map(
            ({ level, atMost, more }) =>
              `${levelText(level)}${atMost ? ', none was worked out' : ''}${more ? ', not reached' : ''}`,
          ),
          marker: { ...mark, symbol: dots.map((dot) => (dot.atMost || dot.more ? boundSymbol(dot) : marker)) },
          hovertemplate: `%{text}: %{y} completions<extra>${PARADIGM_NAMES[paradigm]}</extra>`,
        };
        return [...(i === 0 ? [key as Data] : []), drawn as Data];
      }),
    { title: { text: title }, height: 340, margin: { l: 60, r: 16, t: 64, b: 90 } },
  );
}

function sharePoints(knob: KnobResults, task: TaskName, paradigm: KnobCurve['paradigm']): SharePoint[] {
  const model: KnobReading['model'] = paradigm === 'reason-rft' ? 'stage 1' : 'base';
  return knob.draws
    .filter((row) => row.task === task && row.paradigm === paradigm)
    .flatMap(({ level, half, budget }) => {
      const reading = knob.readings.find((row) => row.task === task && row.level === level && row.model === model);
      if (!reading) return [];
      const { workedOut, drawn, interval } = reading;
      const share = workedOut > 0 ? workedOut / drawn : interval[1];
      return [{ level, share, atMost: workedOut === 0, draws: Math.max(1, half ?? budget), more: half === null }];
    });
}
