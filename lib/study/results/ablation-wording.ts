/** The sentences that read a study's ablations. */
import type { Estimate } from '../../evaluate/over-seeds.js';
import { TEST_SET_NAMES, type TestSet } from '../../tasks/tasks.js';
import type { AblationPoint, Difference } from './results.js';
import { capital, listText, percentText, pointsText } from './wording.js';

/** A setting with its difference from the base. */
export interface SettingDifference {
  setting: string;
  difference: Difference;
}

/** One ablation on one test set. */
export interface AblationReading {
  testSet: TestSet;
  /** The base setting; undefined where it is not finished. */
  base: AblationPoint | undefined;
  /** The settings whose difference from the base has an interval that leaves out 0. */
  apart: readonly SettingDifference[];
  /** The settings whose difference has an interval with 0 in it. */
  alike: readonly SettingDifference[];
}

/** The start checkpoint that pass@k would choose, and the one whose run ends highest. */
export interface StartChoice {
  chosen: { setting: string; passAtK: Estimate };
  highest: { setting: string };
  /** Whether the chosen one ends as high as the highest. */
  same: boolean;
}

/** An ablation on all test sets of a task, and the start checkpoint that pass@k would choose. */
export function findingText(readings: readonly AblationReading[], choice: StartChoice | undefined): string {
  const read = readings.filter(({ base }) => base !== undefined);
  const sentences = read.length === 0 ? ['The base setting is not finished.'] : read.map(readingSentence);
  if (read.some(({ apart, alike }) => apart.length + alike.length > 0)) sentences.push(seedsSentence(read));
  if (choice) sentences.push(choiceSentence(choice));
  return sentences.join(' ');
}

/** Which settings can be told apart from the base on a test set, and which cannot, each with its difference. */
function readingSentence({ testSet, base, apart, alike }: AblationReading): string {
  const where = capital(TEST_SET_NAMES[testSet]);
  const { setting, accuracy } = base!;
  const level = `${setting} has ${percentText(accuracy)}`;
  const named = (settings: readonly SettingDifference[]) =>
    listText(settings.map(({ setting, difference }) => `${setting} (${pointsText(difference)})`));
  if (apart.length + alike.length === 0) return `${where}, ${level}, and no other setting is finished.`;
  if (apart.length === 0) return `${where}, ${level}; from it one cannot tell apart ${named(alike)}.`;
  const not = alike.length > 0 ? `, but not ${named(alike)}` : '';
  return `${where}, ${level}; from it one can tell apart ${named(apart)}${not}.`;
}

/** How many training seeds the differences are over. */
function seedsSentence(readings: readonly AblationReading[]): string {
  const counts = readings.flatMap(({ apart, alike }) =>
    [...apart, ...alike].map(({ difference }) => difference.perSeed.length),
  );
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  if (most === 1) return 'With one training seed the intervals of the differences do not hold the luck of training.';
  return `The differences are over ${least === most ? '' : `${least} to `}${most} training seeds.`;
}

function choiceSentence({ chosen, highest, same }: StartChoice): string {
  const end = same ? 'it is the most accurate after GRPO too' : `after GRPO ${highest.setting} is the most accurate`;
  return `By pass@k on held-out rows one would start from ${chosen.setting} (${percentText(chosen.passAtK)}); ${end}.`;
}

/** Two runs of the reward ablation on one test set: one that earns a coin in place of the accuracy reward, and the base. */
export interface CoinPair {
  coin: AblationPoint;
  base: AblationPoint;
}

/** The score after training on a coin, beside the score after training on the accuracy reward. */
export function coinSentence(pairs: readonly CoinPair[]): string {
  const numbers = pairs.map(({ coin, base }) => {
    const difference = coin.difference ? ` (difference ${pointsText(coin.difference)})` : '';
    return `${percentText(coin.accuracy)} against ${percentText(base.accuracy)} ${TEST_SET_NAMES[base.testSet]}${difference}`;
  });
  const { coin, base } = pairs[0]!;
  return (
    `With a coin in place of the accuracy reward (${coin.setting} in place of ${base.setting}), the same GRPO reaches ` +
    `${listText(numbers)}. What the coin reaches is not due to the accuracy reward.`
  );
}
