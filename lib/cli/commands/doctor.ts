/** `reason-rft doctor`: what computes on this machine and what is missing; or what of a folder is sound, and what is not. */
import type { Command } from 'commander';
import type { Finding } from '../../study/finding.js';
import { printResult } from '../print-result.js';

interface DoctorOptions {
  json?: boolean;
}

/** Adds the command to the program. */
export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .argument('[folder]', "a run's folder, a task's data or a checkpoint: what of it is sound, and what to do")
    .description('what computes here, with which versions, and what is missing; or what of a folder is sound')
    .option('--json', 'one JSON object on stdout')
    .addHelpText(
      'after',
      '\nNothing is changed. Exit code 1 where something is missing or not sound.\nExample: reason-rft doctor runs/my-grpo',
    )
    .action((folder: string | undefined, options: DoctorOptions) =>
      folder === undefined ? examineMachine(options) : examine(folder, options),
    );
}

async function examineMachine({ json }: DoctorOptions): Promise<void> {
  const { examine: look, printReport } = await import('../../setup/doctor.js');
  if (!printReport(look(), json ?? false)) process.exitCode = 1;
}

async function examine(folder: string, { json }: DoctorOptions): Promise<void> {
  const { examineFolder } = await import('../../study/cells/examine-folder.js');
  const findings = await examineFolder(folder);
  const unsound = findings.filter(({ state }) => state === 'unsound').length;
  const summary =
    unsound === 0 ? `${folder} is sound` : `${folder}: ${unsound} part${unsound > 1 ? 's are' : ' is'} not sound`;
  printResult(json, { folder, sound: unsound === 0, findings }, [...findings.map(findingText), summary].join('\n'));
  if (unsound > 0) process.exitCode = 1;
}

function findingText({ part, state, text, remedy }: Finding): string {
  return `${state.padEnd(8)} ${part}: ${text}${remedy ? `; ${remedy}` : ''}`;
}
