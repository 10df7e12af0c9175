/**
 * The shipped model with one layer of its decoder and one of its vision tower, for tests that need its tokenizer and its files but
 * nothing that it knows. Most of a test's first step is the recording of its graphs, which takes a third of the time here.
 */
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { readSafetensors, writeSafetensors } from '../../lib/model/safetensors.js';
import { shippedModel } from '../../lib/study/workspace.js';

/** Writes the checkpoint into a new folder and returns that. */
export function writeShallowModel(folder: string): string {
  cpSync(shippedModel(), folder, { recursive: true });
  const configFile = path.join(folder, 'config.json');
  const config = JSON.parse(readFileSync(configFile, 'utf8')) as { vision_config: object };
  const shallow = { ...config, num_hidden_layers: 1, vision_config: { ...config.vision_config, depth: 1 } };
  writeFileSync(configFile, JSON.stringify(shallow));
  const weights = path.join(folder, 'model.safetensors');
  const tensors = [...readSafetensors(weights)];
  writeSafetensors(
    weights,
    tensors.filter(({ name }) => !/\.(layers|blocks)\.[1-9]/.test(name)),
  );
  return folder;
}
