/** From what a study left in its folder to what its notebooks show: rollouts, samples, results beside the paper's. */

import path from 'node:path';
import type { Evaluation } from '../../evaluate/evaluate.js';
import type { StartAndEnd } from '../../evaluate/trend.js';
import { readImage } from '../../records/image.js';
import type { TaskRecord } from '../../records/record.js';
import { imageNames, readRecords } from '../../records/records.js';
import { cellRun, type GrpoCell } from '../../study/cells/cell.js';
import { dataFolder, recordsFile } from '../../study/data/study-data.js';
import type { AblationResult } from '../../study/design/ablations.js';
import { PARADIGM_NAMES, PARADIGMS } from '../../study/design/paradigms.js';
import { PAPER } from '../../study/results/paper.js';
import type { StudyResults } from '../../study/results/results.js';
import type { Comparison, Summary } from '../../study/results/summary.js';
import type { Study } from '../../study/workspace.js';
import { type TaskName, TEST_SET_NAMES, type TestSet, taskNamed } from '../../tasks/tasks.js';
import type { AblationRow, ParadigmRow } from '../bars.js';
import { exportFigure } from '../export.js';
import { showFigure } from '../notebook.js';
import type { RolloutView, SampleView } from '../rollout-table.js';
import type { Figure } from '../style.js';
import { studyFigures } from './figures.js';

/**
 * The first prompts of a step's rollout with their groups.
 *
 * @param step the first is 1
 */
export async function rolloutViews(
  study: Study,
  cell: GrpoCell,
  step: number,
  prompts: number,
): Promise<RolloutView[]> {
  const logged = await cellRun(study, cell).readCompletions(step - 1);
  if (logged.length === 0) throw new Error(`no completions of step ${step} were logged; was the cell trained so far?`);
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
          rewards: Object.fromEntries(
            Object.entries(rewards).filter((each): each is [string, number] => each[1] !== null),
          ),
          advantage,
          clipped: !ended,
        })),
      };
    }),
  );
}

/** What models wrote for the first items of a test set, by the model's name. */
export async function sampleViews(
  study: Study,
  set: TestSet,
  evaluations: Readonly<Record<string, Evaluation>>,
  items: number,
  task: TaskName = 'counting',
): Promise<SampleView[]> {
  const records = readRecords(recordsFile(study, set, task)).slice(0, items);
  return Promise.all(
    records.map(async (record, i) => ({
      images: await imagesOf(study, record),
      prompt: record.problem,
      answer: record.answer,
      outputs: Object.fromEntries(Object.entries(evaluations).map(([name, { items }]) => [name, items[i]!.completion])),
    })),
  );
}

function imagesOf(study: Study, record: TaskRecord) {
  const folder = path.join(dataFolder(study, taskNamed(record.task).name), 'images');
  return Promise.all(imageNames(record).map((name) => readImage(path.join(folder, name))));
}

/** The accuracies of a study on a task, then the paper's on it, paradigm by paradigm. */
export function paradigmRows({ task, paradigms }: Summary): ParadigmRow[] {
  const ours = paradigms.map(
    ({ paradigm, testSet, accuracy, interval: [low, high] }): ParadigmRow => ({
      paradigm: PARADIGM_NAMES[paradigm],
      set: TEST_SET_NAMES[testSet],
      source: 'this run',
      value: accuracy,
      low,
      high,
    }),
  );
  const theirs = PAPER.filter((number) => number.task === task).map(
    ({ paradigm, set, model, accuracy }): ParadigmRow => ({
      paradigm: PARADIGM_NAMES[paradigm],
      set: TEST_SET_NAMES[set],
      source: `paper, ${model}`,
      value: accuracy,
    }),
  );
  const all = [...ours, ...theirs];
  return PARADIGMS.flatMap((paradigm) => all.filter((row) => row.paradigm === PARADIGM_NAMES[paradigm]));
}

/** The ablations' results as their figure reads them. */
export function ablationRows(results: readonly AblationResult[]): AblationRow[] {
  return results.map(({ ablation, setting, testSet, accuracy, interval: [low, high] }) => ({
    ablation,
    setting,
    set: TEST_SET_NAMES[testSet],
    value: accuracy,
    low,
    high,
  }));
}

/** Reason-RFT against CoT-SFT on each test set, in words that follow from the numbers, whichever wins. */
export function comparisonText({ paradigms, comparisons }: Summary): string {
  return comparisons.map((comparison) => oneComparison(paradigms, comparison)).join('\n');
}

function oneComparison(rows: Summary['paradigms'], { testSet, onlyReasonRft, onlyCotSft, pValue }: Comparison): string {
  const of = (paradigm: string) => rows.find((row) => row.paradigm === paradigm && row.testSet === testSet)!;
  const [rft, sft] = [of('reason-rft'), of('cot-sft')];
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const p = pValue < 0.001 ? 'p < 0.001' : `p = ${pValue.toFixed(3)}`;
  const verdict =
    pValue >= 0.05
      ? 'no difference that these items can tell from chance'
      : onlyReasonRft > onlyCotSft
        ? 'Reason-RFT is better'
        : 'CoT-SFT is better';
  return (
    `${TEST_SET_NAMES[testSet]}: Reason-RFT ${percent(rft.accuracy)}, CoT-SFT ${percent(sft.accuracy)} of ${rft.count}; ` +
    `${onlyReasonRft} items right by Reason-RFT alone, ${onlyCotSft} by CoT-SFT alone (McNemar ${p}): ${verdict}.`
  );
}

/** The start of a curve against its end, in words that follow from the numbers: learned is a rise of over two standard errors. */
export function trendText(name: string, { start, end, difference, standardError }: StartAndEnd): string {
  const of = ({ mean, standardError }: StartAndEnd['start']) => `${mean.toFixed(3)} ± ${standardError.toFixed(3)}`;
  const verdict =
    Math.abs(difference) <= 2 * standardError
      ? 'not more than noise (two standard errors)'
      : difference > 0
        ? 'a rise above its noise'
        : 'a fall beyond its noise';
  const sign = difference < 0 ? '' : '+';
  return (
    `${name}: ${of(start)} over the first ${start.count} steps, ${of(end)} over the last ${end.count}; ` +
    `difference ${sign}${difference.toFixed(3)} ± ${standardError.toFixed(3)}: ${verdict}.`
  );
}

/** Shows a figure under the running cell and exports it to the study's `figures/<name>.png`, `.svg` and `.html`. */
export async function publishFigure(study: Study, figure: Figure, name: string): Promise<void> {
  await showFigure(figure);
  await exportFigure(figure, path.join(study.folder, 'figures', name));
}

/**
 * Shows figures of a study's results under the running cell by their names, each above its caption: `paradigms-counting`.
 *
 * @throws Error naming those that there are, where one of them is not
 */
export async function showStudyFigures(results: StudyResults, ...names: readonly string[]): Promise<void> {
  const figures = studyFigures(results);
  for (const name of names) {
    const found = figures.find((figure) => figure.name === name);
    if (!found) {
      const known = figures.map((figure) => figure.name).join(', ');
      throw new Error(`these results hold no figure '${name}'; they hold ${known || 'none yet'}`);
    }
    await showFigure(found.figure, { height: found.height });
    console.log(found.caption);
  }
}
