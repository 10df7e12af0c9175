/** `npm start`: runs the four notebooks with their quick profile, then prints the results and where everything lies. */
import { spawn } from 'node:child_process';
import { mkdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { resultsPageFile } from '../plots/study/report.js';
import { readResults, resultsFile } from '../study/results/results.js';
import { studyResultsText } from '../study/results/results-text.js';
import { openStudy } from '../study/workspace.js';
import { SetupFailure } from './failure.js';
import { EXECUTOR, jupyterEnvironment, ROOT, VENV_PYTHON } from './layout.js';

export const NOTEBOOKS = ['01-data-curation', '02-cot-sft', '03-grpo', '04-ablations'] as const;

/**
 * Executes the notebooks in order and prints the results that the last one writes.
 *
 * @throws SetupFailure for the first notebook that fails, or if they write no results
 */
export async function runNotebooks(profile: string): Promise<void> {
  const study = openStudy(profile);
  const target = path.join(study.folder, 'notebooks');
  mkdirSync(target, { recursive: true });
  const started = Date.now();
  for (const name of NOTEBOOKS) {
    const begun = Date.now();
    console.log(`${name}`);
    await executeNotebook(path.join(ROOT, 'notebooks', `${name}.ipynb`), path.join(target, `${name}.ipynb`), profile);
    console.log(`${name}: ${seconds(Date.now() - begun)}`);
  }
  const file = resultsFile(study);
  const written = statSync(file, { throwIfNoEntry: false })?.mtimeMs;
  // Results that an earlier run left would pass for this one's.
  if (written === undefined || written < started) {
    throw new SetupFailure(`the notebooks ran but did not write ${file}; has a cell of 04-ablations been taken out?`);
  }
  console.log(`\n${studyResultsText(readResults(study))}`);
  const shown = (name: string) => path.relative(process.cwd(), path.join(study.folder, name));
  console.log(
    `\nin ${seconds(Date.now() - started)}: notebooks in ${shown('notebooks')}, figures in ${shown('figures')}, runs in ${shown('cells')}, results in ${shown(path.basename(file))}`,
  );
  console.log(
    `open ${shown(path.basename(resultsPageFile(study)))} in a browser to read them with figures and samples`,
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
 * @param folder in which its cells look for packages and files; default: the notebook's own
 * @throws SetupFailure where a cell fails, with the exit code 130 after an interrupt: training then has stopped at a step's
 *   end and left a checkpoint
 */
export function executeNotebook(
  source: string,
  target: string,
  profile: string,
  folder = path.dirname(source),
): Promise<void> {
  const env = { ...jupyterEnvironment(), REASON_RFT_PROFILE: profile };
  const name = path.basename(source);
  return new Promise((resolve, reject) => {
    const child = spawn(VENV_PYTHON, [EXECUTOR, source, target, folder], { cwd: folder, env, stdio: 'inherit' });
    // The executor stops its kernel in good order; this process waits for it.
    const forward = (signal: NodeJS.Signals) => child.kill(signal);
    process.on('SIGINT', forward).on('SIGTERM', forward);
    const end = (failure?: SetupFailure) => {
      process.off('SIGINT', forward).off('SIGTERM', forward);
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
