/** The paper's three claims, each judged on each task from finished cells: what holds here, what does not, and the numbers. */
import { mcNemar } from '../../evaluate/interval.js';
import { differenceOverSeeds, type Estimate, estimateOverSeeds } from '../../evaluate/over-seeds.js';
import { REWARDS, type RewardName } from '../../rewards/rewards.js';
import { TASKS, type TaskName, TEST_SET_NAMES, type TestSet, testSetsOf } from '../../tasks/tasks.js';
import type { RewardRow } from '../../train/rollout.js';
import type { BaseCell, Cell } from '../cells/cell.js';
import { efficiencyCell, fewRows } from '../design/data-efficiency.js';
import {
  PARADIGM_NAMES,
  PARADIGM_PROMPTS,
  paradigmCell,
  stageOneCell,
  type TrainedParadigm,
} from '../design/paradigms.js';
import type { Study } from '../workspace.js';
import { percentText, pointsText, testScores } from './measures.js';
import type { ClaimComparison, ClaimName, ClaimVerdict, Verdict } from './results.js';

/** What one side of a comparison scored: a name, and `[seed][item]`; a model that is not trained has one row. */
export interface Side {
  name: string;
  scores: readonly (readonly number[])[];
}

/** Whether two intervals lie apart, and which way round. */
export function verdictOf(first: Estimate, second: Estimate): ClaimComparison['verdict'] {
  if (first.interval[0] > second.interval[1]) return 'holds';
  return second.interval[0] > first.interval[1] ? 'contradicted' : 'not shown';
}

/** Two sides on the same items of a test set; the claim puts the first above the second. */
export function compareSides(testSet: TestSet, first: Side, second: Side): ClaimComparison {
  const [firstAccuracy, secondAccuracy] = [first, second].map(({ scores }) => {
    const means = scores.map((seed) => seed.reduce((sum, score) => sum + score, 0) / seed.length);
    return estimateOverSeeds(means, scores[0]!.length);
  }) as [Estimate, Estimate];
  const seeds = Math.max(first.scores.length, second.scores.length);
  const pValues = Array.from({ length: seeds }, (_, seed) => {
    const [a, b] = [first, second].map(({ scores }) => scores[scores.length === 1 ? 0 : seed]!);
    const only = (one: readonly number[], other: readonly number[]) =>
      one.filter((score, i) => score === 1 && other[i] !== 1).length;
    return mcNemar(only(a!, b!), only(b!, a!));
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

/** What a claim's comparisons say together: it holds where each does, and is contradicted where one is. */
export function jointVerdict(verdicts: readonly ClaimComparison['verdict'][]): ClaimComparison['verdict'] {
  if (verdicts.includes('contradicted')) return 'contradicted';
  return verdicts.every((each) => each === 'holds') ? 'holds' : 'not shown';
}

/** The three claims on a task. A claim is missing where a seed of one of its cells is not trained or not evaluated yet. */
export function claimVerdicts(study: Study, task: TaskName): ClaimVerdict[] {
  const { seeds } = study.profile;
  const few = fewRows(study, task);
  const outside = testSetsOf(task).filter((set) => set !== 'id');
  const againstFineTuning = (cell: (paradigm: TrainedParadigm, seed: number) => Cell) => {
    const side = (paradigm: TrainedParadigm, set: TestSet): Side | undefined => {
      const cells = seeds.map((seed) => cell(paradigm, seed));
      return sideOf(PARADIGM_NAMES[paradigm], testScores(study, cells, set, PARADIGM_PROMPTS[paradigm]));
    };
    const others = ['cot-sft', 'ans-sft'] as const;
    return outside.flatMap((set) => others.map((other) => compared(set, side('reason-rft', set), side(other, set))));
  };
  const trained = TASKS[task].accuracyReward;
  const rewarded = (name: string, cells: readonly (Cell | BaseCell)[]) =>
    sideOf(
      name,
      testScores(study, cells, 'id', 'think', ({ completion, solution }) => judged(trained, completion, solution)),
    );
  const of = (cell: (seed: number) => Cell) => seeds.map(cell);
  return [
    judge(
      task,
      'generalization',
      'Reason-RFT is above CoT-SFT and ANS-SFT out of domain',
      againstFineTuning((paradigm, seed) => paradigmCell(study, paradigm, task, seed)),
    ),
    judge(
      task,
      'data efficiency',
      `with 5 % of the rows (${few}), Reason-RFT is above CoT-SFT and ANS-SFT out of domain`,
      againstFineTuning((paradigm, seed) => efficiencyCell(study, paradigm, few, task, seed)),
    ),
    // By the reward that is trained, which but for partial credit is the test's score, and in domain, where it is trained.
    judge(task, 'reinforcement', `GRPO raises what it is rewarded for (${trained})`, [
      compared(
        'id',
        rewarded(
          'Reason-RFT',
          of((seed) => paradigmCell(study, 'reason-rft', task, seed)),
        ),
        rewarded(
          'its stage 1',
          of((seed) => stageOneCell(study, task, seed)),
        ),
      ),
      compared(
        'id',
        rewarded(
          'Reason-RFT-Zero',
          of((seed) => paradigmCell(study, 'reason-rft-zero', task, seed)),
        ),
        rewarded('zero-shot, asked for tags too', [paradigmCell(study, 'zero-shot', task)]),
      ),
    ]),
  ];
}

/** A completion by a reward that needs to know the gold answer alone. */
function judged(name: RewardName, completion: string, solution: string): number {
  const row = { solution, draw: '', group: [completion], step: Number.POSITIVE_INFINITY };
  const reward: (text: string, row: RewardRow) => number | null = REWARDS[name];
  return reward(completion, row) ?? 0;
}

function sideOf(name: string, scores: number[][] | undefined): Side | undefined {
  return scores && { name, scores };
}

function compared(set: TestSet, first: Side | undefined, second: Side | undefined): ClaimComparison | undefined {
  return first && second && compareSides(set, first, second);
}

function judge(
  task: TaskName,
  claim: ClaimName,
  statement: string,
  found: readonly (ClaimComparison | undefined)[],
): ClaimVerdict {
  const comparisons = found.filter((each) => each !== undefined);
  const verdict = comparisons.length < found.length ? 'missing' : jointVerdict(comparisons.map((each) => each.verdict));
  return { task, claim, statement, verdict, text: claimText(task, statement, verdict, comparisons), comparisons };
}

/** A verdict with its numbers, such as `counting: not shown that ...: out of domain Reason-RFT 39.6 % [35.4, 44.0] against ...`. */
export function claimText(
  task: TaskName,
  statement: string,
  verdict: Verdict,
  comparisons: readonly ClaimComparison[],
): string {
  const opening = {
    holds: `it holds that ${statement}`,
    'not shown': `it is not shown that ${statement}`,
    contradicted: `it is contradicted that ${statement}`,
    missing: `cells are missing to say whether ${statement}`,
  }[verdict];
  const firsts = [...new Map(comparisons.map((each) => [`${each.testSet} ${each.first}`, each])).values()];
  const numbers = firsts.map(({ testSet, first, firstAccuracy }) => {
    const others = comparisons.filter((each) => each.testSet === testSet && each.first === first);
    const against = others.map(
      ({ second, secondAccuracy, difference }) =>
        `${second} ${percentText(secondAccuracy)} (difference ${pointsText(difference)})`,
    );
    return `${TEST_SET_NAMES[testSet]}, ${first} has ${percentText(firstAccuracy)} against ${against.join(' and ')}`;
  });
  return `On ${task}, ${opening}${numbers.length > 0 ? `: ${numbers.join('; ')}` : ''}.`;
}
