/** Confidence intervals of what an evaluation measures. */
import { probit } from 'simple-statistics';

/** Two-sided 95 %: 1.96 standard errors. */
const Z = probit(0.975);

/**
 * The Wilson score interval of a proportion, 95 % (Wilson 1927; Brown, Cai and DasGupta 2001, equation 4).
 *
 * @returns [low, high], both in [0, 1]
 * @throws Error when there was nothing to count
 */
export function wilsonInterval(successes: number, count: number): [number, number] {
  if (!(count > 0) || successes < 0 || successes > count) {
    throw new Error(`an interval needs 0 to n successes of n >= 1, got ${successes} of ${count}`);
  }
  const p = successes / count;
  const centre = p + (Z * Z) / (2 * count);
  const half = Z * Math.sqrt((p * (1 - p)) / count + (Z * Z) / (4 * count * count));
  const scale = 1 + (Z * Z) / count;
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
