/** The sentences that read a study's knob. */
import { TASKS, type TaskName, TEST_SET_NAMES, testSetsOf } from '../../tasks/tasks.js';
import { KNOB_DRAWERS } from '../design/knob.js';
import { PARADIGM_NAMES } from '../design/paradigms.js';
import type { KnobDraws, KnobGain, KnobReading, KnobResults } from './knob-results.js';
import { percentText } from './wording.js';

/** What the part compares. */
export const KNOB_INTRODUCTION =
  'The base models differ in their last phase of pretraining alone: in how often it works a question out behind the prompt that asks for tags. ' +
  'From each, the same paradigms are trained on the same rows. The runs of GRPO have a constant learning rate and are measured along the way, ' +
  'so that accuracy stands against the completions that a run has drawn.';

/** How the draws to a share of the gain are counted. */
export const KNOB_DRAWS_RULE =
  'The gain of a task is the difference between the mean accuracy in domain of its base models, asked for tags, and the end of its best run, from any of them. ' +
  'A run has reached a share of it at the first point that is as accurate.';

/** The share that a level's name stands for: `1 in 100`, or `never`. */
export function levelText(level: string): string {
  const many = /^1-in-(\d+)$/.exec(level)?.[1];
  return many === undefined ? level : `1 in ${Number(many).toLocaleString('en')}`;
}

/** A small share in percent, with two digits that count: `0.031 %`. */
function smallPercent(share: number): string {
  return `${share >= 0.01 ? (100 * share).toFixed(1) : Number((100 * share).toPrecision(2))} %`;
}

/** How many of the completions that were drawn are worked out: `34 of 3,200 completions, 1.1 % [0.76 %, 1.5 %]`. */
export function workedOutText({
  workedOut,
  drawn,
  interval,
}: Pick<KnobReading, 'workedOut' | 'drawn' | 'interval'>): string {
  const of = `of ${drawn.toLocaleString('en')} completions`;
  if (workedOut === 0) return `none ${of}, at most ${smallPercent(interval[1])}`;
  return `${workedOut.toLocaleString('en')} ${of}, ${smallPercent(workedOut / drawn)} [${interval.map(smallPercent).join(', ')}]`;
}

/** A probability that may be very small: `2.1e-7`. */
export function probabilityText(probability: number): string {
  return probability >= 0.001 ? String(Number(probability.toPrecision(2))) : probability.toExponential(1);
}

/** The completions to a share of the gain, in words. */
export function drawsText(draws: number | null, budget: number): string {
  if (draws === null) return `not within ${budget.toLocaleString('en')} completions`;
  return draws === 0 ? 'before its first completion' : `within ${draws.toLocaleString('en')} completions`;
}

/** What is read of one base model on one task; empty where nothing of it is finished. */
export function knobText(
  { readings, cotSft, gains, draws }: Pick<KnobResults, 'readings' | 'cotSft' | 'gains' | 'draws'>,
  task: TaskName,
  level: string,
): string {
  const isHere = (row: { task: TaskName; level: string }) => row.task === task && row.level === level;
  const gain = gains.find((candidate) => candidate.task === task);
  const sentences = [
    ...readings.filter(isHere).map(readingSentence),
    ...KNOB_DRAWERS.flatMap((paradigm) =>
      draws.filter((row) => isHere(row) && row.paradigm === paradigm).map((row) => drawsSentence(row, gain!)),
    ),
    ...cotSft
      .filter((row) => isHere(row) && row.testSet === testSetsOf(task)[0])
      .map(
        ({ accuracy, testSet }) =>
          `CoT-SFT, which draws none, has ${percentText(accuracy)} ${TEST_SET_NAMES[testSet]}.`,
      ),
  ];
  if (sentences.length === 0) return '';
  const often = level === 'never' ? 'never worked out' : `worked out ${levelText(level)} times`;
  return `${TASKS[task].title}, ${often} in pretraining: ${sentences.join(' ')}`;
}

function readingSentence(reading: KnobReading): string {
  const { model, solutionProbability } = reading;
  const who = model === 'base' ? 'the base model works out' : 'After stage 1 it works out';
  return `${who} ${workedOutText(reading)}; the right solution has a probability of ${probabilityText(solutionProbability)}.`;
}

function drawsSentence({ paradigm, half, most, budget }: KnobDraws, gain: KnobGain): string {
  const [halfway, nearly] = [gain.half, gain.most].map((share) => `${(100 * share).toFixed(1)} %`);
  const name = PARADIGM_NAMES[paradigm];
  if (half === null)
    return `${name} does not reach half of the gain (${halfway}) within ${budget.toLocaleString('en')} completions.`;
  return `${name} reaches half of the gain (${halfway}) ${drawsText(half, budget)}, and nine tenths (${nearly}) ${drawsText(most, budget)}.`;
}
