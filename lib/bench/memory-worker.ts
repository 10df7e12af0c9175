/**
 * Measures memory for `memory.ts` in a process of its own, and prints one JSON line, `{"megabytes": ...}`.
 *
 * Arguments: `optimizer` and a number of parameters; or `generate` or `sft` and the side of a picture in pixels.
 */
import * as tf from '@tensorflow/tfjs';
import { startEngine } from '../engine/backend.js';
import { peakMemory, resetPeakMemory } from '../engine/memory.js';
import { encodePrompt, loadModel } from '../model/model.js';
import { GREEDY } from '../model/sampling.js';
import { shippedModel } from '../study/workspace.js';
import { ADAMW_DEFAULTS, AdamW, type TensorMap } from '../train/adamw.js';
import { REASON_RFT_SFT, trainSft } from '../train/sft.js';
import { inTemporaryRun } from './temporary-run.js';

/** Parameters come in matrices of so many, 16 MB each. */
const MATRIX = 2 ** 22;
const NEW_TOKENS = 8;
/** An ordinary word of the nano vocabulary. */
const FILL = 20;

/** The peak of AdamW's second update above the process without a parameter: weights, gradients, moments and what is computed. */
function measureOptimizer(parameters: number): number {
  const names = Array.from({ length: parameters / MATRIX }, (_, i) => `matrix-${i}`);
  const filled = (value: number): TensorMap =>
    Object.fromEntries(names.map((name) => [name, tf.fill([MATRIX / 1024, 1024], value)]));
  const before = process.memoryUsage.rss() / 2 ** 20;
  const weights = filled(1);
  const optimizer = new AdamW(ADAMW_DEFAULTS);
  // The first update makes the moments and records the graph.
  optimizer.apply(weights, filled(0.1), 1e-4);
  const gradients = filled(0.2);
  resetPeakMemory();
  optimizer.apply(weights, gradients, 1e-4);
  return peakMemory() - before;
}

/** The peak of a process that answers a question about one picture with the shipped model, or trains a step of SFT on it. */
async function measurePicture(what: 'generate' | 'sft', side: number): Promise<number> {
  const model = loadModel(shippedModel(), { maxPixels: 2 * side ** 2 });
  const picture = { width: side, height: side, data: new Uint8Array(3 * side ** 2).fill(128) };
  const prompt = encodePrompt(model, [picture], 'How many cubes are there?');
  if (what === 'generate') {
    const settings = { ...GREEDY, maxNewTokens: NEW_TOKENS, completions: 1, seed: 1 };
    model.generator.generate(model.parameters, [prompt], settings);
  } else {
    const completion = Array.from({ length: NEW_TOKENS }, () => FILL);
    const settings = { ...REASON_RFT_SFT, epochs: 1, batchSize: 1 };
    await inTemporaryRun((run) => trainSft({ model, examples: [{ prompt, completion }], settings, run }));
  }
  return process.resourceUsage().maxRSS / 1024;
}

async function main(what: string, size: number): Promise<void> {
  await startEngine();
  let megabytes: number;
  if (what === 'optimizer') megabytes = measureOptimizer(size);
  else if (what === 'generate' || what === 'sft') megabytes = await measurePicture(what, size);
  else throw new Error(`there is no measurement '${what}'; choose optimizer, generate or sft`);
  process.stdout.write(`${JSON.stringify({ megabytes })}\n`);
}

main(process.argv[2]!, Number(process.argv[3])).catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
