/** The model's parameters: their names and shapes as in the published checkpoints, and how a new model draws them. */
import { Random } from '../engine/random.js';
import type { Qwen2VLConfig } from './configuration.js';

/** Name of each tensor in the checkpoint, with its shape in PyTorch's layout. */
export function parameterShapes(config: Qwen2VLConfig): Map<string, number[]> {
  const shapes = new Map<string, number[]>();
  const { hiddenSize: d, vision } = config;
  const e = vision.embedSize;
  const patch = vision.patchSize;
  shapes.set('visual.patch_embed.proj.weight', [e, vision.channels, vision.temporalPatchSize, patch, patch]);
  const affine = (name: string, out: number, into: number) => {
    shapes.set(`${name}.weight`, [out, into]);
    shapes.set(`${name}.bias`, [out]);
  };
  const second = vision.family === 'qwen2_5_vl';
  const norm = (name: string, width: number) => {
    shapes.set(`${name}.weight`, [width]);
    if (!second) shapes.set(`${name}.bias`, [width]);
  };
  for (let i = 0; i < vision.layers; i++) {
    const block = `visual.blocks.${i}`;
    norm(`${block}.norm1`, e);
    affine(`${block}.attn.qkv`, 3 * e, e);
    affine(`${block}.attn.proj`, e, e);
    norm(`${block}.norm2`, e);
    const [inward, outward] = second ? [['gate_proj', 'up_proj'], 'down_proj'] : [['fc1'], 'fc2'];
    for (const name of inward) affine(`${block}.mlp.${name}`, vision.mlpSize, e);
    affine(`${block}.mlp.${outward}`, e, vision.mlpSize);
  }
  const merged = e * vision.mergeSize ** 2;
  norm('visual.merger.ln_q', e);
  affine('visual.merger.mlp.0', merged, merged);
  affine('visual.merger.mlp.2', d, merged);

  shapes.set('model.embed_tokens.weight', [config.vocabSize, d]);
  const keyValue = config.keyValueHeads * config.headSize;
  for (let i = 0; i < config.layers; i++) {
    const layer = `model.layers.${i}`;
    shapes.set(`${layer}.input_layernorm.weight`, [d]);
    affine(`${layer}.self_attn.q_proj`, d, d);
    affine(`${layer}.self_attn.k_proj`, keyValue, d);
    affine(`${layer}.self_attn.v_proj`, keyValue, d);
    shapes.set(`${layer}.self_attn.o_proj.weight`, [d, d]);
    shapes.set(`${layer}.post_attention_layernorm.weight`, [d]);
    shapes.set(`${layer}.mlp.gate_proj.weight`, [config.intermediateSize, d]);
    shapes.set(`${layer}.mlp.up_proj.weight`, [config.intermediateSize, d]);
    shapes.set(`${layer}.mlp.down_proj.weight`, [d, config.intermediateSize]);
  }
  shapes.set('model.norm.weight', [d]);
  if (!config.tieWordEmbeddings) shapes.set('lm_head.weight', [config.vocabSize, d]);
  return shapes;
}

/** True for the vision tower and its merger, which supervised fine-tuning keeps frozen in the paper. */
export function isVisionParameter(name: string): boolean {
  return name.startsWith('visual.');
}

/** Number of scalars in the model. */
export function countParameters(config: Qwen2VLConfig): number {
  let count = 0;
  for (const shape of parameterShapes(config).values()) count += shape.reduce((a, b) => a * b, 1);
  return count;
}

/**
 * New parameters: norms at one, biases at zero, matrices normal with standard deviation 0.02, those that write into the
 * residual stream scaled down by sqrt(2 x layers) (GPT-2, Radford et al. 2019, section 2.3).
 */
export function initialParameters(config: Qwen2VLConfig, seed: number): Map<string, Float32Array> {
  const values = new Map<string, Float32Array>();
  for (const [name, shape] of parameterShapes(config)) {
    const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
    if (name.endsWith('.weight') && shape.length === 1) data.fill(1);
    if (name.endsWith('.weight') && shape.length > 1) {
      const random = new Random(seed, `initial/${name}`);
      const depth = isVisionParameter(name) ? config.vision.layers : config.layers;
      const writesResidual = /(o_proj|down_proj|attn\.proj|fc2)\.weight$/.test(name);
      const deviation = patchEmbedding(name) ? 1 / Math.sqrt(data.length / (shape[0] as number)) : 0.02;
      const scale = writesResidual ? deviation / Math.sqrt(2 * depth) : deviation;
      for (let i = 0; i < data.length; i++) data[i] = scale * random.normal();
    }
    values.set(name, data);
  }
  return values;
}

/** The patch embedding sees raw pixels of unit variance, so its scale keeps the variance (LeCun et al. 1998). */
function patchEmbedding(name: string): boolean {
  return name === 'visual.patch_embed.proj.weight';
}
