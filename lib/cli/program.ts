/** The program `reason-rft`: its commands, each in a file of `commands/`, and its exit codes. */
import { constants } from 'node:os';
import { Command, CommanderError } from 'commander';
import { TrainingStopped } from '../train/loop.js';
import { givenTwice, UsageError } from './usage.js';

/** Each command, by the function that adds it to the program. A file is loaded when its command is run, or listed for help. */
const COMMANDS: { readonly [name: string]: () => Promise<(program: Command) => void> } = {
  curate: async () => (await import('./commands/curate.js')).addCurate,
  validate: async () => (await import('./commands/validate.js')).addValidate,
  convert: async () => (await import('./commands/convert.js')).addConvert,
  sft: async () => (await import('./commands/sft.js')).addSft,
  grpo: async () => (await import('./commands/grpo.js')).addGrpo,
  merge: async () => (await import('./commands/merge.js')).addMerge,
  evaluate: async () => (await import('./commands/evaluate.js')).addEvaluate,
  generate: async () => (await import('./commands/generate.js')).addGenerate,
  curves: async () => (await import('./commands/curves.js')).addCurves,
  rollouts: async () => (await import('./commands/rollouts.js')).addRollouts,
  study: async () => (await import('./commands/study.js')).addStudy,
  sweep: async () => (await import('./commands/sweep.js')).addSweep,
  cell: async () => (await import('./commands/cell.js')).addCell,
  results: async () => (await import('./commands/results.js')).addResults,
  report: async () => (await import('./commands/report.js')).addReport,
  notebook: async () => (await import('./commands/notebook.js')).addNotebook,
  takeback: async () => (await import('./commands/takeback.js')).addTakeback,
  'serve-rewards': async () => (await import('./commands/serve-rewards.js')).addServeRewards,
  handover: async () => (await import('./commands/handover.js')).addHandover,
  doctor: async () => (await import('./commands/doctor.js')).addDoctor,
};

const EXIT_CODES =
  '\nExit codes: 0 done, 1 failed, 2 wrong usage; stopped by Ctrl-C 130, by SIGTERM 143, by a closed terminal 129 (a checkpoint ' +
  'is left; run the same again to go on).';

/**
 * Runs the command that arguments ask for.
 *
 * @returns the exit code; 0 where the command did not set another one itself
 */
export async function runCommand(args: readonly string[]): Promise<number> {
  try {
    const program = new Command('reason-rft')
      .description(
        'Reinforcement fine-tuning of Qwen2-VL, Qwen2.5-VL and Qwen3-VL: the functions that the notebooks call.',
      )
      .addHelpText('afterAll', EXIT_CODES)
      .exitOverride();
    checkEncoding(args);
    const [asked = ''] = args;
    const names = Object.hasOwn(COMMANDS, asked) ? [asked] : Object.keys(COMMANDS);
    for (const name of names) (await COMMANDS[name]!())(program);
    for (const command of program.commands) refuseRepeats(command);
    await program.parseAsync(args, { from: 'user' });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    // Commander has printed its own errors, and the help.
    if (!(error instanceof CommanderError)) process.stderr.write(`reason-rft: ${(error as Error).message}\n`);
    return exitCodeOf(error);
  }
}

/** Makes a command refuse a value that is given twice, unless the option gathers its values in a list. */
function refuseRepeats(command: Command): void {
  for (const option of command.options) {
    const takesValue = option.required || option.optional;
    if (!takesValue || option.variadic || Array.isArray(option.defaultValue)) continue;
    let isGiven = false;
    command.on(`option:${option.name()}`, () => {
      if (isGiven) throw new UsageError(givenTwice(option.long ?? option.flags));
      isGiven = true;
    });
  }
}

/**
 * Node puts the sign U+FFFD in the place of bytes that are no UTF-8. A folder of another name would be made then, and found by nobody.
 *
 * @throws UsageError naming the argument
 */
function checkEncoding(args: readonly string[]): void {
  const broken = args.find((argument) => argument.includes('\uFFFD'));
  if (broken !== undefined)
    throw new UsageError(`the argument '${broken}' holds a byte that is no UTF-8; name files and folders in UTF-8`);
}

/** The exit code that an error leads to. */
function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof TrainingStopped) return 128 + constants.signals[error.signal ?? 'SIGINT'];
  if ((error as Error).name === 'AbortError') return 130;
  return error instanceof UsageError ? 2 : 1;
}
