/** `reason-rft doctor`: what computes on this machine, and what is missing. */
import type { Command } from 'commander';
import { examine, printReport } from '../../setup/doctor.js';

/** Adds the command to the program. */
export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('what computes here, with which versions, and what is missing')
    .option('--json', 'one JSON object on stdout')
    .addHelpText('after', '\nExample: reason-rft doctor --json')
    .action((options: { json?: boolean }) => {
      if (!printReport(examine(), options.json ?? false)) process.exitCode = 1;
    });
}
