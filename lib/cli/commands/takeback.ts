/** `reason-rft takeback`: what another trainer has logged becomes a run directory. */
import type { Command } from 'commander';
import { type TakenBack, takeBack } from '../../takeback/take-back.js';
import { printResult } from '../print-result.js';

/** Adds the command to the program. */
export function addTakeback(program: Command): void {
  program
    .command('takeback')
    .description(
      "a run directory of what TRL, ms-swift or verl have logged: curves, live plots, pages of rollouts and `evaluate` work on it as on the kit's own runs",
    )
    .argument(
      '<places...>',
      'folders of the other trainer, searched with all folders in them; or files, such as the output of its console',
    )
    .requiredOption(
      '--out <dir>',
      'the run directory; one that was taken back from the same places is brought up to date',
    )
    .option('--json', 'one JSON object on stdout')
    .addHelpText(
      'after',
      '\nNothing of the other trainer is changed, and its checkpoint stays where it is.\nExample: reason-rft takeback outputs/my-grpo --out runs/from-trl',
    )
    .action(take);
}

async function take(places: string[], { out, json }: { out: string; json?: boolean }): Promise<void> {
  const taken = await takeBack(places, out);
  for (const remark of remarks(taken)) process.stderr.write(`${remark}\n`);
  printResult(json, taken, resultText(taken));
}

/** What a person should know of the log. */
function remarks({ keptNames, notFinite, noNumbers, columnsLeftOut, advice }: TakenBack): string[] {
  const broken = Object.entries(notFinite).map(([name, count]) => `${name} (${count})`);
  return [
    ...listed('metrics that keep the other trainer’s names', keptNames),
    ...listed('numbers that were not finite or null, and are absent', broken),
    ...listed('left out, since they are no numbers', noNumbers),
    ...listed('columns of the completions that were left out', columnsLeftOut),
    ...advice,
  ];
}

function listed(what: string, names: readonly string[]): string[] {
  return names.length === 0 ? [] : [`${what}: ${names.join(', ')}`];
}

const TRAINER_NAMES = { trl: 'TRL', 'ms-swift': 'ms-swift', verl: 'verl' } as const;

function resultText({ run, trainer, base, logged, steps, completions, checkpoint }: TakenBack): string {
  const lines = [
    `${run} holds ${logged} logged steps of ${steps} and ${completions} completions of ${TRAINER_NAMES[trainer]}`,
  ];
  if (base !== undefined) lines.push(`base model: ${base}`);
  if (checkpoint) {
    const { folder, step, kind } = checkpoint;
    const what = kind === 'adapters' ? 'its adapters' : 'its model';
    const when = step === undefined ? '' : ` after step ${step}`;
    lines.push(`${what}${when}: ${folder}`, `to score it: reason-rft evaluate --model ${folder} --data ROWS`);
  }
  return lines.join('\n');
}
