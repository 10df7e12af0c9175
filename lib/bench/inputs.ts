/** Writes what both sides of the benchmark read: prompts with images, and checkpoints of several widths. */
import { cpSync, existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { writeFileAtomic, writeFolderAtomic } from '../engine/atomic-write.js';
import { Random } from '../engine/random.js';
import { parseConfig } from '../model/configuration.js';
import { initialParameters, parameterShapes } from '../model/parameters.js';
import { writeSafetensors } from '../model/safetensors.js';
import { writePng } from '../records/image.js';
import { shippedModel } from '../study/workspace.js';
import { sampleCountingRecord } from '../tasks/counting/sample.js';
import { writePrompt } from '../tasks/prompts.js';
import { drawScene } from '../tasks/world/ray-cast.js';
import type { Scene } from '../tasks/world/scene.js';

const PROMPTS = 64;
/** The width of the shipped model. */
const SHIPPED_WIDTH = 128;

/** Writes prompts of the counting task with their images, and returns the name of the file that lists them. */
export async function writePrompts(folder: string): Promise<string> {
  const rows: { text: string; image: string }[] = [];
  for (let i = 0; i < PROMPTS; i++) {
    const record = sampleCountingRecord('id', `bench-${i}`, new Random(1, `bench/${i}`));
    const image = `prompt-${i}.png`;
    await writePng(path.join(folder, 'prompts', image), drawScene(record.scene as Scene));
    rows.push({ text: writePrompt(record.problem, 'think'), image });
  }
  const file = path.join(folder, 'prompts', 'prompts.json');
  writeFileAtomic(file, JSON.stringify(rows));
  return file;
}

/** The folder of a checkpoint of a width: the shipped model, or a random one of its shape, written where it is not there yet. */
export function checkpointOfWidth(folder: string, width: number): string {
  if (width === SHIPPED_WIDTH) return shippedModel();
  const target = path.join(folder, 'checkpoints', `width-${width}`);
  if (!existsSync(target)) writeWideCheckpoint(target, width);
  return target;
}

/** Writes a random checkpoint whose layers are so wide, with as many more heads as the shipped model. */
function writeWideCheckpoint(target: string, width: number): void {
  const nano = shippedModel();
  const file = JSON.parse(readFileSync(path.join(nano, 'config.json'), 'utf8'));
  const times = width / file.hidden_size;
  for (const name of ['hidden_size', 'intermediate_size', 'num_attention_heads', 'num_key_value_heads'])
    file[name] *= times;
  file.vision_config.hidden_size *= times;
  const config = parseConfig(file);
  const values = initialParameters(config, 1);
  const tensors = [...parameterShapes(config)].map(([name, shape]) => ({ name, shape, data: values.get(name)! }));
  writeFolderAtomic(target, (partial) => {
    for (const name of ['tokenizer.json', 'tokenizer_config.json', 'chat_template.json', 'preprocessor_config.json'])
      cpSync(path.join(nano, name), path.join(partial, name));
    writeFileAtomic(path.join(partial, 'config.json'), JSON.stringify(file, null, 1));
    writeSafetensors(path.join(partial, 'model.safetensors'), tensors);
  });
}
