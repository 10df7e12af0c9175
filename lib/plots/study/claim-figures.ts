/** Figures of claims and controls: the two sides of each comparison, and their difference. */

import { CONTROL_RULE, rationalesSentence } from '../../study/results/control-wording.js';
import type { ClaimComparison, StudyResults } from '../../study/results/results.js';
import { BESIDE_RULE, CLAIM_RULE, capital, comparisonsSentence } from '../../study/results/wording.js';
import { TASKS, type TaskName, TEST_SET_NAMES, testSetNamed } from '../../tasks/tasks.js';
import { forestFigure } from '../forest.js';
import {
  ACCURACY_AXIS,
  describeFigure,
  estimateDot,
  itemsAndIntervalText,
  itemsAndSeedsText,
  OURS,
  partialCreditText,
  type StudyFigure,
  seedsOf,
} from './figure.js';

/** The comparisons of a task's claims: both accuracies on the left, their difference on the right. */
export function claimsFigure({ claims, seeds }: StudyResults, task: TaskName): StudyFigure {
  const comparedClaims = claims.filter((claim) => claim.task === task && claim.comparisons.length > 0);
  const [shares, differences] = ['accuracy, or reward', 'difference'];
  const comparisonLine = (comparison: ClaimComparison) => {
    const { testSet, first, second, firstAccuracy, secondAccuracy, difference } = comparison;
    return {
      label: `${first} vs ${second}, ${testSetNamed(task, testSet).shortTitle}`,
      points: [
        estimateDot(firstAccuracy, shares, 'claimed to be higher'),
        { ...estimateDot(difference, differences, 'their difference'), seeds: [] },
        estimateDot(secondAccuracy, shares, 'claimed to be lower'),
      ],
    };
  };
  const groups = comparedClaims.flatMap(({ claim, verdict, comparisons, beside = [] }) => [
    { title: `${capital(claim)}: ${verdict}`, rows: comparisons.map(comparisonLine) },
    ...(beside.length > 0 ? [{ title: `Beside ${claim}`, rows: beside.map(comparisonLine) }] : []),
  ]);
  const panels = [
    { title: shares, axis: 'accuracy or reward (%)' },
    { title: differences, axis: 'difference (points)', markZero: true },
  ];
  const title = `${TASKS[task].title}: the claims`;
  const estimates = comparedClaims.flatMap(({ comparisons }) =>
    comparisons.flatMap(({ firstAccuracy, secondAccuracy }) => [firstAccuracy, secondAccuracy]),
  );
  const besideRule = comparedClaims.some(({ beside = [] }) => beside.length > 0) ? ` ${BESIDE_RULE}` : '';
  return describeFigure(
    { name: `claims-${task}`, title, tasks: [task], seeds, section: 'claims' },
    forestFigure(groups, panels, title),
    `${comparisonsSentence(seeds.length > 1)} ${CLAIM_RULE}${besideRule} ${itemsAndSeedsText(estimates)}`,
    comparedClaims.map(({ text }) => text).join(' '),
  );
}

/** The score after training on shuffled labels, beside chance. */
export function controlsFigure({ controls }: StudyResults): StudyFigure {
  const title = 'Controls: what is learned from labels that say nothing';
  const panel = 'accuracy';
  const tasks = [...new Set(controls.map(({ task }) => task))];
  const groups = tasks.map((task) => ({
    title: TASKS[task].title,
    rows: controls
      .filter((row) => row.task === task)
      .map(({ control, testSet, accuracy, chance }) => ({
        label: `${control}, ${TEST_SET_NAMES[testSet]}`,
        points: [estimateDot(accuracy, panel, OURS), { value: chance, panel, series: 'best constant answer' }],
      })),
  }));
  return describeFigure(
    { name: 'controls', title, tasks, seeds: seedsOf(controls), section: 'controls' },
    forestFigure(groups, [{ title: panel, axis: ACCURACY_AXIS, range: [0, 100] }], title),
    `Accuracy after training on questions whose answers were dealt anew. Hollow: chance. ${CONTROL_RULE} ${itemsAndIntervalText(controls.map(({ accuracy }) => accuracy))}`,
    controls.map(({ text }) => text).join(' '),
  );
}

/** The score of CoT-SFT by the words of its rationales. */
export function wordsFigure({ words }: StudyResults): StudyFigure {
  const title = 'CoT-SFT by whose words its rationales are in';
  const panel = 'accuracy';
  const tasks = [...new Set(words.map(({ task }) => task))];
  const groups = tasks.map((task) => ({
    title: TASKS[task].title,
    rows: words
      .filter((row) => row.task === task)
      .map(({ testSet, annotators, own }) => ({
        label: TEST_SET_NAMES[testSet],
        points: [
          estimateDot(annotators, panel, "an annotator's words"),
          estimateDot(own, panel, "the base model's own words"),
        ],
      })),
  }));
  return describeFigure(
    { name: 'words', title, tasks, seeds: seedsOf(words), section: 'words' },
    forestFigure(groups, [{ title: panel, axis: ACCURACY_AXIS, range: [0, 100] }], title),
    `Accuracy of CoT-SFT on the same rows${partialCreditText(tasks)}, once with an annotator's rationales and once with solutions as the base model's pretraining writes them. ` +
      [rationalesSentence(words[0]?.studied), itemsAndSeedsText(words.map(({ own }) => own))].filter(Boolean).join(' '),
    words.map(({ text }) => text).join(' '),
  );
}
