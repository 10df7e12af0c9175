/**
 * The modules that the model is built from: the name, shape and role of every tensor. The forward pass, the decoding of chunks, the drawing
 * of new weights and the check of a checkpoint all read this one description.
 *
 * Names are those of the published checkpoints, shapes are in PyTorch's layout.
 */
import type * as tf from '@tensorflow/tfjs';
import { type Weight, widen } from '../engine/packed.js';
import type { ModelConfig } from './configuration.js';
import type { VisionConfig } from './family.js';
import type { ModelWeights } from './tensors.js';

/** A linear map, a norm or a table: the tensor `NAME.weight`, and `NAME.bias` where it has one. */
export interface Module {
  /** Such as `model.layers.0.self_attn.q_proj`. */
  name: string;
  /** `[out, in]` of a linear map, `[width]` of a norm, `[entries, width]` of a table. */
  weight: number[];
  /** True where there is a bias, `[out]` or `[width]`. */
  bias: boolean;
  /** True of the last map of a branch, whose output is added to the residual stream. */
  writesResidual: boolean;
}

function linear(name: string, into: number, out: number, bias: boolean, writesResidual = false): Module {
  return { name, weight: [out, into], bias, writesResidual };
}

function norm(name: string, width: number, bias: boolean): Module {
  return { name, weight: [width], bias, writesResidual: false };
}

/** The weight of a linear map or a table, which may be packed. */
export function weightOf(parameters: ModelWeights, { name }: Pick<Module, 'name'>): Weight {
  return parameters[`${name}.weight`]!;
}

/** The weight of a norm, `[width]`. */
export function normOf(parameters: ModelWeights, module: Module): tf.Tensor {
  return widen(weightOf(parameters, module));
}

/** The bias of a module; undefined where it has none. */
export function biasOf(parameters: ModelWeights, { name }: Pick<Module, 'name'>): tf.Tensor | undefined {
  const bias = parameters[`${name}.bias`];
  return bias && widen(bias);
}

/** What the names of a decoder layer's tensors begin with. */
export function layerPrefix(layer: number): string {
  return `model.layers.${layer}.`;
}

/** A layer of the decoder: attention and a SwiGLU perceptron, each behind a norm, each added to the residual stream. */
export function decoderLayer(config: ModelConfig, layer: number) {
  const { hiddenSize, intermediateSize, heads, keyValueHeads, headSize } = config;
  const prefix = layerPrefix(layer);
  return {
    attentionNorm: norm(`${prefix}input_layernorm`, hiddenSize, false),
    queries: linear(`${prefix}self_attn.q_proj`, hiddenSize, heads * headSize, true),
    keys: linear(`${prefix}self_attn.k_proj`, hiddenSize, keyValueHeads * headSize, true),
    values: linear(`${prefix}self_attn.v_proj`, hiddenSize, keyValueHeads * headSize, true),
    output: linear(`${prefix}self_attn.o_proj`, heads * headSize, hiddenSize, false, true),
    perceptronNorm: norm(`${prefix}post_attention_layernorm`, hiddenSize, false),
    gate: linear(`${prefix}mlp.gate_proj`, hiddenSize, intermediateSize, false),
    up: linear(`${prefix}mlp.up_proj`, hiddenSize, intermediateSize, false),
    down: linear(`${prefix}mlp.down_proj`, intermediateSize, hiddenSize, false, true),
  };
}

/** Names of the token embedding and of the head, which need no configuration. */
export const [TOKEN_EMBEDDING, OUTPUT_HEAD] = ['model.embed_tokens', 'lm_head'] as const;

/** The token embedding, `[vocab, hidden]`; with tied embeddings it is the head as well. */
export function tokenEmbedding({ vocabSize, hiddenSize }: ModelConfig): Module {
  return { name: TOKEN_EMBEDDING, weight: [vocabSize, hiddenSize], bias: false, writesResidual: false };
}

/** The norm behind the last layer. */
export function finalNorm(config: ModelConfig): Module {
  return norm('model.norm', config.hiddenSize, false);
}

/** The output projection, `[vocab, hidden]`. */
function outputHead(config: ModelConfig): Module {
  return linear(OUTPUT_HEAD, config.hiddenSize, config.vocabSize, false);
}

/** The patch embedding: a convolution without overlap, `[embed, channels, temporal, patch, patch]`. */
export function patchEmbedding(vision: VisionConfig): Module {
  const weight = [vision.embedSize, vision.channels, vision.temporalPatchSize, vision.patchSize, vision.patchSize];
  return { name: 'visual.patch_embed.proj', weight, bias: false, writesResidual: false };
}

/** A block of the vision tower: attention and a perceptron, as in a decoder layer. */
export function visionBlock(vision: VisionConfig, block: number) {
  const width = vision.embedSize;
  const prefix = `visual.blocks.${block}.`;
  return {
    attentionNorm: norm(`${prefix}norm1`, width, vision.norm === 'layer'),
    queriesKeysValues: linear(`${prefix}attn.qkv`, width, 3 * width, true),
    output: linear(`${prefix}attn.proj`, width, width, true, true),
    perceptronNorm: norm(`${prefix}norm2`, width, vision.norm === 'layer'),
    perceptron: visionPerceptron(vision, `${prefix}mlp.`),
  };
}

/** The maps of a block's perceptron, in the order in which they are applied. */
function visionPerceptron({ perceptron, embedSize: width, mlpSize: inner }: VisionConfig, prefix: string) {
  if (perceptron === 'quickGelu')
    return {
      kind: perceptron,
      inward: linear(`${prefix}fc1`, width, inner, true),
      outward: linear(`${prefix}fc2`, inner, width, true, true),
    };
  return {
    kind: perceptron,
    gate: linear(`${prefix}gate_proj`, width, inner, true),
    up: linear(`${prefix}up_proj`, width, inner, true),
    down: linear(`${prefix}down_proj`, inner, width, true, true),
  };
}

/** The merger: a norm of each patch, then a two-layer perceptron on `mergeSize^2` patches side by side. */
export function patchMerger(vision: VisionConfig) {
  const merged = vision.embedSize * vision.mergeSize ** 2;
  return {
    norm: norm('visual.merger.ln_q', vision.embedSize, vision.norm === 'layer'),
    inward: linear('visual.merger.mlp.0', merged, merged, true),
    outward: linear('visual.merger.mlp.2', merged, vision.outputSize, true),
  };
}

/** All modules of a model, in the order in which a batch passes through them. */
export function modelModules(config: ModelConfig): Module[] {
  const { vision } = config;
  const modules: Module[] = [patchEmbedding(vision)];
  for (let i = 0; i < vision.layers; i++) {
    const { perceptron, ...block } = visionBlock(vision, i);
    const { kind: _, ...maps } = perceptron;
    modules.push(...Object.values(block), ...Object.values(maps));
  }
  modules.push(...Object.values(patchMerger(vision)), tokenEmbedding(config));
  for (let i = 0; i < config.layers; i++) modules.push(...Object.values(decoderLayer(config, i)));
  modules.push(finalNorm(config));
  if (!config.tieWordEmbeddings) modules.push(outputHead(config));
  return modules;
}
