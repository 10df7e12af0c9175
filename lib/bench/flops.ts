/** Counts the floating-point operations of a training step from the model's shapes. */
import type { ModelConfig } from '../model/configuration.js';
import { parameterShapes } from '../model/parameters.js';

/**
 * Operations of the matrix products of one SFT step, forward and backward: 6 for each weight of a decoder layer and token
 * (Kaplan et al. 2020, section 2.1), 6 for each weight of the head and predicted token, 12 x the heads' width for each pair of tokens
 * of a row in attention (computed whole, mask and all), the vision tower's weights for each patch.
 *
 * @param predicted tokens with a loss
 * @param images images, of `patches` patches each
 */
export function trainingOperations(
  config: ModelConfig,
  {
    rows,
    length,
    predicted,
    images,
    patches,
  }: { rows: number; length: number; predicted: number; images: number; patches: number },
): number {
  const weights = (prefix: string) => {
    let count = 0;
    for (const [name, shape] of parameterShapes(config))
      if (name.startsWith(prefix) && shape.length > 1) count += shape.reduce((a, b) => a * b, 1);
    return count;
  };
  const decoder = 6 * weights('model.layers.') * rows * length;
  const head = 6 * config.vocabSize * config.hiddenSize * predicted;
  const attention = 12 * config.heads * config.headSize * config.layers * rows * length ** 2;
  const { embedSize, layers, mergeSize } = config.vision;
  const tower = 6 * (weights('visual.patch_embed') + weights('visual.blocks.')) * images * patches;
  const merged = weights('visual.merger.') + weights('visual.deepstack_merger_list.');
  const merger = (6 * merged * images * patches) / mergeSize ** 2;
  return decoder + head + attention + tower + merger + 12 * embedSize * layers * images * patches ** 2;
}
