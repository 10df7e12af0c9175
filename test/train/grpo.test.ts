/** GRPO's options in whole steps, on a model of a few thousand parameters that knows nothing. */

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { startEngine } from '../../lib/engine/backend.js';
import { widen } from '../../lib/engine/packed.js';
import { disposeModel } from '../../lib/model/model.js';
import { randomReward } from '../../lib/rewards/random-control.js';
import { trainGrpo } from '../../lib/train/grpo.js';
import { GRPO_PRESETS, type GrpoSettings, REASON_RFT_GRPO } from '../../lib/train/grpo-settings.js';
import { TrainingStopped } from '../../lib/train/loop.js';
import { type NamedReward, rewardCompletion } from '../../lib/train/named-reward.js';
import { RunDirectory } from '../../lib/train/run-directory.js';
import type { TrainingWarning } from '../../lib/train/warnings.js';
import { tinyExamples, tinyPolicy } from '../support/tiny-policy.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-grpo-'));

before(async () => {
  await startEngine();
});
after(() => rmSync(folder, { recursive: true, force: true }));

const SETTINGS: GrpoSettings = {
  ...REASON_RFT_GRPO,
  steps: 3,
  promptsPerStep: 4,
  completions: 4,
  maxNewTokens: 8,
  schedule: { learningRate: 1e-2, warmupSteps: 0, decay: 'constant' },
  temperature: 1,
  topP: 1,
  topK: 0,
  promptsPerMicroBatch: 2,
  seed: 1,
};

/** Rewards many different tokens: a number that differs between most completions. */
const variety: NamedReward = {
  name: 'variety',
  weight: 1,
  reward: (text) => new Set(text.split(' ')).size / 8,
};

interface Outcome {
  run: RunDirectory;
  weights: number[];
  warnings: TrainingWarning[];
}

/** Trains in the folder of this name. With `stopAfter`, the run stops after so many steps. */
async function train(
  name: string,
  changes: Partial<GrpoSettings>,
  { rewards = [variety], stopAfter = 0 }: { rewards?: NamedReward[]; stopAfter?: number } = {},
): Promise<Outcome> {
  const model = tinyPolicy();
  const run = RunDirectory.open(path.join(folder, name), { name });
  const warnings: TrainingWarning[] = [];
  const controller = new AbortController();
  try {
    await trainGrpo({
      model,
      examples: tinyExamples(12),
      rewards,
      settings: { ...SETTINGS, ...changes },
      run,
      onWarning: (warning) => warnings.push(warning),
      onStep: (done) => done === stopAfter && controller.abort(),
      signal: controller.signal,
    });
    const names = Object.keys(model.parameters).sort();
    return { run, weights: names.flatMap((each) => Array.from(widen(model.parameters[each]!).dataSync())), warnings };
  } finally {
    disposeModel(model);
  }
}

const finite = (run: RunDirectory) => {
  for (const row of run.metrics())
    for (const [name, value] of Object.entries(row)) assert.ok(Number.isFinite(value), `${name}: ${value}`);
};

for (const [name, preset] of Object.entries(GRPO_PRESETS)) {
  test(`preset ${name}: a step moves the weights, every metric is finite`, async () => {
    const small = { steps: 1, promptsPerStep: 2, maxNewTokens: 8, schedule: SETTINGS.schedule };
    const { run } = await train(`preset ${name}`, { ...preset, ...small });
    finite(run);
    const [row] = run.metrics();
    assert.ok(row!.grad_norm! > 0);
    assert.equal('kl' in row!, name === 'reason-rft', 'TRL has no reference, so no KL');
  });
}

for (const lossType of ['bnpo', 'dr_grpo', 'dapo', 'cispo', 'sapo', 'gspo'] as const) {
  test(`${lossType}: two passes of two mini-batches with entropy quantile and bonus`, async () => {
    const { run } = await train(lossType, {
      steps: 2,
      lossType,
      epsilonHigh: lossType === 'cispo' ? 2 : 0.2,
      updatesPerRollout: 2,
      miniBatches: 2,
      topEntropyShare: 0.5,
      entropyBonus: 0.01,
    });
    finite(run);
    assert.ok(run.metrics()[0]!.kl! > 0, 'after the first of the four updates the policy has left its reference');
  });
}

test('one update a rollout: at the first step the KL is 0 and nothing is clipped; a note explains the loss near 0', async () => {
  const { run, warnings } = await train('first step', { steps: 1 });
  const [row] = run.metrics();
  assert.ok(Math.abs(row!.kl!) < 1e-9, `KL ${row!.kl}`);
  assert.equal(row!['clip_ratio/region_mean'], 0);
  assert.deepEqual(
    warnings.map(({ kind }) => kind),
    ['near-zero-loss', 'truncation'],
  );
  assert.deepEqual(run.rows('warnings.jsonl'), warnings);
});

test('cut completions masked: a rollout of cut completions alone moves nothing', async () => {
  // Of one token, only the end token would end a completion; so nearly all are cut.
  const { run } = await train('masked', { steps: 1, maxNewTokens: 1, maskTruncated: true });
  const rows = await run.readCompletions(1);
  const all = rows.every(({ ended }) => !ended);
  assert.ok(all, 'a completion ended; choose another seed');
  const [row] = run.metrics();
  assert.equal(row!.loss, 0);
  assert.equal(row!.grad_norm, 0);
});

test('completions hold image tokens that the policy wrote itself, and the step takes them as text', async () => {
  const { run } = await train('image tokens', { steps: 2 });
  const written = (await run.readCompletions(1)).filter(({ completion }) => /\b3\b/.test(completion));
  assert.ok(written.length > 0, 'no completion holds token 3, the image token; choose another seed');
  finite(run);
});

test('random rewards are drawn anew for each completion, and again the same in the same run', async () => {
  const control: NamedReward = { name: 'random_reward', weight: 1, reward: randomReward };
  const { run } = await train('random', { steps: 2 }, { rewards: [control] });
  const again = await train('random again', { steps: 2 }, { rewards: [control] });
  const rows = [...(await run.readCompletions(1)), ...(await run.readCompletions(2))];
  const coins = rows.map(({ reward }) => reward);
  assert.equal(coins.length, 2 * 4 * 4);
  // 16 expected, standard deviation sqrt(32 / 4) = 2.8.
  assert.ok(Math.abs(coins.filter(Boolean).length - 16) < 12, coins.join(' '));
  assert.notDeepEqual(coins.slice(0, 16), coins.slice(16), 'both steps tossed the same coins');
  assert.deepEqual(again.run.metrics(), run.metrics());
});

test('a reward that is no finite number stops the run before the update, with reward, row and completion named', async () => {
  const fail = () => {
    throw new TypeError('no table');
  };
  const answers: [string, () => unknown, RegExp][] = [
    ['nan', () => Number.NaN, /'broken' must return a finite number or null, but returned NaN for row '\d+' and the/],
    ['infinite', () => Number.POSITIVE_INFINITY, /returned Infinity for row/],
    ['undefined', () => undefined, /returned undefined for row/],
    ['string', () => '1', /returned the string "1" for row/],
    ['promise', () => Promise.resolve(1), /returned a promise \(a reward cannot be async\) for row/],
    ['boolean', () => true, /returned true for row/],
    ['failing', fail, /the reward 'broken' failed \(no table\) for row '\d+' and the completion "[\d ]*"/],
  ];
  for (const [name, answer, message] of answers) {
    let asked = 0;
    const reward = () => (++asked > 16 ? answer() : asked) as number;
    const broken: NamedReward = { name: 'broken', weight: 1, reward };
    const place = `broken ${name === 'nan' ? name : 'at once'}`;
    if (name !== 'nan') asked = 16;
    await assert.rejects(train(place, {}, { rewards: [broken] }), message);
    assert.equal(RunDirectory.open(path.join(folder, place), { name: place }).metrics().length, name === 'nan' ? 1 : 0);
  }
  const row = { solution: '', randomKey: '', group: [], step: 0 };
  assert.throws(
    () => rewardCompletion({ name: 'x', weight: 1, reward: () => Number.NaN }, 'a'.repeat(200), '7', row),
    /row '7' and the completion "a{80} \.\.\."$/,
  );
});

test('a reward that is named twice, or whose weight is no number, is refused before anything is computed', async () => {
  const reward: NamedReward = { name: 'one', weight: 1, reward: () => 1 };
  await assert.rejects(train('twice', {}, { rewards: [reward, reward] }), /two rewards are named 'one'; name it once/);
  const weightless = { ...reward, weight: Number.NaN };
  await assert.rejects(
    train('weightless', {}, { rewards: [weightless] }),
    /the weight of 'one' must be a finite number/,
  );
  await assert.rejects(train('unrewarded', {}, { rewards: [] }), /there is no reward function/);
});

/** 1 for every completion of prompts 0 to 7, so that their groups are dead. */
const deadForMost: NamedReward = {
  name: 'dead_for_most',
  weight: 1,
  reward: (text, { solution }) => (Number(solution) < 8 ? 1 : new Set(text.split(' ')).size / 8),
};

test('dynamic sampling replaces dead groups by live ones of fresh prompts, and reports the prompts drawn first', async () => {
  const { run } = await train('refilled', { steps: 1, resamplingRounds: 8 }, { rewards: [deadForMost] });
  const [row] = run.metrics();
  const rows = await run.readCompletions(1);
  const ids = [...new Set(rows.map(({ id }) => id))];
  assert.equal(rows.length, 4 * ids.length, 'a prompt was drawn twice');
  // Only four of the twelve prompts are live; the rounds end when they are found, or when no prompt is left.
  const live = ids.filter((id) => Number(id) >= 8);
  assert.equal(row!['dynamic_sampling/dead'], 1 - live.length / 4);
  assert.equal(row!['dynamic_sampling/drawn'], ids.length / 4);
  const first = ids.slice(0, 4).filter((id) => Number(id) < 8).length;
  assert.equal(row!.frac_reward_zero_std, first / 4, 'it must be that of the prompts drawn first');
  assert.ok(first > 0, 'no group was dead at first; choose another seed');
  assert.ok(rows.filter(({ id }) => Number(id) < 8).every(({ advantage }) => advantage === 0));
  for (const id of live)
    assert.ok(
      rows.some((each) => each.id === id && each.advantage !== 0),
      id,
    );
});

test('dynamic sampling stops at its bound', async () => {
  const { run } = await train(
    'bounded',
    { steps: 1, resamplingRounds: 1, promptsPerStep: 3 },
    {
      rewards: [{ ...deadForMost, reward: () => 1 }],
    },
  );
  assert.equal(run.metrics()[0]!['dynamic_sampling/drawn'], 2, 'the first draw and one round of as many');
  assert.equal(run.metrics()[0]!['dynamic_sampling/dead'], 1);
});

test('a reference refreshed to the policy after each step leaves a KL of 0; one that stays does not', async () => {
  const fixed = await train('fixed reference', {});
  const moving = await train('moving reference', { referenceRefreshEvery: 1, referenceMixup: 1 });
  assert.ok(fixed.run.metrics()[2]!.kl! > 1e-4, `KL ${fixed.run.metrics()[2]!.kl}`);
  for (const row of moving.run.metrics()) assert.ok(Math.abs(row.kl!) < 1e-9, `KL ${row.kl}`);
});

test('stopped and resumed with everything on: metrics, completions, warnings and weights as without the stop', async () => {
  const everything: Partial<GrpoSettings> = {
    steps: 4,
    updatesPerRollout: 2,
    miniBatches: 2,
    resamplingRounds: 2,
    referenceRefreshEvery: 2,
    topEntropyShare: 0.8,
    maskTruncated: true,
    aggregation: 'normalize_then_sum',
  };
  const rewards = [variety, deadForMost];
  const whole = await train('whole', everything, { rewards });
  await assert.rejects(train('stopped', everything, { rewards, stopAfter: 3 }), TrainingStopped);
  const resumed = await train('stopped', everything, { rewards });
  const tables = [1, 2, 3, 4].map((step) => path.relative(whole.run.folder, whole.run.completionsFile(step)));
  for (const file of ['metrics.jsonl', 'warnings.jsonl', ...tables]) {
    const read = ({ run }: Outcome) => readFileSync(path.join(run.folder, file));
    assert.ok(read(resumed).equals(read(whole)), file);
  }
  assert.deepEqual(resumed.weights, whole.weights);
});

test('no tensors are left behind, whatever is on', async () => {
  const count = tf.memory().numTensors;
  await train('leak', {
    updatesPerRollout: 2,
    resamplingRounds: 1,
    referenceRefreshEvery: 1,
    entropyBonus: 0.1,
    lossType: 'gspo',
  });
  assert.equal(tf.memory().numTensors, count);
});
