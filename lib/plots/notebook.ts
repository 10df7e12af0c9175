/** Outputs of a notebook through tslab's kernel: one output of several MIME types, shown or replaced in place. */

import { randomBytes } from 'node:crypto';
import { sep } from 'node:path';
import sharp from 'sharp';
import type { ExportOptions } from './export.js';
import { renderFigure } from './export.js';
import type { Figure } from './style.js';

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

/** Pixels that the output of a cell is wide in JupyterLab on a small screen. */
const NOTEBOOK_WIDTH = 860;

/**
 * A figure as an output: interactive for JupyterLab, a PNG for code hosts and static viewers, a line of text for the rest.
 * If no browser can be started to draw the PNG, the bundle goes without it and says so on the error stream: a missing picture is no
 * reason to end a training cell.
 */
export async function figureBundle(figure: Figure, text: string, options: ExportOptions = {}): Promise<DisplayBundle> {
  const bundle: Record<string, unknown> = {
    'application/vnd.plotly.v1+json': {
      data: figure.data,
      layout: options.height === undefined ? figure.layout : { ...figure.layout, height: options.height },
      config: { displaylogo: false, responsive: true },
    },
    'text/plain': text,
  };
  try {
    // JupyterLab's plotly renderer shows this picture, pixel for pixel, until the mouse comes over it.
    const png = await renderFigure(figure, 'png', { width: NOTEBOOK_WIDTH, scale: 1, ...options });
    // A palette of 256 colours shows no difference on a chart, and takes a third of the room in the notebook.
    bundle['image/png'] = (await sharp(png).png({ palette: true }).toBuffer()).toString('base64');
  } catch (error) {
    console.error(`No static picture of "${text}": ${error instanceof Error ? error.message : String(error)}`);
  }
  return bundle;
}

/** Shows a finished figure under the running cell; see {@link figureBundle}. */
export async function showFigure(figure: Figure, options: ExportOptions = {}): Promise<void> {
  // The writer is taken before the drawing, which may end when another cell is running.
  const write = notebookWriter();
  const title = figure.layout.title;
  const text = typeof title === 'string' ? title : (title?.text ?? 'figure');
  write({ data: await figureBundle(figure, text, { height: 420, ...options }), metadata: {}, transient: {} }, false);
}
