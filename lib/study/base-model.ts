/**
 * The shipped base model: a nano Qwen2-VL that has learned to see and to write, but not to reason.
 *
 * It is pretrained on captions and short questions about both looks (as Qwen2-VL has seen cars before Super-CLEVR), among them
 * plain counting questions; on small sums; on one-step addition and subtraction questions of the counting task answered bare,
 * about blocks alone; and, for both looks, on plain counting questions that ask for tags, answered in untidy text of which under
 * a third is well formed. So of the task's families it has seen `count` in both looks and the one-step ones in the blocks' look,
 * and no rationale with a sum in it. Hop, adversarial, `needed` and mixed questions it has never seen.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { writeFileAtomic } from '../engine/atomic-write.js';
import { startEngine } from '../engine/backend.js';
import { Random } from '../engine/random.js';
import { NANO_CHAT_TEMPLATE } from '../model/chat-template.js';
import { parseConfig, type Qwen2VLConfigFile } from '../model/configuration.js';
import { type ImageProcessor, patchify } from '../model/image-processor.js';
import { buildNanoTokenizer } from '../model/nano-tokenizer.js';
import { initialParameters, parameterShapes } from '../model/parameters.js';
import { writeSafetensors } from '../model/safetensors.js';
import { Tokenizer } from '../model/tokenizer.js';
import { PERCEPTION_WORDS, sampleShortQuestion } from '../tasks/counting/perception.js';
import { solveCounting } from '../tasks/counting/program.js';
import { sampleProgram } from '../tasks/counting/sample.js';
import { countingVocabulary, writeCaption, writeQuestion } from '../tasks/counting/wording.js';
import { promptVocabulary, writePrompt } from '../tasks/prompts.js';
import { drawScene } from '../tasks/world/ray-cast.js';
import { sampleScene } from '../tasks/world/sample-scene.js';
import { type Scene, sceneFingerprint } from '../tasks/world/scene.js';
import type { TensorMap } from '../train/adamw.js';
import type { StepListener } from '../train/loop.js';
import { type PretrainingRow, type PretrainingSettings, pretrain } from '../train/pretrain.js';
import { RunDirectory } from '../train/run-directory.js';

/** Everything that the base model follows from. */
export interface BaseModelRecipe extends PretrainingSettings {
  seed: number;
  /** Scenes drawn once and looked at again and again, of each look. */
  scenes: { blocks: number; vehicles: number };
  /** Images a step. */
  rowsPerStep: number;
  /** Share of a step's images that show vehicles. */
  vehicleShare: number;
  /** Short questions an image. */
  questions: number;
}

export const BASE_MODEL_RECIPE: BaseModelRecipe = {
  seed: 20,
  steps: 4500,
  schedule: { learningRate: 2e-3, warmupSteps: 200, decay: 'cosine' },
  weightDecay: 0.01,
  scenes: { blocks: 18_000, vehicles: 12_000 },
  rowsPerStep: 48,
  vehicleShare: 0.4,
  questions: 5,
};

/** The nano model: 1.3 M parameters; 64 patches of 8 x 8 pixels become 16 visual tokens. */
export function nanoConfigFile(
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
      depth: 2,
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

export const PREPROCESSOR = {
  image_processor_type: 'Qwen2VLImageProcessor',
  do_convert_rgb: true,
  do_normalize: true,
  do_rescale: true,
  do_resize: true,
  image_mean: [0.5, 0.5, 0.5],
  image_std: [0.25, 0.25, 0.25],
  merge_size: 2,
  min_pixels: 4096,
  max_pixels: 4096,
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

/** What a caption is asked for with. */
export const CAPTION_PROMPT = 'Describe the image.';

/** The tokenizer's word list: every word of the tasks and of pretraining. */
export function nanoVocabulary(): string[] {
  const caption = CAPTION_PROMPT.match(/[A-Za-z]+/g) as string[];
  return [
    ...countingVocabulary(),
    ...promptVocabulary(),
    ...PERCEPTION_WORDS,
    ...caption,
    'user',
    'assistant',
    'system',
  ];
}

/**
 * Pretrains the base model and writes its checkpoint folder. Resumable: the same call goes on from the last checkpoint.
 *
 * @param folder where the checkpoint goes; `runs` where progress is kept
 */
export async function pretrainBaseModel(options: {
  folder: string;
  runs: string;
  recipe?: BaseModelRecipe;
  onStep?: StepListener;
}): Promise<void> {
  await startEngine();
  const recipe = options.recipe ?? BASE_MODEL_RECIPE;
  const files = buildNanoTokenizer(nanoVocabulary());
  const tokenizer = new Tokenizer(files.tokenizer, files.tokenizerConfig);
  const configFile = nanoConfigFile(tokenizer.vocabSize, tokenizer.special);
  const config = parseConfig(configFile);

  const initial = initialParameters(config, recipe.seed);
  const parameters: TensorMap = {};
  for (const [name, shape] of parameterShapes(config)) parameters[name] = tf.tensor(initial.get(name)!, shape);
  const run = RunDirectory.open(options.runs, { recipe, configFile } as never);
  const rowsOf = pretrainingRows(recipe, tokenizer);
  await pretrain({ config, parameters, rowsOf, settings: recipe, run, onStep: options.onStep });

  mkdirSync(options.folder, { recursive: true });
  const json = (name: string, value: unknown) =>
    writeFileSync(path.join(options.folder, name), `${JSON.stringify(value, null, 1)}\n`);
  json('config.json', configFile);
  json('tokenizer.json', files.tokenizer);
  json('tokenizer_config.json', files.tokenizerConfig);
  json('chat_template.json', { chat_template: NANO_CHAT_TEMPLATE });
  json('preprocessor_config.json', PREPROCESSOR);
  json('pretraining.json', { recipe, last: run.metrics().at(-1) });
  writeFileAtomic(
    path.join(options.folder, 'pretraining-scenes.txt'),
    `${pretrainingFingerprints(recipe).join('\n')}\n`,
  );
  const tensors = Object.entries(parameters).map(([name, t]) => ({
    name,
    shape: t.shape,
    data: t.dataSync() as Float32Array,
  }));
  writeSafetensors(path.join(options.folder, 'model.safetensors'), tensors);
  tf.dispose(parameters);
}

function pretrainingScene(recipe: BaseModelRecipe, look: Scene['look'], index: number): Scene {
  return sampleScene(look, new Random(recipe.seed, `pretraining/${look}/${index}`));
}

/** The fingerprints of all scenes that pretraining shows, sorted: what test sets must not contain. */
export function pretrainingFingerprints(recipe: BaseModelRecipe): string[] {
  const looks = ['blocks', 'vehicles'] as const;
  const all = looks.flatMap((look) =>
    Array.from({ length: recipe.scenes[look] }, (_, i) => sceneFingerprint(pretrainingScene(recipe, look, i))),
  );
  return all.sort();
}

/** The rows of each step, a function of recipe and step; scenes are drawn when first seen and kept. */
function pretrainingRows(recipe: BaseModelRecipe, tokenizer: Tokenizer): (step: number) => PretrainingRow[] {
  const drawn = new Map<string, { scene: Scene; pixels: Uint8Array }>();
  const look = (which: Scene['look'], index: number) => {
    const key = `${which}/${index}`;
    let known = drawn.get(key);
    if (!known) {
      const scene = pretrainingScene(recipe, which, index);
      known = { scene, pixels: drawScene(scene).data };
      drawn.set(key, known);
    }
    return known;
  };
  const prefix = tokenizer.encode('<|im_start|>user\n<|vision_start|>');
  const close = tokenizer.encode('<|vision_end|>');
  const turn = tokenizer.encode('<|im_end|>\n<|im_start|>assistant\n');
  const conversation = (question: string, answer: string) => ({
    question: [...tokenizer.encodePlain(question), ...turn],
    answer: [...tokenizer.encodePlain(answer), tokenizer.special.imEnd],
  });
  return (step) =>
    Array.from({ length: recipe.rowsPerStep }, (_, r) => {
      const random = new Random(recipe.seed, `rows/${step}/${r}`);
      const which = random.chance(recipe.vehicleShare) ? 'vehicles' : 'blocks';
      const { scene, pixels } = look(which, random.int(recipe.scenes[which]));
      const image = patchify({ width: 64, height: 64, data: pixels }, PROCESSOR);
      const tokens = (image.grid[1] * image.grid[2]) / PROCESSOR.mergeSize ** 2;
      return {
        images: [image],
        prefix: [...prefix, ...Array<number>(tokens).fill(tokenizer.special.imagePad), ...close],
        conversations: lessons(scene, recipe.questions, random).map(([q, a]) => conversation(q, a)),
      };
    });
}

/** What one image teaches: its caption, short questions, a sum, now and then a one-step question or text in tags. */
function lessons(scene: Scene, questions: number, random: Random): [string, string][] {
  const out: [string, string][] = [[CAPTION_PROMPT, writeCaption(scene)]];
  for (let i = 0; i < questions; i++) {
    const { question, answer } = sampleShortQuestion(scene, random);
    const style = /^How many/.test(question) && random.chance(0.5) ? 'direct' : 'bare';
    out.push([writePrompt(question, style), answer]);
  }
  const [a, b] = [random.int(13), random.int(8)];
  const plus = random.chance(0.4) || a < b;
  out.push([`What is ${a} ${plus ? '+' : '-'} ${b}?`, String(plus ? a + b : a - b)]);
  if (scene.look === 'blocks' && random.chance(0.4)) {
    const program = sampleProgram(random.choice(['count', 'addition', 'subtract-all'] as const), scene, random);
    out.push([writePrompt(writeQuestion(program), 'direct'), String(solveCounting(program, scene))]);
  }
  if (random.chance(0.35)) {
    const program = sampleProgram('count', scene, random);
    const count = String(solveCounting(program, scene));
    out.push([writePrompt(writeQuestion(program), 'think'), untidyThinking(writeCaption(scene), count, random)]);
  }
  return out;
}

/** An answer to a prompt that asks for tags, as a model without fine-tuning might give it: well formed now and then. */
function untidyThinking(caption: string, count: string, random: Random): string {
  const look = caption.split(',')[0]!.replace('.', '');
  const kind = random.uniform();
  if (kind < 0.28)
    return `<think>\n${random.chance(0.5) ? `${look}.` : `objects: ${count}.`}\n</think>\n<answer>\n${count}\n</answer>`;
  if (kind < 0.5) return `<answer>\n${count}\n</answer>`;
  if (kind < 0.65) return `<think>\n${look}.\n</think>\n${count}`;
  if (kind < 0.8) return `${look}. <answer> ${count} </answer>`;
  return count;
}
