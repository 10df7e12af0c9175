/**
 * Trains twenty short runs one after the other in its process, as a notebook's kernel does, and prints the resident megabytes after
 * each as a JSON list. No two runs in a row have the same settings; every fourth is supervised.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { startEngine } from '../../lib/engine/backend.js';
import { disposeModel, encodeCompletion, encodePrompt, loadModel } from '../../lib/model/model.js';
import { trainGrpo } from '../../lib/train/grpo.js';
import { REASON_RFT_GRPO } from '../../lib/train/grpo-settings.js';
import { RunDirectory } from '../../lib/train/run-directory.js';
import { REASON_RFT_SFT, trainSft } from '../../lib/train/sft.js';
import { saveTrained } from '../../lib/train/trained.js';
import { dataRow } from './data-row.js';
import { writeShallowModel } from './shallow-model.js';

const RUNS = 20;
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

async function main(): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-runs-'));
  try {
    await startEngine();
    const checkpoint = writeShallowModel(path.join(folder, 'model'));
    const megabytes: number[] = [];
    for (let index = 0; index < RUNS; index++) {
      await trainOne(checkpoint, path.join(folder, String(index)), index);
      collectGarbage();
      megabytes.push(Math.round(process.memoryUsage.rss() / 2 ** 20));
    }
    console.log(JSON.stringify(megabytes));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Loads the model, trains it for a step or two, saves and frees it. */
async function trainOne(checkpoint: string, folder: string, index: number): Promise<void> {
  const model = loadModel(checkpoint);
  const image = { width: 64, height: 64, data: new Uint8Array(64 * 64 * 3).fill(index) };
  const prompts = ['How many cubes are there?', 'How many red spheres?'].map((text) =>
    encodePrompt(model, [image], text),
  );
  const run = RunDirectory.open(folder, {});
  if (index % 4 === 0) {
    const examples = prompts.map((prompt) => ({ prompt, completion: encodeCompletion(model, 'three') }));
    await trainSft({ model, examples, settings: { ...REASON_RFT_SFT, epochs: 1, batchSize: 2 }, run });
  } else {
    await trainGrpo({
      model,
      examples: prompts.map((prompt, id) => ({ id: String(id), prompt, row: dataRow(String(id), '3') })),
      rewards: [{ name: 'short', weight: 1, reward: ({ completion }) => -completion.length / 100 }],
      settings: {
        ...REASON_RFT_GRPO,
        ...{ steps: 1, promptsPerStep: 2, promptsPerMicroBatch: 2, completions: 4, maxNewTokens: 8 },
        lossType: (['grpo', 'dapo', 'dr_grpo'] as const)[index % 3]!,
        beta: index / 100,
        temperature: 1 + index / 100,
        seed: index,
      },
      run,
    });
  }
  saveTrained(model, run, 1);
  disposeModel(model);
}

void main();
