/** `reason-rft rollouts`: a page with every completion that a GRPO run has logged. */
import type { Command } from 'commander';
import { writeRollouts } from '../../plots/rollouts/write-rollouts.js';
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
  const written = await writeRollouts(folder, out);
  const { page, completions, prompts } = written;
  printResult(json, written, `${completions} completions of ${prompts} prompts: ${page}`);
}
