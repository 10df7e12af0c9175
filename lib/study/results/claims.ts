/** The paper's three claims, each judged on each task from finished cells: the comparisons, and the verdict that follows from them. */
import { mcNemar } from '../../evaluate/interval.js';
import { differenceOverSeeds, type Estimate, estimateOverSeeds } from '../../evaluate/over-seeds.js';
import { REWARDS, type RewardName } from '../../rewards/rewards.js';
import { TASKS, type TaskName, type TestSet, testSetsOf } from '../../tasks/tasks.js';
import { mean } from '../../train/advantage.js';
import type { BaseCell, Cell } from '../cells/cell.js';
import { efficiencyCell, fewRows } from '../design/data-efficiency.js';
import {
  PARADIGM_NAMES,
  PARADIGM_PROMPTS,
  paradigmCell,
  stageOneCell,
  type TrainedParadigm,
} from '../design/paradigms.js';
import type { GridPart } from '../design/study-grid.js';
import type { Study } from '../workspace.js';
import { testScores } from './measures.js';
import type { ClaimComparison, ClaimName, ClaimVerdict } from './results.js';
import { besideSentence, claimSentence, claimStatement, STARTS } from './wording.js';

/** One side of a comparison: its name, and its scores as `[seed][item]`. A model that is not trained has one row. */
export interface Side {
  name: string;
  scores: readonly (readonly number[])[];
}

/** The verdict of one comparison: whether the two intervals lie apart, and which is the higher. */
export function verdictOf(first: Estimate, second: Estimate): ClaimComparison['verdict'] {
  if (first.interval[0] > second.interval[1]) return 'holds';
  return second.interval[0] > first.interval[1] ? 'contradicted' : 'not shown';
}

/** Compares two sides on the same items of a test set; the claim puts the first above the second. */
export function compareSides(testSet: TestSet, first: Side, second: Side): ClaimComparison {
  const [firstAccuracy, secondAccuracy] = [first, second].map(({ scores }) =>
    estimateOverSeeds(scores.map(mean), scores[0]!.length),
  ) as [Estimate, Estimate];
  const seeds = Math.max(first.scores.length, second.scores.length);
  const pValues = Array.from({ length: seeds }, (_, seed) => {
    const [firstItems, secondItems] = [first, second].map(({ scores }) => scores[scores.length === 1 ? 0 : seed]!);
    return mcNemar(countOnlyRight(firstItems!, secondItems!), countOnlyRight(secondItems!, firstItems!));
  });
  return {
    testSet,
    first: first.name,
    second: second.name,
    firstAccuracy,
    secondAccuracy,
    difference: differenceOverSeeds(first.scores, second.scores),
    pValues,
    verdict: verdictOf(firstAccuracy, secondAccuracy),
  };
}

/** The number of items that one side has right and the other has not. */
function countOnlyRight(scores: readonly number[], others: readonly number[]): number {
  return scores.filter((score, item) => score === 1 && others[item] !== 1).length;
}

/** The verdict of a claim: it holds if every comparison holds, and is contradicted if any comparison is contradicted. */
export function jointVerdict(verdicts: readonly ClaimComparison['verdict'][]): ClaimComparison['verdict'] {
  if (verdicts.includes('contradicted')) return 'contradicted';
  return verdicts.every((verdict) => verdict === 'holds') ? 'holds' : 'not shown';
}

/** The part of the grid that holds the cells of each claim. */
const CLAIM_PARTS: readonly (readonly [ClaimName, GridPart])[] = [
  ['generalization', 'paradigms'],
  ['data efficiency', 'efficiency'],
  ['reinforcement', 'paradigms'],
];

/**
 * Judges on a task the claims that rest on these parts of the grid. The verdict is `missing` if any cell of the claim, for any seed, is
 * not yet trained and evaluated.
 */
export function claimVerdicts(study: Study, task: TaskName, parts: readonly GridPart[]): ClaimVerdict[] {
  return CLAIM_PARTS.filter(([, part]) => parts.includes(part)).map(([claim]) => judgeClaim(study, task, claim));
}

function judgeClaim(study: Study, task: TaskName, claim: ClaimName): ClaimVerdict {
  const expectedComparisons = makeComparisons(study, task, claim);
  const comparisons = expectedComparisons.filter((comparison) => comparison !== undefined);
  const verdict =
    comparisons.length < expectedComparisons.length
      ? 'missing'
      : jointVerdict(comparisons.map((comparison) => comparison.verdict));
  const statement = claimStatement(claim, fewRows(study, task), TASKS[task].accuracyReward);
  const sentence = claimSentence(task, statement, verdict, comparisons);
  if (claim !== 'generalization') return { task, claim, statement, verdict, text: sentence, comparisons };
  const beside = compareOutOfDomain(study, task, BESIDE_GENERALIZATION, paradigmCells(study, task)).filter(
    (comparison) => comparison !== undefined,
  );
  const text = [sentence, ...beside.map(besideSentence)].join(' ');
  return { task, claim, statement, verdict, text, comparisons, beside };
}

type Comparisons = (ClaimComparison | undefined)[];

/** Makes a claim's comparisons; undefined in place of those whose cells are not finished. */
function makeComparisons(study: Study, task: TaskName, claim: ClaimName): Comparisons {
  switch (claim) {
    case 'generalization':
      return compareOutOfDomain(study, task, FINE_TUNING, paradigmCells(study, task));
    case 'data efficiency': {
      const smallNumber = fewRows(study, task);
      return compareOutOfDomain(study, task, FINE_TUNING, (paradigm, seed) =>
        efficiencyCell(study, paradigm, smallNumber, task, seed),
      );
    }
    case 'reinforcement':
      return compareWithStarts(study, task);
  }
}

/** The paradigms that the first two claims put below Reason-RFT. */
const FINE_TUNING = ['cot-sft', 'ans-sft'] as const;

/** Those that Reason-RFT is compared with beside the claim of generalization. The paper does not have them, so no verdict rests on them. */
const BESIDE_GENERALIZATION = ['cot-sft-dft'] as const;

/** The cells of the paradigms on all rows. */
function paradigmCells(study: Study, task: TaskName) {
  return (paradigm: TrainedParadigm, seed: number) => paradigmCell(study, paradigm, task, seed);
}

/** Compares Reason-RFT with other paradigms on each test set out of domain. */
function compareOutOfDomain<Other extends TrainedParadigm>(
  study: Study,
  task: TaskName,
  others: readonly Other[],
  cellOf: (paradigm: Other | 'reason-rft', seed: number) => Cell,
): Comparisons {
  const side = (paradigm: Other | 'reason-rft', set: TestSet): Side | undefined => {
    const cells = study.profile.seeds.map((seed) => cellOf(paradigm, seed));
    return sideOf(PARADIGM_NAMES[paradigm], testScores(study, cells, set, PARADIGM_PROMPTS[paradigm]));
  };
  const outside = testSetsOf(task).filter((set) => set !== 'id');
  return outside.flatMap((set) =>
    others.map((other) => compareFinished(set, side('reason-rft', set), side(other, set))),
  );
}

/**
 * Compares each GRPO model with the model that it started from, on the test set in domain, by the accuracy reward. That is the reward
 * that GRPO trains on, and need not be the test's score: on structure it allows a tolerance, and on transformation it counts whole calls
 * alone, where the test's score gives partial credit.
 */
function compareWithStarts(study: Study, task: TaskName): Comparisons {
  const reward = TASKS[task].accuracyReward;
  const side = (name: string, cells: readonly (Cell | BaseCell)[]) =>
    sideOf(
      name,
      testScores(study, cells, 'id', 'think', ({ completion, solution }) =>
        computeReward(reward, completion, solution),
      ),
    );
  const bySeed = (cellOf: (seed: number) => Cell) => study.profile.seeds.map(cellOf);
  const trained = (paradigm: 'reason-rft' | 'reason-rft-zero') =>
    side(
      PARADIGM_NAMES[paradigm],
      bySeed((seed) => paradigmCell(study, paradigm, task, seed)),
    );
  const stageOne = bySeed((seed) => stageOneCell(study, task, seed));
  return [
    compareFinished('id', trained('reason-rft'), side(STARTS['reason-rft'], stageOne)),
    compareFinished(
      'id',
      trained('reason-rft-zero'),
      side(STARTS['reason-rft-zero'], [paradigmCell(study, 'zero-shot', task)]),
    ),
  ];
}

/** The reward of a completion that stands alone. It may use the gold answer, and neither a group, a random number nor a step. */
function computeReward(name: RewardName, completion: string, goldAnswer: string): number {
  const input = { completion, row: { answer: goldAnswer }, group: [completion], step: Number.POSITIVE_INFINITY };
  const reward = REWARDS[name] as (answered: typeof input) => number | null;
  return reward(input) ?? 0;
}

function sideOf(name: string, scores: number[][] | undefined): Side | undefined {
  return scores && { name, scores };
}

function compareFinished(set: TestSet, first: Side | undefined, second: Side | undefined): ClaimComparison | undefined {
  return first && second && compareSides(set, first, second);
}
