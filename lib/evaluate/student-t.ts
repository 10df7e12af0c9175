/** Student's t distribution, as far as intervals over a few seeds need it: for whole degrees of freedom. */

/**
 * The probability of |T| < t with a whole number of degrees of freedom (Abramowitz and Stegun 1964, 26.7.3 and 26.7.4).
 */
export function studentWithin(t: number, freedom: number): number {
  const theta = Math.atan(t / Math.sqrt(freedom));
  const cosine2 = Math.cos(theta) ** 2;
  const odd = freedom % 2 === 1;
  // odd: cos + 2/3 cos^3 + ...; even: 1 + 1/2 cos^2 + (1 3)/(2 4) cos^4 + ...
  let term = odd ? Math.cos(theta) : 1;
  let sum = freedom === 1 ? 0 : term;
  for (let i = odd ? 2 : 1; i <= freedom - 3; i += 2) {
    term *= (i / (i + 1)) * cosine2;
    sum += term;
  }
  return odd ? (2 / Math.PI) * (theta + Math.sin(theta) * sum) : Math.sin(theta) * sum;
}

/**
 * The t that |T| stays below with probability `inside`: 12.706 for 0.95 and one degree of freedom.
 *
 * @throws Error for degrees of freedom that are not whole and positive, or for a probability outside (0, 1)
 */
export function studentQuantile(inside: number, freedom: number): number {
  if (!Number.isInteger(freedom) || freedom < 1 || !(inside > 0 && inside < 1)) {
    throw new Error(
      `a t quantile needs whole degrees of freedom >= 1 and a probability in (0, 1), got ${freedom}, ${inside}`,
    );
  }
  let [low, high] = [0, 1];
  while (studentWithin(high, freedom) < inside) high *= 2;
  for (let i = 0; i < 80; i++) {
    const middle = (low + high) / 2;
    if (studentWithin(middle, freedom) < inside) low = middle;
    else high = middle;
  }
  return high;
}
