/** Every figure of a study, from its results: named, captioned, with words for those who do not see it. */

import { SMALL_SHARE } from '../../study/design/data-efficiency.js';
import { PARADIGM_NAMES, PARADIGMS } from '../../study/design/paradigms.js';
import { PAPER } from '../../study/results/paper.js';
import {
  type AblationPoint,
  type Estimate,
  type ParadigmResult,
  PHENOMENA,
  type Phenomenon,
  type StudyResults,
} from '../../study/results/results.js';
import { intervalSentence, itemsText, percentText } from '../../study/results/wording.js';
import { TASK_NAMES, TASKS, type TaskName, TEST_SET_NAMES, type TestSet, testSetsOf } from '../../tasks/tasks.js';
import { type ForestGroup, type ForestPoint, forestFigure } from '../forest.js';
import type { Figure } from '../style.js';
import { efficiencyFigure, rowsText } from './efficiency.js';
import { SHORT_SETS, TASK_TITLES } from './names.js';
import { curvesFigure, phenomenonFigure } from './phenomena.js';

/** CSS pixels that a study's figures are wide: across a page of 170 mm their 12-pixel type is 7.4 points high. */
export const STUDY_WIDTH = 780;

/** A figure with all that a page or a paper says about it. */
export interface StudyFigure {
  /** Of its files, the same in every study: `paradigms-counting`. */
  name: string;
  title: string;
  /** What it shows and how to read it, in sentences. */
  caption: string;
  /** Its content in words, for who does not see it. */
  alt: string;
  figure: Figure;
  /** In CSS pixels. */
  height: number;
  /** The tasks that it is of. */
  tasks: readonly TaskName[];
  /** The training seeds of what it shows; a point may be of fewer. */
  seeds: readonly number[];
  /** Whose GRPO it shows: that of the paradigms, or the shorter one of ablations. */
  stage: 'paradigms' | 'ablations';
}

const OURS = 'this study';
const ACCURACY_AXIS = 'accuracy (%)';

/** The figures for which a study holds results, in the order of reading. */
export function studyFigures(results: StudyResults): StudyFigure[] {
  const tasks = TASK_NAMES.filter((task) => results.paradigms.some((each) => each.task === task));
  const figures: StudyFigure[] = [];
  if (tasks.length > 1) figures.push(overviewFigure(results.paradigms));
  for (const task of tasks) figures.push(paradigmsFigure(results.paradigms, task));
  for (const task of TASK_NAMES) {
    const compared = results.claims.some((each) => each.task === task && each.comparisons.length > 0);
    if (compared) figures.push(claimsFigure(results, task));
  }
  for (const task of TASK_NAMES) {
    if (results.efficiency.some((point) => point.task === task)) figures.push(taskEfficiency(results, task));
  }
  for (const task of TASK_NAMES)
    figures.push(
      ...ablationFigures(
        results.ablations.filter((p) => p.task === task),
        task,
      ),
    );
  for (const name of PHENOMENA) {
    const looked = results.phenomena.filter((each) => each.phenomenon === name && each.curves.length > 0);
    if (looked.length > 0) figures.push(observedFigure(looked));
  }
  if (results.phenomena.some(({ curves }) => curves.length > 0)) figures.push(learningCurves(results.phenomena));
  if (results.controls.length > 0) figures.push(controlsFigure(results));
  if (results.words.length > 0) figures.push(wordsFigure(results));
  return figures;
}

/** A figure as it is listed; its height is what its layout says. */
function named(
  head: Pick<StudyFigure, 'name' | 'title' | 'tasks' | 'seeds'>,
  figure: Figure,
  caption: string,
  alt: string,
): StudyFigure {
  return { ...head, figure, caption, alt, height: figure.layout.height ?? 480, stage: 'paradigms' };
}

/** The seeds of what is drawn, each once. */
function seedsOf(drawn: readonly { seeds: readonly number[] }[]): number[] {
  return [...new Set(drawn.flatMap(({ seeds }) => seeds))].sort((a, b) => a - b);
}

/** A share as a dot with its interval and its seeds. */
function dot(estimate: Estimate, panel: string, series: string): ForestPoint {
  const { mean, interval, perSeed } = estimate;
  const seeds = perSeed.length > 1 ? perSeed : [];
  return { value: mean, low: interval[0], high: interval[1], seeds, panel, series };
}

/** The five paradigms of a task, a panel for each test set; the paper's numbers beside ours. */
export function paradigmsFigure(paradigms: readonly ParadigmResult[], task: TaskName): StudyFigure {
  const own = paradigms.filter((each) => each.task === task);
  const title = `${TASK_TITLES[task]}: five paradigms`;
  const sets = testSetsOf(task);
  const groups = [
    {
      rows: paradigmLines(
        own,
        task,
        sets.map((set) => [set, TEST_SET_NAMES[set]]),
      ),
    },
  ];
  const panels = sets.map((set) => ({ title: TEST_SET_NAMES[set], axis: ACCURACY_AXIS, range: [0, 100] as const }));
  return named(
    { name: `paradigms-${task}`, title, tasks: [task], seeds: seedsOf(own) },
    forestFigure(groups, panels, title),
    `Accuracy of the five paradigms on ${TASK_TITLES[task].toLowerCase()}${partialCredit([task])}, in domain and out of domain. Filled: this study; hollow: ` +
      `the paper's Qwen2-VL 2B and 7B, which are larger and of other data, so that levels cannot be compared but their order can. ` +
      measureWithSeeds(own.map(({ accuracy }) => accuracy)),
    paradigmsInWords(own),
  );
}

/** Which camera a set out of domain sees the final image from, behind the task's name. */
const CAMERAS: { readonly [set in TestSet]?: string } = { 'ood-left': ' (left)', 'ood-right': ' (right)' };

/** All tasks on one page: in domain on the left, out of domain on the right. */
export function overviewFigure(paradigms: readonly ParadigmResult[]): StudyFigure {
  const [inside, outside] = [TEST_SET_NAMES.id, TEST_SET_NAMES.ood];
  const tasks = TASK_NAMES.filter((task) => paradigms.some((each) => each.task === task));
  const groups = tasks.flatMap((task): ForestGroup[] => {
    const own = paradigms.filter((each) => each.task === task);
    return testSetsOf(task)
      .filter((set) => set !== 'id')
      .map((set, i) => ({
        title: `${TASK_TITLES[task]}${CAMERAS[set] ?? ''}`,
        // A task with two sets out of domain has one in domain, which stands beside the first.
        rows: paradigmLines(
          own,
          task,
          i === 0
            ? [
                ['id', inside],
                [set, outside],
              ]
            : [[set, outside]],
        ),
      }));
  });
  const title = 'Three tasks, five paradigms';
  const panels = [inside, outside].map((panel) => ({ title: panel, axis: ACCURACY_AXIS, range: [0, 100] as const }));
  return named(
    { name: 'paradigms', title, tasks, seeds: seedsOf(paradigms) },
    forestFigure(groups, panels, title),
    `Accuracy of the five paradigms on all tasks${partialCredit(tasks)}. Filled: this study; hollow: the paper's Qwen2-VL 2B and 7B. Left and right: ` +
      `the camera of the final image out of domain. ` +
      measureWithSeeds(paradigms.map(({ accuracy }) => accuracy)),
    paradigmsInWords(paradigms),
  );
}

/** A line for each paradigm: ours, then the paper's two models. */
function paradigmLines(own: readonly ParadigmResult[], task: TaskName, sets: readonly (readonly [TestSet, string])[]) {
  return PARADIGMS.map((paradigm) => ({
    label: PARADIGM_NAMES[paradigm],
    points: sets.flatMap(([set, panel]): ForestPoint[] => [
      ...own
        .filter((each) => each.paradigm === paradigm && each.testSet === set)
        .map(({ accuracy }) => dot(accuracy, panel, OURS)),
      ...PAPER.filter((each) => each.task === task && each.paradigm === paradigm && each.set === set).map(
        ({ model, accuracy }) => ({ value: accuracy, panel, series: `paper, ${model}` }),
      ),
    ]),
  }));
}

/** Accuracy over training rows of one task. */
function taskEfficiency(results: StudyResults, task: TaskName): StudyFigure {
  const points = results.efficiency.filter((point) => point.task === task);
  const zeroShot = results.paradigms.filter((each) => each.task === task && each.paradigm === 'zero-shot');
  const all = Math.max(...points.map((point) => point.rows));
  const marked = { rows: SMALL_SHARE * all, name: `${100 * SMALL_SHARE} % (${rowsText(SMALL_SHARE * all)})` };
  const title = `${TASK_TITLES[task]}: data efficiency`;
  const sets = testSetsOf(task).filter((set) => points.some((point) => point.testSet === set));
  return named(
    { name: `data-efficiency-${task}`, title, tasks: [task], seeds: seedsOf(points) },
    efficiencyFigure(points, zeroShot, sets, title, marked),
    `Accuracy over the number of training rows, those of all stages of a paradigm together, on a logarithmic axis${partialCredit([task])}. Dotted: ${100 * SMALL_SHARE} % of the ` +
      `largest number; long dashes: the base model, zero-shot, with its interval as a band. Intervals stand side by side, so that none hides another. ` +
      measure(points.map(({ accuracy }) => accuracy)),
    points
      .map(
        (p) =>
          `${PARADIGM_NAMES[p.paradigm]}, ${p.rows} rows, ${TEST_SET_NAMES[p.testSet]}: ${percentText(p.accuracy)}`,
      )
      .join('; '),
  );
}

/** A chart for each ablation of a task, and one page of all. */
function ablationFigures(points: readonly AblationPoint[], task: TaskName): StudyFigure[] {
  const names = [...new Set(points.map((point) => point.ablation))];
  if (names.length === 0) return [];
  const all = ablationFigure(points, `${TASK_TITLES[task]}: ablations of Reason-RFT`, `ablations-${task}`);
  if (names.length === 1) return [all];
  const each = names.map((name) =>
    ablationFigure(
      points.filter((point) => point.ablation === name),
      `${TASK_TITLES[task]}: ${name}`,
      `ablation-${task}-${fileName(name)}`,
    ),
  );
  return [all, ...each];
}

/** The settings of ablations as lines, the base setting of each bold. */
export function ablationFigure(points: readonly AblationPoint[], title: string, name: string): StudyFigure {
  const ablations = [...new Set(points.map((point) => point.ablation))];
  const sets = testSetsOf(points[0]!.task).filter((set) => points.some((point) => point.testSet === set));
  const groups = ablations.map((ablation): ForestGroup => {
    const own = points.filter((point) => point.ablation === ablation);
    const rows = [...new Set(own.map((point) => point.setting))].map((setting) => {
      const here = own.filter((point) => point.setting === setting);
      const marked = here.some((point) => point.base);
      return {
        label: marked ? `${setting} (base)` : setting,
        marked,
        points: here.map(({ testSet, accuracy }) => dot(accuracy, TEST_SET_NAMES[testSet], OURS)),
      };
    });
    return { ...(ablations.length > 1 ? { title: ablation } : {}), rows };
  });
  const panels = sets.map((set) => ({ title: TEST_SET_NAMES[set], axis: ACCURACY_AXIS }));
  const shown = named(
    { name, title, tasks: [points[0]!.task], seeds: seedsOf(points) },
    forestFigure(groups, panels, title),
    `Accuracy of Reason-RFT's second stage on ${TASK_TITLES[points[0]!.task].toLowerCase()} with one thing changed at a time${partialCredit([points[0]!.task])}: ` +
      `${ablations.join(', ')}. Bold, with a dotted guide: the base setting that all others differ from. ` +
      `Each panel has an axis of its own, which need not begin at zero. ${measureWithSeeds(points.map(({ accuracy }) => accuracy))}`,
    points
      .map((p) => `${p.ablation}, ${p.setting}, ${TEST_SET_NAMES[p.testSet]}: ${percentText(p.accuracy)}`)
      .join('; '),
  );
  return { ...shown, stage: 'ablations' };
}

/** A phenomenon of training, the tasks beside each other. */
function observedFigure(looked: readonly Phenomenon[]): StudyFigure {
  const name = looked[0]!.phenomenon;
  const figure = phenomenonFigure(looked);
  const seen = looked.map(({ task, text }) => `${TASK_TITLES[task]}: ${text}`).join(' ');
  return named(
    {
      ...{ name: `phenomenon-${fileName(name)}`, title: capital(name), tasks: looked.map(({ task }) => task) },
      seeds: seedsOf(looked.flatMap(({ curves }) => curves)),
    },
    figure,
    `${capital(name)}, looked for in GRPO's own rollouts. The paper: ${looked[0]!.paper} Here: ${seen} Faint: single seeds; bold: their mean, over five steps.`,
    seen,
  );
}

/** Rewards and lengths of every GRPO run of the two paradigms. */
function learningCurves(phenomena: readonly Phenomenon[]): StudyFigure {
  const tasks = TASK_NAMES.filter((task) => phenomena.some((each) => each.task === task && each.curves.length > 0)).map(
    (task) => {
      const all = phenomena.filter((each) => each.task === task).flatMap(({ curves }) => curves);
      const key = (curve: (typeof all)[number]) => `${curve.paradigm} ${curve.metric}`;
      return { task, curves: [...new Map(all.map((curve) => [key(curve), curve])).values()] };
    },
  );
  const title = 'Learning curves of GRPO';
  const ends = tasks.flatMap(({ task, curves }) =>
    curves.map(({ paradigm, metric, mean }) => {
      const at = (value: number | undefined) => (value ?? Number.NaN).toFixed(metric === 'length' ? 0 : 2);
      return `${TASK_TITLES[task]}, ${PARADIGM_NAMES[paradigm]}: ${metric} ${at(mean[0])} at the first step, ${at(mean.at(-1))} at the last`;
    }),
  );
  return named(
    {
      ...{ name: 'learning-curves', title, tasks: tasks.map(({ task }) => task) },
      seeds: seedsOf(tasks.flatMap(({ curves }) => curves)),
    },
    curvesFigure(tasks, title),
    'Mean rewards and lengths of the completions that GRPO samples at each step, before that step. Faint: single seeds; bold: their mean, over five steps.',
    ends.join('; '),
  );
}

/** What a task's three claims rest on: both accuracies on the left, their difference on the right. */
export function claimsFigure({ claims, seeds }: StudyResults, task: TaskName): StudyFigure {
  const drawn = claims.filter((each) => each.task === task && each.comparisons.length > 0);
  const [shares, differences] = ['accuracy, or reward', 'difference'];
  const groups = drawn.map(({ claim, verdict, comparisons }) => ({
    title: `${capital(claim)}: ${verdict}`,
    rows: comparisons.map(({ testSet, first, second, firstAccuracy, secondAccuracy, difference }) => ({
      label: `${first} vs ${second}, ${SHORT_SETS[testSet]}`,
      points: [
        dot(firstAccuracy, shares, 'claimed to be higher'),
        { ...dot(difference, differences, 'their difference'), seeds: [] },
        dot(secondAccuracy, shares, 'claimed to be lower'),
      ],
    })),
  }));
  const panels = [
    { title: shares, axis: 'accuracy or reward (%)' },
    { title: differences, axis: 'difference (points)', zero: true },
  ];
  const title = `${TASK_TITLES[task]}: the claims`;
  const estimates = drawn.flatMap(({ comparisons }) =>
    comparisons.flatMap((each) => [each.firstAccuracy, each.secondAccuracy]),
  );
  return named(
    { name: `claims-${task}`, title, tasks: [task], seeds },
    forestFigure(groups, panels, title),
    'The comparisons that the three claims rest on: two accuracies (of reinforcement, the reward that GRPO is trained by), and their difference on the same ' +
      `items, seed by seed. A claim holds where the two intervals lie apart in each of its comparisons. ${measureWithSeeds(estimates)}`,
    drawn.map(({ text }) => text).join(' '),
  );
}

/** What training on shuffled labels scores, beside chance. */
function controlsFigure({ controls }: StudyResults): StudyFigure {
  const title = 'Controls: what is learned from labels that say nothing';
  const panel = 'accuracy';
  const tasks = [...new Set(controls.map(({ task }) => task))];
  const groups = tasks.map((task) => ({
    title: TASK_TITLES[task],
    rows: controls
      .filter((each) => each.task === task)
      .map(({ control, testSet, accuracy, chance }) => ({
        label: `${control}, ${TEST_SET_NAMES[testSet]}`,
        points: [dot(accuracy, panel, OURS), { value: chance, panel, series: 'best constant answer' }],
      })),
  }));
  return named(
    { name: 'controls', title, tasks, seeds: seedsOf(controls) },
    forestFigure(groups, [{ title: panel, axis: ACCURACY_AXIS, range: [0, 100] }], title),
    `Accuracy after training on questions whose answers were dealt anew. Hollow: what the best constant answer scores; an interval above it would be a leak. ${measure(controls.map(({ accuracy }) => accuracy))}`,
    controls.map(({ text }) => text).join(' '),
  );
}

/** What CoT-SFT scores by the words of its rationales. */
function wordsFigure({ words }: StudyResults): StudyFigure {
  const title = 'CoT-SFT by whose words its rationales are in';
  const panel = 'accuracy';
  const tasks = [...new Set(words.map(({ task }) => task))];
  const groups = tasks.map((task) => ({
    title: TASK_TITLES[task],
    rows: words
      .filter((each) => each.task === task)
      .map(({ testSet, annotators, own }) => ({
        label: TEST_SET_NAMES[testSet],
        points: [dot(annotators, panel, "an annotator's words"), dot(own, panel, "the base model's own words")],
      })),
  }));
  return named(
    { name: 'words', title, tasks, seeds: seedsOf(words) },
    forestFigure(groups, [{ title: panel, axis: ACCURACY_AXIS, range: [0, 100] }], title),
    `Accuracy of CoT-SFT on the same rows${partialCredit(tasks)}, whose rationales are an annotator's, or the solutions that the base model's pretraining would write. ${measureWithSeeds(words.map(({ own }) => own))}`,
    words.map(({ text }) => text).join(' '),
  );
}

/** Test items and intervals of estimates, in words. */
function measure(estimates: readonly Estimate[]): string {
  return `${capital(itemsText(estimates))}. ${intervalSentence(estimates)}`;
}

/** The same of a chart whose dots carry their seeds. */
function measureWithSeeds(estimates: readonly Estimate[]): string {
  const ticks = estimates.some(({ perSeed }) => perSeed.length > 1) ? 'Small ticks over a dot are its seeds. ' : '';
  return `${ticks}${measure(estimates)}`;
}

function capital(text: string): string {
  return text[0]!.toUpperCase() + text.slice(1);
}

/** What a caption on accuracy has to add when a task gives partial credit: its answers are not counted right or wrong. */
function partialCredit(tasks: readonly TaskName[]): string {
  const graded = tasks.filter((task) => TASKS[task].partialCredit).map((task) => TASK_TITLES[task].toLowerCase());
  return graded.length > 0 ? ` (of ${graded.join(' and ')} the mean score with partial credit)` : '';
}

function paradigmsInWords(rows: readonly ParadigmResult[]): string {
  const one = ({ task, paradigm, testSet, accuracy }: ParadigmResult) =>
    `${TASK_TITLES[task]}, ${PARADIGM_NAMES[paradigm]}, ${TEST_SET_NAMES[testSet]}: ${percentText(accuracy)}`;
  return rows.map(one).join('; ');
}

/** A name in lower case with hyphens, for files. */
function fileName(name: string): string {
  return name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '');
}
