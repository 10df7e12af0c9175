/** Runs steps operation by operation, for tests that care about arithmetic and not about graphs: building a graph takes seconds. */

/**
 * The value of `body`, in which compiled steps run as they are (see `compile`). `compiled-steps.test.ts` holds that both ways give
 * the same numbers.
 */
export function eagerly<T>(body: () => T): T {
  const before = process.env.REASON_RFT_EAGER;
  process.env.REASON_RFT_EAGER = '1';
  try {
    return body();
  } finally {
    if (before === undefined) delete process.env.REASON_RFT_EAGER;
    else process.env.REASON_RFT_EAGER = before;
  }
}
