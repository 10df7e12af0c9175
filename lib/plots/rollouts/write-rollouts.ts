/** Writes the page of a run's rollouts. */

import path from 'node:path';
import { writeFileAtomic } from '../../engine/atomic-write.js';
import { RunDirectory } from '../../train/run-directory.js';
import { readRollouts } from './rollout-data.js';
import { rolloutsPage } from './rollouts-page.js';

/**
 * Writes a page of every completion that a GRPO run has logged, with prompts, pictures, rewards and advantages, to search, sort and
 * filter. It is one HTML file that needs nothing else.
 *
 * @param run the run's folder, finished or not
 * @param file default: `rollouts.html` in the folder of the run
 * @returns the path of the page, and how many completions of how many prompts it shows
 * @throws Error where the folder holds no run, or the run has logged no completions
 */
export async function writeRollouts(
  run: string,
  file = path.join(run, 'rollouts.html'),
): Promise<{ page: string; completions: number; prompts: number }> {
  const rollouts = await readRollouts(RunDirectory.read(run));
  const page = path.resolve(file);
  writeFileAtomic(page, rolloutsPage(path.basename(path.resolve(run)), rollouts));
  return { page, completions: rollouts.completions.length, prompts: rollouts.prompts.length };
}
