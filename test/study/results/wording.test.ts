/** The sentences of a study's results: which words stand for which verdict, and that each says its numbers. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { findingText } from '../../../lib/study/results/ablation-wording.js';
import { compareSides } from '../../../lib/study/results/claims.js';
import type { AblationPoint, Estimate } from '../../../lib/study/results/results.js';
import {
  CLAIM_RULE,
  claimSentence,
  headSentences,
  intervalSentence,
  missingSentence,
  percentText,
  pointsText,
  selectionSentence,
  trendText,
} from '../../../lib/study/results/wording.js';
import { madeUpResults } from '../../support/study-results.js';

const estimate = (mean: number, low: number, high: number, perSeed = [mean]): Estimate => ({
  ...{ mean, interval: [low, high] as [number, number], perSeed, items: 100 },
});

test('shares and differences in percent with one decimal; what rounds to nothing has no sign', () => {
  assert.equal(percentText(estimate(0.512, 0.48, 0.544)), '51.2 % [48.0, 54.4]');
  assert.equal(pointsText(estimate(0.047, -0.002, 0.096)), '+4.7 points [-0.2, 9.6]');
  assert.equal(pointsText(estimate(-0.0001, -0.1, 0.1)), '+0.0 points [-10.0, 10.0]');
});

test('notebook 04 and the README state the rule of the claims in its own words', () => {
  const root = path.join(__dirname, '..', '..', '..');
  const notebook = JSON.parse(readFileSync(path.join(root, 'notebooks/04-ablations.ipynb'), 'utf8')) as {
    cells: { source: string[] }[];
  };
  const stating = notebook.cells.filter(({ source }) => source.join('').includes(CLAIM_RULE));
  assert.equal(stating.length, 2);
  const readme = readFileSync(path.join(root, 'README.md'), 'utf8').replace(/\s+/g, ' ').replaceAll('*', '');
  assert.ok(readme.includes(CLAIM_RULE.split(' Where ')[0]!));
});

/** So many items of 100 right, the first ones. */
const first = (right: number) => Array.from({ length: 100 }, (_, i) => Number(i < right));

test('a claim’s sentence names task, claim, both sides and the difference', () => {
  const side = (name: string, right: number) => ({ name, scores: [first(right)] });
  const comparisons = [
    compareSides('ood', side('Reason-RFT', 80), side('CoT-SFT', 50)),
    compareSides('ood', side('Reason-RFT', 80), side('ANS-SFT', 80)),
  ];
  const text = claimSentence('counting', 'it is better', 'not shown', comparisons);
  assert.match(text, /^On counting, it is not shown that it is better: out of domain, Reason-RFT has 80\.0 % \[/);
  assert.match(text, /against CoT-SFT 50\.0 % \[.*\] \(difference \+30\.0 points \[21\.0, 39\.0\]\)/);
  // No item of 100 differs; Wilson's bound for 0 of 100 is 1.96^2 / (100 + 1.96^2) = 3.7 %.
  assert.match(text, / and ANS-SFT 80\.0 % \[.*\] \(difference \+0\.0 points \[-3\.7, 3\.7\]\)\.$/);
  assert.equal(
    claimSentence('counting', 'x', 'missing', []),
    'On counting, cells are missing that would say whether x.',
  );
});

test('intervals: of one seed they are the items’ alone, of several they hold both, and a mixture says so', () => {
  const [one, two] = [estimate(0.5, 0.4, 0.6), estimate(0.5, 0.4, 0.6, [0.4, 0.6])];
  assert.match(
    intervalSentence([one, one]),
    /^Intervals are 95 % Wilson intervals of the test items alone: with one training seed/,
  );
  assert.equal(
    intervalSentence([two]),
    "Intervals are 95 %, of seeds and test items together (Student's t over seeds).",
  );
  assert.match(
    intervalSentence([one, two]),
    /\(Student's t over seeds\); where there is one seed, the Wilson interval/,
  );
  assert.equal(intervalSentence([]), '');
});

test('a part of the study is named with its tasks, parts and ablations', () => {
  const selection = { tasks: ['counting'], parts: ['paradigms', 'ablations'], ablations: ['Reward', 'Loss'] } as const;
  assert.equal(
    selectionSentence(selection),
    'A part of the study: of counting, paradigms and ablations (Reward, Loss).',
  );
  assert.equal(selectionSentence(undefined), '');
  assert.match(headSentences({ ...madeUpResults(), selection }), /^Profile quick, training seeds 1, 2, 3\. A part of/);
});

test('missing cells are counted, and the first ten named', () => {
  assert.equal(missingSentence([]), 'No cell is missing.');
  assert.equal(missingSentence(['a']), '1 cell is missing: a.');
  const twelve = Array.from({ length: 12 }, (_, i) => `c${i}`);
  assert.match(missingSentence(twelve), /^12 cells are missing: c0, .*, c9, and 2 more\.$/);
});

test('ablations: which settings can be told apart from the base and which cannot, each with its points', () => {
  const base = { setting: 'G = 8', accuracy: estimate(0.5, 0.4, 0.6) } as AblationPoint;
  const far = { setting: 'G = 2', difference: estimate(-0.25, -0.3, -0.2, [-0.3, -0.2, -0.25]) };
  const near = { setting: 'G = 4', difference: estimate(0.01, -0.02, 0.04, [0, 0.01, 0.02]) };
  const reading = (apart: (typeof far)[], alike: (typeof far)[]) => ({ testSet: 'id' as const, base, apart, alike });
  const sentence = (apart: (typeof far)[], alike: (typeof far)[]) => findingText([reading(apart, alike)], undefined);
  const opening = 'In domain, G = 8 has 50.0 % [40.0, 60.0]';
  const [farText, nearText] = ['G = 2 (-25.0 points [-30.0, -20.0])', 'G = 4 (+1.0 points [-2.0, 4.0])'];
  const seeds = 'The differences are over 3 training seeds.';
  assert.equal(
    sentence([far], [near]),
    `${opening}; from it one can tell apart ${farText}, but not ${nearText}. ${seeds}`,
  );
  assert.equal(
    sentence([], [far, near]),
    `${opening}; from it one cannot tell apart ${farText} and ${nearText}. ${seeds}`,
  );
  assert.equal(sentence([far], []), `${opening}; from it one can tell apart ${farText}. ${seeds}`);
  assert.equal(sentence([], []), `${opening}, and no other setting is finished.`);
  const once = { ...near, difference: estimate(0.01, -0.02, 0.04) };
  assert.match(sentence([], [once]), / With one training seed the intervals of the differences do not hold the luck/);
  assert.match(sentence([far], [once]), / over 1 to 3 training seeds\.$/);
  assert.equal(findingText([{ ...reading([], []), base: undefined }], undefined), 'The base setting is not finished.');
  const choice = { chosen: { setting: '1 pass', passAtK: estimate(0.5, 0.4, 0.6) }, highest: { setting: '2 passes' } };
  assert.match(
    findingText([reading([], [near])], { ...choice, same: false }),
    / By pass@k on held-out rows one would start from 1 pass \(50\.0 % .*\); after GRPO 2 passes is the most accurate\.$/,
  );
});

test('a trend is called learned only beyond two standard errors', () => {
  const trend = (difference: number) => ({
    start: { mean: 0.4, standardError: 0.01, count: 10 },
    end: { mean: 0.4 + difference, standardError: 0.01, count: 10 },
    difference,
    standardError: 0.014,
  });
  assert.equal(
    trendText('accuracy', trend(0.1)),
    'accuracy: 0.400 ± 0.010 over the first 10 steps, 0.500 ± 0.010 over the last 10; ' +
      'difference +0.100 ± 0.014: a rise above its noise.',
  );
  assert.match(trendText('x', trend(0.028)), /not more than noise/);
  assert.match(trendText('x', trend(-0.029)), /-0\.029 ± 0\.014: a fall beyond its noise/);
});
