/**
 * The modules that the model is built from: the name, shape and role of every tensor. The forward pass, the decoding of chunks, the drawing
 * of new weights and the check of a checkpoint all read this one description.
 *
 * Names are those of the published checkpoints, shapes are in PyTorch's layout.
 */
import type * as tf from '@tensorflow/tfjs';
import { type Weight, widen } from '../engine/packed.js';
import type { VisionConfig } from './architecture.js';
import type { ModelConfig } from './configuration.js';
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
  const { hiddenSize, intermediateSize, heads, keyValueHeads, headSize, attentionBias } = config;
  const prefix = layerPrefix(layer);
  return {
    attentionNorm: norm(`${prefix}input_layernorm`, hiddenSize, false),
    queries: linear(`${prefix}self_attn.q_proj`, hiddenSize, heads * headSize, attentionBias),
    keys: linear(`${prefix}self_attn.k_proj`, hiddenSize, keyValueHeads * headSize, attentionBias),
    values: linear(`${prefix}self_attn.v_proj`, hiddenSize, keyValueHeads * headSize, attentionBias),
    /** The norms of each head's queries and keys; undefined where there are none. */
    headNorms: config.queryKeyNorm
      ? {
          queries: norm(`${prefix}self_attn.q_norm`, headSize, false),
          keys: norm(`${prefix}self_attn.k_norm`, headSize, false),
        }
      : undefined,
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
  return { name: 'visual.patch_embed.proj', weight, bias: vision.patchBias, writesResidual: false };
}

/** Name of the learned positions, which needs no configuration. */
export const POSITION_TABLE = 'visual.pos_embed';

/** The learned positions of patches, `[side x side, embed]`, row after row; undefined where positions are rotary alone. */
export function positionTable({ positionGrid: side, embedSize }: VisionConfig): Module | undefined {
  if (side === undefined) return undefined;
  return { name: POSITION_TABLE, weight: [side ** 2, embedSize], bias: false, writesResidual: false };
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
  if (perceptron !== 'swiGlu') {
    const [first, second] = perceptron === 'quickGelu' ? ['fc1', 'fc2'] : ['linear_fc1', 'linear_fc2'];
    return {
      kind: perceptron,
      inward: linear(`${prefix}${first}`, width, inner, true),
      outward: linear(`${prefix}${second}`, inner, width, true, true),
    };
  }
  return {
    kind: perceptron,
    gate: linear(`${prefix}gate_proj`, width, inner, true),
    up: linear(`${prefix}up_proj`, width, inner, true),
    down: linear(`${prefix}down_proj`, inner, width, true, true),
  };
}

/** A merger: a norm, then a two-layer perceptron on `mergeSize^2` patches side by side. */
export interface Merger {
  /** Of each patch, or of the patches that stand side by side: its width says which. */
  norm: Module;
  inward: Module;
  outward: Module;
}

/** The merger behind the last block, which norms each patch. */
export function patchMerger(vision: VisionConfig): Merger {
  return mergerNamed('visual.merger', vision.embedSize, vision);
}

/** DeepStack's mergers, one for each block of `vision.deepStack`, which norm the patches that stand side by side. */
export function deepStackMergers(vision: VisionConfig): Merger[] {
  const merged = vision.embedSize * vision.mergeSize ** 2;
  return vision.deepStack.map((_, i) => mergerNamed(`visual.deepstack_merger_list.${i}`, merged, vision));
}

function mergerNamed(name: string, normWidth: number, vision: VisionConfig): Merger {
  const merged = vision.embedSize * vision.mergeSize ** 2;
  const { mergerNames: names } = vision;
  return {
    norm: norm(`${name}.${names.norm}`, normWidth, vision.norm === 'layer'),
    inward: linear(`${name}.${names.inward}`, merged, merged, true),
    outward: linear(`${name}.${names.outward}`, merged, vision.outputSize, true),
  };
}

/** All modules of a model, in the order in which a batch passes through them. */
export function modelModules(config: ModelConfig): Module[] {
  const { vision } = config;
  const table = positionTable(vision);
  const modules: Module[] = [patchEmbedding(vision), ...(table ? [table] : [])];
  for (let i = 0; i < vision.layers; i++) {
    const { perceptron, ...block } = visionBlock(vision, i);
    const { kind: _, ...maps } = perceptron;
    modules.push(...Object.values(block), ...Object.values(maps));
  }
  for (const merger of [...deepStackMergers(vision), patchMerger(vision)]) modules.push(...Object.values(merger));
  modules.push(tokenEmbedding(config));
  for (let i = 0; i < config.layers; i++) {
    const { headNorms, ...layer } = decoderLayer(config, i);
    modules.push(...Object.values(layer), ...Object.values(headNorms ?? {}));
  }
  modules.push(finalNorm(config));
  if (!config.tieWordEmbeddings) modules.push(outputHead(config));
  return modules;
}
