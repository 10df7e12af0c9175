/** Outputs of a notebook through tslab's kernel: one output of several MIME types, shown or replaced in place. */

import { randomBytes } from 'node:crypto';
import { sep } from 'node:path';

/** One output in several forms by MIME type. A viewer shows the richest that it knows. */
export type DisplayBundle = Readonly<Record<string, unknown>>;

/** The message that a Jupyter kernel sends for an output. */
export interface DisplayMessage {
  data: DisplayBundle;
  metadata: Readonly<Record<string, unknown>>;
  transient: { display_id?: string };
}

/** Sends one output to the notebook: as a new one, or (`update`) in place of the one with the same display id. */
export type DisplayWriter = (message: DisplayMessage, update: boolean) => void;

/**
 * Finds the writer of the cell that is running now.
 *
 * tslab's public `display` sends a single MIME type an output. The function beneath it sends bundles, and belongs to the copy of
 * tslab that the kernel runs on, so that it is looked up among the loaded modules.
 *
 * @throws Error outside a tslab kernel
 */
export function notebookWriter(): DisplayWriter {
  const suffix = ['tslab', 'dist', 'jupyter.js'].join(sep);
  for (const [path, module] of Object.entries(require.cache)) {
    if (!path.endsWith(suffix)) continue;
    const exported = module?.exports as { lastWriteDisplayData?: DisplayWriter | null } | undefined;
    if (exported?.lastWriteDisplayData) return exported.lastWriteDisplayData;
  }
  throw new Error(
    'notebook: nothing to display in; this works in a cell of a notebook that runs on the TypeScript kernel',
  );
}

/** One place in the output of a cell, whose content can be replaced. It belongs to the cell in which it was made. */
export class DisplaySlot {
  private readonly id = randomBytes(8).toString('hex');
  private shown = false;

  constructor(private readonly write: DisplayWriter = notebookWriter()) {}

  /** Shows the bundle, in place of what this slot showed before. */
  set(bundle: DisplayBundle): void {
    this.write({ data: bundle, metadata: {}, transient: { display_id: this.id } }, this.shown);
    this.shown = true;
  }
}
