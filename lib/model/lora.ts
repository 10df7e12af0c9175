/**
 * Low-rank adapters (LoRA, Hu et al. 2021) on chosen modules, in memory beside the weights and on disk in PEFT's files
 * (`adapter_config.json`, `adapter_model.safetensors`).
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { writeFileAtomic } from '../engine/atomic-write.js';
import { checkBounds } from '../engine/bounds.js';
import { deepFreeze } from '../engine/deep-freeze.js';
import { checkNames } from '../engine/names.js';
import { shapeOf, widen } from '../engine/packed.js';
import { Random } from '../engine/random.js';
import { readAdapterConfig } from './adapter-config.js';
import { finitePieces } from './finite-weights.js';
import { OUTPUT_HEAD, POSITION_TABLE, TOKEN_EMBEDDING } from './modules.js';
import { effectiveWeight } from './projection.js';
import { type HostTensor, readSafetensors, writeSafetensors } from './safetensors.js';
import { moduleName, publishedName } from './tensor-names.js';
import type { ModelWeights, MutableWeights } from './tensors.js';

/** The adapters of LoRA (Hu et al. 2021): their rank, their scale, and the modules that they are for. */
export interface LoraSettings {
  /** Rank of each adapter. Default 16. */
  rank: number;
  /** An adapter's output is scaled by alpha / rank. Default 32. */
  alpha: number;
  /** Scales by alpha / sqrt(rank) in its place (Kalajdzievski 2023). Default false. */
  rankStabilized: boolean;
  /**
   * The modules that get an adapter, as in PEFT: ends of module names with commas between (`q_proj,v_proj`), `all-linear` for every
   * linear map but the head, or a regular expression between slashes that must match a whole name (`/visual\..*qkv/`). Default: the
   * decoder's maps. In Qwen2.5-VL the tower has maps of the same names (`gate_proj`, ...); they get adapters too, as in PEFT.
   */
  targetModules: string;
  /**
   * Each number that an adapter takes in is set to 0 with this probability, in the passes that train and in no others; 0: none
   * (PEFT `lora_dropout`).
   */
  dropout: number;
  /** Seed of A, which is drawn. B begins at 0. */
  seed: number;
}

/** The settings of the field's recipes for models of 2B to 7B: adapters on the linear maps of the decoder's layers. */
export const LORA_DEFAULTS: LoraSettings = deepFreeze({
  rank: 16,
  alpha: 32,
  rankStabilized: false,
  targetModules: 'q_proj,k_proj,v_proj,o_proj,gate_proj,up_proj,down_proj',
  dropout: 0,
  seed: 1,
});

const PARTS = ['lora_A.weight', 'lora_B.weight', 'lora_scaling', 'lora_dropout'] as const;

/** True for A and B of an adapter, which LoRA trains. */
export function isAdapterParameter(name: string): boolean {
  return name.endsWith('.lora_A.weight') || name.endsWith('.lora_B.weight');
}

/** True for everything that an adapter adds to the map, its scaling and its dropout included. */
function isAdapterTensor(name: string): boolean {
  return PARTS.some((part) => name.endsWith(`.${part}`));
}

/** True if the map holds any adapter. */
export function hasAdapters(parameters: MutableWeights): boolean {
  return Object.keys(parameters).some(isAdapterParameter);
}

/** True if the map holds adapters that have dropout. */
export function hasDropout(parameters: ModelWeights): boolean {
  return Object.keys(parameters).some((name) => name.endsWith('.lora_dropout'));
}

/** The base model: the same tensors without the adapters. */
export function withoutAdapters(parameters: MutableWeights): MutableWeights {
  return Object.fromEntries(Object.entries(parameters).filter(([name]) => !isAdapterTensor(name)));
}

/** Whether every adapter has B at zero, as `addAdapters` makes it: the model then computes what its base does. */
export function adaptersAreNew(parameters: MutableWeights): boolean {
  const names = Object.keys(parameters).filter((name) => name.endsWith('.lora_B.weight'));
  return names.every((name) => tf.tidy(() => tf.all(tf.equal(parameters[name]!, 0)).dataSync()[0] === 1));
}

/** The modules that can have an adapter: every linear map of decoder, vision tower and merger. */
function linearModules(parameters: MutableWeights): string[] {
  return Object.entries(parameters)
    .filter(([name, weight]) => name.endsWith('.weight') && shapeOf(weight).length === 2 && !isAdapterTensor(name))
    .map(([name]) => name.slice(0, -'.weight'.length))
    .filter((module) => ![TOKEN_EMBEDDING, POSITION_TABLE, OUTPUT_HEAD].includes(module));
}

/**
 * The modules that `targetModules` names.
 *
 * @throws Error when it names none; the message lists the ends that exist
 */
export function targetedModules(parameters: MutableWeights, targetModules: string): string[] {
  const modules = linearModules(parameters);
  const pattern = /^\/(.*)\/$/.exec(targetModules)?.[1];
  const ends = targetModules.split(',').map((end) => end.trim());
  const chosen = modules.filter((module) => {
    if (targetModules === 'all-linear') return true;
    if (pattern !== undefined) return new RegExp(`^(?:${pattern})$`).test(moduleName(module));
    return ends.some((end) => module === end || module.endsWith(`.${end}`));
  });
  if (chosen.length === 0) {
    const known = [...new Set(modules.map((module) => module.split('.').at(-1)))];
    throw new Error(`lora: '${targetModules}' is the end of no module; there are ${known.join(', ')}`);
  }
  return chosen;
}

/** @throws Error naming a setting that does not exist, with the nearest one that does, or one that is missing */
export function checkLoraNames(settings: LoraSettings): void {
  checkNames(settings, Object.keys(LORA_DEFAULTS), 'setting', 'lora: ');
}

/** Checks settings. @throws Error naming the one that is impossible, does not exist or is missing */
export function checkLora(settings: LoraSettings): void {
  checkLoraNames(settings);
  checkBounds(settings, 'lora: ');
  const { rank, alpha, dropout, seed } = settings;
  if (!(dropout >= 0 && dropout < 1))
    throw new Error(`lora: dropout must be 0 (none) or above, and below 1, got ${dropout}`);
  if (!Number.isInteger(rank) || rank < 1)
    throw new Error(`lora: rank must be a whole number of 1 or more, got ${rank}`);
  if (!(alpha > 0 && alpha < Infinity)) throw new Error(`lora: alpha must be above 0 and finite, got ${alpha}`);
  if (!Number.isInteger(seed)) throw new Error(`lora: seed must be a whole number, got ${seed}`);
}

/**
 * Adds adapters to the map, in place. A is uniform in +-1 / sqrt(in), as PEFT's Kaiming initialisation with a = sqrt 5. B is zero, so
 * that the model begins as the base.
 *
 * @throws Error when the map already holds adapters, or no module is named
 */
export function addAdapters(parameters: MutableWeights, settings: LoraSettings): void {
  checkLora(settings);
  if (hasAdapters(parameters))
    throw new Error('lora: the model has adapters already; merge them first, or train them on');
  const { rank, dropout, seed } = settings;
  for (const module of targetedModules(parameters, settings.targetModules)) {
    const [out, into] = shapeOf(parameters[`${module}.weight`]!) as [number, number];
    const random = new Random(seed, `lora/${module}`);
    const bound = 1 / Math.sqrt(into);
    const a = Float32Array.from({ length: rank * into }, () => random.between(-bound, bound));
    parameters[`${module}.lora_A.weight`] = tf.tensor2d(a, [rank, into]);
    parameters[`${module}.lora_B.weight`] = tf.zeros([out, rank]);
    parameters[`${module}.lora_scaling`] = tf.scalar(scalingOf(settings));
    if (dropout > 0) parameters[`${module}.lora_dropout`] = tf.scalar(dropout);
  }
}

function scalingOf({ rank, alpha, rankStabilized }: Pick<LoraSettings, 'rank' | 'alpha' | 'rankStabilized'>): number {
  return alpha / (rankStabilized ? Math.sqrt(rank) : rank);
}

/** Adds the adapters into the weights and removes them, in place. A weight that had an adapter is float32 from then on. */
export function mergeAdapters(parameters: MutableWeights): void {
  for (const module of linearModules(parameters)) {
    if (!parameters[`${module}.lora_A.weight`]) continue;
    const merged = tf.tidy(() => effectiveWeight(parameters, { name: module }));
    tf.dispose(parameters[`${module}.weight`]!);
    parameters[`${module}.weight`] = merged;
    for (const part of PARTS) {
      const tensor = parameters[`${module}.${part}`];
      if (tensor) tf.dispose(tensor);
      delete parameters[`${module}.${part}`];
    }
  }
}

/**
 * Writes the adapters in PEFT's files.
 *
 * @param base the folder of the model without adapters, which is noted in the files as a path from the adapters' folder
 * @param id the base model's id, if it came from the hub; it is noted instead of the folder, since other machines know it too
 * @throws Error when the map holds no adapter, or adapters of different rank, scaling or dropout
 */
export function saveAdapters(
  parameters: MutableWeights,
  base: string,
  folder: string,
  id?: { repo: string; revision: string },
): void {
  const modules = linearModules(parameters).filter((module) => parameters[`${module}.lora_A.weight`]);
  if (modules.length === 0) throw new Error('lora: the model has no adapters to save');
  const kinds = modules.map((module) => {
    const rank = shapeOf(parameters[`${module}.lora_A.weight`]!)[0]!;
    const rate = parameters[`${module}.lora_dropout`];
    const scaling = widen(parameters[`${module}.lora_scaling`]!).dataSync()[0]!;
    return { rank, scaling, dropout: rate ? widen(rate).dataSync()[0]! : 0 };
  });
  const [{ rank, scaling, dropout }] = kinds as [(typeof kinds)[number]];
  if (kinds.some((kind) => kind.rank !== rank || kind.scaling !== scaling || kind.dropout !== dropout))
    throw new Error('lora: adapters of different ranks, scalings or dropouts cannot be saved in one folder');
  const config = {
    peft_type: 'LORA',
    task_type: 'CAUSAL_LM',
    base_model_name_or_path: id?.repo ?? relativeFolder(folder, base),
    revision: id?.revision ?? null,
    r: rank,
    // Stored so that alpha / r is the scaling, whichever rule gave it.
    lora_alpha: scaling * rank,
    use_rslora: false,
    target_modules: modules.map(moduleName),
    lora_dropout: shortest(dropout),
    bias: 'none',
    use_dora: false,
    fan_in_fan_out: false,
    modules_to_save: null,
    rank_pattern: {},
    alpha_pattern: {},
    inference_mode: true,
    init_lora_weights: true,
  };
  writeFileAtomic(path.join(folder, 'adapter_config.json'), `${JSON.stringify(config, null, 2)}\n`);
  const tensors: HostTensor[] = modules.flatMap((module) =>
    (['lora_A.weight', 'lora_B.weight'] as const).map((part) => {
      const tensor = widen(parameters[`${module}.${part}`]!);
      const name = `base_model.model.${moduleName(module)}.${part}`;
      return { name, shape: tensor.shape, data: tensor.dataSync() as Float32Array };
    }),
  );
  writeSafetensors(path.join(folder, 'adapter_model.safetensors'), tensors);
}

/** The shortest number that rounds to this one in float32: 0.05, and not 0.05000000074505806. */
function shortest(value: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}

/**
 * A folder's path from another, in which both may be moved together. It holds for the folder that a partial one becomes too, which lies
 * beside it. On another drive of Windows there is none, and the path is absolute.
 */
function relativeFolder(from: string, to: string): string {
  return path.relative(path.resolve(from), path.resolve(to)).replaceAll(path.sep, '/') || '.';
}

/**
 * Adds the adapters of a folder to the map, in place.
 *
 * @throws Error naming the file and what does not fit: an option that the kit does not have, a module that the model lacks,
 *   a tensor of another shape, a matrix without its partner
 */
export function loadAdapters(parameters: MutableWeights, folder: string): void {
  const config = readAdapterConfig(folder);
  const file = path.join(folder, 'adapter_model.safetensors');
  if (!existsSync(file)) throw new Error(`${file} is missing; is '${folder}' an adapter's folder?`);
  const scaling = scalingOf({ rank: config.r, alpha: config.lora_alpha, rankStabilized: config.use_rslora ?? false });
  const added: MutableWeights = {};
  try {
    for (const { name, shape, data } of readSafetensors(file)) {
      const match = /^base_model\.model\.(.+)\.(lora_[AB]\.weight)$/.exec(name);
      if (!match) throw new Error(`${file} holds '${name}', which is not part of a LoRA adapter`);
      const module = publishedName(match[1]!);
      const weight = parameters[`${module}.weight`];
      if (!weight) throw new Error(`${file} adapts '${module}', which this model does not have`);
      const [out, into] = shapeOf(weight) as [number, number];
      const expected = match[2] === 'lora_A.weight' ? [config.r, into] : [out, config.r];
      if (String(expected) !== String(shape))
        throw new Error(`${file}: '${name}' is [${shape}], but model and rank ask for [${expected}]`);
      const [finite] = finitePieces([data], name, file);
      added[`${module}.${match[2]}`] = tf.tensor(finite!, shape, 'float32');
    }
    const modules = new Set(Object.keys(added).map((name) => name.replace(/\.lora_[AB]\.weight$/, '')));
    if (modules.size === 0) throw new Error(`${file} holds no adapter`);
    for (const module of modules) {
      if (!added[`${module}.lora_A.weight`] || !added[`${module}.lora_B.weight`])
        throw new Error(`${file} holds only one of the two matrices of '${module}'`);
      added[`${module}.lora_scaling`] = tf.scalar(scaling);
      if (config.lora_dropout) added[`${module}.lora_dropout`] = tf.scalar(config.lora_dropout);
    }
  } catch (error) {
    tf.dispose(added);
    throw error;
  }
  Object.assign(parameters, added);
}
