/** The verdicts of the hypotheses, from results whose numbers are set here. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Paradigm } from '../../../lib/study/design/paradigms.js';
import { WHOLE_STUDY } from '../../../lib/study/design/study-grid.js';
import { studyHypotheses } from '../../../lib/study/results/hypotheses.js';
import type { KnobDraws } from '../../../lib/study/results/knob-results.js';
import type { StudyResults, Verdict } from '../../../lib/study/results/results.js';
import type { TaskName } from '../../../lib/tasks/tasks.js';
import { madeUpResults } from '../../support/study-results.js';

const results = madeUpResults();
const verdicts = (of: StudyResults) => studyHypotheses(of).map(({ number, verdict }) => [number, verdict]);
const verdict = (of: StudyResults, number: number) => studyHypotheses(of)[number - 1]!.verdict;
const findings = (of: StudyResults, number: number) => studyHypotheses(of)[number - 1]!.findings;

/** The results with accuracies in domain, each with an interval of two points to either side. */
function withAccuracies(shares: { [task in TaskName]?: { [paradigm in Paradigm]?: number } }): StudyResults {
  const paradigms = results.paradigms.map((row) => {
    const mean = row.testSet === 'id' ? shares[row.task]?.[row.paradigm] : undefined;
    if (mean === undefined) return row;
    const interval: [number, number] = [mean - 0.02, mean + 0.02];
    return { ...row, accuracy: { ...row.accuracy, mean, interval } };
  });
  return { ...results, paradigms };
}

function withGeneralization(verdictOf: (task: TaskName) => Verdict, beside: Exclude<Verdict, 'missing'>): StudyResults {
  const claims = results.claims.map((claim) =>
    claim.claim === 'generalization'
      ? {
          ...claim,
          verdict: verdictOf(claim.task),
          beside: claim.beside!.map((comparison) => ({ ...comparison, verdict: beside })),
        }
      : claim,
  );
  return { ...results, claims };
}

function withDraws(change: (row: KnobDraws) => Partial<KnobDraws>): StudyResults {
  const knob = results.knob!;
  return { ...results, knob: { ...knob, draws: knob.draws.map((row) => ({ ...row, ...change(row) })) } };
}

test('only a whole study with a knob has hypotheses', () => {
  assert.deepEqual(
    verdicts(results).map(([number]) => number),
    [1, 2, 3, 4, 5],
  );
  const { knob: _, ...without } = results;
  assert.deepEqual(studyHypotheses(without), []);
  assert.deepEqual(studyHypotheses({ ...results, selection: WHOLE_STUDY }), []);
});

test('generalization and DFT hold where they do on every task, and are contradicted where they are on one', () => {
  assert.equal(
    verdict(
      withGeneralization(() => 'holds', 'holds'),
      1,
    ),
    'holds',
  );
  assert.equal(
    verdict(
      withGeneralization((task) => (task === 'counting' ? 'contradicted' : 'holds'), 'holds'),
      1,
    ),
    'contradicted',
  );
  assert.equal(
    verdict(
      withGeneralization((task) => (task === 'counting' ? 'not shown' : 'holds'), 'holds'),
      1,
    ),
    'not shown',
  );
  assert.equal(
    verdict(
      withGeneralization((task) => (task === 'counting' ? 'missing' : 'holds'), 'holds'),
      1,
    ),
    'missing',
  );
  assert.deepEqual(
    (['holds', 'not shown', 'contradicted'] as const).map((beside) =>
      verdict(
        withGeneralization(() => 'holds', beside),
        4,
      ),
    ),
    ['holds', 'not shown', 'contradicted'],
  );
});

test('a first phase matters if it does on one task', () => {
  const above = { 'reason-rft': 0.7, 'reason-rft-zero': 0.5 };
  const below = { 'reason-rft': 0.5, 'reason-rft-zero': 0.7 };
  const level = { 'reason-rft': 0.5, 'reason-rft-zero': 0.52 };
  assert.equal(verdict(withAccuracies({ counting: above, structure: below, transformation: below }), 2), 'holds');
  assert.equal(verdict(withAccuracies({ counting: level, structure: below, transformation: below }), 2), 'not shown');
  assert.equal(
    verdict(withAccuracies({ counting: below, structure: below, transformation: below }), 2),
    'contradicted',
  );
  const [first] = findings(withAccuracies({ counting: above }), 2);
  assert.equal(first, 'Visual counting: Reason-RFT 70.0 % [68.0, 72.0], Reason-RFT-Zero 50.0 % [48.0, 52.0]: holds.');
});

test('No-Thinking-RFT lies between the two, whichever is the higher', () => {
  const others = {
    structure: { 'reason-rft': 0.7, 'no-thinking-rft': 0.3 },
    transformation: { 'reason-rft': 0.7, 'no-thinking-rft': 0.3 },
  };
  const counting = (ans: number, bare: number, zero: number) =>
    verdict(
      withAccuracies({ ...others, counting: { 'ans-sft': ans, 'no-thinking-rft': bare, 'reason-rft-zero': zero } }),
      5,
    );
  assert.equal(counting(0.6, 0.5, 0.4), 'holds');
  assert.equal(counting(0.4, 0.5, 0.6), 'holds');
  assert.equal(counting(0.6, 0.57, 0.4), 'not shown');
  // Below both: the interval of the lower one lies above its own.
  assert.equal(counting(0.6, 0.3, 0.4), 'contradicted');
});

test('the knob: fewer draws the more is worked out, little saved where it is often, and nothing found where it is never', () => {
  // Shares 0, 0, 1 and 14.3 %: the last two are 1 in 100 or more.
  const zero: { readonly [level: string]: number | null } = {
    never: null,
    '1-in-1000': 5120,
    '1-in-100': 2560,
    '1-in-7': 1024,
  };
  const draws = (halves: typeof zero, rft: number) =>
    withDraws(({ level, paradigm }) => ({ half: paradigm === 'reason-rft' ? rft : halves[level]!, drawsPerStep: 128 }));
  // Ten steps draw 1,280 completions: 2,560 - 1,280 and 1,024 - 1,280 are no more than that.
  assert.equal(verdict(draws(zero, 1280), 3), 'holds');
  assert.equal(verdict(draws(zero, 1279), 3), 'contradicted');
  assert.equal(verdict(draws({ ...zero, never: 6400 }, 1280), 3), 'contradicted');
  assert.equal(verdict(draws({ ...zero, '1-in-100': 6400 }, 6400), 3), 'contradicted');
  const nowhere = withDraws(() => ({ half: null }));
  assert.equal(verdict(nowhere, 3), 'not shown');
  assert.equal(
    findings(nowhere, 3)[1],
    'Visual counting: from no base model that works out 1 in 100 does either get there.',
  );
  const [falls, saved, never] = findings(draws(zero, 1280), 3);
  assert.equal(
    falls,
    'Visual counting: Reason-RFT-Zero draws over 6400 at 0.00 %, 5120 at 0.00 %, 2560 at 1.00 %, 1024 at 14.28 %.',
  );
  assert.equal(saved, 'Visual counting: where 1 in 100 or more are worked out, stage 1 saves 1280, -256 completions.');
  assert.equal(never, 'Visual counting: from the base model that never works out, Reason-RFT-Zero does not get there.');
});

test('what is missing is said', () => {
  const claims = results.claims.filter(({ task }) => task !== 'structure');
  assert.equal(verdict({ ...results, claims }, 4), 'missing');
  const paradigms = results.paradigms.filter(({ paradigm }) => paradigm !== 'no-thinking-rft');
  assert.equal(verdict({ ...results, paradigms }, 5), 'missing');
  assert.equal(findings({ ...results, paradigms }, 5)[0], 'Visual counting: cells are missing.');
  const knob = { ...results.knob!, readings: [] };
  assert.equal(verdict({ ...results, knob }, 3), 'missing');
});
