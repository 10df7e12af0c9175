/** Says that a checkpoint's own penalty on repetition is applied. */
import type { Model } from '../model/model.js';

/** Writes a line on stderr where the checkpoint's `generation_config.json` names a penalty. */
export function reportPenalty({ repetitionPenalty }: Pick<Model, 'repetitionPenalty'>): void {
  if (repetitionPenalty !== 1)
    process.stderr.write(
      `repetition penalty ${repetitionPenalty}, from the checkpoint's generation_config.json; training's rollouts have none\n`,
    );
}
