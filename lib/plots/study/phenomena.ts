/** Rewards and lengths over GRPO's steps: each seed is faint, and the running mean of the seeds lies over them. */

import type { Data } from 'plotly.js';
import { PARADIGM_NAMES } from '../../study/design/paradigms.js';
import type { Phenomenon, TrainingCurve } from '../../study/results/results.js';
import { capital } from '../../study/results/wording.js';
import { TASKS, type TaskName } from '../../tasks/tasks.js';
import { runningMean } from '../curves.js';
import { panelFigure } from '../panels.js';
import { type Figure, withOpacity } from '../style.js';
import { plotlyText, wrapLines } from '../text.js';
import { paradigmStyle } from './paradigm-style.js';

/** The metrics' names at their axes. */
export const METRIC_NAMES: { readonly [metric in TrainingCurve['metric']]: string } = {
  accuracy: 'accuracy reward',
  format: 'format reward',
  length: 'tokens a completion',
};
export const METRICS = Object.keys(METRIC_NAMES) as TrainingCurve['metric'][];

/** The curves of one task. */
export interface TaskCurves {
  task: TaskName;
  curves: readonly TrainingCurve[];
}

/**
 * A column for each task, a row for each metric that any of them has.
 *
 * @param subtitle a text below the title, such as the paper's observation
 */
export function curvesFigure(tasks: readonly TaskCurves[], title: string, subtitle = ''): Figure {
  const metrics = METRICS.filter((metric) =>
    tasks.some(({ curves }) => curves.some((curve) => curve.metric === metric)),
  );
  const columns = tasks.length;
  const frames = metrics.flatMap((metric, m) =>
    tasks.map(({ task }, t) => ({
      metric,
      task,
      title: m === 0 ? TASKS[task].title : '',
      xaxis: m === metrics.length - 1 ? { title: { text: 'GRPO step' } } : {},
      yaxis: {
        ...(metric === 'length' ? { rangemode: 'tozero' as const } : { range: [0, 1.02] }),
        ...(t === 0 ? { title: { text: METRIC_NAMES[metric] } } : {}),
      },
    })),
  );
  const lines = subtitle === '' ? [] : wrapLines(subtitle, 100);
  const inLegend = new Set<string>();
  const headHeight = 64 + 17 * lines.length;
  const figure = panelFigure(
    frames,
    columns,
    ({ xaxis, yaxis }, index) => {
      const { metric, task } = frames[index]!;
      const curvesOfPanel = tasks
        .find((column) => column.task === task)!
        .curves.filter((curve) => curve.metric === metric)
        // The solid line first: a dashed one over it shows where both run together.
        .sort((a, b) => Number(a.paradigm === 'reason-rft-zero') - Number(b.paradigm === 'reason-rft-zero'));
      return curvesOfPanel.flatMap((curve) => {
        const legend = !inLegend.has(curve.paradigm);
        inLegend.add(curve.paradigm);
        return curveTraces(curve, { xaxis, yaxis }, legend);
      });
    },
    {
      title: { text: title },
      margin: { l: 56, r: 16, t: headHeight, b: 48 },
      height: headHeight + 96 + PANEL_HEIGHT * metrics.length,
    },
    metrics.length > 1 ? 0.26 / metrics.length : undefined,
  );
  if (lines.length > 0) {
    figure.layout.annotations!.push({
      ...{ text: lines.map(plotlyText).join('<br>'), x: 0, xref: 'paper', xanchor: 'left', align: 'left' },
      ...{ y: 1, yref: 'paper', yanchor: 'bottom', yshift: 28, showarrow: false, font: { size: 12 } },
    });
  }
  return figure;
}

/** Pixels of a row of panels. */
const PANEL_HEIGHT = 170;

/** The curves of a phenomenon in the tasks that it was looked for in, below the paper's observation. */
export function phenomenonFigure(phenomena: readonly Phenomenon[]): Figure {
  const [first] = phenomena;
  if (!first) throw new Error('phenomenon: there is none to draw');
  return curvesFigure(phenomena, capital(first.phenomenon), `The paper: ${first.paper}`);
}

/** Each seed's own steps faint, the running mean of the seeds over them. */
function curveTraces(curve: TrainingCurve, place: { xaxis: string; yaxis: string }, legend: boolean): Data[] {
  const style = paradigmStyle(curve.paradigm);
  const steps = (values: readonly number[]) => values.map((_, i) => i + 1);
  const common = { type: 'scatter', mode: 'lines', legendgroup: curve.paradigm, ...place } as const;
  const faint = curve.perSeed.map(
    (values): Data =>
      ({
        ...{ ...common, x: steps(values), y: rounded(values), hoverinfo: 'skip', showlegend: false },
        line: { color: withOpacity(style.color, 0.28), width: 0.9 },
      }) as Data,
  );
  const mean = {
    ...{ ...common, x: steps(curve.mean), y: rounded(runningMean(curve.mean, 5)) },
    ...{ name: PARADIGM_NAMES[curve.paradigm], showlegend: legend },
    line: { color: style.color, width: 2.2, dash: style.dash },
  } as Data;
  return [...faint, mean];
}

function rounded(values: readonly number[]): number[] {
  return values.map((value) => Number(value.toPrecision(5)));
}
