/**
 * The hypotheses of the study's second edition, judged from its results. They were written before it was run (`data/notes/second-edition.md`,
 * "Hypotheses, and what counts as shown"). Some rules were made exact while it ran; a dated line there says which. The sixth hypothesis is
 * not judged: the phenomena of training are told task by task (`phenomena.ts`).
 */
import { TASK_NAMES, TASKS, type TaskName } from '../../tasks/tasks.js';
import { PARADIGM_NAMES, type Paradigm } from '../design/paradigms.js';
import { jointVerdict, verdictOf } from './claims.js';
import type { KnobDraws, KnobResults } from './knob-results.js';
import type { Estimate, StudyResults, Verdict } from './results.js';
import { percentText } from './wording.js';

/** A hypothesis and its verdict. */
export interface Hypothesis {
  /** Its number in the design. */
  number: number;
  /** As the design puts it, in short. */
  statement: string;
  verdict: Verdict;
  /** What the verdict rests on, a sentence for each part of it. */
  findings: string[];
}

/** A part of a hypothesis: its verdict, and the numbers in a sentence. */
interface Finding {
  verdict: Verdict;
  text: string;
}

/** What the hypotheses are, for those who read the results alone. */
export const HYPOTHESES_INTRODUCTION =
  'These hypotheses were written before the study was run; the design says which rules were made exact while it ran. One thing lies above another where the two ' +
  '95 % intervals do not overlap. A hypothesis holds where each of its parts does (the second, where one does), and is contradicted where the ' +
  'intervals of a part lie the other way round.';

/** A measured share of worked-out draws from which on a first phase is to save little. */
const FREQUENT = 0.01;
/** The steps' draws that a first phase may save there. */
const LITTLE = 10;

/** Judges the hypotheses of a whole study that has a knob; none of another. */
export function studyHypotheses(results: StudyResults): Hypothesis[] {
  const { knob, selection } = results;
  if (!knob || selection) return [];
  return [
    judge(
      1,
      'Reason-RFT lies above CoT-SFT and above ANS-SFT on every test set out of domain, on all tasks.',
      TASK_NAMES.map((task) => generalization(results, task)),
    ),
    judgeAny(
      2,
      'After as many completions, Reason-RFT lies above Reason-RFT-Zero in domain on at least one task.',
      TASK_NAMES.map((task) => compareInDomain(results, task, 'reason-rft', 'reason-rft-zero')),
    ),
    judge(
      3,
      "The completions that Reason-RFT-Zero draws until half of a task's gain fall as the measured share of worked-out ones rises; at a share of " +
        `1 in 100 or more, stage 1 saves no more than ${LITTLE} steps' draws; from the base model that never works out, Reason-RFT-Zero does not get there.`,
      TASK_NAMES.flatMap((task) => knobFindings(knob, task)),
    ),
    judge(
      4,
      'The DFT loss does not lift CoT-SFT above Reason-RFT out of domain.',
      TASK_NAMES.map((task) => dft(results, task)),
    ),
    judge(
      5,
      'No-Thinking-RFT ends between ANS-SFT and Reason-RFT-Zero on counting, and below Reason-RFT on the other tasks; in domain.',
      [
        between(results, 'counting'),
        compareInDomain(results, 'structure', 'reason-rft', 'no-thinking-rft'),
        compareInDomain(results, 'transformation', 'reason-rft', 'no-thinking-rft'),
      ],
    ),
  ];
}

/** A hypothesis that holds where each of its parts does. */
function judge(number: number, statement: string, parts: readonly Finding[]): Hypothesis {
  return { number, statement, verdict: jointly(parts), findings: parts.map(({ text }) => text) };
}

/** A hypothesis that holds where one of its parts does, and is contradicted where each of them is. */
function judgeAny(number: number, statement: string, parts: readonly Finding[]): Hypothesis {
  const verdicts = parts.map((part) => part.verdict);
  const isContradicted = verdicts.every((verdict) => verdict === 'contradicted');
  const open = verdicts.includes('missing') ? 'missing' : 'not shown';
  const verdict = verdicts.includes('holds') ? 'holds' : isContradicted ? 'contradicted' : open;
  return { number, statement, verdict, findings: parts.map(({ text }) => text) };
}

function jointly(parts: readonly Finding[]): Verdict {
  const verdicts = parts.map(({ verdict }) => verdict);
  const present = verdicts.filter((verdict) => verdict !== 'missing');
  const joint = jointVerdict(present);
  return present.length < verdicts.length && joint !== 'contradicted' ? 'missing' : joint;
}

const missing = (task: TaskName): Finding => ({ verdict: 'missing', text: `${TASKS[task].title}: cells are missing.` });

function generalization({ claims }: StudyResults, task: TaskName): Finding {
  const claim = claims.find((candidate) => candidate.task === task && candidate.claim === 'generalization');
  return claim ? { verdict: claim.verdict, text: `${TASKS[task].title}: ${claim.verdict}.` } : missing(task);
}

/** Reason-RFT against CoT-SFT (DFT), as it stands beside the claim of generalization. */
function dft({ claims }: StudyResults, task: TaskName): Finding {
  const beside =
    claims.find((candidate) => candidate.task === task && candidate.claim === 'generalization')?.beside ?? [];
  if (beside.length === 0) return missing(task);
  const numbers = beside.map(
    ({ firstAccuracy, secondAccuracy }) => `${percentText(firstAccuracy)} against ${percentText(secondAccuracy)}`,
  );
  const verdict = jointVerdict(beside.map((comparison) => comparison.verdict));
  const names = `${PARADIGM_NAMES['reason-rft']} against ${PARADIGM_NAMES['cot-sft-dft']}`;
  return { verdict, text: `${TASKS[task].title}, ${names}: ${numbers.join('; ')}: ${verdict}.` };
}

function accuracyInDomain({ paradigms }: StudyResults, task: TaskName, paradigm: Paradigm): Estimate | undefined {
  return paradigms.find((row) => row.task === task && row.paradigm === paradigm && row.testSet === 'id')?.accuracy;
}

/** Whether a paradigm lies above another in domain. */
function compareInDomain(results: StudyResults, task: TaskName, first: Paradigm, second: Paradigm): Finding {
  const [above, below] = [first, second].map((paradigm) => accuracyInDomain(results, task, paradigm));
  if (!above || !below) return missing(task);
  const verdict = verdictOf(above, below);
  const numbers = `${PARADIGM_NAMES[first]} ${percentText(above)}, ${PARADIGM_NAMES[second]} ${percentText(below)}`;
  return { verdict, text: `${TASKS[task].title}: ${numbers}: ${verdict}.` };
}

/** Whether No-Thinking-RFT lies between ANS-SFT and Reason-RFT-Zero in domain, whichever of these two is the higher. */
function between(results: StudyResults, task: TaskName): Finding {
  const outer = (['ans-sft', 'reason-rft-zero'] as const).map((paradigm) => ({
    paradigm,
    accuracy: accuracyInDomain(results, task, paradigm),
  }));
  const inner = accuracyInDomain(results, task, 'no-thinking-rft');
  const [lower, higher] = outer.sort((a, b) => (a.accuracy?.mean ?? 0) - (b.accuracy?.mean ?? 0));
  if (!inner || !lower?.accuracy || !higher?.accuracy) return missing(task);
  const verdict = jointVerdict([verdictOf(inner, lower.accuracy), verdictOf(higher.accuracy, inner)]);
  const numbers = [
    `${PARADIGM_NAMES[lower.paradigm]} ${percentText(lower.accuracy)}`,
    `${PARADIGM_NAMES['no-thinking-rft']} ${percentText(inner)}`,
    `${PARADIGM_NAMES[higher.paradigm]} ${percentText(higher.accuracy)}`,
  ];
  return { verdict, text: `${TASKS[task].title}: ${numbers.join(', ')}: ${verdict}.` };
}

/** What the knob found from one base model: how often that works a question out, and the completions to half of the gain. */
interface Level {
  name: string;
  /** The measured share of worked-out completions. */
  share: number;
  zero: KnobDraws;
  rft: KnobDraws;
}

/** The completions to half of the gain; infinitely many where the budget did not reach. */
const toHalf = ({ half }: KnobDraws) => half ?? Number.POSITIVE_INFINITY;

/** The three parts of the third hypothesis on a task. Most curves have one seed and so no interval over seeds; their points are read as they are. */
function knobFindings(knob: KnobResults, task: TaskName): Finding[] {
  const levels = levelsByShare(knob, task);
  if (levels.length < knob.levels.length) return [missing(task)];
  const parts = [fallingDraws(levels), savedDraws(levels), ...neverFound(levels)];
  return parts.map(({ verdict, text }) => ({ verdict, text: `${TASKS[task].title}: ${text}` }));
}

/** The levels that are finished, by their measured share. */
function levelsByShare({ levels, readings, draws }: KnobResults, task: TaskName): Level[] {
  const finished = levels.flatMap(({ name }): Level[] => {
    const isHere = (row: { task: TaskName; level: string }) => row.task === task && row.level === name;
    const reading = readings.find((row) => isHere(row) && row.model === 'base');
    const zero = draws.find((row) => isHere(row) && row.paradigm === 'reason-rft-zero');
    const rft = draws.find((row) => isHere(row) && row.paradigm === 'reason-rft');
    return reading && zero && rft ? [{ name, share: reading.workedOut / reading.drawn, zero, rft }] : [];
  });
  return finished.sort((a, b) => a.share - b.share);
}

/** Whether Zero draws fewer completions the more is worked out: nowhere more than at the level before, and fewer at the last than at the first. */
function fallingDraws(levels: readonly Level[]): Finding {
  const draws = levels.map(({ zero }) => toHalf(zero));
  const rises = draws.some((count, i) => i > 0 && count > draws[i - 1]!);
  const falls = !rises && draws.at(-1)! < draws[0]!;
  const words = levels.map(
    ({ zero, share }) => `${zero.half ?? `over ${zero.budget}`} at ${(100 * share).toFixed(2)} %`,
  );
  return {
    verdict: falls ? 'holds' : rises ? 'contradicted' : 'not shown',
    text: `Reason-RFT-Zero draws ${words.join(', ')}.`,
  };
}

/** Whether stage 1 saves little where worked-out completions are frequent. Where neither gets there, nothing is known of what is saved. */
function savedDraws(levels: readonly Level[]): Finding {
  const frequent = levels.filter(
    ({ share, zero, rft }) => share >= FREQUENT && (zero.half !== null || rft.half !== null),
  );
  if (frequent.length === 0)
    return { verdict: 'not shown', text: 'from no base model that works out 1 in 100 does either get there.' };
  const saved = frequent.map(({ zero, rft }) => toHalf(zero) - toHalf(rft));
  const isLittle = frequent.every(({ zero }, i) => saved[i]! <= LITTLE * zero.drawsPerStep);
  const words = saved.map((draws) => (Number.isFinite(draws) ? String(draws) : 'more than the budget'));
  return {
    verdict: isLittle ? 'holds' : 'contradicted',
    text: `where 1 in 100 or more are worked out, stage 1 saves ${words.join(', ')} completions.`,
  };
}

/** Whether Zero finds nothing from the base model that never works out, if the knob has that one. */
function neverFound(levels: readonly Level[]): Finding[] {
  const half = levels.find(({ name }) => name === 'never')?.zero.half;
  if (half === undefined) return [];
  const words = half === null ? 'does not get there' : `gets there within ${half} completions`;
  return [
    {
      verdict: half === null ? 'holds' : 'contradicted',
      text: `from the base model that never works out, Reason-RFT-Zero ${words}.`,
    },
  ];
}
