/** One line on what a notebook's outputs rest on, so that a reader, and a test, can tell old outputs from those of this checkout. */
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { fileDigest } from '../engine/file-digest.js';
import { readConfig } from '../model/configuration.js';
import { countParameters } from '../model/parameters.js';
import type { Study } from './workspace.js';

/** The profile, its seed, and the base model by its size and the digest of its weights. */
export function describeStudy({ profile, base }: Study): string {
  const shards = readdirSync(base).filter((name) => name.endsWith('.safetensors'));
  const digests = shards.sort().map((name) => fileDigest(path.join(base, name)));
  const digest = digests.length === 1 ? digests[0]! : createHash('sha256').update(digests.join()).digest('hex');
  const parameters = countParameters(readConfig(base)).toLocaleString('en');
  return `profile ${profile.name}, seed ${profile.seed}; base model of ${parameters} parameters, weights ${digest.slice(0, 8)}`;
}
