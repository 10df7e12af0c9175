/**
 * The released Reason-RFT dataset (`tanhuajie2001/Reason-RFT-CoT-Dataset`): which file of its folder holds which rows, and where
 * their images lie.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { TASK_NAMES, type TaskName, type TestSetOf } from '../../tasks/tasks.js';
import { STAGE_ONE_ROWS } from '../split.js';

/** The meta files of the three tasks, by set. */
export const RELEASED_FILES = {
  counting: {
    train: 'train_jsons/A3-Visual-Counting-train-35k-cot.json',
    id: 'test_jsons/Visual-Counting-id-test-1k.json',
    ood: 'test_jsons/Visual-Counting-ood-test-1k.json',
  },
  structure: {
    train: 'train_jsons/A2-Structure-Perception-train-4k5-cot.json',
    id: 'test_jsons/Structure-Perception-id-test-820.json',
    ood: 'test_jsons/Structure-Perception-ood-test-800.json',
  },
  transformation: {
    train: 'train_jsons/A1-Spatial-Transformation-train-60k-cot.json',
    id: 'test_jsons/Spatial-Transformation-id-test-1k.json',
    'ood-left': 'test_jsons/Spatial-Transformation-ood-left-test-1k.json',
    'ood-right': 'test_jsons/Spatial-Transformation-ood-right-test-1k.json',
  },
} as const satisfies { readonly [task in TaskName]: { readonly [set in 'train' | TestSetOf<task>]: string } };

const DOWNLOAD = 'the folder must be a download of tanhuajie2001/Reason-RFT-CoT-Dataset';

/** One meta file. */
export interface ReleasedSet {
  task: TaskName;
  /** `train`, `id`, `ood`, `ood-left` or `ood-right`. */
  set: string;
  file: string;
  /** The dataset's `images/`, which image names of converted rows are relative to. */
  imageRoot: string;
  /** Of `imageRoot` the folder that image names of the meta file are relative to. */
  imageFolder: 'train_images' | 'test_images';
}

/**
 * A set of a downloaded dataset.
 *
 * @param folder holds `train_jsons/`, `test_jsons/` and the unpacked `images/`
 * @throws Error naming the tasks or sets there are, or the file that is missing
 */
export function releasedSet(folder: string, task: string, set: string): ReleasedSet {
  if (!Object.hasOwn(RELEASED_FILES, task))
    throw new Error(`there is no task '${task}'; choose ${TASK_NAMES.join(', ')}`);
  const files: { readonly [set: string]: string } = RELEASED_FILES[task as TaskName];
  if (!Object.hasOwn(files, set))
    throw new Error(`the task ${task} has no set '${set}'; choose ${Object.keys(files).join(', ')}`);
  const file = path.join(folder, files[set]!);
  if (!existsSync(file)) throw new Error(`there is no ${file}; ${DOWNLOAD}`);
  const imageFolder = set === 'train' ? 'train_images' : 'test_images';
  return { task: task as TaskName, set, file, imageRoot: path.join(folder, 'images'), imageFolder };
}

/**
 * All sets of a task, or of every task, whose files are there.
 *
 * @throws Error where none is, or naming the tasks there are
 */
export function releasedSets(folder: string, task?: string): ReleasedSet[] {
  if (task !== undefined && !Object.hasOwn(RELEASED_FILES, task))
    throw new Error(`there is no task '${task}'; choose ${TASK_NAMES.join(', ')}`);
  const found = TASK_NAMES.filter((each) => task === undefined || each === task).flatMap((each) =>
    Object.entries(RELEASED_FILES[each])
      .filter(([, file]) => existsSync(path.join(folder, file)))
      .map(([set]) => releasedSet(folder, each, set)),
  );
  if (found.length === 0) throw new Error(`${folder} holds no file of ${task ?? 'any task'}; ${DOWNLOAD}`);
  return found;
}

/**
 * The rows [from, to) of a stage of Reason-RFT training: the first 1,600 for CoT-SFT, then the rest for GRPO; of structure
 * perception, which has too few rows, the whole set again.
 */
export function stageRows(task: TaskName, stage: 'one' | 'two'): [from: number, to: number] {
  if (stage === 'one') return [0, STAGE_ONE_ROWS];
  return [task === 'structure' ? 0 : STAGE_ONE_ROWS, Number.POSITIVE_INFINITY];
}
