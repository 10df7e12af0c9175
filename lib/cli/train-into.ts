/** Trains a model in a run folder as cells are trained, and prints the result; `sft` and `grpo` share this. */
import { askedArithmetic } from '../engine/backend.js';
import { planDigests } from '../study/cells/plan-digests.js';
import type { RunStart } from '../study/cells/start-model.js';
import { planCode, type RunControl, type RunResult, type TrainingPlan, trainRun } from '../study/cells/train-run.js';
import type { Json } from '../train/run-configuration.js';
import { RunDirectory } from '../train/run-directory.js';
import { warningText } from '../train/warnings.js';
import { parseDtype } from './dtype-option.js';
import { loraSettings } from './lora-options.js';
import { pixelBounds } from './pixel-options.js';
import { printResult } from './print-result.js';
import { showProgress } from './progress.js';
import { showFirstPrompt } from './prompt-options.js';
import { checkpointControl, type RunOptions } from './run-options.js';
import { checkUsage } from './usage.js';

/**
 * Trains in a run folder, saves the checkpoint to `final/` and prints where it lies. If already finished, prints the stored result.
 *
 * @param checkpoint the folder of the start
 * @param identity what the run is known by beside the kind, the adapters, the arithmetic, the bounds of pixels, the contents of model and rows, and the code
 * @param plan makes the plan of the run from its start
 */
export async function trainAndReport(
  kind: 'sft' | 'grpo',
  options: RunOptions,
  checkpoint: string,
  identity: object,
  plan: (start: RunStart) => TrainingPlan,
): Promise<void> {
  const lora = loraSettings(options);
  const dtype = parseDtype(options.dtype);
  const bounds = pixelBounds(options);
  const arithmetic = checkUsage(askedArithmetic);
  const control = checkpointControl(options);
  const work = plan({ checkpoint, dtype, ...bounds, ...(lora ? { lora } : {}) });
  showFirstPrompt(work.rows);
  const configuration = {
    kind,
    ...(lora ? { lora } : {}),
    ...arithmetic,
    // The others give the same numbers as each other.
    ...(dtype === 'bfloat16' ? { dtype } : {}),
    ...bounds,
    ...identity,
    ...planDigests(work),
  } as unknown as Json;
  const location = { folder: options.out, configuration, code: planCode(work) };
  const progress = showProgress(kind);
  let trained: RunResult;
  try {
    trained = await trainRun(location, async () => work, { ...control, ...listeners(progress) });
  } finally {
    progress.stop();
  }
  const last = RunDirectory.open(options.out, configuration).metrics().at(-1);
  const result = { ...trained, ...(last ? { last } : {}) };
  const bestText = result.best
    ? `; the best on held-out items (accuracy ${result.best.score.toFixed(3)}, after step ${result.best.step}) in ${result.best.checkpoint}`
    : '';
  printResult(options.json, result, `the checkpoint lies in ${result.checkpoint}${bestText}`);
}

/** Shows each step on the progress bar and each warning on stderr. */
function listeners(progress: ReturnType<typeof showProgress>): Pick<RunControl, 'onStep' | 'onWarning'> {
  let heldOutText = '';
  return {
    onStep: (done, steps, { loss, reward, eval_accuracy }) => {
      if (eval_accuracy !== undefined) heldOutText = `  accuracy ${eval_accuracy.toFixed(3)} after step ${done}`;
      const shown = reward === undefined ? `loss ${loss!.toFixed(3)}` : `reward ${reward.toFixed(3)}`;
      progress.update(done, steps, shown + heldOutText);
    },
    onWarning: (warning) => process.stderr.write(`${warningText(warning)}\n`),
  };
}
