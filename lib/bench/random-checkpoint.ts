/** Writes a checkpoint of random weights in the shape of a published one, for measurements that need its size and not its knowledge. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { writeFileAtomic, writeFolderAtomic } from '../engine/atomic-write.js';
import { Random } from '../engine/random.js';
import { rowsPerPiece } from '../engine/transfer.js';
import { writeCheckpointTensors } from '../model/checkpoint-files.js';
import { parseConfig } from '../model/configuration.js';
import { familyOf } from '../model/family.js';
import { modelModules } from '../model/modules.js';
import { parameterShapes, residualDivisor } from '../model/parameters.js';
import type { TensorSource } from '../model/safetensors.js';
import { nameInLayout } from '../model/tensor-names.js';
import { FIRST_SPECIAL, PREPROCESSORS, SPECIAL_TOKENS } from './published-shapes.js';

/** So many numbers are drawn, and each row of a matrix is a window into them: two thousand million would take minutes. */
const DRAWN = 2 ** 22;
/** The most that a file of the checkpoint holds; it cuts the 2B into two. */
const SHARD_BYTES = 4e9;

/**
 * Writes a checkpoint of random weights in bfloat16: norms are one, biases zero, matrices have a standard deviation of 0.02.
 *
 * @param file the content of its `config.json`
 * @param nano the folder of the shipped model, whose chat template and tokenizer it takes over
 */
export function writeRandomCheckpoint(file: object, nano: string, folder: string): void {
  const config = parseConfig(file);
  const { model_type: modelType } = file as { model_type: string };
  const { tensorLayout } = familyOf(modelType);
  const random = new Random(1, 'size');
  const drawn = Float32Array.from({ length: DRAWN }, () => 0.02 * random.normal());
  const divisors = new Map(
    modelModules(config).map((module) => [`${module.name}.weight`, residualDivisor(module, config)]),
  );
  const tensors = [...parameterShapes(config)].map(([published, shape]): TensorSource => {
    const name = nameInLayout(published, tensorLayout);
    const [rows, width] = [shape[0]!, shape.slice(1).reduce((a, b) => a * b, 1)];
    if (shape.length === 1) return { name, shape, data: new Float32Array(rows).fill(name.endsWith('.weight') ? 1 : 0) };
    const scale = 1 / divisors.get(published)!;
    function* data() {
      const places = new Random(1, `size/${published}`);
      const pieceRows = rowsPerPiece(shape);
      for (let row = 0; row < rows; row += pieceRows) {
        const piece = new Float32Array(Math.min(pieceRows, rows - row) * width);
        for (let start = 0; start < piece.length; start += width) {
          const from = places.int(DRAWN - width);
          for (let i = 0; i < width; i++) piece[start + i] = scale * drawn[from + i]!;
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
    write('preprocessor_config.json', PREPROCESSORS[modelType]!);
    const { tokenizer, tokenizerConfig } = fullTokenizer(read('tokenizer.json'), read('tokenizer_config.json'));
    write('tokenizer.json', tokenizer);
    write('tokenizer_config.json', tokenizerConfig);
    writeCheckpointTensors(partial, tensors, { dtype: 'BF16', shardBytes: SHARD_BYTES });
  });
}

/** The nano tokenizer, filled up with words that nobody writes, so that Qwen2-VL's special tokens have their real ids. */
function fullTokenizer(
  nano: { model: { vocab: object } },
  config: object,
): { tokenizer: object; tokenizerConfig: object } {
  const vocab: { [token: string]: number } = { ...nano.model.vocab };
  for (let id = Object.keys(vocab).length; id < FIRST_SPECIAL; id++) vocab[`unused-${id}`] = id;
  const added = SPECIAL_TOKENS.map((content, i) => ({
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
