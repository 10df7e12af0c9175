/** `reason-rft rollouts`: a page with every completion that a GRPO run has logged. */
import path from 'node:path';
import type { Command } from 'commander';
import { writeFileAtomic } from '../../engine/atomic-write.js';
import { readRollouts } from '../../plots/rollouts/rollout-data.js';
import { rolloutsPage } from '../../plots/rollouts/rollouts-page.js';
import { RunDirectory } from '../../train/run-directory.js';
import { printResult } from '../print-result.js';

/** Adds the command to the program. */
export function addRollouts(program: Command): void {
  program
    .command('rollouts')
    .description(
      'a page of all completions that a GRPO run has logged, with prompts, pictures, rewards and advantages, to search, sort and filter',
    )
    .argument('<run>', "the run's folder, finished or not")
    .option('--out <file>', 'the page (default: rollouts.html in the folder of the run)')
    .option('--json', 'one JSON object on stdout')
    .addHelpText('after', '\nExample: reason-rft rollouts runs/my-grpo')
    .action(writePage);
}

async function writePage(folder: string, { out, json }: { out?: string; json?: boolean }): Promise<void> {
  const rollouts = await readRollouts(RunDirectory.read(folder));
  const page = path.resolve(out ?? path.join(folder, 'rollouts.html'));
  writeFileAtomic(page, rolloutsPage(path.basename(path.resolve(folder)), rollouts));
  const { completions, prompts } = rollouts;
  printResult(
    json,
    { page, completions: completions.length, prompts: prompts.length },
    `${completions.length} completions of ${prompts.length} prompts: ${page}`,
  );
}
