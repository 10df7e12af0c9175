/** A grid cell: a cell of a study with its name and its evaluations. A grid is a list of these. */
import type { PromptStyle } from '../../tasks/prompts.js';
import type { TestSet } from '../../tasks/tasks.js';
import type { BaseCell, Cell } from '../cells/cell.js';
import type { ReadingSettings } from '../cells/reading.js';
import type { ValidationSettings } from '../cells/validation.js';

/** One cell of a study with the questions it is evaluated on. */
export interface GridCell {
  /** Unique and readable, such as `counting/reason-rft/seed 2` or `counting/ablation/kl 0.02/seed 1`. */
  name: string;
  cell: Cell | BaseCell;
  /** The test sets that it is evaluated on, each with the style of its prompts. */
  evaluations: readonly { set: TestSet; style: PromptStyle }[];
  /** Settings to measure it on held-out rows too (`measureHeldOut`), if something is chosen by that. */
  heldOut?: ValidationSettings;
  /** Settings to measure how often it works a question out (`measureReading`). */
  reading?: ReadingSettings;
}
