/**
 * The released Reason-RFT dataset (`tanhuajie2001/Reason-RFT-CoT-Dataset`): which file of its folder holds which rows, and where
 * their images lie.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { ReleasedRows } from '../../tasks/released-rows.js';
import { TASK_NAMES, type TaskName, taskNamed } from '../../tasks/tasks.js';
import { STAGE_ONE_ROWS } from '../split.js';

const DOWNLOAD = 'the folder must be a download of tanhuajie2001/Reason-RFT-CoT-Dataset';

/** One meta file. */
export interface ReleasedSet {
  task: TaskName;
  /** `train`, `id`, `ood`, `ood-left` or `ood-right`. */
  set: string;
  file: string;
  /** The dataset's `images/`. The image names of converted rows are relative to it. */
  imageRoot: string;
  /** The folder in `imageRoot` that the image names of the meta file are relative to. */
  imageFolder: 'train_images' | 'test_images';
}

/**
 * What a task says of its rows in the dataset.
 *
 * @throws Error naming the tasks of which the dataset holds rows, when this is none of them
 */
export function releasedRows(task: string): ReleasedRows {
  const rows = taskNamed(task).released;
  if (!rows) {
    const others = TASK_NAMES.filter((name) => taskNamed(name).released);
    throw new Error(`the released dataset holds no rows of ${task}; it holds those of ${others.join(', ')}`);
  }
  return rows;
}

/**
 * A set of a downloaded dataset.
 *
 * @param folder holds `train_jsons/`, `test_jsons/` and the unpacked `images/`
 * @throws Error naming the tasks or the sets that there are, or the file that is missing
 */
export function releasedSet(folder: string, task: string, set: string): ReleasedSet {
  const { files } = releasedRows(task);
  if (!Object.hasOwn(files, set))
    throw new Error(`the task ${task} has no set '${set}'; choose ${Object.keys(files).join(', ')}`);
  const file = path.join(folder, files[set]!);
  if (!existsSync(file)) throw new Error(`there is no ${file}; ${DOWNLOAD}`);
  const imageFolder = set === 'train' ? 'train_images' : 'test_images';
  return { task: task as TaskName, set, file, imageRoot: path.join(folder, 'images'), imageFolder };
}

/**
 * All sets of a task, or of every task, whose files are in the folder.
 *
 * @throws Error when none is there, or naming the tasks that there are
 */
export function releasedSets(folder: string, task?: string): ReleasedSet[] {
  const tasks = task === undefined ? TASK_NAMES.filter((name) => taskNamed(name).released) : [task];
  const sets = tasks.flatMap((name) =>
    Object.entries(releasedRows(name).files)
      .filter(([, file]) => existsSync(path.join(folder, file)))
      .map(([set]) => releasedSet(folder, name, set)),
  );
  if (sets.length === 0) throw new Error(`${folder} holds no file of ${task ?? 'any task'}; ${DOWNLOAD}`);
  return sets;
}

/**
 * The rows [from, to) of a stage of Reason-RFT training. CoT-SFT takes the first 1,600; GRPO takes the rest, or all rows again if the
 * task has too few.
 */
export function stageRows(task: string, stage: 'one' | 'two'): [from: number, to: number] {
  if (stage === 'one') return [0, STAGE_ONE_ROWS];
  return [releasedRows(task).stageTwo === 'all' ? 0 : STAGE_ONE_ROWS, Number.POSITIVE_INFINITY];
}
