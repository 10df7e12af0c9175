/** pass@k: the chance that at least one of k sampled completions is right. */

/**
 * The unbiased estimate from n samples of which c are right: 1 - C(n - c, k) / C(n, k) (Chen et al. 2021, equation 1), as a
 * product, which does not overflow.
 *
 * @throws Error unless 0 <= c <= n and 1 <= k <= n, all whole numbers
 *
 * @example passAtK(4, 1, 2) // 1 - C(3, 2) / C(4, 2) = 0.5
 */
export function passAtK(n: number, c: number, k: number): number {
  if (![n, c, k].every(Number.isInteger) || c < 0 || c > n || k < 1 || k > n) {
    throw new Error(`pass@k needs 0 <= right <= samples and 1 <= k <= samples, got ${c} right of ${n} and k = ${k}`);
  }
  let allWrong = 1;
  for (let i = n - c + 1; i <= n; i++) allWrong *= 1 - k / i;
  // A factor may be negative only after one that is 0, when fewer than k are wrong.
  return n - c < k ? 1 : 1 - allWrong;
}

/**
 * The mean of pass@k over problems.
 *
 * @param samples `[problem][completion]`, whether the completion is right
 * @throws Error for no problem
 */
export function meanPassAtK(samples: readonly (readonly boolean[])[], k: number): number {
  if (samples.length === 0) throw new Error('pass@k needs at least one problem');
  const perProblem = samples.map((right) => passAtK(right.length, right.filter(Boolean).length, k));
  return perProblem.reduce((sum, value) => sum + value, 0) / perProblem.length;
}
