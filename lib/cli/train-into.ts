/** The path that `sft` and `grpo` share: a model is loaded, trained in a run folder, saved and reported. */
import { askedPrecision, startEngine } from '../engine/backend.js';
import { fileDigest } from '../engine/file-digest.js';
import { addAdapters } from '../model/lora.js';
import { loadModel, type Model, weightsFile } from '../model/model.js';
import type { Metrics } from '../train/metrics.js';
import { type Json, RunDirectory } from '../train/run-directory.js';
import { saveTrained, type TrainedCheckpoints } from '../train/trained.js';
import { loraSettings } from './lora-options.js';
import { fetchModel } from './model-option.js';
import { printResult } from './print-result.js';
import { showProgress } from './progress.js';
import type { RunOptions } from './run-options.js';
import { checkUsage } from './usage.js';

/**
 * Trains in a run folder, saves the checkpoint to `final/` and prints where it lies. A run that is finished is only reported.
 *
 * @param configuration what else the run is known by
 * @param train trains the model and calls `onStep` after each step
 */
export async function trainInto(
  kind: 'sft' | 'grpo',
  options: RunOptions,
  configuration: object,
  train: (
    model: Model,
    run: RunDirectory,
    onStep: (done: number, steps: number, metrics: Metrics) => void,
  ) => Promise<void>,
): Promise<void> {
  const lora = loraSettings(options);
  const precision = checkUsage(askedPrecision);
  await startEngine();
  const folder = await fetchModel(options.model);
  const model = loadModel(folder);
  if (lora) checkUsage(() => addAdapters(model.parameters, lora));
  const run = RunDirectory.open(options.out, {
    kind,
    model: fileDigest(weightsFile(folder)),
    ...(lora ? { lora } : {}),
    ...(precision === 'float32' ? {} : { precision }),
    ...configuration,
  } as unknown as Json);
  const finished = run.result<object>();
  if (!finished) {
    const progress = showProgress(kind);
    let heldOut = '';
    try {
      await train(model, run, (done, steps, metrics) => {
        const shown = kind === 'grpo' ? `reward ${metrics.reward!.toFixed(3)}` : `loss ${metrics.loss!.toFixed(3)}`;
        if (metrics.eval_accuracy !== undefined)
          heldOut = `  accuracy ${metrics.eval_accuracy.toFixed(3)} after step ${done}`;
        progress.update(done, steps, shown + heldOut);
      });
    } finally {
      progress.stop();
    }
    const metrics = run.metrics();
    const { final, best } = saveTrained(model, run, metrics.length);
    run.finish({ checkpoint: final, ...(best ? { best } : {}), last: metrics.at(-1) });
  }
  const result = run.result<{ checkpoint: string; best?: TrainedCheckpoints['best']; last: Metrics }>()!;
  const { checkpoint, best } = result;
  const better = best
    ? `; the best on held-out items (accuracy ${best.score.toFixed(3)}, after step ${best.step}) in ${best.folder}`
    : '';
  printResult(options.json, result, `the checkpoint lies in ${checkpoint}${better}`);
}
