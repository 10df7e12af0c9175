/**
 * What a training step needs, from the model's shapes: bytes of weights, gradients, moments, activations and cache, and
 * floating-point operations. All numbers are float32, as the kit holds them; on a GPU and on a CPU alike.
 */
import { type ModelConfig, parseConfig } from '../model/configuration.js';
import { parameterShapes } from '../model/parameters.js';
import { UPDATE_GROUP_BYTES, updateGroups } from '../train/adamw.js';
import { QWEN2_VL_2B, QWEN2_VL_7B } from './published-shapes.js';

/** One step of SFT, or of GRPO where each prompt has several completions. */
export interface StepWork {
  /** Prompts a step. */
  prompts: number;
  /** Completions of each prompt; 1 in SFT. */
  completions: number;
  /** Tokens of a prompt, visual tokens included. */
  promptTokens: number;
  /** Tokens of a completion. */
  completionTokens: number;
  /** Patches of a prompt's images. */
  patches: number;
  /** Prompts whose forward and backward pass runs at once. */
  promptsPerMicroBatch: number;
  /** The rank of adapters on the decoder's linear maps, which then train alone; absent: all weights train. */
  loraRank?: number;
  /** The vision tower stays as it is; with adapters it does in any case. */
  freezeVision: boolean;
  /** The completions are drawn in the step and their log-probabilities compared with a reference model's: GRPO with beta > 0. */
  samples: boolean;
  gradientCheckpointing: boolean;
}

/** Bytes. */
export interface Footprint {
  weights: number;
  /** The start weights, kept beside those that train; with adapters they are the same tensors. */
  reference: number;
  gradients: number;
  /** Adam's first and second moments. */
  moments: number;
  /** What the forward pass keeps for the backward pass of one micro-batch. */
  activations: number;
  /** New weights and moments of one group of parameters, written before the old are freed, and what is computed in between. */
  update: number;
  /** Keys and values of all prompts and completions, while they are drawn. */
  cache: number;
  /** The most that is held at once: while gradients are computed, while weights are updated, or while completions are drawn. */
  peak: number;
}

const BYTES = 4;
/** Vocabulary entries whose logits are there at a time, and tensors of that width in their backward pass. */
const [HEAD_CHUNK, HEAD_COPIES] = [16_384, 4];
/**
 * Measured: what the backward pass of a layer takes while it runs, as a share of what the layer keeps; and under checkpointing,
 * where it computes the layer again.
 */
const [IN_PROGRESS, RECOMPUTED] = [0.5, 2.65];
/** Measured: tensors of its shape that the update of a parameter makes, three of which are new weights and moments. */
const UPDATE_COPIES = 8;

/**
 * The memory of a step of the kit. What the process itself and TensorFlow's libraries take, about 0.4 GB, comes on top.
 *
 * Measured steps of small models agree within a fifth. A LoRA step of the 2B shape (106 prompt tokens and 32; `size.ts`) took
 * 12.7 GB where this and the process make 10.0: at short rows, buffers of the products weigh more than activations.
 */
export function stepFootprint(config: ModelConfig, work: StepWork): Footprint {
  const trained = trainedScalars(config, work);
  const weights = BYTES * scalars(config, () => true);
  const adapters = work.loraRank === undefined ? 0 : BYTES * trained;
  const reference = work.samples && work.loraRank === undefined ? BYTES * trained : 0;
  const [gradients, moments] = [BYTES * trained, 2 * BYTES * trained];
  const update = UPDATE_COPIES * BYTES * largestUpdateGroup(config, work);
  const activations = keptActivations(config, work);
  const rows = work.prompts * (work.promptTokens + work.completions * work.completionTokens);
  const cache = work.samples ? 2 * BYTES * config.layers * config.keyValueHeads * config.headSize * rows : 0;
  const held = weights + adapters + reference + moments;
  const peak = held + Math.max(gradients + activations, gradients + update, cache);
  return { weights: weights + adapters, reference, gradients, moments, activations, update, cache, peak };
}

/**
 * Bytes that the backward pass needs of the forward pass, tensor by tensor as the layers save them (`decoder.ts`, `vision.ts`,
 * `operations.ts`).
 *
 * Of a decoder layer, a token: 4 vectors of the hidden width d (two norms' unit vectors and outputs), 3 of the heads' width (the
 * rotated and the scaled queries, the mixed heads), keys and values, where heads are normed their unit vectors, 4 of the inner width f (gate's sigmoid and SiLU, up, their product), and the
 * attention shares of each head. Of a block of the tower, a patch: 9 of its width e, 3 of its inner width, and the shares twice.
 */
function keptActivations(config: ModelConfig, work: StepWork): number {
  const { hiddenSize: d, intermediateSize: f, headSize, keyValueHeads, heads, layers, vision } = config;
  const rows = work.promptsPerMicroBatch;
  const tokens = rows * (work.promptTokens + work.completions * work.completionTokens);
  const [q, kv] = [heads * headSize, keyValueHeads * headSize];
  const units = config.queryKeyNorm ? q + kv : 0;
  const layer = tokens * (4 * d + 3 * q + 2 * kv + units + 4 * f) + heads * rows * attendedPairs(work);
  const decoder = work.gradientCheckpointing
    ? tokens * d * layers + RECOMPUTED * layer
    : (layers + IN_PROGRESS) * layer;
  const predicted = rows * work.completions * work.completionTokens;
  const head = HEAD_COPIES * predicted * Math.min(config.vocabSize, HEAD_CHUNK);
  const { embedSize: e, mlpSize, heads: visionHeads } = vision;
  const block = 9 * e + 3 * mlpSize + 2 * visionHeads * work.patches;
  const tower = visionTrains(work) ? vision.layers * rows * work.patches * block : 0;
  return BYTES * (decoder + head + tower);
}

/** Pairs of tokens for which attention of one row makes a score: in blocks where a prompt has several completions. */
function attendedPairs({ promptTokens: p, completionTokens: n, completions: G }: StepWork): number {
  return G === 1 ? (p + n) ** 2 : p ** 2 + G * n * (p + 2 * n);
}

function visionTrains({ loraRank, freezeVision }: StepWork): boolean {
  return loraRank === undefined && !freezeVision;
}

/**
 * Floating-point operations of a step: 2 for each weight and token forward, 2 for what flows back through a weight and 2 for a
 * weight's own gradient where it trains (Kaplan et al. 2020, section 2.1); attention likewise, 4 x the heads' width for each pair of tokens
 * forward. Drawing the completions and the reference's pass are forward passes.
 */
export function stepOperations(config: ModelConfig, work: StepWork): number {
  const matrices = (prefix: string) => scalars(config, (name, rank) => name.startsWith(prefix) && rank > 1);
  const { prompts, completions, promptTokens, completionTokens, patches } = work;
  const all = prompts * (promptTokens + completions * completionTokens);
  const predicted = prompts * completions * completionTokens;
  const attention = 4 * config.heads * config.headSize * config.layers * prompts * attendedPairs(work);
  const decoder = 2 * (matrices('model.layers.') * all + config.vocabSize * config.hiddenSize * predicted) + attention;
  const { embedSize, layers, mergeSize } = config.vision;
  const perPatch = 2 * (matrices('visual.patch_embed') + matrices('visual.blocks.')) + 4 * embedSize * layers * patches;
  const mergers = matrices('visual.merger.') + matrices('visual.deepstack_merger_list.');
  const tower = prompts * patches * (perPatch + (2 * mergers) / mergeSize ** 2);
  const again = work.gradientCheckpointing ? 1 : 0;
  const backward = (work.loraRank === undefined ? 2 : 1) + again;
  const passes = 1 + (work.samples ? 2 : 0);
  return (passes + backward) * decoder + (passes + (visionTrains(work) ? 2 : 0)) * tower;
}

/** Scalars of the largest group of parameters that AdamW updates together. */
function largestUpdateGroup(config: ModelConfig, work: StepWork): number {
  const trained = trainedScalars(config, work);
  // Adapters are small: their groups are as large as a group may be.
  if (work.loraRank !== undefined) return Math.min(trained, UPDATE_GROUP_BYTES / BYTES);
  const sizes: { [name: string]: { size: number } } = {};
  for (const [name, shape] of parameterShapes(config)) {
    if (work.freezeVision && name.startsWith('visual.')) continue;
    sizes[name] = { size: shape.reduce((a, b) => a * b, 1) };
  }
  const groups = updateGroups(sizes, UPDATE_GROUP_BYTES);
  return Math.max(...groups.map((names) => names.reduce((sum, name) => sum + sizes[name]!.size, 0)));
}

function trainedScalars(config: ModelConfig, { loraRank, freezeVision }: StepWork): number {
  if (loraRank === undefined) return scalars(config, (name) => !(freezeVision && name.startsWith('visual.')));
  let count = 0;
  for (const [name, shape] of parameterShapes(config)) {
    if (name.startsWith('model.layers.') && shape.length === 2) count += loraRank * (shape[0]! + shape[1]!);
  }
  return count;
}

/** Scalars of the tensors that are meant. */
function scalars(config: ModelConfig, meant: (name: string, rank: number) => boolean): number {
  let count = 0;
  for (const [name, shape] of parameterShapes(config))
    if (meant(name, shape.length)) count += shape.reduce((a, b) => a * b, 1);
  return count;
}

/** The two models that the paper trains, from their published `config.json`. */
export const PUBLISHED: { readonly [name: string]: ModelConfig } = {
  'Qwen2-VL-2B': parseConfig(QWEN2_VL_2B),
  'Qwen2-VL-7B': parseConfig(QWEN2_VL_7B),
};
