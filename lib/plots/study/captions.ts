/** The lower part of a figure's caption: model, sizes, settings, seeds and commit. With them a reader can make the figure again. */

import { readConfig } from '../../model/configuration.js';
import { countParameters } from '../../model/parameters.js';
import { ablationBase } from '../../study/design/ablations.js';
import { reasonRftCell } from '../../study/design/paradigms.js';
import { taskProfile } from '../../study/profile.js';
import { rationalesSentence } from '../../study/results/control-wording.js';
import type { Study } from '../../study/workspace.js';
import { TASK_NAMES, TASKS, type TaskName } from '../../tasks/tasks.js';
import type { StudyFigure } from './figure.js';

type GrpoStage = StudyFigure['stage'];

/**
 * The model of a study, and the sizes and settings of its tasks, in sentences; tasks that have the same share one.
 *
 * @param stage of GRPO: that of the paradigms, or the shorter one of ablations
 */
export function configurationWords(
  study: Study,
  tasks: readonly TaskName[] = TASK_NAMES,
  stage: GrpoStage = 'paradigms',
): string {
  const config = readConfig(study.base);
  const model = `Profile ${study.profile.name}: ${config.title} of ${grouped(countParameters(config))} parameters (width ${config.hiddenSize}, ${config.layers} layers).`;
  const tasksByWords = new Map<string, TaskName[]>();
  for (const task of tasks) {
    const words = taskWords(study, task, stage);
    tasksByWords.set(words, [...(tasksByWords.get(words) ?? []), task]);
  }
  const sentences = [...tasksByWords].map(([words, sharing]) => {
    const names =
      sharing.length === TASK_NAMES.length ? 'Each task' : sharing.map((task) => TASKS[task].title).join(' and ');
    return `${names}: ${words}.`;
  });
  return [model, ...sentences, rationalesSentence(study.profile.rationales)].join(' ');
}

const grouped = (count: number) => count.toLocaleString('en');

/** Sizes and settings of a task. */
function taskWords(study: Study, task: TaskName, stage: GrpoStage): string {
  const { trainRows, stageOneRows, cotSft, stageOne } = taskProfile(study.profile, task);
  const cell = stage === 'ablations' ? ablationBase(study, task) : reasonRftCell(study, task);
  const { steps, promptsPerStep, completions, schedule, beta, temperature } = cell.settings;
  return (
    `${grouped(trainRows)} training rows; SFT of ${passes(cotSft.epochs)} in batches of ${cotSft.batchSize}, learning rate ${cotSft.schedule.learningRate}; ` +
    `stage 1 of Reason-RFT on the first ${grouped(stageOneRows)} rows, ${passes(stageOne.epochs)}; ` +
    `GRPO of ${grouped(steps)} ${steps === 1 ? 'step' : 'steps'}, ${promptsPerStep} prompts x ${completions} completions, learning rate ${schedule.learningRate}${schedule.decay === 'constant' ? ' that stays' : ''}, KL weight ${beta}, temperature ${temperature}`
  );
}

function passes(epochs: number): string {
  return epochs === 1 ? '1 pass' : `${epochs} passes`;
}

/** The training seeds, and the commit of the kit. */
export function sourceWords(seeds: readonly number[], commit: string | null): string {
  const seedWords =
    seeds.length === 0
      ? ''
      : `Training ${seeds.length === 1 ? 'seed' : 'seeds'} ${seeds.join(', ')}${seeds.length === 1 ? '. ' : '; data are one draw for all. '}`;
  return `${seedWords}Commit ${commit ?? 'unknown (no repository)'}.`;
}
