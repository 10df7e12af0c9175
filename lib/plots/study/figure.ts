/** A figure of a study with the texts that a page or a paper shows beside it, and the words and dots that such figures share. */

import type { Estimate } from '../../study/results/results.js';
import { capital, intervalSentence, itemsText } from '../../study/results/wording.js';
import { TASKS, type TaskName } from '../../tasks/tasks.js';
import type { ForestPoint } from '../forest.js';
import type { Figure } from '../style.js';

/** CSS pixels that a study's figures are wide: across a page of 170 mm their 12-pixel type is 7.4 points high. */
export const STUDY_WIDTH = 780;

/** The section of the results page that a figure belongs to. */
export type FigureSection =
  | 'claims'
  | 'paradigms'
  | 'data efficiency'
  | 'ablations'
  | 'knob'
  | 'training'
  | 'controls'
  | 'words';

/** A figure with the texts that a page or a paper shows beside it. */
export interface StudyFigure {
  /** The name of its files, the same in every study: `paradigms-counting`. */
  name: string;
  title: string;
  /** Sentences on what it shows and how to read it. */
  caption: string;
  /** Its content in words, for those who do not see it. */
  alt: string;
  figure: Figure;
  /** In CSS pixels. */
  height: number;
  /** The tasks whose results it shows. */
  tasks: readonly TaskName[];
  /** The training seeds of all that it shows; a single point may have fewer. */
  seeds: readonly number[];
  section: FigureSection;
  /** Whether the page links to it in place of showing it, because another figure shows the same and more. */
  linked: boolean;
  /** The GRPO that it shows: that of the paradigms, or the shorter one of ablations. */
  stage: 'paradigms' | 'ablations';
}

/** The series of this study's own numbers. */
export const OURS = 'this study';
/** The title of an axis of accuracy. */
export const ACCURACY_AXIS = 'accuracy (%)';

/** A figure that the page shows, as high as its layout says. */
export function describeFigure(
  head: Pick<StudyFigure, 'name' | 'title' | 'tasks' | 'seeds' | 'section'>,
  figure: Figure,
  caption: string,
  alt: string,
): StudyFigure {
  const { height } = figure.layout;
  if (height === undefined) throw new Error(`figure ${head.name}: its layout does not say how high it is`);
  return { ...head, figure, caption, alt, height, linked: false, stage: 'paradigms' };
}

/** The seeds of some rows, each once. */
export function seedsOf(rows: readonly { seeds: readonly number[] }[]): number[] {
  return [...new Set(rows.flatMap(({ seeds }) => seeds))].sort((a, b) => a - b);
}

/** A share as a dot with its interval and its seeds. */
export function estimateDot(estimate: Estimate, panel: string, series: string): ForestPoint {
  const { mean, interval, perSeed } = estimate;
  const seeds = perSeed.length > 1 ? perSeed : [];
  return { value: mean, low: interval[0], high: interval[1], seeds, panel, series };
}

/** Test items and intervals of estimates, in words. */
export function itemsAndIntervalText(estimates: readonly Estimate[]): string {
  return `${capital(itemsText(estimates))}. ${intervalSentence(estimates)}`;
}

/** The same of a chart whose dots carry their seeds. */
export function itemsAndSeedsText(estimates: readonly Estimate[]): string {
  const ticks = estimates.some(({ perSeed }) => perSeed.length > 1) ? 'Small ticks over a dot are its seeds. ' : '';
  return `${ticks}${itemsAndIntervalText(estimates)}`;
}

/** The addition to a caption on accuracy if a task gives partial credit, as its answers are not counted right or wrong. */
export function partialCreditText(tasks: readonly TaskName[]): string {
  const titles = tasks.filter((task) => TASKS[task].partialCredit).map((task) => TASKS[task].title.toLowerCase());
  return titles.length > 0 ? ` (of ${titles.join(' and ')} the mean score with partial credit)` : '';
}

/** A name in lower case with hyphens, for files. */
export function fileName(name: string): string {
  return name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '');
}
