/** Views of a study that only notebooks use: rollouts, samples, and its figures under the running cell. */

import path from 'node:path';
import type { Evaluation } from '../../evaluate/evaluate.js';
import { readImage } from '../../records/image.js';
import type { TaskRecord } from '../../records/record.js';
import { imageNames, readRecords } from '../../records/records.js';
import type { GrpoCell } from '../../study/cells/cell.js';
import { startedRun } from '../../study/cells/run-cell.js';
import { dataFolder, recordsFile } from '../../study/data/data-folder.js';
import type { StudyResults } from '../../study/results/results.js';
import type { Study } from '../../study/workspace.js';
import { type TaskName, type TestSet, taskNamed } from '../../tasks/tasks.js';
import { exportFigure } from '../export.js';
import { showFigure } from '../figure-output.js';
import type { RolloutView, SampleView } from '../rollout-table.js';
import { show } from '../show.js';
import type { Figure } from '../style.js';
import { figuresFolder } from './export-figures.js';
import { studyFigures } from './figures.js';

/**
 * Reads the first prompts of a step's rollout with their groups.
 *
 * @throws Error where the cell has logged no completions of that step
 */
export async function rolloutViews(
  study: Study,
  cell: GrpoCell,
  step: number,
  prompts: number,
): Promise<RolloutView[]> {
  const logged = (await startedRun(study, cell)?.readCompletions(step)) ?? [];
  if (logged.length === 0)
    throw new Error(`no completions of step ${step} were logged; has the cell been trained as far as that?`);
  const records = new Map(readRecords(recordsFile(study, 'train', cell.task)).map((row) => [row.id, row]));
  const size = cell.settings.completions;
  const groups = Array.from({ length: logged.length / size }, (_, p) => logged.slice(p * size, (p + 1) * size));
  return Promise.all(
    groups.slice(0, prompts).map(async (group) => {
      const record = records.get(group[0]!.id)!;
      return {
        images: await imagesOf(study, record),
        prompt: record.problem,
        answer: record.answer,
        completions: group.map(({ completion, rewards, advantage, ended }) => ({
          text: completion,
          rewards: earnedRewards(rewards),
          advantage,
          clipped: !ended,
        })),
      };
    }),
  );
}

/** The rewards that apply to a completion; one that does not is null in the log. */
function earnedRewards(rewards: Readonly<Record<string, number | null>>): Record<string, number> {
  return Object.fromEntries(Object.entries(rewards).filter((entry): entry is [string, number] => entry[1] !== null));
}

/**
 * Reads the completions of several models for the first items of a test set.
 *
 * @param evaluations by the model's name
 */
export async function sampleViews(
  study: Study,
  task: TaskName,
  set: TestSet,
  evaluations: Readonly<Record<string, Evaluation>>,
  items: number,
): Promise<SampleView[]> {
  const records = readRecords(recordsFile(study, set, task)).slice(0, items);
  return Promise.all(
    records.map(async (record, i) => ({
      images: await imagesOf(study, record),
      prompt: record.problem,
      answer: record.answer,
      outputs: Object.fromEntries(
        Object.entries(evaluations).map(([name, evaluation]) => [name, evaluation.items[i]!.completion]),
      ),
    })),
  );
}

function imagesOf(study: Study, record: TaskRecord) {
  const folder = path.join(dataFolder(study, taskNamed(record.task).name), 'images');
  return Promise.all(imageNames(record).map((name) => readImage(path.join(folder, name))));
}

/** Shows a figure under the running cell and exports it to the study's `figures/<name>.png`, `.svg` and `.html`. */
export async function publishFigure(study: Study, figure: Figure, name: string): Promise<void> {
  await showFigure(figure);
  await exportFigure(figure, path.join(figuresFolder(study), name));
}

/**
 * Shows figures of a study's results under the running cell by their names, such as `paradigms-counting`, each above its caption.
 *
 * @throws Error where one of them does not exist, with the names of those that do
 */
export async function showStudyFigures(results: StudyResults, ...names: readonly string[]): Promise<void> {
  const figures = studyFigures(results);
  for (const name of names) {
    const named = figures.find((figure) => figure.name === name);
    if (!named) {
      const known = figures.map((figure) => figure.name).join(', ');
      throw new Error(`these results hold no figure '${name}'; they hold ${known || 'none yet'}`);
    }
    await showFigure(named.figure, { height: named.height });
    await show(named.caption);
  }
}
