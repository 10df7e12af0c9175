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
import type { RgbImage } from '../../lib/records/image.js';
import { randomReward } from '../../lib/rewards/random-control.js';
import type { RewardInput } from '../../lib/rewards/reward.js';
import { trainGrpo } from '../../lib/train/grpo.js';
import { GRPO_PRESETS, type GrpoSettings, REASON_RFT_GRPO } from '../../lib/train/grpo-settings.js';
import { TrainingStopped } from '../../lib/train/loop.js';
import type { NamedReward } from '../../lib/train/named-reward.js';
import type { GrpoExample } from '../../lib/train/rollout.js';
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
  reward: ({ completion }) => new Set(completion.split(' ')).size / 8,
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
  {
    rewards = [variety],
    stopAfter = 0,
    examples = tinyExamples(12),
  }: { rewards?: NamedReward[]; stopAfter?: number; examples?: GrpoExample[] } = {},
): Promise<Outcome> {
  const model = tinyPolicy();
  const run = RunDirectory.open(path.join(folder, name), { name });
  const warnings: TrainingWarning[] = [];
  const controller = new AbortController();
  try {
    await trainGrpo({
      model,
      examples,
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

test('the loss over what was sampled: two updates a rollout on the sets of the policy that drew', async () => {
  const drawn = { topK: 5, topP: 0.9, updatesPerRollout: 2 };
  const kept = await train('kept', { ...drawn, keepSamplingMask: true });
  const whole = await train('whole vocabulary', drawn);
  finite(kept.run);
  // The first rollout is the same; its entropy is that of 5 tokens at most.
  const [first, other] = [kept, whole].map(({ run }) => run.metrics()[0]!);
  assert.equal(first!.reward, other!.reward);
  assert.ok(first!.entropy! > 0 && first!.entropy! < Math.log(5) && other!.entropy! > Math.log(5));
  assert.notDeepEqual(kept.weights, whole.weights);
});

for (const lossType of ['bnpo', 'dr_grpo', 'dapo', 'cispo', 'sapo', 'gspo', 'luspo', 'vespo'] as const) {
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
  let asked = 0;
  const broken: NamedReward = { name: 'broken', weight: 1, reward: () => (++asked > 16 ? Number.NaN : asked) };
  await assert.rejects(
    train('broken', {}, { rewards: [broken] }),
    /'broken' must return a finite number, a boolean or null, but returned NaN for row '\d+' and the completion "[\d ]*"/,
  );
  assert.equal(RunDirectory.open(path.join(folder, 'broken'), { name: 'broken' }).metrics().length, 1);
});

test('a reward that fails and counts as null: the run goes on, the step counts it, and the log and a warning say so', async () => {
  const broken: NamedReward = {
    name: 'broken',
    weight: 1,
    reward: async ({ row }) => {
      if (Number(row.id) % 2 === 1) throw new TypeError('no table');
      return { reward: true, metrics: { even: 2 } };
    },
  };
  const { run, warnings } = await train(
    'counts as null',
    { steps: 1, onRewardError: 'null' },
    { rewards: [variety, broken] },
  );
  const rows = await run.readCompletions(1);
  const failed = rows.filter(({ id }) => Number(id) % 2 === 1);
  assert.ok(failed.length > 0 && failed.length < 16, 'the prompts are all even or all odd; choose another seed');
  const [row] = run.metrics();
  assert.equal(row!['rewards/broken/errors'], failed.length);
  assert.equal(row!['rewards/broken/nulls'], failed.length);
  assert.equal(row!['rewards/broken/mean'], 1);
  assert.equal(row!['rewards/broken/even'], 2);
  assert.equal(row!['rewards/variety/errors'], 0);
  assert.ok(failed.every(({ rewards, reward }) => rewards.broken === null && reward === rewards.variety));
  const errors = run.rows<{ step: number; reward: string; id: string; message: string }>('reward-errors.jsonl');
  assert.equal(errors.length, failed.length);
  assert.match(errors[0]!.message, /^the reward 'broken' failed \(no table\) for row '\d+' and the completion/);
  const told = warnings.find(({ kind }) => kind === 'reward-errors');
  assert.match(told!.message, new RegExp(`broken failed for ${failed.length} completions.*reward-errors\\.jsonl`));
});

test('where no reward applies there is no mean and no reward in the metrics, nor in the table of completions', async () => {
  const silent: NamedReward = { name: 'silent', weight: 1, reward: () => null };
  const { run, warnings } = await train('silent', { steps: 1 }, { rewards: [silent] });
  const [row] = run.metrics();
  assert.deepEqual(
    ['reward', 'rewards/silent/mean', 'rewards/silent/std'].filter((name) => name in row!),
    [],
  );
  assert.equal(row!['rewards/silent/nulls'], 16);
  assert.ok((await run.readCompletions(1)).every(({ reward, advantage }) => reward === null && advantage === 0));
  assert.match(warnings.find(({ kind }) => kind === 'reward-nulls')!.message, /silent applied to no completion/);
});

test('a reward sees the row with all its columns, prompt, group, tokens, step and whether the completion was cut; and pictures', async () => {
  const picture: RgbImage = { width: 1, height: 1, data: new Uint8Array([1, 2, 3]) };
  let decoded = 0;
  const examples = tinyExamples(12).map((example) => ({
    ...example,
    row: { ...example.row, place: `table ${example.id}` },
    images: async () => {
      decoded++;
      return [picture];
    },
  }));
  const seen: RewardInput[] = [];
  const curious: NamedReward = {
    name: 'curious',
    weight: 1,
    reward: async (input) => {
      seen.push(input);
      if (input.row.id === '0') assert.deepEqual(await input.images(), [picture]);
      return seen.length;
    },
  };
  const { run } = await train('curious', { steps: 3 }, { rewards: [curious], examples });
  assert.equal(seen.length, 3 * 16);
  for (const step of [1, 2, 3]) {
    const logged = await run.readCompletions(step);
    seen.slice(16 * (step - 1), 16 * step).forEach((input, i) => {
      const { completion, id, prompt, tokens, ended } = logged[i]!;
      assert.deepEqual(
        [input.completion, input.row.id, input.row.place, input.prompt, input.tokens, input.cut, input.step],
        [completion, id, `table ${id}`, prompt, tokens, !ended, step],
      );
      const group = logged.filter((other) => other.id === id).map((other) => other.completion);
      assert.deepEqual(input.group, group);
    });
  }
  assert.equal(decoded, seen.filter(({ row }) => row.id === '0').length);
  assert.ok(decoded > 0, 'prompt 0 was not drawn; choose another seed');
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
  reward: ({ completion, row }) => (Number(row.answer) < 8 ? 1 : new Set(completion.split(' ')).size / 8),
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
