/**
 * `npm run bench -- --size=2b`: a random checkpoint in the exact shape of Qwen2-VL-2B, loaded, generated from and trained with
 * LoRA, beside transformers, PEFT and TRL; seconds and peak memory of each phase in `runs/size-2b.json` and a table.
 */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { writeFileAtomic, writeFolderAtomic } from '../engine/atomic-write.js';
import { Random } from '../engine/random.js';
import { rowsPerPiece } from '../engine/transfer.js';
import { writeCheckpointTensors } from '../model/checkpoint-files.js';
import { parseConfig } from '../model/configuration.js';
import { modelModules } from '../model/modules.js';
import { countParameters, parameterShapes, residualDivisor } from '../model/parameters.js';
import type { TensorSource } from '../model/safetensors.js';
import { writePng } from '../records/image.js';
import { sampleCountingRecord } from '../tasks/counting/sample.js';
import { writePrompt } from '../tasks/prompts.js';
import { drawScene } from '../tasks/world/ray-cast.js';
import type { Scene } from '../tasks/world/scene.js';

/** The special tokens of Qwen2-VL in the order of their ids, the first of which is 151,643. */
const SPECIAL = [
  '<|endoftext|>',
  '<|im_start|>',
  '<|im_end|>',
  '<|object_ref_start|>',
  '<|object_ref_end|>',
  '<|box_start|>',
  '<|box_end|>',
  '<|quad_start|>',
  '<|quad_end|>',
  '<|vision_start|>',
  '<|vision_end|>',
  '<|vision_pad|>',
  '<|image_pad|>',
  '<|video_pad|>',
];
const FIRST_SPECIAL = 151_643;
const idOf = (content: string) => FIRST_SPECIAL + SPECIAL.indexOf(content);

/** The `config.json` of Qwen/Qwen2-VL-2B-Instruct, as far as a model needs it. */
export const QWEN2_VL_2B = {
  architectures: ['Qwen2VLForConditionalGeneration'],
  model_type: 'qwen2_vl',
  hidden_size: 1536,
  intermediate_size: 8960,
  num_hidden_layers: 28,
  num_attention_heads: 12,
  num_key_value_heads: 2,
  vocab_size: 151_936,
  max_position_embeddings: 32_768,
  hidden_act: 'silu',
  rms_norm_eps: 1e-6,
  rope_theta: 1_000_000,
  rope_scaling: { type: 'mrope', mrope_section: [16, 24, 24] },
  tie_word_embeddings: true,
  torch_dtype: 'bfloat16',
  bos_token_id: idOf('<|endoftext|>'),
  eos_token_id: idOf('<|im_end|>'),
  vision_start_token_id: idOf('<|vision_start|>'),
  vision_end_token_id: idOf('<|vision_end|>'),
  vision_token_id: idOf('<|vision_pad|>'),
  image_token_id: idOf('<|image_pad|>'),
  video_token_id: idOf('<|video_pad|>'),
  vision_config: {
    depth: 32,
    embed_dim: 1280,
    mlp_ratio: 4,
    num_heads: 16,
    in_chans: 3,
    hidden_size: 1536,
    patch_size: 14,
    temporal_patch_size: 2,
    spatial_merge_size: 2,
    spatial_patch_size: 14,
  },
};

/** The shapes that can be asked for: Qwen2-VL-2B's, and one of a tenth of its parameters with the same vocabulary. */
export const SIZES: { readonly [name: string]: object } = {
  '2b': QWEN2_VL_2B,
  '0.2b': {
    ...QWEN2_VL_2B,
    hidden_size: 512,
    intermediate_size: 2816,
    num_hidden_layers: 14,
    num_attention_heads: 4,
    vision_config: { ...QWEN2_VL_2B.vision_config, depth: 8, embed_dim: 640, hidden_size: 512 },
  },
};

/** Pixels a side of the prompt's image: 16 x 16 patches, 64 visual tokens. */
const IMAGE = 224;
/** So many numbers are drawn; each row of a matrix is a window into them, as two thousand million would take minutes. */
const DRAWN = 2 ** 22;
/** The checkpoint's files are at most so large, which cuts the 2B into two. */
const SHARD_BYTES = 4e9;

/** What a phase took. */
export interface Phase {
  phase: string;
  /** Of its first run, in which the kit builds its graphs, and of the next. */
  seconds: number[];
  /** The same in the time of all threads, which other work on the machine changes less. */
  cpuSeconds: number[];
  /** Resident memory at its highest, in megabytes. */
  peakMegabytes: number;
}

/** One side's phases, up to the one that failed, and why. */
export interface SizeSide {
  phases: Phase[];
  error?: string;
}

/** Runs both sides after each other, each in a process of its own; the text of the table. */
export async function runSize(options: { root: string; size: string; peerPython?: string }): Promise<string> {
  const { root, size, peerPython } = options;
  const folder = path.join(root, 'runs', 'bench', `size-${size}`);
  const checkpoint = path.join(folder, 'checkpoint');
  const file = SIZES[size]!;
  if (!existsSync(checkpoint)) writeRandomCheckpoint(file, path.join(root, 'data', 'nano'), checkpoint);
  const prompt = await writeSizePrompt(folder);
  const kit = await phasesOf(process.execPath, [path.join(__dirname, 'size-worker.js'), checkpoint, prompt]);
  const peer = peerPython
    ? await phasesOf(peerPython, [path.join(root, 'lib', 'bench', 'size_peers.py'), checkpoint, prompt])
    : undefined;
  const parameters = countParameters(parseConfig(file));
  const machine = { processor: cpus()[0]?.model, cores: availableParallelism(), memoryGigabytes: totalmem() / 1e9 };
  const result = { size, parameters, machine, kit, ...(peer ? { peer } : {}) };
  writeFileAtomic(path.join(root, 'runs', `size-${size}.json`), `${JSON.stringify(result, null, 2)}\n`);
  return sizeTable(kit, peer);
}

/** Writes a checkpoint of random weights in bfloat16: norms one, biases zero, matrices of standard deviation 0.02. */
export function writeRandomCheckpoint(file: object, nano: string, folder: string): void {
  const config = parseConfig(file);
  const random = new Random(1, 'size');
  const drawn = Float32Array.from({ length: DRAWN }, () => 0.02 * random.normal());
  const divisors = new Map(
    modelModules(config).map((module) => [`${module.name}.weight`, residualDivisor(module, config)]),
  );
  const tensors = [...parameterShapes(config)].map(([name, shape]): TensorSource => {
    const [rows, width] = [shape[0]!, shape.slice(1).reduce((a, b) => a * b, 1)];
    if (shape.length === 1) return { name, shape, data: new Float32Array(rows).fill(name.endsWith('.weight') ? 1 : 0) };
    const scale = 1 / divisors.get(name)!;
    function* data() {
      const places = new Random(1, `size/${name}`);
      const each = rowsPerPiece(shape);
      for (let row = 0; row < rows; row += each) {
        const piece = new Float32Array(Math.min(each, rows - row) * width);
        for (let at = 0; at < piece.length; at += width) {
          const from = places.int(DRAWN - width);
          for (let i = 0; i < width; i++) piece[at + i] = scale * drawn[from + i]!;
        }
        yield piece;
      }
    }
    return { name, shape, data };
  });
  writeFolderAtomic(folder, (partial) => {
    const write = (name: string, content: object) =>
      writeFileAtomic(path.join(partial, name), `${JSON.stringify(content, null, 1)}\n`);
    const read = (name: string) => JSON.parse(readFileSync(path.join(nano, name), 'utf8'));
    write('config.json', file);
    write('chat_template.json', read('chat_template.json'));
    write('preprocessor_config.json', PREPROCESSOR);
    const { tokenizer, tokenizerConfig } = fullTokenizer(read('tokenizer.json'), read('tokenizer_config.json'));
    write('tokenizer.json', tokenizer);
    write('tokenizer_config.json', tokenizerConfig);
    writeCheckpointTensors(partial, tensors, { dtype: 'BF16', shardBytes: SHARD_BYTES });
  });
}

/** Qwen2-VL's `preprocessor_config.json`. */
const PREPROCESSOR = {
  image_processor_type: 'Qwen2VLImageProcessor',
  do_convert_rgb: true,
  do_normalize: true,
  do_rescale: true,
  do_resize: true,
  image_mean: [0.48145466, 0.4578275, 0.40821073],
  image_std: [0.26862954, 0.26130258, 0.27577711],
  merge_size: 2,
  min_pixels: 3136,
  max_pixels: 12_845_056,
  patch_size: 14,
  rescale_factor: 1 / 255,
  temporal_patch_size: 2,
};

/** The nano tokenizer with words that nobody writes up to Qwen2-VL's special tokens, which then have their real ids. */
function fullTokenizer(
  nano: { model: { vocab: object } },
  config: object,
): { tokenizer: object; tokenizerConfig: object } {
  const vocab: { [token: string]: number } = { ...nano.model.vocab };
  for (let id = Object.keys(vocab).length; id < FIRST_SPECIAL; id++) vocab[`unused-${id}`] = id;
  const added = SPECIAL.map((content, i) => ({
    id: FIRST_SPECIAL + i,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  }));
  return {
    tokenizer: { ...nano, added_tokens: added, model: { ...nano.model, vocab } },
    tokenizerConfig: {
      ...config,
      added_tokens_decoder: Object.fromEntries(added.map(({ id, ...rest }) => [id, rest])),
    },
  };
}

/** A question of the counting task and its image, as both sides read them; the file's name. */
async function writeSizePrompt(folder: string): Promise<string> {
  const record = sampleCountingRecord('id', 'size', new Random(1, 'size/prompt'));
  await writePng(path.join(folder, 'prompt.png'), drawScene(record.scene as Scene, IMAGE));
  const file = path.join(folder, 'prompt.json');
  writeFileAtomic(file, JSON.stringify({ text: writePrompt(record.problem, 'think'), image: 'prompt.png' }));
  return file;
}

/** Runs a program that writes one phase a line. */
function phasesOf(program: string, args: readonly string[]): Promise<SizeSide> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const side: SizeSide = { phases: [] };
    let words = '';
    child.stderr.on('data', (chunk: Buffer) => {
      words = (words + chunk.toString()).slice(-2000);
    });
    createInterface({ input: child.stdout }).on('line', (line) => {
      side.phases.push(JSON.parse(line) as Phase);
      console.log(`${path.basename(args[0]!)}: ${line}`);
    });
    child.on('error', (error) => resolve({ ...side, error: error.message }));
    child.on('close', (code, signal) => {
      if (code === 0) resolve(side);
      else resolve({ ...side, error: signal ? `ended by ${signal}` : (words.trim().split('\n').at(-1) ?? '') });
    });
  });
}

/** One line a phase: seconds of the first run and the next with those of all threads, and peak memory, of both sides. */
export function sizeTable(kit: SizeSide, peer: SizeSide | undefined): string {
  const sides = [kit, peer];
  const names = [...new Set(sides.flatMap((side) => side?.phases.map(({ phase }) => phase) ?? []))];
  const lines = names.map((name) => {
    const found = sides.map((side) => side?.phases.find(({ phase }) => phase === name));
    const list = (values: readonly number[]) => values.map((each) => each.toFixed(1)).join(', ');
    const seconds = found.map((each) => (each ? `${list(each.seconds)} (${list(each.cpuSeconds)})` : '-'));
    const memory = found.map((each) => (each ? `${((each.peakMegabytes * 2 ** 20) / 1e9).toFixed(1)} GB` : '-'));
    return `| ${[name, ...seconds, ...memory].join(' | ')} |`;
  });
  const failures = [
    ...(kit.error === undefined ? [] : [`the kit failed after that: ${kit.error}`]),
    ...(peer?.error === undefined ? [] : [`the peer failed after that: ${peer.error}`]),
  ];
  return [
    '| phase | seconds here: first, next (all threads) | PyTorch | peak memory here | PyTorch |',
    '|---|---|---|---|---|',
    ...lines,
    ...failures,
  ].join('\n');
}
