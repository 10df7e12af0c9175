/** Supervised fine-tuning of a checkpoint on prepared rows: all the code of it that numbers depend on. */
import type { Model } from '../../model/model.js';
import type { EvaluationSchedule, LoopControl } from '../../train/loop.js';
import type { RunDirectory } from '../../train/run-directory.js';
import { type SftSettings, trainSft } from '../../train/sft.js';
import type { TrainedCheckpoints } from '../../train/trained.js';
import { encodeSftRows } from './encode-rows.js';
import type { SftRow } from './prepared-rows.js';
import { type RunStart, trainFromStart } from './start-model.js';

/**
 * Trains and saves the trained checkpoint.
 *
 * @param work.evaluate makes the evaluation during training
 * @throws TrainingStopped when interrupted
 */
export function trainSftRows(
  work: {
    start: RunStart;
    rows: readonly SftRow[];
    settings: SftSettings;
    evaluate?: (model: Model) => EvaluationSchedule | undefined;
  },
  openRun: () => RunDirectory,
  control: Omit<LoopControl, 'evaluate'>,
): Promise<TrainedCheckpoints> {
  const { settings } = work;
  return trainFromStart(work.start, openRun, (model, run) =>
    trainSft({
      model,
      examples: encodeSftRows(model, work.rows),
      settings,
      run,
      evaluate: work.evaluate?.(model),
      ...control,
    }),
  );
}
