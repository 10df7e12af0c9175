/** Shares and differences over training seeds that answer the same test items: one interval holds the luck of seeds and of items. */
import { mean, sampleStandardDeviation } from 'simple-statistics';
import { NORMAL_95, wilsonInterval } from './interval.js';
import { studentQuantile } from './student-t.js';

/** A share over seeds with its 95 % interval. */
export interface Estimate {
  mean: number;
  interval: [low: number, high: number];
  /** In the order of the seeds that are finished. */
  perSeed: number[];
  /** Test items of one seed. */
  items: number;
}

/**
 * The mean of a share over seeds. All seeds answer the same items, so that their spread does not hold the luck of the items, and the
 * interval adds it. With p the mean, s the unbiased standard deviation over n seeds and m items, its half is
 *
 *     sqrt( (t(n - 1) s / sqrt(n))^2 + (1.96 sqrt(p (1 - p) / m))^2 )
 *
 * cut to [0, 1]. With one seed it is Wilson's interval of the items. If scores may be parts of 1, p (1 - p) is the most that their
 * variance can be (Bhatia and Davis 2000), so that the interval is rather too wide.
 *
 * Where every answer of every seed is wrong, or every one right, both terms are 0 and would claim certainty. The interval is then Wilson's
 * of the m items. It is not that of n m answers: seeds that answer the same items alike say nothing of other items.
 *
 * @param perSeed shares in [0, 1]
 * @throws Error for no seed or no items
 */
export function estimateOverSeeds(perSeed: readonly number[], items: number): Estimate {
  if (perSeed.length === 0 || !(items > 0))
    throw new Error(`an estimate needs a seed and an item at least, got ${perSeed.length} and ${items}`);
  const p = mean([...perSeed]);
  if (perSeed.length === 1 || p === 0 || p === 1)
    return { mean: p, interval: wilsonInterval(p * items, items), perSeed: [...perSeed], items };
  const half = Math.hypot(seedHalf(perSeed), NORMAL_95 * Math.sqrt((p * (1 - p)) / items));
  return { mean: p, interval: [Math.max(0, p - half), Math.min(1, p + half)], perSeed: [...perSeed], items };
}

/**
 * The mean difference of two systems' scores on the same items, first minus second, in pairs of seeds. With d the differences of
 * the seeds' means, and e_i the mean over seeds of item i's difference, the half of its interval is
 *
 *     sqrt( (t(n - 1) s_d / sqrt(n))^2 + (1.96 s_e / sqrt(m))^2 )
 *
 * With one seed the first term is missing. The interval is not cut, so that it may leave [-1, 1].
 *
 * Where no seed has a difference on any item, both terms are 0 and would claim certainty. Of m items none differed then, and the half is
 * the upper end of Wilson's interval of 0 of m: the two may differ on so many others.
 *
 * @param first `[seed][item]`; a model that is not trained has one seed, which stands against each seed of the other
 * @throws Error where seeds or items do not pair
 */
export function differenceOverSeeds(
  first: readonly (readonly number[])[],
  second: readonly (readonly number[])[],
): Estimate {
  const seeds = Math.max(first.length, second.length);
  const scoresOf = (scores: typeof first, seed: number) => scores[scores.length === 1 ? 0 : seed]!;
  const items = first[0]?.length ?? 0;
  const pairs = [first, second].every((scores) => scores.length === seeds || scores.length === 1);
  if (!pairs || items === 0 || [...first, ...second].some((scores) => scores.length !== items))
    throw new Error(
      `a difference needs scores of the same items and as many seeds, got ${first.length} and ${second.length} seeds`,
    );
  const differences = Array.from({ length: seeds }, (_, seed) =>
    scoresOf(first, seed).map((score, item) => score - scoresOf(second, seed)[item]!),
  );
  const perSeed = differences.map((ofSeed) => mean(ofSeed));
  const perItem = Array.from({ length: items }, (_, item) => mean(differences.map((ofSeed) => ofSeed[item]!)));
  const centre = mean(perSeed);
  const itemHalf = items === 1 ? 0 : (NORMAL_95 * sampleStandardDeviation(perItem)) / Math.sqrt(items);
  const areEqual = differences.every((ofSeed) => ofSeed.every((difference) => difference === 0));
  const half = areEqual ? wilsonInterval(0, items)[1] : Math.hypot(seedHalf(perSeed), itemHalf);
  return { mean: centre, interval: [centre - half, centre + half], perSeed, items };
}

/** The half of Student's interval over seeds; 0 for one seed. */
function seedHalf(perSeed: readonly number[]): number {
  const n = perSeed.length;
  return n === 1 ? 0 : (studentQuantile(0.95, n - 1) * sampleStandardDeviation([...perSeed])) / Math.sqrt(n);
}
