/** GRPO of a checkpoint on prepared rows: all the code of it that numbers depend on, but for the rewards' own. */
import type { Model } from '../../model/model.js';
import { trainGrpo } from '../../train/grpo.js';
import type { GrpoSettings } from '../../train/grpo-settings.js';
import type { EvaluationSchedule, LoopControl } from '../../train/loop.js';
import type { NamedReward } from '../../train/named-reward.js';
import type { RunDirectory } from '../../train/run-directory.js';
import type { TrainedCheckpoints } from '../../train/trained.js';
import { encodeGrpoRows } from './encode-rows.js';
import type { QuestionRow } from './prepared-rows.js';
import { type RunStart, trainFromStart } from './start-model.js';

/**
 * Trains and saves the trained checkpoint.
 *
 * @param work.evaluate makes the evaluation during training
 * @throws TrainingStopped when interrupted
 */
export function trainGrpoRows(
  work: {
    start: RunStart;
    rows: readonly QuestionRow[];
    rewards: readonly NamedReward[];
    settings: GrpoSettings;
    evaluate?: (model: Model) => EvaluationSchedule | undefined;
  },
  openRun: () => RunDirectory,
  control: Omit<LoopControl, 'evaluate'>,
): Promise<TrainedCheckpoints> {
  const { rewards, settings } = work;
  return trainFromStart(work.start, openRun, (model, run) =>
    trainGrpo({
      model,
      examples: encodeGrpoRows(model, work.rows),
      rewards,
      settings,
      run,
      evaluate: work.evaluate?.(model),
      ...control,
    }),
  );
}
