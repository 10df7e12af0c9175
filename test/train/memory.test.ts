/** A thousand training steps leave tensors and resident memory where they were after the first twenty; so do twenty runs in a row. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as tf from '@tensorflow/tfjs';
import { startEngine } from '../../lib/engine/backend.js';
import { disposeModel } from '../../lib/model/model.js';
import { trainGrpo } from '../../lib/train/grpo.js';
import { REASON_RFT_GRPO } from '../../lib/train/grpo-settings.js';
import { RunDirectory } from '../../lib/train/run-directory.js';
import { trainSft } from '../../lib/train/sft.js';
import { tinyExamples, tinyPolicy } from '../support/tiny-policy.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-memory-'));
const STEPS = 1000;
const SETTLED = 20;

before(async () => {
  await startEngine();
});
after(() => rmSync(folder, { recursive: true, force: true }));

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Tensors and resident megabytes after each step. */
class Watch {
  readonly tensors: number[] = [];
  readonly megabytes: number[] = [];
  readonly onStep = (done: number) => {
    this.tensors.push(tf.memory().numTensors);
    // The collector comes when it likes; where memory is compared, what it would free must be gone.
    if ((done > SETTLED && done <= SETTLED + 10) || done > STEPS - 10) collectGarbage();
    this.megabytes.push(process.memoryUsage.rss() / 2 ** 20);
  };

  /** The least of ten steps is what is held. */
  check(): void {
    assert.equal(this.tensors.length, STEPS);
    assert.deepEqual([...new Set(this.tensors.slice(SETTLED))], [this.tensors[SETTLED]], 'tensors');
    const least = (from: number) => Math.min(...this.megabytes.slice(from, from + 10));
    const grown = least(STEPS - 10) - least(SETTLED);
    assert.ok(grown < 32, `resident memory grew by ${grown.toFixed(0)} MB`);
  }
}

test('GRPO, two updates a rollout, a reference and checkpoints', async () => {
  const model = tinyPolicy();
  const watch = new Watch();
  await trainGrpo({
    model,
    examples: tinyExamples(6),
    rewards: [{ name: 'short', weight: 1, reward: ({ completion }) => -completion.length / 100 }],
    settings: {
      ...REASON_RFT_GRPO,
      steps: STEPS,
      promptsPerStep: 2,
      completions: 4,
      maxNewTokens: 8,
      updatesPerRollout: 2,
      promptsPerMicroBatch: 2,
      seed: 1,
    },
    run: RunDirectory.open(path.join(folder, 'grpo'), {}),
    onStep: watch.onStep,
  });
  disposeModel(model);
  watch.check();
});

test('SFT', async () => {
  const model = tinyPolicy();
  const watch = new Watch();
  const examples = tinyExamples(8).map(({ prompt }, i) => ({ prompt, completion: [6 + i, 31] }));
  await trainSft({
    model,
    examples,
    settings: {
      lossType: 'nll',
      epochs: STEPS / 2,
      batchSize: 4,
      examplesPerMicroBatch: 4,
      gradientCheckpointing: false,
      packTo: 0,
      schedule: { learningRate: 1e-4, warmupSteps: 0, decay: 'constant' },
      weightDecay: 0,
      freezeVision: false,
      seed: 1,
    },
    run: RunDirectory.open(path.join(folder, 'sft'), {}),
    onStep: watch.onStep,
  });
  disposeModel(model);
  watch.check();
});

test('a process that trains twenty runs, each with other settings, holds at most 1.2 times what it held after the third', () => {
  const program = path.join(__dirname, '..', 'support', 'memory-of-runs.ts');
  const { stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', program], { encoding: 'utf8' });
  assert.ok(stdout.startsWith('['), stderr);
  const megabytes = JSON.parse(stdout) as number[];
  assert.equal(megabytes.length, 20);
  const ratio = megabytes[19]! / megabytes[2]!;
  assert.ok(ratio < 1.2, `${ratio.toFixed(2)} times: ${megabytes.join(', ')} MB`);
});
