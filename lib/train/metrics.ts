/** Declares the numbers that a run logs. */

/** Numbers logged at one step, by the field's metric names; `lib/train/README.md` lists them. */
export type Metrics = { [name: string]: number };

/** The metrics of one step; the first step is 1. */
export type StepMetrics = Metrics & { step: number };
