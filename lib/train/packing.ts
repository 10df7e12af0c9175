/** Packs several samples into one row, so that short ones waste no padding. */

/**
 * Shares samples out among rows: each goes to the first row that has room for it (first fit, in their order).
 *
 * @param lengths tokens of each sample
 * @param limit tokens that a row may hold. A longer sample gets a row of its own; with 0 every sample does
 * @returns the samples of each row, by their indices
 */
export function packSamples(lengths: readonly number[], limit: number): number[][] {
  const rows: { samples: number[]; used: number }[] = [];
  lengths.forEach((length, sample) => {
    const row = rows.find(({ used }) => used + length <= limit);
    if (row) {
      row.samples.push(sample);
      row.used += length;
    } else rows.push({ samples: [sample], used: length });
  });
  return rows.map(({ samples }) => samples);
}
