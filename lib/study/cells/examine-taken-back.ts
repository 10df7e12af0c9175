/** Examines a run directory that was taken back from another trainer. Its log may lack steps, and its checkpoint lies elsewhere. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { readJsonFile } from '../../engine/read-json.js';
import type { RunDirectory } from '../../train/run-directory.js';
import { LOG_FILES } from '../../train/run-log.js';
import { examinePart, type Finding } from '../finding.js';

const REMEDY = 'take the run back again: npx reason-rft takeback, with the same places and --out';

/** Examines the log, the completions and the checkpoint that the run names. */
export async function examineTakenBack(run: RunDirectory): Promise<Finding[]> {
  const steps = await examinePart('log', () => logText(run), REMEDY);
  const completions = async () => {
    const logged = run.completionSteps();
    for (const step of logged) await run.readCompletions(step);
    return `of ${logged.length} steps`;
  };
  const findings = [steps, await examinePart('completions', completions, REMEDY)];
  if (!run.isFinished)
    return [...findings, { part: 'result', state: 'unsound', text: 'it lacks its result.json', remedy: REMEDY }];
  return [...findings, await examinePart('checkpoint', () => checkpointText(run), REMEDY)];
}

/** @throws Error naming a line that is no step's, or one that does not come after the one before */
function logText(run: RunDirectory): string {
  for (const name of LOG_FILES) run.rows(name);
  const steps = run.metrics().map(({ step }) => step);
  const wrong = steps.findIndex((step, i) => i > 0 && step <= steps[i - 1]!);
  if (wrong > 0)
    throw new Error(`line ${wrong + 1} of metrics.jsonl is of step ${steps[wrong]}, after step ${steps[wrong - 1]}`);
  return `${steps.length} logged steps, up to step ${steps.at(-1)} of ${run.steps}`;
}

/** @throws Error when the checkpoint is gone */
function checkpointText(run: RunDirectory): string {
  const { checkpoint } = readJsonFile<{ checkpoint?: string }>(path.join(run.folder, 'result.json'), REMEDY);
  if (checkpoint === undefined) return 'the other trainer left none that the kit reads';
  if (!existsSync(checkpoint)) throw new Error(`${checkpoint} is gone`);
  return `${checkpoint}, where the other trainer left it; doctor examines it by its own name`;
}
