/** The tables of a study, as data: a page and a notebook show the same ones. */

import { PARADIGM_NAMES, PARADIGMS } from '../../study/design/paradigms.js';
import { PAPER } from '../../study/results/paper.js';
import type { ClaimVerdict, Estimate, Phenomenon, StudyResults } from '../../study/results/results.js';
import { controlText, seenText } from '../../study/results/wording.js';
import { TASKS, type TaskName, TEST_SET_NAMES, type TestSet, testSetsOf } from '../../tasks/tasks.js';
import type { HtmlCell, HtmlTable } from '../html-table.js';
import { SHORT_SETS, TASK_TITLES } from './names.js';

const percent = (share: number) => (100 * share).toFixed(1);
/** `74.2 [71.0, 77.1]`. */
const share = ({ mean, interval }: Estimate) => `${percent(mean)} [${interval.map(percent).join(', ')}]`;
/** The same with its sign, which what rounds to nothing has none of: points of difference. */
const points = ({ mean, interval }: Estimate) => {
  const signed = (value: number) => {
    const size = percent(Math.abs(value));
    return size === '0.0' ? size : `${value < 0 ? '\u2212' : '+'}${size}`;
  };
  return `${signed(mean)} [${interval.map(signed).join(', ')}]`;
};
const number = (text: string): HtmlCell => ({ text, number: true });
const whole = (value: number) => number(Math.round(value).toLocaleString('en'));
const estimate = (value: Estimate | undefined) => number(value ? share(value) : '');

const VERDICT_MARKS: { readonly [verdict in ClaimVerdict['verdict']]: 'good' | 'open' | 'bad' } = {
  holds: 'good',
  'not shown': 'open',
  contradicted: 'bad',
  missing: 'open',
};

/** Each claim on each task: its verdict, and the verdict in a sentence. */
export function claimsTable({ claims }: StudyResults): HtmlTable {
  return {
    caption: 'The claims, task by task',
    heads: [['task', 'claim', 'verdict', 'in numbers']],
    rows: claims.map(({ task, claim, verdict, text }) => [
      { text: TASK_TITLES[task], head: true },
      claim,
      { text: verdict, mark: VERDICT_MARKS[verdict] },
      { text, prose: true },
    ]),
  };
}

/** The comparisons that a task's claims rest on. */
export function comparisonsTable({ claims }: StudyResults, task: TaskName): HtmlTable {
  const small = (p: number) => (p < 0.001 ? '< 0.001' : p.toFixed(3));
  const numbers = ['first (%)', 'second (%)', 'difference (points)', 'p, seed by seed'].map(number);
  return {
    caption: `${TASK_TITLES[task]}: what the claims compare, on the same items; p of the exact McNemar test, two-sided`,
    heads: [['claim', 'comparison', 'test set', ...numbers, 'verdict']],
    rows: claims
      .filter((each) => each.task === task)
      .flatMap(({ claim, comparisons }) =>
        comparisons.map((each, i) => [
          { text: i === 0 ? claim : '', head: true },
          `${each.first} vs ${each.second}`,
          SHORT_SETS[each.testSet],
          estimate(each.firstAccuracy),
          estimate(each.secondAccuracy),
          number(points(each.difference)),
          number(each.pValues.map(small).join(', ')),
          { text: each.verdict, mark: VERDICT_MARKS[each.verdict] },
        ]),
      ),
  };
}

/** A row a paradigm; for each test set ours, the paper's 2B and 7B. */
export function accuracyTable({ paradigms }: StudyResults, task: TaskName): HtmlTable {
  const own = paradigms.filter((each) => each.task === task);
  const sets = testSetsOf(task);
  const best = sets.map((set) =>
    Math.max(...own.filter((each) => each.testSet === set).map((each) => each.accuracy.mean)),
  );
  const score = TASKS[task].partialCredit ? ', mean score with partial credit' : '';
  return {
    caption: `Accuracy on ${TASK_TITLES[task].toLowerCase()}, %${score}, with 95 % intervals`,
    heads: [
      ['', ...sets.map((set) => ({ text: TEST_SET_NAMES[set], columns: 3 }))],
      ['paradigm', ...sets.flatMap(() => ['this study', 'paper, 2B', 'paper, 7B'].map(number))],
    ],
    rows: PARADIGMS.filter((paradigm) => own.some((each) => each.paradigm === paradigm)).map((paradigm) => [
      { text: PARADIGM_NAMES[paradigm], head: true },
      ...sets.flatMap((set, s): HtmlCell[] => {
        const ours = own.find((each) => each.paradigm === paradigm && each.testSet === set)?.accuracy;
        const paper = (['2B', '7B'] as const).map((model): HtmlCell => {
          const same = (p: (typeof PAPER)[number]) => p.task === task && p.paradigm === paradigm && p.set === set;
          const published = PAPER.find((p) => same(p) && p.model === model);
          return { text: published ? percent(published.accuracy) : '', number: true, faint: true };
        });
        return [{ text: ours ? share(ours) : '', number: true, bold: ours?.mean === best[s] }, ...paper];
      }),
    ]),
  };
}

/** What a paradigm was trained on and took, and how often it kept to the format. */
export function costTable({ paradigms }: StudyResults, task: TaskName): HtmlTable {
  const sets = testSetsOf(task);
  const own = paradigms.filter((each) => each.task === task);
  return {
    caption: `What it took on ${TASK_TITLES[task].toLowerCase()}, and the share of completions in the format asked for (zero-shot and ANS-SFT are not asked for it)`,
    heads: [
      ['', '', '', '', { text: 'in format (%)', columns: sets.length }],
      ['paradigm', ...['seeds', 'training rows', 'tokens', ...sets.map((set) => TEST_SET_NAMES[set])].map(number)],
    ],
    rows: PARADIGMS.flatMap((paradigm) => {
      const [any] = own.filter((each) => each.paradigm === paradigm);
      if (!any) return [];
      const formatted = (set: TestSet) =>
        own.find((each) => each.paradigm === paradigm && each.testSet === set)?.formatted;
      return [
        [
          { text: PARADIGM_NAMES[paradigm], head: true },
          number(any.seeds.join(', ') || 'none'),
          whole(any.trainingRows),
          whole(any.tokens),
          ...sets.map((set) => estimate(formatted(set))),
        ],
      ];
    }),
  };
}

/** A row a number of training rows, a column a paradigm. */
export function efficiencyTable({ efficiency }: StudyResults, task: TaskName, testSet: TestSet): HtmlTable {
  const own = efficiency.filter((point) => point.task === task && point.testSet === testSet);
  const sizes = [...new Set(own.map((point) => point.rows))].sort((a, b) => a - b);
  const paradigms = PARADIGMS.filter((paradigm) => own.some((point) => point.paradigm === paradigm));
  return {
    caption: `${TASK_TITLES[task]}, ${TEST_SET_NAMES[testSet]}: accuracy (%) by training rows`,
    heads: [[number('rows'), ...paradigms.map((paradigm) => number(PARADIGM_NAMES[paradigm]))]],
    rows: sizes.map((rows) => [
      { text: rows.toLocaleString('en'), head: true, number: true },
      ...paradigms.map((paradigm) =>
        estimate(own.find((each) => each.paradigm === paradigm && each.rows === rows)?.accuracy),
      ),
    ]),
  };
}

/** A row a setting; for each test set the accuracy and its difference from the base setting. */
export function ablationsTable({ ablations }: StudyResults, task: TaskName): HtmlTable {
  const own = ablations.filter((point) => point.task === task);
  const sets = testSetsOf(task).filter((set) => own.some((point) => point.testSet === set));
  const settings = [...new Map(own.map((point) => [`${point.ablation}\n${point.setting}`, point])).values()];
  return {
    caption: `Ablations on ${TASK_TITLES[task].toLowerCase()}: accuracy (%), and its difference from the base on the same items, in points`,
    heads: [
      ['', '', ...sets.map((set) => ({ text: TEST_SET_NAMES[set], columns: 2 }))],
      ['ablation', 'setting', ...sets.flatMap(() => ['accuracy', 'against the base'].map(number))],
    ],
    rows: settings.map(({ ablation, setting, base }, i) => [
      { text: settings[i - 1]?.ablation === ablation ? '' : ablation, head: true },
      { text: base ? `${setting} (base)` : setting, bold: base },
      ...sets.flatMap((set) => {
        const point = own.find((p) => p.ablation === ablation && p.setting === setting && p.testSet === set);
        return [estimate(point?.accuracy), number(point?.difference ? points(point.difference) : '')];
      }),
    ]),
  };
}

/** What the paper saw while training, and whether our runs show it. */
export function phenomenaTable({ phenomena }: StudyResults): HtmlTable {
  const seenCell = (seen: Phenomenon['seen']): HtmlCell => ({ text: seenText(seen), mark: seen ? 'good' : 'open' });
  return {
    caption: 'What the paper saw while training, looked for here',
    heads: [['phenomenon', 'task', 'here', 'in our runs', 'in the paper']],
    rows: phenomena.map(({ phenomenon, task, seen, paper, text }) => [
      { text: phenomenon, head: true },
      TASK_TITLES[task],
      seenCell(seen),
      { text, prose: true },
      { text: paper, prose: true },
    ]),
  };
}

/** What is learned from labels that say nothing. */
export function controlsTable({ controls }: StudyResults): HtmlTable {
  return {
    caption: 'Training on labels that say nothing must score at chance',
    heads: [['task', 'control', 'test set', number('accuracy (%)'), number('chance (%)'), 'verdict', 'in words']],
    rows: controls.map(({ task, control, testSet, accuracy, chance, holds, text }) => [
      { text: TASK_TITLES[task], head: true },
      control,
      TEST_SET_NAMES[testSet],
      estimate(accuracy),
      number(percent(chance)),
      { text: controlText(holds), mark: holds ? 'good' : 'bad' },
      { text, prose: true },
    ]),
  };
}

/** CoT-SFT by the words of its rationales. */
export function wordsTable({ words }: StudyResults): HtmlTable {
  const numbers = ["an annotator's (%)", "the base model's own (%)", 'difference (points)'].map(number);
  return {
    caption: 'CoT-SFT on the same rows, by whose words their rationales are in',
    heads: [['task', 'test set', ...numbers]],
    rows: words.map(({ task, testSet, annotators, own, difference }) => [
      { text: TASK_TITLES[task], head: true },
      TEST_SET_NAMES[testSet],
      estimate(annotators),
      estimate(own),
      number(points(difference)),
    ]),
  };
}

/** Whether training and test data share anything. */
export function leakageTable({ leakage }: StudyResults): HtmlTable {
  return {
    caption: 'Whether anything that is tested occurs in anything that is trained on',
    heads: [['task', ...['test items', 'rows trained on', 'shared scenes', 'shared questions'].map(number)]],
    rows: leakage.map((each) => [
      { text: TASK_TITLES[each.task], head: true },
      ...[each.testItems, each.trainingRows, each.sharedScenes, each.sharedQuestions].map(whole),
    ]),
  };
}
