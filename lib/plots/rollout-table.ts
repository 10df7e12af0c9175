/** Completions beside their prompts and images: rollouts with rewards and advantages, samples before and after training. */

import type { RgbImage } from '../records/image.js';
import { imageDataUri } from './images.js';
import type { DisplayBundle } from './notebook.js';
import { type TableCell, tableBundle } from './tables.js';

/** One prompt of a rollout with its group of completions. */
export interface RolloutView {
  /** The prompt's images, drawn beside it. */
  images: readonly RgbImage[];
  prompt: string;
  /** The gold answer. */
  answer: string;
  completions: readonly {
    text: string;
    /** By reward name. */
    rewards: Readonly<Record<string, number>>;
    /** Null where another trainer did not log it. */
    advantage: number | null;
    /** Cut off at the token limit, before an end token. */
    clipped?: boolean;
  }[];
}

/** The completions of several models for one prompt. */
export interface SampleView {
  images: readonly RgbImage[];
  prompt: string;
  answer: string;
  /** By the model's name, such as `before` and `after`. */
  outputs: Readonly<Record<string, string>>;
}

const ZOOM = 2;

/** The images of a prompt side by side in cells of their own. */
async function pictures(images: readonly RgbImage[], prompt: string): Promise<TableCell[]> {
  return Promise.all(
    images.map(async (image) => ({ picture: await imageDataUri(image, ZOOM), alt: `image of: ${prompt}` })),
  );
}

/** `n` cells, the last ones empty. */
function padded(cells: TableCell[], count: number): TableCell[] {
  return [...cells, ...Array<TableCell>(count - cells.length).fill('')];
}

/**
 * A table with a line for each completion; image, prompt and gold answer stand at the first of their group. The model's
 * text is escaped, and a completion that ran into the token limit is marked.
 */
export async function rolloutTable(groups: readonly RolloutView[], caption?: string): Promise<DisplayBundle> {
  const names = [...new Set(groups.flatMap((g) => g.completions.flatMap((c) => Object.keys(c.rewards))))];
  const imageColumns = Math.max(1, ...groups.map((g) => g.images.length));
  const rows: TableCell[][] = [];
  for (const group of groups) {
    const images = padded(await pictures(group.images, group.prompt), imageColumns);
    group.completions.forEach((completion, i) => {
      rows.push([
        ...(i === 0 ? images : padded([], imageColumns)),
        i === 0 ? group.prompt : '',
        i === 0 ? group.answer : '',
        completion.clipped ? `${completion.text} [cut off]` : completion.text,
        ...names.map((name) => completion.rewards[name]),
        completion.advantage ?? '',
      ]);
    });
  }
  const right = (title: string) => ({ title, align: 'right' as const });
  return tableBundle(
    [
      'image',
      ...Array<string>(imageColumns - 1).fill(''),
      'prompt',
      'gold',
      'completion',
      ...names.map(right),
      right('advantage'),
    ],
    rows,
    caption,
  );
}

/** A table with a line for each prompt and a column for each model's output, escaped. */
export async function sampleTable(samples: readonly SampleView[], caption?: string): Promise<DisplayBundle> {
  const names = [...new Set(samples.flatMap((s) => Object.keys(s.outputs)))];
  const imageColumns = Math.max(1, ...samples.map((s) => s.images.length));
  const rows = await Promise.all(
    samples.map(async (s) => [
      ...padded(await pictures(s.images, s.prompt), imageColumns),
      s.prompt,
      s.answer,
      ...names.map((name) => s.outputs[name]),
    ]),
  );
  return tableBundle(['image', ...Array<string>(imageColumns - 1).fill(''), 'prompt', 'gold', ...names], rows, caption);
}
