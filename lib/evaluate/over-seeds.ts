/** Measures of several training seeds on the same test items: their mean, with the luck of seeds and of items in one interval. */
import { mean, sampleStandardDeviation } from 'simple-statistics';
import { wilsonInterval } from './interval.js';
import { studentQuantile } from './student-t.js';

/** A share over seeds with its 95 % interval. */
export interface Estimate {
  mean: number;
  interval: [low: number, high: number];
  /** In the order of the seeds that were there. */
  perSeed: number[];
  /** Test items of one seed. */
  items: number;
}

/** Two-sided 95 % of the normal distribution. */
const Z = 1.959963984540054;

/**
 * The mean of a share over seeds. All seeds meet the same items, so their spread does not hold the items' luck, which is added:
 * with p the mean, s the unbiased deviation over n seeds and m items, the interval's half is
 *
 *     sqrt( (t(n - 1) s / sqrt(n))^2 + (1.96 sqrt(p (1 - p) / m))^2 )
 *
 * cut to [0, 1]. Of one seed it is Wilson's interval of the items. Of scores that may be parts of 1, p (1 - p) is the most that
 * their variance can be (Bhatia and Davis 2000), so that the interval is rather too wide.
 *
 * @param perSeed shares in [0, 1]
 * @throws Error for no seed or no items
 */
export function estimateOverSeeds(perSeed: readonly number[], items: number): Estimate {
  if (perSeed.length === 0 || !(items > 0))
    throw new Error(`an estimate needs a seed and an item at least, got ${perSeed.length} and ${items}`);
  const p = mean([...perSeed]);
  const one = perSeed.length === 1;
  const half = Math.hypot(seedHalf(perSeed), Z * Math.sqrt((p * (1 - p)) / items));
  const interval: [number, number] = one
    ? wilsonInterval(p * items, items)
    : [Math.max(0, p - half), Math.min(1, p + half)];
  return { mean: p, interval, perSeed: [...perSeed], items };
}

/**
 * The mean difference of two systems' scores on the same items, first minus second, in pairs of seeds: with d the differences of
 * the seeds' means, and e_i the mean over seeds of item i's difference, the interval's half is
 *
 *     sqrt( (t(n - 1) s_d / sqrt(n))^2 + (1.96 s_e / sqrt(m))^2 )
 *
 * Of one seed the first term is missing. Not cut: a difference is in [-1, 1].
 *
 * @param first `[seed][item]`; one seed stands for all where the other has more, as of a model that is not trained
 * @throws Error where seeds or items do not pair
 */
export function differenceOverSeeds(
  first: readonly (readonly number[])[],
  second: readonly (readonly number[])[],
): Estimate {
  const seeds = Math.max(first.length, second.length);
  const of = (scores: typeof first, seed: number) => scores[scores.length === 1 ? 0 : seed]!;
  const items = first[0]?.length ?? 0;
  const pairs = [first, second].every((scores) => scores.length === seeds || scores.length === 1);
  if (!pairs || items === 0 || [...first, ...second].some((scores) => scores.length !== items))
    throw new Error(
      `a difference needs scores of the same items and as many seeds, got ${first.length} and ${second.length} seeds`,
    );
  const differences = Array.from({ length: seeds }, (_, s) =>
    of(first, s).map((score, i) => score - of(second, s)[i]!),
  );
  const perSeed = differences.map((each) => mean(each));
  const perItem = Array.from({ length: items }, (_, i) => mean(differences.map((each) => each[i]!)));
  const centre = mean(perSeed);
  const itemHalf = items === 1 ? 0 : (Z * sampleStandardDeviation(perItem)) / Math.sqrt(items);
  const half = Math.hypot(seedHalf(perSeed), itemHalf);
  return { mean: centre, interval: [centre - half, centre + half], perSeed, items };
}

/** Half of Student's interval over seeds; 0 for one. */
function seedHalf(perSeed: readonly number[]): number {
  const n = perSeed.length;
  return n === 1 ? 0 : (studentQuantile(0.95, n - 1) * sampleStandardDeviation([...perSeed])) / Math.sqrt(n);
}
