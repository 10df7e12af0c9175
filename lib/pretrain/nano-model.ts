/** The nano model before it has learned anything: architecture, tokenizer and image processor in Qwen2-VL's own files. */

import * as tf from '@tensorflow/tfjs';
import { ChatTemplate, NANO_CHAT_TEMPLATE } from '../model/chat-template.js';
import { parseConfig, type Qwen2VLConfigFile } from '../model/configuration.js';
import { Generator } from '../model/generate.js';
import type { ImageProcessor } from '../model/image-processor.js';
import type { Model } from '../model/model.js';
import { initialParameters, parameterShapes } from '../model/parameters.js';
import { Tokenizer } from '../model/tokenizer.js';
import { DEFAULTS_FILE, NANO_DEFAULTS } from '../model/training-defaults.js';
import { promptVocabulary } from '../tasks/prompts.js';
import type { DrawnTask } from '../tasks/task.js';
import { TASKS } from '../tasks/tasks.js';
import type { TensorMap } from '../train/adamw.js';
import { lessonVocabulary } from './lessons/curriculum.js';
import { buildNanoTokenizer } from './nano-tokenizer.js';

/**
 * The architecture. Its patches are 8 x 8 pixels, and four of them become one visual token: 16 tokens from a picture of 64 x 64, 25 from
 * one of 80 x 80.
 */
function nanoConfigFile(
  vocabSize: number,
  special: Tokenizer['special'],
): Qwen2VLConfigFile & { architectures: string[] } {
  return {
    architectures: ['Qwen2VLForConditionalGeneration'],
    model_type: 'qwen2_vl',
    hidden_size: 128,
    intermediate_size: 384,
    num_hidden_layers: 4,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    vocab_size: vocabSize,
    rms_norm_eps: 1e-6,
    rope_theta: 10000,
    rope_scaling: { mrope_section: [4, 6, 6] },
    tie_word_embeddings: true,
    image_token_id: special.imagePad,
    vision_start_token_id: special.visionStart,
    vision_end_token_id: special.visionEnd,
    ...{ bos_token_id: special.endOfText, eos_token_id: special.imEnd, pad_token_id: special.endOfText },
    vision_config: {
      depth: 4,
      embed_dim: 96,
      num_heads: 4,
      mlp_ratio: 3,
      hidden_size: 128,
      in_chans: 3,
      patch_size: 8,
      temporal_patch_size: 2,
      spatial_merge_size: 2,
    },
  };
}

const PREPROCESSOR = {
  image_processor_type: 'Qwen2VLImageProcessor',
  do_convert_rgb: true,
  do_normalize: true,
  do_rescale: true,
  do_resize: true,
  image_mean: [0.5, 0.5, 0.5],
  image_std: [0.25, 0.25, 0.25],
  merge_size: 2,
  min_pixels: 4096,
  max_pixels: 6400,
  patch_size: 8,
  rescale_factor: 1 / 255,
  temporal_patch_size: 2,
};

const PROCESSOR: ImageProcessor = {
  minPixels: PREPROCESSOR.min_pixels,
  maxPixels: PREPROCESSOR.max_pixels,
  patchSize: PREPROCESSOR.patch_size,
  temporalPatchSize: PREPROCESSOR.temporal_patch_size,
  mergeSize: PREPROCESSOR.merge_size,
  mean: PREPROCESSOR.image_mean,
  deviation: PREPROCESSOR.image_std,
  rescaleFactor: PREPROCESSOR.rescale_factor,
};

/** The tokenizer's word list: every word of the tasks and of pretraining. */
function nanoVocabulary(): string[] {
  return [
    ...Object.values<DrawnTask>(TASKS).flatMap((task) => task.vocabulary()),
    ...promptVocabulary(),
    ...lessonVocabulary(),
    'user',
    'assistant',
    'system',
  ];
}

/** A model of which all weights are to be trained, so that none is packed. */
type NewModel = Model & { parameters: TensorMap };

/**
 * Makes the model with random weights, and the files of its checkpoint except for the weights.
 *
 * @param seed the seed of the weights
 */
export function newNanoModel(seed: number): { model: NewModel; files: { readonly [name: string]: object } } {
  const { tokenizer: json, tokenizerConfig } = buildNanoTokenizer(nanoVocabulary());
  const tokenizer = new Tokenizer(json, tokenizerConfig);
  const configFile = nanoConfigFile(tokenizer.vocabSize, tokenizer.special);
  const config = parseConfig(configFile);
  const initial = initialParameters(config, seed);
  const parameters: TensorMap = {};
  for (const [name, shape] of parameterShapes(config)) parameters[name] = tf.tensor(initial.get(name)!, shape);
  const model: NewModel = {
    ...{ folder: '', config, tokenizer, imageProcessor: PROCESSOR, parameters, tensorLayout: 'published' },
    template: new ChatTemplate(NANO_CHAT_TEMPLATE),
    generator: new Generator(config, [tokenizer.special.imEnd]),
    repetitionPenalty: 1,
  };
  const files = {
    'config.json': configFile,
    'tokenizer.json': json,
    'tokenizer_config.json': tokenizerConfig,
    'chat_template.json': { chat_template: NANO_CHAT_TEMPLATE },
    'preprocessor_config.json': PREPROCESSOR,
    [DEFAULTS_FILE]: NANO_DEFAULTS,
  };
  return { model, files };
}
