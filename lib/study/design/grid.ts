/** A grid: the list of a study's cells by name, each with what it is evaluated on. What is computed from it is elsewhere. */
import type { PromptStyle } from '../../tasks/prompts.js';
import type { TestSet } from '../../tasks/tasks.js';
import type { BaseCell, Cell } from '../cells/cell.js';
import type { ValidationSettings } from '../cells/validation.js';

/** One cell of a study with the questions it is evaluated on. */
export interface GridCell {
  /** Unique and readable, such as `counting/reason-rft/seed 2` or `counting/ablation/kl 0.02/seed 1`. */
  name: string;
  cell: Cell | BaseCell;
  /** Test sets and the prompt style that each is asked in. */
  evaluations: readonly { set: TestSet; style: PromptStyle }[];
  /** Measures it on held-out rows too (`measureHeldOut`), where something is chosen by that. */
  heldOut?: ValidationSettings;
}
