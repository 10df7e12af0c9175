/** A model as a whole: configuration, weights, tokenizer, chat template and image processor of one checkpoint folder. */
import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import type { RgbImage } from '../data/image.js';
import { type ChatTemplate, loadChatTemplate } from './chat-template.js';
import { type Qwen2VLConfig, readConfig } from './configuration.js';
import { type EncodedPrompt, Generator } from './generate.js';
import { type ImageProcessor, loadImageProcessor, processedGrid, processImage } from './image-processor.js';
import { adapterBase, hasAdapters, isAdapterFolder, loadAdapters, saveAdapters } from './lora.js';
import { parameterShapes } from './parameters.js';
import { readCheckpointTensors, writeSafetensors } from './safetensors.js';
import { loadTokenizer, type Tokenizer } from './tokenizer.js';

export interface Model {
  /** Where it was loaded from; of one with adapters, the base model's. */
  folder: string;
  config: Qwen2VLConfig;
  tokenizer: Tokenizer;
  template: ChatTemplate;
  imageProcessor: ImageProcessor;
  /** The live weights by checkpoint name; trainers replace the tensors. */
  parameters: { [name: string]: tf.Tensor };
  generator: Generator;
}

/**
 * Loads a checkpoint folder: `config.json`, `model.safetensors`, tokenizer, chat template and image processor; or the folder
 * of an adapter, with the model that it was trained on.
 *
 * @throws Error when a tensor is missing, has another shape than the configuration says, or is not part of the model
 */
export function loadModel(folder: string): Model {
  if (!isAdapterFolder(folder)) return loadCheckpoint(folder);
  const model = loadCheckpoint(adapterBase(folder));
  try {
    loadAdapters(model.parameters, folder);
  } catch (error) {
    disposeModel(model);
    throw error;
  }
  return model;
}

function loadCheckpoint(folder: string): Model {
  const config = readConfig(folder);
  const tokenizer = loadTokenizer(folder);
  const template = loadChatTemplate(folder);
  const imageProcessor = loadImageProcessor(folder);
  const missing = parameterShapes(config);
  const parameters: { [name: string]: tf.Tensor } = {};
  try {
    for (const { name, shape, data } of readCheckpointTensors(folder)) {
      const expected = missing.get(name);
      if (!expected) throw new Error(`${folder} holds '${name}', which this configuration does not have`);
      if (String(expected) !== String(shape))
        throw new Error(`${folder}: '${name}' is [${shape}], but config.json says [${expected}]`);
      parameters[name] = tf.tensor(data, shape, 'float32');
      missing.delete(name);
    }
    const [first] = missing.keys();
    if (first !== undefined)
      throw new Error(`${folder} lacks ${missing.size} tensors of the model, among them '${first}'`);
  } catch (error) {
    tf.dispose(parameters);
    throw error;
  }
  return {
    folder,
    config,
    tokenizer,
    template,
    imageProcessor,
    parameters,
    generator: new Generator(config, tokenizer.special.imEnd),
  };
}

/** The files beside the weights that a saved copy takes over from the checkpoint it came from. */
const COMPANIONS = [
  'config.json',
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'chat_template.json',
  'chat_template.jinja',
  'preprocessor_config.json',
];

/**
 * Writes the model as a checkpoint folder in the same layout; of a model with adapters, the adapters alone, as PEFT does.
 * `mergeAdapters` makes a whole checkpoint of it first.
 */
export function saveModel(model: Model, folder: string): void {
  if (hasAdapters(model.parameters)) {
    saveAdapters(model.parameters, model.folder, folder);
    return;
  }
  mkdirSync(folder, { recursive: true });
  for (const name of COMPANIONS) {
    const source = path.join(model.folder, name);
    if (existsSync(source)) copyFileSync(source, path.join(folder, name));
  }
  const tensors = Object.entries(model.parameters).map(([name, tensor]) => ({
    name,
    shape: tensor.shape,
    data: tensor.dataSync() as Float32Array,
  }));
  writeSafetensors(path.join(folder, 'model.safetensors'), tensors);
}

/** Frees the weights and the compiled steps. */
export function disposeModel(model: Model): void {
  tf.dispose(model.parameters);
  model.generator.dispose();
}

/**
 * One user turn, images first, then the text, with the assistant's turn opened. Images are cut into patches when they are
 * used, not before: patches take eight times the memory.
 */
export function encodePrompt(model: Model, images: readonly RgbImage[], text: string): EncodedPrompt {
  const { imageProcessor: processor, config } = model;
  const content = [...images.map(() => ({ type: 'image' }) as const), { type: 'text', text } as const];
  const counts = images.map((image) => {
    const [t, h, w] = processedGrid(image, processor);
    return (t * h * w) / config.vision.mergeSize ** 2;
  });
  const tokens = model.template.encode(model.tokenizer, [{ role: 'user', content }], counts, true);
  return {
    tokens,
    get images() {
      return images.map((image) => processImage(image, processor));
    },
  };
}

/** What the assistant should write: the text's tokens and the end token. */
export function encodeCompletion(model: Model, text: string): number[] {
  return [...model.tokenizer.encodePlain(text), model.tokenizer.special.imEnd];
}
