/** Every figure of a study, from its results: with a name, a caption, and its content in words for those who do not see it. */

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
  type TrainingCurve,
} from '../../study/results/results.js';
import { intervalSentence, itemsText, percentText } from '../../study/results/wording.js';
import {
  TASK_NAMES,
  TASKS,
  type TaskName,
  TEST_SET_NAMES,
  type TestSet,
  testSetNamed,
  testSetsOf,
} from '../../tasks/tasks.js';
import { type ForestGroup, type ForestPoint, forestFigure } from '../forest.js';
import type { Figure } from '../style.js';
import { efficiencyFigure, rowsText } from './efficiency.js';
import { curvesFigure, METRIC_NAMES, METRICS, phenomenonFigure } from './phenomena.js';

/** CSS pixels that a study's figures are wide: across a page of 170 mm their 12-pixel type is 7.4 points high. */
export const STUDY_WIDTH = 780;

/** The section of the results page that a figure belongs to. */
export type FigureSection =
  | 'claims'
  | 'paradigms'
  | 'data efficiency'
  | 'ablations'
  | 'training'
  | 'controls'
  | 'words';

/** A figure with all that a page or a paper says about it. */
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
  /** Whose GRPO it shows: that of the paradigms, or the shorter one of ablations. */
  stage: 'paradigms' | 'ablations';
}

const OURS = 'this study';
const ACCURACY_AXIS = 'accuracy (%)';

/** Draws the figures for which a study holds results, in the order of reading. */
export function studyFigures(results: StudyResults): StudyFigure[] {
  const { paradigms, claims, efficiency, ablations, phenomena, controls, words } = results;
  const tasksIn = (rows: readonly { task: TaskName }[]) =>
    TASK_NAMES.filter((task) => rows.some((row) => row.task === task));
  const compared = claims.filter(({ comparisons }) => comparisons.length > 0);
  const observed = phenomena.filter(({ curves }) => curves.length > 0);
  return [
    ...(tasksIn(paradigms).length > 1 ? [overviewFigure(paradigms)] : []),
    ...tasksIn(paradigms).map((task) => paradigmsFigure(paradigms, task)),
    ...tasksIn(compared).map((task) => claimsFigure(results, task)),
    ...tasksIn(efficiency).map((task) => efficiencyFigureOf(results, task)),
    ...tasksIn(ablations).flatMap((task) => ablationFigures(ablations, task)),
    ...PHENOMENA.flatMap((name) => {
      const own = observed.filter(({ phenomenon }) => phenomenon === name);
      return own.length > 0 ? [phenomenonFigureOf(own)] : [];
    }),
    ...(observed.length > 0 ? [learningCurves(observed)] : []),
    ...(controls.length > 0 ? [controlsFigure(results)] : []),
    ...(words.length > 0 ? [wordsFigure(results)] : []),
  ];
}

/** A figure that the page shows, as high as its layout says. */
function described(
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
function seedsOf(rows: readonly { seeds: readonly number[] }[]): number[] {
  return [...new Set(rows.flatMap(({ seeds }) => seeds))].sort((a, b) => a - b);
}

/** A share as a dot with its interval and its seeds. */
function dot(estimate: Estimate, panel: string, series: string): ForestPoint {
  const { mean, interval, perSeed } = estimate;
  const seeds = perSeed.length > 1 ? perSeed : [];
  return { value: mean, low: interval[0], high: interval[1], seeds, panel, series };
}

/** The five paradigms of a task, a panel for each test set; the paper's numbers beside ours. */
export function paradigmsFigure(paradigms: readonly ParadigmResult[], task: TaskName): StudyFigure {
  const own = paradigms.filter((row) => row.task === task);
  const title = `${TASKS[task].title}: five paradigms`;
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
  return described(
    { name: `paradigms-${task}`, title, tasks: [task], seeds: seedsOf(own), section: 'paradigms' },
    forestFigure(groups, panels, title),
    `Accuracy of the five paradigms on ${TASKS[task].title.toLowerCase()}${partialCredit([task])}, in domain and out of domain. Filled: this study; hollow: ` +
      `the paper's Qwen2-VL 2B and 7B, which are larger and trained on other data, so that their order can be compared but not their levels. ` +
      measureWithSeeds(own.map(({ accuracy }) => accuracy)),
    paradigmsInWords(own),
  );
}

/** All tasks on one page: in domain on the left, out of domain on the right. */
export function overviewFigure(paradigms: readonly ParadigmResult[]): StudyFigure {
  const [inside, outside] = [TEST_SET_NAMES.id, TEST_SET_NAMES.ood];
  const tasks = TASK_NAMES.filter((task) => paradigms.some((row) => row.task === task));
  const groups = tasks.flatMap((task): ForestGroup[] => {
    const own = paradigms.filter((row) => row.task === task);
    const outsideSets = testSetsOf(task).filter((set) => set !== 'id');
    return outsideSets.map((set, i) => ({
      title: `${TASKS[task].title}${outsideSets.length > 1 ? `, ${testSetNamed(task, set).shortTitle}` : ''}`,
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
  return described(
    { name: 'paradigms', title, tasks, seeds: seedsOf(paradigms), section: 'paradigms' },
    forestFigure(groups, panels, title),
    `Accuracy of the five paradigms on all tasks${partialCredit(tasks)}. Filled: this study; hollow: the paper's Qwen2-VL 2B and 7B. A task with ` +
      `several test sets out of domain has a group of lines for each; its points in domain stand in the first. ` +
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
        .filter((row) => row.paradigm === paradigm && row.testSet === set)
        .map(({ accuracy }) => dot(accuracy, panel, OURS)),
      ...PAPER.filter((number) => number.task === task && number.paradigm === paradigm && number.set === set).map(
        ({ model, accuracy }) => ({ value: accuracy, panel, series: `paper, ${model}` }),
      ),
    ]),
  }));
}

/** Accuracy over training rows of one task. */
function efficiencyFigureOf(results: StudyResults, task: TaskName): StudyFigure {
  const points = results.efficiency.filter((point) => point.task === task);
  const zeroShot = results.paradigms.filter((row) => row.task === task && row.paradigm === 'zero-shot');
  const all = Math.max(...points.map((point) => point.rows));
  const marked = { rows: SMALL_SHARE * all, name: `${100 * SMALL_SHARE} % (${rowsText(SMALL_SHARE * all)})` };
  const title = `${TASKS[task].title}: data efficiency`;
  const sets = testSetsOf(task).filter((set) => points.some((point) => point.testSet === set));
  return described(
    { name: `data-efficiency-${task}`, title, tasks: [task], seeds: seedsOf(points), section: 'data efficiency' },
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

/** A chart of all ablations of a task; and one of each, where there are several. */
function ablationFigures(ablations: readonly AblationPoint[], task: TaskName): StudyFigure[] {
  const points = ablations.filter((point) => point.task === task);
  const names = [...new Set(points.map((point) => point.ablation))];
  const all = ablationFigure(points, `${TASKS[task].title}: ablations of Reason-RFT`, `ablations-${task}`);
  if (names.length === 1) return [all];
  if (names.length === 1) return [all];
  const single = names.map((name) => ({
    ...ablationFigure(
      points.filter((point) => point.ablation === name),
      `${TASKS[task].title}: ${name}`,
      `ablation-${task}-${fileName(name)}`,
    ),
    linked: true,
  }));
  return [all, ...single];
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
  const shown = described(
    { name, title, tasks: [points[0]!.task], seeds: seedsOf(points), section: 'ablations' },
    forestFigure(groups, panels, title),
    `Accuracy of Reason-RFT's second stage on ${TASKS[points[0]!.task].title.toLowerCase()} with one thing changed at a time${partialCredit([points[0]!.task])}: ` +
      `${ablations.join(', ')}. Bold, with a dotted guide: the base setting that all others differ from. ` +
      `Each panel has an axis of its own, which need not begin at zero. ${measureWithSeeds(points.map(({ accuracy }) => accuracy))}`,
    points
      .map((p) => `${p.ablation}, ${p.setting}, ${TEST_SET_NAMES[p.testSet]}: ${percentText(p.accuracy)}`)
      .join('; '),
  );
  return { ...shown, stage: 'ablations' };
}

/** One phenomenon of training in the tasks that it was looked for in, the tasks beside each other. */
function phenomenonFigureOf(phenomena: readonly Phenomenon[]): StudyFigure {
  const name = phenomena[0]!.phenomenon;
  const curves = phenomena.flatMap((phenomenon) => phenomenon.curves);
  const observations = phenomena.map(({ task, text }) => `${TASKS[task].title}: ${text}`).join(' ');
  return described(
    {
      ...{ name: `phenomenon-${fileName(name)}`, title: capital(name), tasks: phenomena.map(({ task }) => task) },
      ...{ seeds: seedsOf(curves), section: 'training' },
    },
    phenomenonFigure(phenomena),
    `${capital(name)}, looked for in GRPO's own rollouts. The paper: ${phenomena[0]!.paper} Here: ${observations} ${curveLines(curves)}`,
    observations,
  );
}

/** Explains the faint and the bold lines of curves. */
function curveLines(curves: readonly TrainingCurve[]): string {
  return curves.some(({ perSeed }) => perSeed.length > 1)
    ? 'Faint: single seeds; bold: their mean, over five steps.'
    : 'Faint: each step of the one seed; bold: the mean over five steps.';
}

/** Rewards and lengths of every GRPO run of the two paradigms. */
function learningCurves(phenomena: readonly Phenomenon[]): StudyFigure {
  const tasks = TASK_NAMES.filter((task) => phenomena.some((phenomenon) => phenomenon.task === task)).map((task) => {
    const curves = phenomena
      .filter((phenomenon) => phenomenon.task === task)
      .flatMap((phenomenon) => phenomenon.curves);
    const keyOf = ({ paradigm, metric }: TrainingCurve) => `${paradigm} ${metric}`;
    // Phenomena share curves.
    return { task, curves: [...new Map(curves.map((curve) => [keyOf(curve), curve])).values()] };
  });
  const title = 'Learning curves of GRPO';
  const all = tasks.flatMap(({ curves }) => curves);
  return described(
    {
      ...{ name: 'learning-curves', title, tasks: tasks.map(({ task }) => task) },
      ...{ seeds: seedsOf(all), section: 'training' },
    },
    curvesFigure(tasks, title),
    [
      'Mean rewards and lengths of the completions that GRPO samples at each step, before that step.',
      curveLines(all),
      ...missingCurves(all),
    ].join(' '),
    tasks.flatMap(({ task, curves }) => curves.map((curve) => curveInWords(task, curve))).join('; '),
  );
}

function curveInWords(task: TaskName, { paradigm, metric, mean }: TrainingCurve): string {
  const numberText = (value: number) => value.toFixed(metric === 'length' ? 0 : 2);
  return `${TASKS[task].title}, ${PARADIGM_NAMES[paradigm]}: ${METRIC_NAMES[metric]} ${numberText(mean[0]!)} at the first step, ${numberText(mean.at(-1)!)} at the last`;
}

/** Names the curves that the results lack of paradigms whose others they hold: earlier versions kept fewer. */
function missingCurves(curves: readonly TrainingCurve[]): string[] {
  const missing = [...new Set(curves.map(({ paradigm }) => paradigm))].flatMap((paradigm) => {
    const held = curves.filter((curve) => curve.paradigm === paradigm).map(({ metric }) => metric);
    return METRICS.filter((metric) => !held.includes(metric)).map(
      (metric) => `${METRIC_NAMES[metric]} of ${PARADIGM_NAMES[paradigm]}`,
    );
  });
  return missing.length > 0 ? [`These results do not hold the ${missing.join(', nor the ')}.`] : [];
}

/** The comparisons of a task's claims: both accuracies on the left, their difference on the right. */
export function claimsFigure({ claims, seeds }: StudyResults, task: TaskName): StudyFigure {
  const drawn = claims.filter((claim) => claim.task === task && claim.comparisons.length > 0);
  const [shares, differences] = ['accuracy, or reward', 'difference'];
  const groups = drawn.map(({ claim, verdict, comparisons }) => ({
    title: `${capital(claim)}: ${verdict}`,
    rows: comparisons.map(({ testSet, first, second, firstAccuracy, secondAccuracy, difference }) => ({
      label: `${first} vs ${second}, ${testSetNamed(task, testSet).shortTitle}`,
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
  const title = `${TASKS[task].title}: the claims`;
  const estimates = drawn.flatMap(({ comparisons }) =>
    comparisons.flatMap(({ firstAccuracy, secondAccuracy }) => [firstAccuracy, secondAccuracy]),
  );
  return described(
    { name: `claims-${task}`, title, tasks: [task], seeds, section: 'claims' },
    forestFigure(groups, panels, title),
    'The comparisons that the claims rest on: two accuracies (of reinforcement, the reward that GRPO trains on), and their difference on the same ' +
      `items${seeds.length > 1 ? ', seed by seed' : ''}. A claim holds where the two intervals of each of its comparisons lie apart, the way round that it says. ${measureWithSeeds(estimates)}`,
    drawn.map(({ text }) => text).join(' '),
  );
}

/** The score after training on shuffled labels, beside chance. */
function controlsFigure({ controls }: StudyResults): StudyFigure {
  const title = 'Controls: what is learned from labels that say nothing';
  const panel = 'accuracy';
  const tasks = [...new Set(controls.map(({ task }) => task))];
  const groups = tasks.map((task) => ({
    title: TASKS[task].title,
    rows: controls
      .filter((row) => row.task === task)
      .map(({ control, testSet, accuracy, chance }) => ({
        label: `${control}, ${TEST_SET_NAMES[testSet]}`,
        points: [dot(accuracy, panel, OURS), { value: chance, panel, series: 'best constant answer' }],
      })),
  }));
  return described(
    { name: 'controls', title, tasks, seeds: seedsOf(controls), section: 'controls' },
    forestFigure(groups, [{ title: panel, axis: ACCURACY_AXIS, range: [0, 100] }], title),
    `Accuracy after training on questions whose answers were dealt anew. Hollow: the score of the best constant answer; an interval above it would mean that answers leak. ${measure(controls.map(({ accuracy }) => accuracy))}`,
    controls.map(({ text }) => text).join(' '),
  );
}

/** The score of CoT-SFT by the words of its rationales. */
function wordsFigure({ words }: StudyResults): StudyFigure {
  const title = 'CoT-SFT by whose words its rationales are in';
  const panel = 'accuracy';
  const tasks = [...new Set(words.map(({ task }) => task))];
  const groups = tasks.map((task) => ({
    title: TASKS[task].title,
    rows: words
      .filter((row) => row.task === task)
      .map(({ testSet, annotators, own }) => ({
        label: TEST_SET_NAMES[testSet],
        points: [dot(annotators, panel, "an annotator's words"), dot(own, panel, "the base model's own words")],
      })),
  }));
  return described(
    { name: 'words', title, tasks, seeds: seedsOf(words), section: 'words' },
    forestFigure(groups, [{ title: panel, axis: ACCURACY_AXIS, range: [0, 100] }], title),
    `Accuracy of CoT-SFT on the same rows${partialCredit(tasks)}, once with an annotator's rationales and once with solutions as the base model's pretraining writes them. ${measureWithSeeds(words.map(({ own }) => own))}`,
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

/** The addition to a caption on accuracy if a task gives partial credit, as its answers are not counted right or wrong. */
function partialCredit(tasks: readonly TaskName[]): string {
  const graded = tasks.filter((task) => TASKS[task].partialCredit).map((task) => TASKS[task].title.toLowerCase());
  return graded.length > 0 ? ` (of ${graded.join(' and ')} the mean score with partial credit)` : '';
}

function paradigmsInWords(rows: readonly ParadigmResult[]): string {
  const one = ({ task, paradigm, testSet, accuracy }: ParadigmResult) =>
    `${TASKS[task].title}, ${PARADIGM_NAMES[paradigm]}, ${TEST_SET_NAMES[testSet]}: ${percentText(accuracy)}`;
  return rows.map(one).join('; ');
}

/** A name in lower case with hyphens, for files. */
function fileName(name: string): string {
  return name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '');
}
