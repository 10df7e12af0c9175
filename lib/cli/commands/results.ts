/** `reason-rft results`: the numbers of a study from the cells that are finished. */
import type { Command } from 'commander';
import { computeResults } from '../../study/results/compute-results.js';
import { writeResults } from '../../study/results/results.js';
import { studyResultsText } from '../../study/results/results-text.js';
import { printResult } from '../print-result.js';
import { openProfile, PROFILE_OPTION } from '../profile-option.js';

/** Adds the command to the program. */
export function addResults(program: Command): void {
  program
    .command('results')
    .description('tables, claims and findings from the cells that are finished, into results.json; trains nothing')
    .option(...PROFILE_OPTION)
    .option('--json', 'one JSON object on stdout')
    .addHelpText('after', '\nExample: reason-rft results --profile standard')
    .action((options: { profile: string; json?: boolean }) => {
      const study = openProfile(options);
      const results = computeResults(study);
      const file = writeResults(study, results);
      printResult(options.json, results, `${studyResultsText(results)}\n\nwritten to ${file}`);
    });
}
