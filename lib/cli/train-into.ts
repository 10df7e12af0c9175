/** What `sft` and `grpo` share: the model is fetched, trained in a run folder as cells are, and the result is printed. */
import { askedPrecision } from '../engine/backend.js';
import { fileDigest } from '../engine/file-digest.js';
import { weightsFile } from '../model/model.js';
import type { RunStart } from '../study/cells/start-model.js';
import { type RunControl, type TrainingPlan, trainRun } from '../study/cells/train-run.js';
import { type Json, RunDirectory } from '../train/run-directory.js';
import { warningText } from '../train/warnings.js';
import { loraSettings } from './lora-options.js';
import { fetchModel } from './model-option.js';
import { printResult } from './print-result.js';
import { showProgress } from './progress.js';
import { checkpointControl, type RunOptions } from './run-options.js';
import { checkUsage } from './usage.js';

/**
 * Trains in a run folder, saves the checkpoint to `final/` and prints where it lies. A run that is finished is only reported.
 *
 * @param identity what the run is known by beside the kind, the model, the adapters and the precision
 * @param plan the run from a start
 */
export async function trainInto(
  kind: 'sft' | 'grpo',
  options: RunOptions,
  identity: object,
  plan: (start: RunStart) => TrainingPlan,
): Promise<void> {
  const lora = loraSettings(options);
  const precision = checkUsage(askedPrecision);
  const control = checkpointControl(options);
  const checkpoint = await fetchModel(options.model);
  const configuration = {
    kind,
    model: fileDigest(weightsFile(checkpoint)),
    ...(lora ? { lora } : {}),
    ...(precision === 'float32' ? {} : { precision }),
    ...identity,
  } as unknown as Json;
  const place = { folder: options.out, configuration };
  const start = { checkpoint, ...(lora ? { lora } : {}) };
  const progress = showProgress(kind);
  try {
    await trainRun(place, async () => plan(start), { ...control, ...listeners(progress) });
  } finally {
    progress.stop();
  }
  const run = RunDirectory.open(options.out, configuration);
  const result = { ...run.result<Awaited<ReturnType<typeof trainRun>>>()!, last: run.metrics().at(-1)! };
  const better = result.best
    ? `; the best on held-out items (accuracy ${result.best.score.toFixed(3)}, after step ${result.best.step}) in ${result.best.checkpoint}`
    : '';
  printResult(options.json, result, `the checkpoint lies in ${result.checkpoint}${better}`);
}

/** Shows each step on the progress bar and each warning on stderr. */
function listeners(progress: ReturnType<typeof showProgress>): Pick<RunControl, 'onStep' | 'onWarning'> {
  let heldOut = '';
  return {
    onStep: (done, steps, { loss, reward, eval_accuracy }) => {
      if (eval_accuracy !== undefined) heldOut = `  accuracy ${eval_accuracy.toFixed(3)} after step ${done}`;
      const shown = reward === undefined ? `loss ${loss!.toFixed(3)}` : `reward ${reward.toFixed(3)}`;
      progress.update(done, steps, shown + heldOut);
    },
    onWarning: (warning) => process.stderr.write(`${warningText(warning)}\n`),
  };
}
