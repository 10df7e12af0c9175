/** The contents that a run depends on beside its settings: the files of its start, and its rows as the model is shown them. */
import { createHash } from 'node:crypto';
import { fileDigest } from '../../engine/file-digest.js';
import { modelFiles } from '../../model/model.js';
import { PackedPicture } from '../../records/picture.js';
import type { OwnCodeIdentity } from '../../rewards/own-code.js';
import type { PreparedRow, QuestionRow, SftRow } from './prepared-rows.js';
import { textsDigest } from './texts-digest.js';
import type { TrainingPlan } from './train-run.js';

/** Digests by what they are of, so that one can say which of them has changed. */
export type PlanDigests = {
  /** Of each file of the start: configuration, tokenizer, chat template, processors, weights. */
  checkpoint: { [file: string]: string };
  prompts: string;
  pictures: string;
  /** With validation. */
  heldOutPrompts?: string;
  heldOutPictures?: string;
  /** The files of rewards of one's own, by the rewards' names. */
  rewardFiles?: { [reward: string]: OwnCodeIdentity };
  /** The files of a scorer of one's own. */
  scorerFiles?: OwnCodeIdentity;
};

/** Reads all that a run depends on and digests it. */
export function planDigests(plan: TrainingPlan): PlanDigests {
  const { start, rows, validation } = plan;
  const own =
    plan.kind === 'grpo' ? plan.rewards.flatMap(({ name, code }) => ('kit' in code ? [] : [[name, code]])) : [];
  return {
    checkpoint: checkpointDigests(start.checkpoint),
    ...rowDigests(rows),
    ...(validation
      ? { heldOutPrompts: textsDigest(validation.rows), heldOutPictures: picturesDigest(validation.rows) }
      : {}),
    ...(own.length > 0 ? { rewardFiles: Object.fromEntries(own) } : {}),
    ...(validation?.scoreCode ? { scorerFiles: validation.scoreCode } : {}),
  };
}

/** The digest of each file that a checkpoint is loaded from. */
export function checkpointDigests(folder: string): PlanDigests['checkpoint'] {
  return Object.fromEntries(Object.entries(modelFiles(folder)).map(([name, file]) => [name, fileDigest(file)]));
}

/** The digests of rows as a model is shown them. */
export type RowDigests = Pick<PlanDigests, 'prompts' | 'pictures'>;

export function rowDigests(rows: readonly (SftRow | QuestionRow)[]): RowDigests {
  return { prompts: textsDigest(rows), pictures: picturesDigest(rows) };
}

/** The digest of the pictures of all rows, in order: of their files, or of their pixels. */
function picturesDigest(rows: readonly PreparedRow[]): string {
  const hash = createHash('sha256');
  for (const { pictures } of rows) {
    hash.update(`${pictures.length} `);
    for (const picture of pictures) {
      if (typeof picture === 'string') hash.update(fileDigest(picture));
      else if (picture instanceof PackedPicture) hash.update(picture.key);
      else hash.update(`${picture.width} ${picture.height} `).update(picture.data);
    }
  }
  return hash.digest('hex');
}
