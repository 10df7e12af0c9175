/** Packing: several samples in one row, so that short ones waste no padding. */

/**
 * Which samples share a row: each goes to the first row that has room for it (first fit, in the order given).
 *
 * @param lengths tokens of each sample
 * @param limit tokens that a row may hold; a sample longer than that has a row of its own, and with 0 every sample has
 * @returns the rows, as indices of samples
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
