/** The confidence interval of a share, and a paired test of two systems. */

/** The two-sided 95 % quantile of the normal distribution. (simple-statistics' `probit` is off in the third digit.) */
export const NORMAL_95 = 1.959963984540054;

/**
 * The Wilson score interval of a proportion, 95 % (Wilson 1927; Brown, Cai and DasGupta 2001, equation 4).
 *
 * @param successes a sum of scores in [0, 1], which need not be a whole number
 * @returns [low, high], both in [0, 1]
 * @throws Error for a count of 0, or for successes below 0 or above the count
 */
export function wilsonInterval(successes: number, count: number): [number, number] {
  if (!(count > 0) || successes < 0 || successes > count) {
    throw new Error(`an interval needs 0 to n successes of n >= 1, got ${successes} of ${count}`);
  }
  const p = successes / count;
  const centre = p + (NORMAL_95 * NORMAL_95) / (2 * count);
  const half = NORMAL_95 * Math.sqrt((p * (1 - p)) / count + (NORMAL_95 * NORMAL_95) / (4 * count * count));
  const scale = 1 + (NORMAL_95 * NORMAL_95) / count;
  return [Math.max(0, (centre - half) / scale), Math.min(1, (centre + half) / scale)];
}

/**
 * Whether two systems differ on the same items: the exact two-sided McNemar test (McNemar 1947).
 *
 * @param onlyFirst items that only the first got right
 * @param onlySecond items that only the second got right
 * @returns the p-value
 */
export function mcNemar(onlyFirst: number, onlySecond: number): number {
  const n = onlyFirst + onlySecond;
  if (n === 0) return 1;
  const k = Math.min(onlyFirst, onlySecond);
  // log C(n, i) - n log 2, summed up to the smaller count, both tails.
  let logTerm = -n * Math.LN2;
  let tail = 0;
  for (let i = 0; i <= k; i++) {
    tail += Math.exp(logTerm);
    logTerm += Math.log((n - i) / (i + 1));
  }
  return Math.min(1, 2 * tail);
}
