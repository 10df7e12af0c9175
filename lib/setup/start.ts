/** `npm start`: the four notebooks with their quick profile, then the results table and where everything lies. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { PARADIGM_NAMES } from '../study/design/paradigms.js';
import { textTable } from '../study/results/results-text.js';
import { type Summary, summaryFile } from '../study/results/summary.js';
import { openStudy } from '../study/workspace.js';
import { TEST_SET_NAMES, testSetsOf } from '../tasks/tasks.js';
import { SetupFailure } from './failure.js';
import { EXECUTOR, jupyterEnvironment, ROOT, VENV_PYTHON } from './layout.js';

export const NOTEBOOKS = ['01-data-curation', '02-cot-sft', '03-grpo', '04-ablations'] as const;

/** Executes the notebooks in order; the first that fails ends it. */
export async function runNotebooks(profile: string): Promise<void> {
  const study = openStudy(profile);
  const target = path.join(study.folder, 'notebooks');
  mkdirSync(target, { recursive: true });
  const started = performance.now();
  for (const name of NOTEBOOKS) {
    const begun = performance.now();
    console.log(`${name}`);
    await executeNotebook(path.join(ROOT, 'notebooks', `${name}.ipynb`), path.join(target, `${name}.ipynb`), profile);
    console.log(`${name}: ${seconds(performance.now() - begun)}`);
  }
  const file = summaryFile(study);
  if (!existsSync(file)) {
    throw new SetupFailure(`the notebooks ran but left no ${file}; has a cell of 04-ablations been taken out?`);
  }
  console.log(`\n${resultsText(JSON.parse(readFileSync(file, 'utf8')) as Summary)}`);
  const at = (name: string) => path.relative(process.cwd(), path.join(study.folder, name));
  console.log(
    `\nin ${seconds(performance.now() - started)}: notebooks in ${at('notebooks')}, figures in ${at('figures')}, runs in ${at('cells')}, results in ${at(path.basename(file))}`,
  );
  console.log('next: npm run lab opens the notebooks in JupyterLab');
}

function seconds(milliseconds: number): string {
  const s = Math.round(milliseconds / 1000);
  return s < 60 ? `${s} s` : `${Math.floor(s / 60)} min ${s % 60} s`;
}

/**
 * Executes one notebook into a copy.
 *
 * @throws SetupFailure where a cell fails, with the exit code 130 after an interrupt: training then has stopped at a step's
 *   end and left a checkpoint
 */
export function executeNotebook(source: string, target: string, profile: string): Promise<void> {
  const env = { ...jupyterEnvironment(), REASON_RFT_PROFILE: profile };
  const name = path.basename(source);
  return new Promise((resolve, reject) => {
    const child = spawn(VENV_PYTHON, [EXECUTOR, source, target], { cwd: path.dirname(source), env, stdio: 'inherit' });
    // The executor stops its kernel in good order; this process waits for it.
    const pass = (signal: NodeJS.Signals) => child.kill(signal);
    process.on('SIGINT', pass).on('SIGTERM', pass);
    const end = (failure?: SetupFailure) => {
      process.off('SIGINT', pass).off('SIGTERM', pass);
      if (failure) reject(failure);
      else resolve();
    };
    child.on('error', (error) => end(new SetupFailure(`${name} could not be executed: ${error.message}`)));
    child.on('close', (code) => {
      if (code === 0) end();
      else if (code === 130)
        end(new SetupFailure(`${name} was interrupted; run the same again to go on from there`, 130));
      else end(new SetupFailure(`${name} did not run to its end; run the same again to go on from where it stopped`));
    });
  });
}

/** The summary as a table for the terminal. */
export function resultsText({ task, paradigms }: Summary): string {
  const percent = (x: number) => (100 * x).toFixed(1);
  const cell = (paradigm: string, set: string) => {
    const row = paradigms.find((each) => each.paradigm === paradigm && each.testSet === set);
    return row ? `${percent(row.accuracy)} [${row.interval.map(percent).join(', ')}]` : '';
  };
  const sets = testSetsOf(task);
  const names = [...new Set(paradigms.map((row) => row.paradigm))];
  const lines = names.map((name) => [PARADIGM_NAMES[name], ...sets.map((set) => cell(name, set))]);
  return textTable([['accuracy, % [95 %]', ...sets.map((set) => TEST_SET_NAMES[set])], ...lines]);
}
