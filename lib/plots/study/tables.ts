/** The tables of a study as data. The results page and the notebooks show the same ones. */

import { PARADIGM_NAMES, PARADIGMS } from '../../study/design/paradigms.js';
import { CONTROL_RULE, controlText, rationalesSentence } from '../../study/results/control-wording.js';
import type { Hypothesis } from '../../study/results/hypotheses.js';
import { PAPER } from '../../study/results/paper.js';
import type { ClaimComparison, ClaimVerdict, Estimate, Phenomenon, StudyResults } from '../../study/results/results.js';
import {
  BESIDE_RULE,
  intervalSentence,
  notInPaperText,
  PHENOMENA_RULE,
  seedsText,
  seenText,
} from '../../study/results/wording.js';
import { TASKS, type TaskName, TEST_SET_NAMES, type TestSet, testSetNamed, testSetsOf } from '../../tasks/tasks.js';
import type { HtmlCell, HtmlTable } from '../html-table.js';
import { seedsOf } from './figure.js';

/** A share in percent with one decimal. */
const percent = (share: number) => (100 * share).toFixed(1);

/** A share with its interval in percent: `74.2 [71.0, 77.1]`. */
const shareText = ({ mean, interval }: Estimate) => `${percent(mean)} [${interval.map(percent).join(', ')}]`;

/** A difference with its interval in points, each number with its sign: `+4.7 [−0.2, +9.6]`. A number that rounds to 0.0 has none. */
const differenceText = ({ mean, interval }: Estimate) => {
  const signed = (share: number) => {
    const size = percent(Math.abs(share));
    return size === '0.0' ? size : `${share < 0 ? '\u2212' : '+'}${size}`;
  };
  return `${signed(mean)} [${interval.map(signed).join(', ')}]`;
};

const numberCell = (text: string): HtmlCell => ({ text, number: true });
const countCell = (count: number) => numberCell(Math.round(count).toLocaleString('en'));
/** Empty where there is no estimate. */
const shareCell = (share: Estimate | undefined) => numberCell(share ? shareText(share) : '');

const VERDICT_MARKS: { readonly [verdict in ClaimVerdict['verdict']]: 'good' | 'open' | 'bad' } = {
  holds: 'good',
  'not shown': 'open',
  contradicted: 'bad',
  missing: 'open',
};

/** A line for each claim on each task: its verdict, and the numbers in a sentence. */
export function claimsTable({ claims }: StudyResults): HtmlTable {
  return {
    caption: 'The claims, task by task',
    heads: [['task', 'claim', 'verdict', 'in numbers']],
    rows: claims.map(({ task, claim, verdict, text }) => [
      { text: TASKS[task].title, head: true },
      claim,
      { text: verdict, mark: VERDICT_MARKS[verdict] },
      { text, prose: true },
    ]),
  };
}

/** A line for each hypothesis: its verdict, and what that rests on. */
export function hypothesesTable(hypotheses: readonly Hypothesis[]): HtmlTable {
  return {
    caption: 'The hypotheses, as they were written before the study was run',
    heads: [['', 'hypothesis', 'verdict', 'in numbers']],
    rows: hypotheses.map(({ number, statement, verdict, findings }) => [
      { text: String(number), head: true },
      { text: statement, prose: true },
      { text: verdict, mark: VERDICT_MARKS[verdict] },
      { text: findings.join(' '), prose: true },
    ]),
  };
}

/** A line for each comparison that a task's claims rest on. */
export function comparisonsTable({ claims }: StudyResults, task: TaskName): HtmlTable {
  const pText = (p: number) => (p < 0.001 ? '< 0.001' : p.toFixed(3));
  const numbers = ['first (%)', 'second (%)', 'difference (points)', 'p, seed by seed'].map(numberCell);
  const comparisonRows = (name: string, comparisons: readonly ClaimComparison[]) =>
    comparisons.map(
      ({ testSet, first, second, firstAccuracy, secondAccuracy, difference, pValues, verdict }, i): HtmlCell[] => [
        { text: i === 0 ? name : '', head: true },
        `${first} vs ${second}`,
        testSetNamed(task, testSet).shortTitle,
        shareCell(firstAccuracy),
        shareCell(secondAccuracy),
        numberCell(differenceText(difference)),
        numberCell(pValues.map(pText).join(', ')),
        { text: verdict, mark: VERDICT_MARKS[verdict] },
      ],
    );
  const claimsOfTask = claims.filter((claim) => claim.task === task);
  const besideRule = claimsOfTask.some(({ beside = [] }) => beside.length > 0) ? `. ${BESIDE_RULE}` : '';
  return {
    caption: `${TASKS[task].title}: what the claims compare, on the same items; p of the exact McNemar test, two-sided${besideRule}`,
    heads: [['claim', 'comparison', 'test set', ...numbers, 'verdict']],
    rows: claimsOfTask.flatMap(({ claim, comparisons, beside = [] }) => [
      ...comparisonRows(claim, comparisons),
      ...comparisonRows(`beside ${claim}`, beside),
    ]),
  };
}

/** A line for each paradigm; for each test set this study's accuracy, and those of the paper's 2B and 7B. */
export function accuracyTable({ paradigms }: StudyResults, task: TaskName): HtmlTable {
  const rowsOfTask = paradigms.filter((row) => row.task === task);
  const sets = testSetsOf(task);
  const best = sets.map((set) =>
    Math.max(...rowsOfTask.filter((row) => row.testSet === set).map((row) => row.accuracy.mean)),
  );
  const score = TASKS[task].partialCredit ? ', mean score with partial credit' : '';
  return {
    caption: [
      `Accuracy on ${TASKS[task].title.toLowerCase()}, %${score}, with 95 % intervals.`,
      notInPaperText(rowsOfTask.map(({ paradigm }) => paradigm)),
    ]
      .filter(Boolean)
      .join(' '),
    heads: [
      ['', ...sets.map((set) => ({ text: TEST_SET_NAMES[set], columns: 3 }))],
      ['paradigm', ...sets.flatMap(() => ['this study', 'paper, 2B', 'paper, 7B'].map(numberCell))],
    ],
    rows: PARADIGMS.filter((paradigm) => rowsOfTask.some((row) => row.paradigm === paradigm)).map((paradigm) => [
      { text: PARADIGM_NAMES[paradigm], head: true },
      ...sets.flatMap((set, s): HtmlCell[] => {
        const accuracy = rowsOfTask.find((row) => row.paradigm === paradigm && row.testSet === set)?.accuracy;
        const paper = (['2B', '7B'] as const).map((model): HtmlCell => {
          const published = PAPER.find(
            (row) => row.task === task && row.paradigm === paradigm && row.set === set && row.model === model,
          );
          return { text: published ? percent(published.accuracy) : '', number: true, faint: true };
        });
        return [
          { text: accuracy ? shareText(accuracy) : '', number: true, bold: accuracy?.mean === best[s] },
          ...paper,
        ];
      }),
    ]),
  };
}

/** A line for each paradigm: its rows and tokens, and for each test set the share of completions in format. */
export function costTable({ paradigms }: StudyResults, task: TaskName): HtmlTable {
  const sets = testSetsOf(task);
  const rowsOfTask = paradigms.filter((row) => row.task === task);
  return {
    caption: `Training rows and tokens on ${TASKS[task].title.toLowerCase()}, and the share of completions in format (the prompts of zero-shot, ANS-SFT and No-Thinking-RFT do not ask for it)`,
    heads: [
      ['', '', '', '', { text: 'in format (%)', columns: sets.length }],
      ['paradigm', ...['seeds', 'training rows', 'tokens', ...sets.map((set) => TEST_SET_NAMES[set])].map(numberCell)],
    ],
    rows: PARADIGMS.flatMap((paradigm) => {
      const first = rowsOfTask.find((row) => row.paradigm === paradigm);
      if (!first) return [];
      const formatted = (set: TestSet) =>
        rowsOfTask.find((row) => row.paradigm === paradigm && row.testSet === set)?.formatted;
      return [
        [
          { text: PARADIGM_NAMES[paradigm], head: true },
          numberCell(first.seeds.join(', ') || 'none'),
          countCell(first.trainingRows),
          countCell(first.tokens),
          ...sets.map((set) => shareCell(formatted(set))),
        ],
      ];
    }),
  };
}

/** A line for each number of training rows, a column for each paradigm. */
export function efficiencyTable({ efficiency }: StudyResults, task: TaskName, testSet: TestSet): HtmlTable {
  const points = efficiency.filter((point) => point.task === task && point.testSet === testSet);
  const sizes = [...new Set(points.map((point) => point.rows))].sort((a, b) => a - b);
  const paradigms = PARADIGMS.filter((paradigm) => points.some((point) => point.paradigm === paradigm));
  return {
    caption: `${TASKS[task].title}, ${TEST_SET_NAMES[testSet]}: accuracy (%) by training rows`,
    heads: [[numberCell('rows'), ...paradigms.map((paradigm) => numberCell(PARADIGM_NAMES[paradigm]))]],
    rows: sizes.map((rows) => [
      { text: rows.toLocaleString('en'), head: true, number: true },
      ...paradigms.map((paradigm) =>
        shareCell(points.find((point) => point.paradigm === paradigm && point.rows === rows)?.accuracy),
      ),
    ]),
  };
}

/** A line for each setting; for each test set its accuracy, and the difference from the base setting. */
export function ablationsTable({ ablations }: StudyResults, task: TaskName): HtmlTable {
  const points = ablations.filter((point) => point.task === task);
  const sets = testSetsOf(task).filter((set) => points.some((point) => point.testSet === set));
  const settings = [...new Map(points.map((point) => [`${point.ablation}\n${point.setting}`, point])).values()];
  return {
    caption:
      `Ablations on ${TASKS[task].title.toLowerCase()}: accuracy (%), and its difference from the base on the same items, in points. ` +
      `${seedsText(seedsOf(points))} ${intervalSentence(points.map(({ accuracy }) => accuracy))}`,
    heads: [
      ['', '', ...sets.map((set) => ({ text: TEST_SET_NAMES[set], columns: 2 }))],
      ['ablation', 'setting', ...sets.flatMap(() => ['accuracy', 'against the base'].map(numberCell))],
    ],
    rows: settings.map(({ ablation, setting, base }, i) => [
      { text: settings[i - 1]?.ablation === ablation ? '' : ablation, head: true },
      { text: base ? `${setting} (base)` : setting, bold: base },
      ...sets.flatMap((set) => {
        const point = points.find(
          (other) => other.ablation === ablation && other.setting === setting && other.testSet === set,
        );
        return [shareCell(point?.accuracy), numberCell(point?.difference ? differenceText(point.difference) : '')];
      }),
    ]),
  };
}

/** The phenomena that the paper saw while training, and whether our runs show them. */
export function phenomenaTable({ phenomena }: StudyResults): HtmlTable {
  const seenCell = (seen: Phenomenon['seen']): HtmlCell => ({ text: seenText(seen), mark: seen ? 'good' : 'open' });
  return {
    caption: `What the paper saw while training, looked for here. ${PHENOMENA_RULE}`,
    heads: [['phenomenon', 'task', 'here', 'in our runs', 'in the paper']],
    rows: phenomena.map(({ phenomenon, task, seen, paper, text }) => [
      { text: phenomenon, head: true },
      TASKS[task].title,
      seenCell(seen),
      { text, prose: true },
      { text: paper, prose: true },
    ]),
  };
}

/** The scores after training on labels that say nothing, beside chance. */
export function controlsTable({ controls }: StudyResults): HtmlTable {
  return {
    caption: `Training on labels that say nothing. ${CONTROL_RULE}`,
    heads: [
      ['task', 'control', 'test set', numberCell('accuracy (%)'), numberCell('chance (%)'), 'verdict', 'in words'],
    ],
    rows: controls.map(({ task, control, testSet, accuracy, chance, holds, text }) => [
      { text: TASKS[task].title, head: true },
      control,
      TEST_SET_NAMES[testSet],
      shareCell(accuracy),
      numberCell(percent(chance)),
      { text: controlText(holds), mark: holds ? 'good' : 'bad' },
      { text, prose: true },
    ]),
  };
}

/** The scores of CoT-SFT by the words of its rationales. */
export function wordsTable({ words }: StudyResults): HtmlTable {
  const numbers = ["an annotator's (%)", "the base model's own (%)", 'difference (points)'].map(numberCell);
  const caption = [
    'CoT-SFT on the same rows, by whose words their rationales are in.',
    rationalesSentence(words[0]?.studied),
  ];
  return {
    caption: caption.join(' ').trim(),
    heads: [['task', 'test set', ...numbers]],
    rows: words.map(({ task, testSet, annotators, own, difference }) => [
      { text: TASKS[task].title, head: true },
      TEST_SET_NAMES[testSet],
      shareCell(annotators),
      shareCell(own),
      numberCell(differenceText(difference)),
    ]),
  };
}

/** The scenes and questions that training and test data share. */
export function leakageTable({ leakage }: StudyResults): HtmlTable {
  // Earlier results do not say how many scenes pretraining shows.
  const saysPretraining = leakage.some(({ pretrainedScenes }) => pretrainedScenes !== undefined);
  const heads = ['test items', 'rows trained on', 'shared scenes', 'shared questions'];
  return {
    caption: `Scenes and questions that test items share with rows that any cell trains on${saysPretraining ? ', and scenes that a base model was pretrained on' : ''}`,
    heads: [['task', ...[...heads, ...(saysPretraining ? ['scenes of pretraining'] : [])].map(numberCell)]],
    rows: leakage.map(({ task, testItems, trainingRows, sharedScenes, sharedQuestions, pretrainedScenes }) => [
      { text: TASKS[task].title, head: true },
      ...[testItems, trainingRows, sharedScenes, sharedQuestions].map(countCell),
      ...(saysPretraining ? [pretrainedScenes === undefined ? numberCell('') : countCell(pretrainedScenes)] : []),
    ]),
  };
}
