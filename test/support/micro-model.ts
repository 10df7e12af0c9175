/**
 * A checkpoint folder of 30 thousand parameters with the shipped tokenizer and image processor, for tests that run a whole training
 * hundreds of times and need nothing that the model says.
 */
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseConfig } from '../../lib/model/configuration.js';
import { initialParameters, parameterShapes } from '../../lib/model/parameters.js';
import { writeSafetensors } from '../../lib/model/safetensors.js';
import { shippedModel } from '../../lib/study/workspace.js';

/** Writes the checkpoint into a new folder and returns that. */
export function writeMicroModel(folder: string): string {
  cpSync(shippedModel(), folder, { recursive: true });
  const configFile = path.join(folder, 'config.json');
  const shipped = JSON.parse(readFileSync(configFile, 'utf8')) as { vision_config: object };
  const config = {
    ...shipped,
    hidden_size: 16,
    intermediate_size: 16,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    num_key_value_heads: 1,
    rope_scaling: { mrope_section: [1, 1, 2] },
    vision_config: { ...shipped.vision_config, depth: 1, embed_dim: 8, num_heads: 1, mlp_ratio: 1, hidden_size: 16 },
  };
  writeFileSync(configFile, JSON.stringify(config));
  const parsed = parseConfig(config);
  const values = initialParameters(parsed, 1);
  const tensors = [...parameterShapes(parsed)].map(([name, shape]) => ({
    name,
    shape,
    data: Float32Array.from(values.get(name)!),
  }));
  writeSafetensors(path.join(folder, 'model.safetensors'), tensors);
  return folder;
}
