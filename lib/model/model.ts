/** A model as a whole: configuration, weights, tokenizer, chat template and image processor of one checkpoint folder. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { writeFileAtomic, writeFolderAtomic } from '../engine/atomic-write.js';
import type { Precision } from '../engine/backend.js';
import { shapeOf } from '../engine/packed.js';
import type { RgbImage } from '../records/image.js';
import { isAdapterFolder } from './adapter-config.js';
import { type ChatTemplate, loadChatTemplate, type Message } from './chat-template.js';
import {
  INDEX_FILE,
  readCheckpointTensors,
  readShards,
  SINGLE_FILE,
  writeCheckpointTensors,
} from './checkpoint-files.js';
import type { Completion } from './completion.js';
import { type ModelConfig, readConfig } from './configuration.js';
import { type EncodedPrompt, Generator } from './generate.js';
import { readGenerationConfig } from './generation-config.js';
import { equalWeights, loadWeight, readWeight, type WeightType } from './held-weights.js';
import { adapterBase, cachedModel, idOfFolder } from './hub-cache.js';
import {
  checkPatches,
  type ImageProcessor,
  loadImageProcessor,
  type PixelBounds,
  patchify,
  resizeImage,
} from './image-processor.js';
import { hasAdapters, loadAdapters, saveAdapters } from './lora.js';
import { checkModelFolder } from './model-folder.js';
import { OUTPUT_HEAD, TOKEN_EMBEDDING } from './modules.js';
import { parameterShapes } from './parameters.js';
import { nameInLayout, publishedName, type TensorLayout } from './tensor-names.js';
import type { MutableWeights } from './tensors.js';
import { loadTokenizer, type Tokenizer } from './tokenizer.js';
import { DEFAULTS_FILE } from './training-defaults.js';

/** A checkpoint in memory: its weights, and all that turns pictures and text into tokens and back. */
export interface Model {
  /** The folder that it was loaded from; for a model with adapters, the base model's folder. */
  folder: string;
  config: ModelConfig;
  tokenizer: Tokenizer;
  template: ChatTemplate;
  imageProcessor: ImageProcessor;
  /** The weights by published name. Trainers replace the tensors. */
  parameters: MutableWeights;
  /** How the checkpoint's files name the tensors. */
  tensorLayout: TensorLayout;
  generator: Generator;
  /** The checkpoint's own penalty on repetition, which `generate` and `evaluate` apply and rollouts do not; 1 for none. */
  repetitionPenalty: number;
}

/** How a model is loaded. */
export interface LoadOptions extends PixelBounds {
  /** The type that the weights are held in. Default: `auto`, as the checkpoint has them. */
  dtype?: WeightType;
}

/**
 * Loads a model: its configuration, weights, tokenizer, chat template and image processor. Loading takes hardly more memory than the
 * weights do when they are held.
 *
 * @param name a checkpoint folder; the folder of an adapter, which is loaded with its base model; or the id of a model that
 *   `fetchModelFolder` has fetched
 * @throws Error when the folder is a run's and not its checkpoint's; when a tensor is missing, has another shape than the configuration says, holds a number that is not finite, or is not
 *   part of the model; when embedding and head are tied and yet differ; when the image processor cuts other patches than the model reads,
 *   or a bound of pixels cannot hold
 */
export function loadModel(name: string, options: LoadOptions = {}): Model {
  const folder = existsSync(name) ? name : cachedModel(name);
  if (folder === undefined)
    throw new Error(
      `there is no folder '${name}', nor is it a model in the hub's cache; to fetch one by its id: loadModel(await fetchModelFolder('${name}'))`,
    );
  checkModelFolder(folder);
  if (!isAdapterFolder(folder)) return loadCheckpoint(folder, options);
  const model = loadCheckpoint(adapterBase(folder), options);
  try {
    loadAdapters(model.parameters, folder);
  } catch (error) {
    disposeModel(model);
    throw error;
  }
  return model;
}

const [HEAD_WEIGHT, TABLE_WEIGHT] = [`${OUTPUT_HEAD}.weight`, `${TOKEN_EMBEDDING}.weight`] as const;

function loadCheckpoint(folder: string, { dtype = 'auto', ...bounds }: LoadOptions): Model {
  const config = readConfig(folder);
  const tokenizer = loadTokenizer(folder);
  const template = loadChatTemplate(folder);
  const imageProcessor = loadImageProcessor(folder, bounds);
  checkPatches(imageProcessor, config.vision, folder);
  const { endTokens, repetitionPenalty } = readGenerationConfig(folder, tokenizer.special.imEnd);
  const missing = parameterShapes(config);
  const parameters: MutableWeights = {};
  let tensorLayout: TensorLayout = 'published';
  try {
    for (const stored of readCheckpointTensors(folder)) {
      const { shape } = stored;
      const name = publishedName(stored.name);
      if (name !== stored.name) tensorLayout = 'modules';
      // A head that is tied to the embedding should not be stored, but some checkpoints hold a copy.
      const tied = config.tieWordEmbeddings && name === HEAD_WEIGHT;
      const expected = tied ? [config.vocabSize, config.hiddenSize] : missing.get(name);
      if (!expected) throw new Error(`${folder} holds '${name}', which this configuration does not have`);
      if (String(expected) !== String(shape))
        throw new Error(`${folder}: '${name}' is [${shape}], but config.json says [${expected}]`);
      parameters[name] = loadWeight(stored, dtype, folder);
      missing.delete(name);
    }
    const [first] = missing.keys();
    if (first !== undefined)
      throw new Error(`${folder} lacks ${missing.size} tensors of the model, among them '${first}'`);
    if (config.tieWordEmbeddings) dropHeadCopy(parameters, folder);
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
    tensorLayout,
    generator: new Generator(config, endTokens),
    repetitionPenalty,
  };
}

/**
 * Removes a head that is stored though it is tied to the embedding.
 *
 * @throws Error when its numbers differ from the embedding's, since nobody can know which of the two is meant
 */
function dropHeadCopy(parameters: MutableWeights, folder: string): void {
  const { [HEAD_WEIGHT]: head, [TABLE_WEIGHT]: table } = parameters;
  if (!head) return;
  if (!equalWeights(head, table!))
    throw new Error(
      `${folder}: config.json ties the head to the embedding (tie_word_embeddings), but the stored '${HEAD_WEIGHT}' differs ` +
        `from '${TABLE_WEIGHT}'; set tie_word_embeddings to false to use it, or remove it from the file`,
    );
  tf.dispose(head);
  delete parameters[HEAD_WEIGHT];
}

/** The files beside the weights and `config.json` that a saved copy takes over from the checkpoint it came from. */
const COMPANIONS = [
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'vocab.json',
  'merges.txt',
  'chat_template.json',
  'chat_template.jinja',
  'processor_config.json',
  'preprocessor_config.json',
  'video_preprocessor_config.json',
];

/** All that a saved copy takes over: the same, and the file that says which settings the checkpoint learns well with. */
const COPIED = [...COMPANIONS, DEFAULTS_FILE];

/** A folder that holds one of these is a checkpoint, which may be written over. */
const MARKS = ['config.json', SINGLE_FILE, INDEX_FILE, 'adapter_config.json'];

/** How the weights are written. */
export interface SaveOptions {
  /**
   * The type of the numbers in the files. Default: `float32`, as they are held, even if the model came in bfloat16: its rounding, up to
   * 0.4 % of a weight, is larger than many an update of training. `bfloat16` halves the folder, for serving.
   */
  dtype?: Precision;
  /** A larger checkpoint is cut into files of at most this many bytes. Default: 5 GB, as in transformers. */
  shardBytes?: number;
}

/**
 * Writes the model as a checkpoint folder in the layout that was read, whole or not at all. `config.json` then says the type that the
 * weights now have. If the model has adapters, only they are written, in PEFT's files; `mergeAdapters` makes whole weights of them.
 *
 * @param folder a checkpoint of this name is replaced
 * @throws Error when the folder holds something else, or cannot be written
 */
export function saveModel(model: Model, folder: string, { dtype = 'float32', shardBytes }: SaveOptions = {}): void {
  const existing = existsSync(folder) ? readdirSync(folder) : [];
  if (existing.length > 0 && !existing.some((name) => MARKS.includes(name)))
    throw new Error(`${folder} holds other files and no checkpoint; save the model into a folder of its own`);
  writeFolderAtomic(folder, (partial) => {
    if (hasAdapters(model.parameters)) {
      saveAdapters(model.parameters, model.folder, partial, idOfFolder(model.folder));
      return;
    }
    const config = path.join(model.folder, 'config.json');
    if (existsSync(config)) writeFileAtomic(path.join(partial, 'config.json'), configOfType(config, dtype));
    for (const name of COPIED) {
      const source = path.join(model.folder, name);
      if (existsSync(source)) writeFileAtomic(path.join(partial, name), readFileSync(source));
    }
    const tensors = Object.entries(model.parameters).map(([published, weight]) => {
      const name = nameInLayout(published, model.tensorLayout);
      return { name, shape: shapeOf(weight), data: () => readWeight(weight) };
    });
    writeCheckpointTensors(partial, tensors, { dtype: dtype === 'bfloat16' ? 'BF16' : 'F32', shardBytes });
  });
}

/** The text of a `config.json` with `dtype` as the weights' type wherever it states one, since transformers converts weights to it. */
function configOfType(file: string, dtype: Precision): string {
  const text = readFileSync(file, 'utf8');
  const config = JSON.parse(text) as { [field: string]: unknown };
  const parts = [config, config.text_config, config.vision_config].filter(
    (part): part is { [field: string]: unknown } => typeof part === 'object' && part !== null,
  );
  const stated = parts.flatMap((part) =>
    ['torch_dtype', 'dtype'].filter((field) => field in part).map((field) => ({ part, field })),
  );
  if (stated.length === 0) return text;
  for (const { part, field } of stated) part[field] = dtype;
  return `${JSON.stringify(config, null, 2)}\n`;
}

/**
 * The files that a checkpoint is loaded from, by their names: configuration, tokenizer, chat template, processors and weights. Of
 * adapters they are PEFT's two and, with `base/` before their names, those of the base model.
 */
export function modelFiles(folder: string): { [name: string]: string } {
  if (isAdapterFolder(folder)) {
    const base = Object.entries(modelFiles(adapterBase(folder)));
    return {
      ...existingFiles(folder, ['adapter_config.json', 'adapter_model.safetensors']),
      ...Object.fromEntries(base.map(([name, file]) => [`base/${name}`, file])),
    };
  }
  const index = path.join(folder, INDEX_FILE);
  const single = path.join(folder, SINGLE_FILE);
  const weights = existsSync(single) || !existsSync(index) ? [SINGLE_FILE] : [INDEX_FILE, ...readShards(index).keys()];
  return existingFiles(folder, ['config.json', ...COMPANIONS, ...weights]);
}

function existingFiles(folder: string, names: readonly string[]): { [name: string]: string } {
  const files = names.map((name) => [name, path.join(folder, name)] as const);
  return Object.fromEntries(files.filter(([, file]) => existsSync(file)));
}

/** Frees the weights and the compiled steps. */
export function disposeModel(model: Model): void {
  tf.dispose(model.parameters);
  model.generator.dispose();
}

/**
 * The tokens of one user turn, images first, then the text, and of the opening of the assistant's turn.
 *
 * @param visualTokens the number of visual tokens of each image
 * @param system the system's turn, which comes before; default: none, so that the chat template puts its own
 */
export function promptTokens(
  { template, tokenizer }: Pick<Model, 'template' | 'tokenizer'>,
  visualTokens: readonly number[],
  text: string,
  system?: string,
): number[] {
  const content = [...visualTokens.map(() => ({ type: 'image' }) as const), { type: 'text', text } as const];
  const messages: Message[] = [{ role: 'user', content }];
  if (system !== undefined) messages.unshift({ role: 'system', content: [{ type: 'text', text: system }] });
  return template.encode(tokenizer, messages, visualTokens, true);
}

/**
 * Encodes one user turn, images first, then the text, and opens the assistant's turn; the system's turn comes before if there is one. The
 * prompt holds its images as they are resized, so a large original can be freed. They are cut into patches when they are used and not
 * before, since patches take eight times the memory.
 */
export function encodePrompt(model: Model, images: readonly RgbImage[], text: string, system?: string): EncodedPrompt {
  const { imageProcessor: processor, config } = model;
  const resized = images.map((image) => resizeImage(image, processor));
  const patches = resized.map(({ height, width }) => (height / processor.patchSize) * (width / processor.patchSize));
  const counts = patches.map((count) => count / config.vision.mergeSize ** 2);
  const tokens = promptTokens(model, counts, text, system);
  return {
    tokens,
    get images() {
      return resized.map((image) => patchify(image, processor));
    },
  };
}

/**
 * What the assistant says, as rewards and people read it: the text of a completion without its end token, behind what the chat template
 * opens the turn with (`ChatTemplate.opening`).
 */
export function completionText(model: Pick<Model, 'tokenizer' | 'template'>, { tokens, ended }: Completion): string {
  return model.template.opening + model.tokenizer.decode(ended ? tokens.slice(0, -1) : tokens);
}

/**
 * The tokens that the model should write: the text's and the end of the turn. What the chat template opens the turn with is part of the
 * prompt, and not written again.
 *
 * @param text what the assistant should say
 * @throws Error when the text does not begin with the template's opening
 */
export function encodeCompletion(
  { tokenizer, template }: Pick<Model, 'tokenizer' | 'template'>,
  text: string,
): number[] {
  const { opening } = template;
  if (!text.startsWith(opening))
    throw new Error(
      `the checkpoint's chat template opens the assistant's turn with ${JSON.stringify(opening)}, but a completion begins with ` +
        `${JSON.stringify(text.slice(0, 20))}: train on completions that begin so (rationales, --target cot), or take a checkpoint ` +
        'whose template opens nothing, such as an Instruct edition',
    );
  return [...tokenizer.encodePlain(text.slice(opening.length)), tokenizer.special.imEnd];
}
