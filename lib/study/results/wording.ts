/**
 * The sentences that read a study's results: verdicts with their numbers, the rule of the claims, and what intervals mean. The files
 * beside this one compute numbers and the names of verdicts; only this one, `ablation-wording.ts`, `control-wording.ts` and
 * `knob-wording.ts` make sentences of them. The sentences that say what a figure or a section shows stand beside its drawing, in
 * `plots/study`.
 */
import type { Estimate } from '../../evaluate/over-seeds.js';
import type { StartAndEnd } from '../../evaluate/trend.js';
import type { RewardName } from '../../rewards/rewards.js';
import { TASK_NAMES, type TaskName, TEST_SET_NAMES } from '../../tasks/tasks.js';
import { SMALL_SHARE } from '../design/data-efficiency.js';
import { PAPER_PARADIGMS, PARADIGM_NAMES, PARADIGMS, type Paradigm } from '../design/paradigms.js';
import { GRID_PARTS, type StudySelection } from '../design/study-grid.js';
import { type Dip, LONGEST_WINDOW, NOISE_ERRORS, type Rise, WINDOWS } from './curve-shapes.js';
import type {
  ClaimComparison,
  ClaimName,
  Phenomenon,
  PhenomenonName,
  StudyResults,
  TrainingCurve,
  Verdict,
} from './results.js';

// Numbers.

/** A share in percent with its interval: `51.2 % [48.0, 54.4]`. */
export function percentText({ mean, interval }: Pick<Estimate, 'mean' | 'interval'>): string {
  return `${percent(mean)} % [${interval.map(percent).join(', ')}]`;
}

/** A difference in percentage points with its interval: `+4.7 points [-0.2, 9.6]`. */
export function pointsText({ mean, interval }: Pick<Estimate, 'mean' | 'interval'>): string {
  const text = percent(mean);
  return `${text.startsWith('-') ? '' : '+'}${text} points [${interval.map(percent).join(', ')}]`;
}

/** In percent with one decimal; a share that rounds to nothing has no sign. */
export function percent(share: number): string {
  const text = (100 * share).toFixed(1);
  return text === '-0.0' ? '0.0' : text;
}

/** A text that begins with a capital. */
export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** `a`, `a and b`, or `a, b and c`. */
export function listText(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}

// Intervals, items and the extent of a study.

/** Says how the intervals of shares are made; empty if there are no shares. */
export function intervalSentence(estimates: readonly Estimate[]): string {
  if (estimates.length === 0) return '';
  if (estimates.every(({ perSeed }) => perSeed.length <= 1))
    return 'Intervals are 95 % Wilson intervals of the test items alone: with one training seed they do not hold the luck of training.';
  const several = "Intervals are 95 %, of seeds and test items together (Student's t over seeds)";
  return estimates.some(({ perSeed }) => perSeed.length <= 1)
    ? `${several}; where there is one seed, the Wilson interval of the test items.`
    : `${several}.`;
}

/** `Training seed 1.`, or `The mean of training seeds 1, 2 and 3.` */
export function seedsText(seeds: readonly number[]): string {
  if (seeds.length === 1) return `Training seed ${seeds[0]}.`;
  return `The mean of training seeds ${listText(seeds.map(String))}.`;
}

/** `820 test items a set`, or `800 to 1,000 test items a set`. */
export function itemsText(estimates: readonly Estimate[]): string {
  const items = estimates.map((estimate) => estimate.items);
  const [least, most] = [Math.min(...items), Math.max(...items)].map((count) => count.toLocaleString('en'));
  return least === most ? `${least} test items a set` : `${least} to ${most} test items a set`;
}

/** Names the part of the study that the results are of; empty if they are of the whole. */
export function selectionSentence(selection: StudySelection | undefined): string {
  if (!selection) return '';
  const { tasks, parts, ablations } = selection;
  const names = parts.map((part) => (part === 'ablations' ? `ablations (${ablations.join(', ')})` : part));
  const taskWords = tasks.length === TASK_NAMES.length ? 'all tasks' : listText(tasks);
  const partWords = parts.length === GRID_PARTS.length ? 'all parts' : listText(names);
  return `A part of the study: of ${taskWords}, ${partWords}.`;
}

/** Names the cells that are not finished, the first ten of them. */
export function missingSentence(missing: readonly string[]): string {
  if (missing.length === 0) return 'No cell is missing.';
  const more = missing.length > 10 ? `, and ${missing.length - 10} more` : '';
  const are = missing.length === 1 ? '1 cell is' : `${missing.length} cells are`;
  return `${are} missing: ${missing.slice(0, 10).join(', ')}${more}.`;
}

/** The first lines of a study's results. */
export function headSentences({ profile, seeds, selection, paradigms, efficiency, ablations }: StudyResults): string {
  return [
    `Profile ${profile}, training ${seeds.length === 1 ? 'seed' : 'seeds'} ${seeds.join(', ')}.`,
    selectionSentence(selection),
    intervalSentence([...paradigms, ...efficiency, ...ablations].map(({ accuracy }) => accuracy)),
  ]
    .filter(Boolean)
    .join(' ');
}

/** Says which of some paradigms the paper has no numbers of; empty if it has them of all. */
export function notInPaperText(paradigms: readonly Paradigm[]): string {
  const published: readonly Paradigm[] = PAPER_PARADIGMS;
  const others = PARADIGMS.filter((paradigm) => paradigms.includes(paradigm) && !published.includes(paradigm));
  return others.length > 0
    ? `The paper has no numbers of ${listText(others.map((name) => PARADIGM_NAMES[name]))}.`
    : '';
}

// Claims.

/** The rule by which a claim holds, and the meaning of `not shown`. */
export const CLAIM_RULE =
  'A claim holds on a task where the 95 % intervals of each comparison lie apart, the way round that the claim says. Where they overlap, the claim is not shown, which is not the same as false.';

/** What stands beside a claim without being part of it. */
export const BESIDE_RULE = 'What stands beside a claim is no part of its verdict.';

/** What the two sides of a claim's comparison and their difference are. */
export function comparisonsSentence(severalSeeds: boolean): string {
  return (
    'The comparisons that the claims rest on: two accuracies (of reinforcement, the reward that GRPO trains on), and their difference on the same ' +
    `items${severalSeeds ? ', seed by seed' : ''}.`
  );
}

/** The names of the models that GRPO starts from, where it is compared with them. */
export const STARTS = { 'reason-rft': 'its stage 1', 'reason-rft-zero': 'zero-shot, asked for tags too' } as const;

/**
 * A claim in words, as the end of a sentence that begins with `it holds that`.
 *
 * @param few the number of rows that are 5 % of all
 * @param reward the accuracy reward that GRPO trains with
 */
export function claimStatement(claim: ClaimName, few: number, reward: RewardName): string {
  switch (claim) {
    case 'generalization':
      return 'Reason-RFT is above CoT-SFT and ANS-SFT out of domain';
    case 'data efficiency':
      return `with ${100 * SMALL_SHARE} % of the rows (${few}), Reason-RFT is above CoT-SFT and ANS-SFT out of domain`;
    case 'reinforcement':
      return `GRPO raises the reward that it trains on (${reward})`;
  }
}

/** A verdict with its numbers: `On counting, it is not shown that ...: out of domain, Reason-RFT has 39.6 % [35.4, 44.0] against ...`. */
export function claimSentence(
  task: TaskName,
  statement: string,
  verdict: Verdict,
  comparisons: readonly ClaimComparison[],
): string {
  const opening = {
    holds: `it holds that ${statement}`,
    'not shown': `it is not shown that ${statement}`,
    contradicted: `it is contradicted that ${statement}`,
    missing: `cells are missing that would say whether ${statement}`,
  }[verdict];
  const sides = [...new Map(comparisons.map((row) => [`${row.testSet} ${row.first}`, row])).values()];
  const numbers = sides.map(({ testSet, first, firstAccuracy }) => {
    const others = comparisons.filter((row) => row.testSet === testSet && row.first === first);
    const against = others.map(
      ({ second, secondAccuracy, difference }) =>
        `${second} ${percentText(secondAccuracy)} (difference ${pointsText(difference)})`,
    );
    return `${TEST_SET_NAMES[testSet]}, ${first} has ${percentText(firstAccuracy)} against ${against.join(' and ')}`;
  });
  return `On ${task}, ${opening}${numbers.length > 0 ? `: ${numbers.join('; ')}` : ''}.`;
}

/** A comparison that stands beside a claim. */
export function besideSentence({
  testSet,
  first,
  second,
  firstAccuracy,
  secondAccuracy,
  difference,
  verdict,
}: ClaimComparison): string {
  const relation = { holds: 'is above', 'not shown': 'is not told apart from', contradicted: 'is below' }[verdict];
  return (
    `No part of the verdict: ${TEST_SET_NAMES[testSet]}, ${first} ${relation} ${second}, with ${percentText(firstAccuracy)} against ` +
    `${percentText(secondAccuracy)} (difference ${pointsText(difference)}).`
  );
}

// Phenomena of training.

/** The paper's observations, in a sentence each. */
export const PAPER_OBSERVATIONS: { readonly [name in PhenomenonName]: string } = {
  'transient adaptation gap':
    'Reason-RFT-Zero falls from an accuracy of about 84 % to 30 % near step 10, and is back by step 40 to 60.',
  'greedy reward stratification':
    'Format is near 1 by step 20 to 30; accuracy climbs after it, while completions shorten and lengthen again.',
  'reasoning redundancy':
    'On structure perception Reason-RFT keeps 150 to 170 tokens, where Zero falls to about 80 at like accuracy.',
};

/** The rule by which a phenomenon is seen. */
export const PHENOMENA_RULE =
  `Each is looked for in the mean over seeds, in windows of 1/${WINDOWS} of the steps, and of ${LONGEST_WINDOW} steps at most. ` +
  `A change counts when it exceeds ${NOISE_ERRORS} standard errors of the difference of two windows.`;

/** Whether a phenomenon was seen, in a word or two. */
export function seenText(seen: Phenomenon['seen']): string {
  if (seen === null) return 'missing';
  return seen ? 'seen' : 'not seen';
}

export const NO_ZERO_RUN = 'No run of Reason-RFT-Zero is finished that is long enough.';
export const NO_PAIR_OF_RUNS = 'Runs of both paradigms are needed that are long enough.';

/** The dips of the accuracy reward of Reason-RFT-Zero and, where it is finished, of Reason-RFT. */
export function adaptationGapText(zero: Dip, reasonRft: Dip | undefined): string {
  const sentences = [dipSentence('Reason-RFT-Zero', zero)];
  if (reasonRft) sentences.push(dipSentence('Reason-RFT, after stage 1,', reasonRft));
  return sentences.join(' ');
}

function dipSentence(name: string, { seen, start, lowest, step, regained }: Dip): string {
  const [from, to, back] = [start, lowest, regained].map((share) => share.toFixed(2));
  return seen
    ? `${name} falls from an accuracy reward of ${from} to ${to} at step ${step} and regains ${back}.`
    : `${name} has no dip beyond its noise that it comes back from: its accuracy reward is ${from} at first, ${to} at the lowest of the first half and ${back} at the highest after that.`;
}

/** The rises of Reason-RFT-Zero's two rewards, and the tokens of its completions. */
export function stratificationText(
  format: Rise,
  accuracy: Rise,
  tokens: { first: number; shortest: number; last: number },
): string {
  return (
    `Reason-RFT-Zero's format reward ${riseText(format)}; its accuracy reward ${riseText(accuracy)}. Completions have ` +
    `${tokens.first.toFixed(0)} tokens at first, ${tokens.shortest.toFixed(0)} at the shortest and ${tokens.last.toFixed(0)} at the end.`
  );
}

function riseText({ rises, from, to, half }: Rise): string {
  const ends = `from ${from.toFixed(2)} to ${to.toFixed(2)}`;
  return rises ? `rises ${ends}, half of it by step ${half}` : `does not rise beyond its noise, ${ends}`;
}

/** Where the runs of a paradigm end: tokens of a completion, and accuracy reward. */
export interface RunEnd {
  paradigm: TrainingCurve['paradigm'];
  length: number;
  accuracy: number;
}

/** The ends of Reason-RFT and Reason-RFT-Zero beside each other. */
export function redundancyText(ends: readonly RunEnd[]): string {
  const texts = ends.map(
    ({ paradigm, length, accuracy }) =>
      `${PARADIGM_NAMES[paradigm]} writes ${length.toFixed(0)} tokens at an accuracy reward of ${accuracy.toFixed(2)}`,
  );
  return `At the end ${texts.join(', ')}.`;
}

/** The start of a curve against its end. It has changed where the difference is over two standard errors. */
export function trendText(name: string, { start, end, difference, standardError }: StartAndEnd): string {
  const meanText = (steps: StartAndEnd['start']) => `${steps.mean.toFixed(3)} ± ${steps.standardError.toFixed(3)}`;
  const sign = difference < 0 ? '' : '+';
  return (
    `${name}: ${meanText(start)} over the first ${start.count} steps, ${meanText(end)} over the last ${end.count}; ` +
    `difference ${sign}${difference.toFixed(3)} ± ${standardError.toFixed(3)}: ${trendVerdict(difference, standardError)}.`
  );
}

function trendVerdict(difference: number, standardError: number): string {
  if (Math.abs(difference) <= 2 * standardError) return 'not more than noise (two standard errors)';
  return difference > 0 ? 'a rise above its noise' : 'a fall beyond its noise';
}
