/** `reason-rft notebook`: executes a notebook into a copy, with parameters of one's own. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Command } from 'commander';
import { injectParameters, type NotebookFile, notebookParameters } from '../../setup/notebook-parameters.js';
import { executeNotebook } from '../../setup/start.js';
import { repositoryRoot } from '../../study/workspace.js';
import { printResult } from '../print-result.js';
import { openProfile, PROFILE_OPTION } from '../profile-option.js';
import { checkUsage, UsageError } from '../usage.js';

interface NotebookOptions {
  parameter: string[];
  out?: string;
  profile: string;
  list?: boolean;
  json?: boolean;
}

/** Adds the command to the program. */
export function addNotebook(program: Command): void {
  program
    .command('notebook')
    .description('executes a notebook into a copy, with parameters of your own')
    .argument('<notebook>', 'a chapter by its number or name, such as 04, or a file')
    .option(
      '-p, --parameter <name=value>',
      'sets a parameter of the cell tagged `parameters`; repeat it for several',
      (pair: string, pairs: string[]) => [...pairs, pair],
      [],
    )
    .option('--out <file>', 'the executed copy')
    .option(...PROFILE_OPTION)
    .option('--list', 'lists the parameters with their defaults, and executes nothing')
    .option('--json', 'one JSON object on stdout')
    .addHelpText('after', '\nExample: reason-rft notebook 04 -p beta=0 -p seed=2 --out runs/no-kl.ipynb')
    .action(runNotebook);
}

async function runNotebook(name: string, options: NotebookOptions): Promise<void> {
  const source = notebookFile(name);
  const notebook = readNotebook(source);
  if (options.list) {
    const parameters = Object.fromEntries(checkUsage(() => notebookParameters(notebook)));
    const lines = Object.entries(parameters).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
    printResult(options.json, { parameters }, lines.join('\n') || 'the notebook has no parameters');
    return;
  }
  if (options.out === undefined) throw new UsageError('--out is missing: name the file of the executed copy');
  const out = path.resolve(options.out);
  if (out === source) throw new UsageError(`--out would write over ${source}; name another file`);
  openProfile(options);
  const injected = checkUsage(() => injectParameters(notebook, parseParameters(options.parameter)));
  const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-notebook-'));
  try {
    const file = path.join(folder, path.basename(source));
    writeFileSync(file, JSON.stringify(injected));
    mkdirSync(path.dirname(out), { recursive: true });
    // In the notebook's own folder, from which it finds packages and files.
    await executeNotebook(file, out, options.profile, path.dirname(source));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  printResult(options.json, { notebook: out }, `the executed notebook is ${out}`);
}

/** @throws UsageError naming the chapters, where there is no such notebook */
function notebookFile(name: string): string {
  if (name.endsWith('.ipynb')) {
    if (!existsSync(name)) throw new UsageError(`there is no notebook ${name}`);
    return path.resolve(name);
  }
  const folder = path.join(repositoryRoot(), 'notebooks');
  const chapters = readdirSync(folder).filter((file) => file.endsWith('.ipynb'));
  const chapter = chapters.find((file) => file === `${name}.ipynb` || file.startsWith(`${name}-`));
  if (chapter === undefined)
    throw new UsageError(
      `there is no chapter '${name}'; the chapters are ${chapters.map((file) => path.basename(file, '.ipynb')).join(', ')}`,
    );
  return path.join(folder, chapter);
}

function readNotebook(file: string): NotebookFile {
  return checkUsage(() => {
    try {
      return JSON.parse(readFileSync(file, 'utf8')) as NotebookFile;
    } catch (error) {
      throw new Error(`cannot read the notebook ${file}: ${(error as Error).message}`);
    }
  });
}

function parseParameters(pairs: readonly string[]): Map<string, string> {
  return new Map(
    pairs.map((pair) => {
      const equals = pair.indexOf('=');
      if (equals < 1) throw new Error(`-p takes NAME=VALUE, got '${pair}'`);
      return [pair.slice(0, equals), pair.slice(equals + 1)];
    }),
  );
}
