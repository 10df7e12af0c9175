/**
 * Loads the checkpoint of its second argument, in the type of the fourth, and saves it as the third, and prints how resident memory
 * grew, in bytes; after it has loaded the first, a small one, so that code, libraries and buffers do not count.
 */

import { readFileSync } from 'node:fs';
import { startEngine } from '../../lib/engine/backend.js';
import { tensorOf } from '../../lib/engine/packed.js';
import type { WeightType } from '../../lib/model/held-weights.js';
import { disposeModel, loadModel, saveModel } from '../../lib/model/model.js';

function resident(field: 'VmRSS' | 'VmHWM'): number {
  return 1024 * Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))![1]);
}

void startEngine().then(() => {
  const [small, source, target, dtype] = process.argv.slice(2) as [string, string, string, WeightType];
  disposeModel(loadModel(small));
  const before = resident('VmRSS');
  const model = loadModel(source, { dtype });
  const loading = resident('VmHWM') - before;
  saveModel(model, target, { shardBytes: 60e6 });
  const saving = resident('VmHWM') - before;
  const weights = 4 * Object.values(model.parameters).reduce((sum, tensor) => sum + tensorOf(tensor).size, 0);
  process.stdout.write(JSON.stringify({ weights, loading, saving }));
});
