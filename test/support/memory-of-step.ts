/**
 * Computes the gradients of one step of a small model in a process of its own, and prints its peak memory beside the formula's, in
 * MB. Argument: the fields of StepWork that differ from SFT of all weights, as JSON.
 */
import * as tf from '@tensorflow/tfjs';
import { type StepWork, stepFootprint } from '../../lib/bench/footprint.js';
import { startEngine } from '../../lib/engine/backend.js';
import { peakMemory, resetPeakMemory } from '../../lib/engine/memory.js';
import { parseConfig } from '../../lib/model/configuration.js';
import { addAdapters, LORA_DEFAULTS } from '../../lib/model/lora.js';
import { parameterShapes } from '../../lib/model/parameters.js';
import { partParameters } from '../../lib/train/batches.js';
import { likelihoodStep } from '../../lib/train/likelihood.js';
import { likelihoodGradients } from '../../lib/train/likelihood-update.js';
import { TINY_CONFIG_FILE } from './tiny-model.js';

const config = parseConfig({
  ...{ ...TINY_CONFIG_FILE, hidden_size: 512, intermediate_size: 1536, num_hidden_layers: 3, vocab_size: 1000 },
  ...{ num_attention_heads: 8, num_key_value_heads: 2, rope_scaling: { mrope_section: [16, 8, 8] } },
  vision_config: { ...TINY_CONFIG_FILE.vision_config, hidden_size: 512 },
});
const work: StepWork = {
  ...{ prompts: 4, promptsPerMicroBatch: 4, completions: 1, promptTokens: 448, completionTokens: 64, patches: 0 },
  ...{ freezeVision: true, samples: false, gradientCheckpointing: false },
  ...(JSON.parse(process.argv[2]!) as Partial<StepWork>),
};
const row = {
  prefix: { tokens: Array.from({ length: 448 }, (_, i) => 10 + (i % 50)) },
  images: [],
  segments: [{ tokens: Array.from({ length: 64 }, (_, i) => 20 + i), trained: Array<boolean>(64).fill(true) }],
};

async function main(): Promise<void> {
  await startEngine();
  tf.tidy(() => tf.matMul(tf.ones([64, 64]), tf.ones([64, 64])).dataSync());
  const before = process.memoryUsage.rss() / 2 ** 20;
  resetPeakMemory();
  const parameters: { [name: string]: tf.Tensor } = {};
  for (const [name, shape] of parameterShapes(config)) parameters[name] = tf.randomNormal(shape, 0, 0.02);
  if (work.loraRank) addAdapters(parameters, { ...LORA_DEFAULTS, rank: work.loraRank });
  const parts = partParameters(parameters, work);
  likelihoodGradients(
    likelihoodStep(config, 'nll', work.gradientCheckpointing),
    parts,
    [Array<typeof row>(4).fill(row)],
    config,
  );
  const { weights, gradients, activations } = stepFootprint(config, work);
  const expected = (weights + gradients + activations) / 2 ** 20;
  console.log(JSON.stringify({ measured: peakMemory() - before, expected }));
}

void main();
