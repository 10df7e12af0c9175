/** Which of the models that another trainer has left is the trained one. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { isAdapterFolder } from '../model/adapter-config.js';
import type { FoundLogs } from './find-logs.js';

/** The trained checkpoint of another trainer. It stays where it lies. */
export interface TakenCheckpoint {
  folder: string;
  /** The step after which it was saved, where its name says so. */
  step?: number;
  /** Whether it is a whole model or PEFT's adapters. */
  kind: 'model' | 'adapters';
}

/** Files that trainers leave beside a model that they have saved, and not beside one that they only started from. */
const MARKS = ['training_args.bin', 'trainer_state.json', 'args.json'];

/**
 * Chooses the model of the last step: one that was saved as the outcome of the run, else that of the highest step.
 *
 * @param places what a person has named: a model that lies there itself counts
 */
export function chooseCheckpoint(found: FoundLogs, places: readonly string[]): TakenCheckpoint | undefined {
  const named = places.map((place) => path.resolve(place));
  const candidates = found.checkpoints
    .map((folder) => ({ folder, step: stepOf(folder) }))
    .filter(({ folder, step }) => step !== undefined || named.includes(folder) || isOutcome(folder))
    .sort((a, b) => (a.step ?? Number.POSITIVE_INFINITY) - (b.step ?? Number.POSITIVE_INFINITY));
  const chosen = candidates.at(-1);
  if (!chosen) return undefined;
  const { folder, step } = chosen;
  return { folder, ...(step === undefined ? {} : { step }), kind: isAdapterFolder(folder) ? 'adapters' : 'model' };
}

/** Whether a trainer has saved a model as the outcome of a run: its files lie beside it, or above a folder that is called `final`. */
function isOutcome(folder: string): boolean {
  const places = path.basename(folder) === 'final' ? [folder, path.dirname(folder)] : [folder];
  return places.some((place) => MARKS.some((mark) => existsSync(path.join(place, mark))));
}

/** The step in a name such as `checkpoint-12` or `global_step_12/actor/huggingface`. */
function stepOf(folder: string): number | undefined {
  const step = /(?:^|[\\/])(?:checkpoint-|global_step_)(\d+)(?=[\\/]|$)(?!.*(?:checkpoint-|global_step_)\d)/.exec(
    folder,
  )?.[1];
  return step === undefined ? undefined : Number(step);
}

/** How weights that verl left in pieces become a checkpoint. */
export function mergeAdvice(found: FoundLogs): string | undefined {
  const shards = found.verlShards.at(-1);
  if (shards === undefined) return undefined;
  return `verl left the weights in pieces; make a checkpoint of them with: python -m verl.model_merger merge --backend fsdp --local_dir ${shards} --target_dir DIR`;
}
