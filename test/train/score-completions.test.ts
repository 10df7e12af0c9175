/** How a run asks its rewards: what they may give, how many are waited for, for how long, and what becomes of failures. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RewardInput } from '../../lib/rewards/reward.js';
import { groupAdvantages, normalizedAdvantages, weightedSum } from '../../lib/train/advantage.js';
import { checkRewards, type NamedReward, REWARD_DEFAULTS } from '../../lib/train/named-reward.js';
import { rewardMetrics, type ScoredCompletion, scoreCompletions } from '../../lib/train/score-completions.js';
import { dataRow } from '../support/data-row.js';

/** Completions "0", "1", ... of one prompt. */
function completionsOf(count: number): ScoredCompletion[] {
  const group = Array.from({ length: count }, (_, g) => String(g));
  return group.map((completion) => ({
    ...{ completion, group, row: dataRow('r7', '3'), prompt: 'How many?', tokens: 2, cut: false, step: 0 },
    ...{ randomKey: completion, images: async () => [] },
  }));
}

const named = (reward: NamedReward['reward'], name = 'mine'): NamedReward => ({ name, weight: 1, reward });
const score = (reward: unknown, count = 4, settings: Partial<typeof REWARD_DEFAULTS> | object = {}) =>
  scoreCompletions([named(reward as NamedReward['reward'])], completionsOf(count), { ...REWARD_DEFAULTS, ...settings });

test('numbers, booleans, nulls and values with metrics, at once and later: booleans are 0 and 1, metrics are means', async () => {
  const given = [0.5, true, null, { reward: false, metrics: { words: 4 } }, { reward: null, metrics: { words: 7 } }];
  for (const reward of [
    ({ completion }: RewardInput) => given[Number(completion)],
    async ({ completion }: RewardInput) => given[Number(completion)],
    { batch: (inputs: readonly RewardInput[]) => inputs.map(({ completion }) => given[Number(completion)]) },
    { batch: async () => given },
  ]) {
    const [scores] = await score(reward, 5);
    assert.deepEqual(scores!.values, [0.5, 1, null, 0, null]);
    const metrics = rewardMetrics(scores!);
    // Of 0.5, 1 and 0: mean 0.5, squares 0 + 0.25 + 0.25 over 2.
    assert.deepEqual(metrics, {
      'rewards/mine/mean': 0.5,
      'rewards/mine/std': 0.5,
      'rewards/mine/nulls': 2,
      'rewards/mine/errors': 0,
      // (4 + 7) / 2
      'rewards/mine/words': 5.5,
    });
  }
});

test('null is left out of the sum, and of mean and deviation where no reward applies, as TRL’s nansum has it', async () => {
  const rewards = [
    { name: 'a', weight: 1, reward: ({ completion }: RewardInput) => [1, 0, null, null][Number(completion)]! },
    { name: 'b', weight: 0.5, reward: ({ completion }: RewardInput) => [true, null, false, null][Number(completion)]! },
  ];
  const scores = await scoreCompletions(rewards, completionsOf(4), REWARD_DEFAULTS);
  const tables = scores.map(({ values }) => [values]);
  // 1 + 0.5, 0 alone, 0.5 x 0 alone, nothing.
  assert.deepEqual(weightedSum(tables, [1, 0.5]), [[1.5, 0, 0, null]]);
  // Mean (1.5 + 0 + 0) / 3 = 0.5: the fourth does not count. Its advantage is 0.
  assert.deepEqual(groupAdvantages(weightedSum(tables, [1, 0.5]), 'none').advantages, [[1, -0.5, -0.5, 0]]);
  // Squares 1 + 0.25 + 0.25 over 2: deviation sqrt(0.75).
  const { groupDeviations } = groupAdvantages(weightedSum(tables, [1, 0.5]), 'group');
  assert.ok(Math.abs(groupDeviations[0]! - Math.sqrt(0.75)) < 1e-12);
  // Each by itself: a is +-sqrt(1/2) for the first two, b for the first and the third; sums 1.5, -1, -0.5 of sqrt(1/2).
  const { advantages } = normalizedAdvantages(tables, [1, 0.5]);
  // Mean 0, squares (2.25 + 1 + 0.25) / 2 / 2 = 0.875: 1.5 sqrt(1/2) / sqrt(0.875).
  const expected = [1.5, -1, -0.5, 0].map((sum) => (sum * Math.SQRT1_2) / Math.sqrt(0.875));
  advantages[0]!.forEach((advantage, g) => {
    assert.ok(Math.abs(advantage - expected[g]!) < 1e-3, `${advantage} against ${expected[g]}`);
  });
});

const FAULTS: readonly [what: string, reward: unknown, message: RegExp][] = [
  ['NaN', () => Number.NaN, /must return a finite number, a boolean or null, but returned NaN/],
  ['Infinity', async () => Infinity, /but returned Infinity/],
  ['nothing', () => undefined, /but returned undefined/],
  ['nothing, later', async () => {}, /but returned undefined/],
  ['a string', () => '1', /but returned the string "1"/],
  ['a list', () => [1, 2], /but returned a list of 2/],
  [
    'an object of other fields',
    () => ({ score: 1 }),
    /an object with the field 'score', which is none of reward, metrics, error/,
  ],
  ['an object without a value', () => ({ metrics: {} }), /but returned undefined/],
  ['a metric that is no number', () => ({ reward: 1, metrics: { n: Number.NaN } }), /metrics, but returned NaN as 'n'/],
  ['a metric of the kit', () => ({ reward: 1, metrics: { mean: 1 } }), /a metric named 'mean'; a name holds no blank/],
  [
    'an error of a value',
    () => ({ reward: 1, error: 'late' }),
    /must return an error as a text, and null as its reward/,
  ],
  ['an error', () => assert.fail('no table'), /failed \(no table\)/],
  ['a rejection', () => Promise.reject(new Error('no host')), /failed \(no host\)/],
  ['a rejection without an error', () => Promise.reject('gone'), /failed \(the string "gone"\)/],
  ['no answer', () => new Promise(() => {}), /gave no answer within 0.05 s \(rewardTimeLimit\)/],
  [
    'a batch that is too short',
    { batch: () => [1] },
    /must return a list of 4 outputs, but returned a list of 1 when it/,
  ],
  [
    'a batch that is no list',
    { batch: () => 1 },
    /must return a list of 4 outputs, but returned 1 when it was asked about 4/,
  ],
  [
    'a batch with a bad one',
    { batch: () => ['1', 1, 1, 1] },
    /but returned the string "1" for row 'r7' and the completion "0"/,
  ],
  ['a batch of promises', { batch: () => [1, 1, 1, 1].map((one) => Promise.resolve(one)) }, /returned one of promises/],
  [
    'a batch that fails',
    { batch: () => assert.fail('no host') },
    /failed \(no host\) when it was asked about 4 completions/,
  ],
  ['a batch without an answer', { batch: () => new Promise(() => {}) }, /gave no answer within 0.05 s/],
];

for (const [what, reward, message] of FAULTS) {
  test(`${what}: the error names reward, row and completion; or it counts as null`, async () => {
    const settings = { rewardTimeLimit: 0.05 };
    await assert.rejects(score(reward, 4, settings), (error: Error) => {
      assert.match(error.message, /^the reward 'mine' .* for row 'r7' and the completion "0"$/);
      assert.match(error.message, message);
      return true;
    });
    const [scores] = await score(reward, 4, { ...settings, onRewardError: 'null' });
    const sound = what === 'a batch with a bad one' ? 3 : 0;
    assert.equal(scores!.values.filter((value) => value === null).length, 4 - sound);
    assert.equal(rewardMetrics(scores!)['rewards/mine/errors'], 4 - sound);
    assert.match(scores!.errors[0]!, message);
  });
}

test('a reward that says itself why it failed is null, counts as an error and stops nothing', async () => {
  const [scores] = await score(() => ({ reward: null, error: 'no reply', metrics: { tries: 3 } }), 2);
  assert.deepEqual(scores!.values, [null, null]);
  assert.match(scores!.errors[1]!, /^the reward 'mine' failed \(no reply\) for row 'r7' and the completion "1"$/);
  assert.equal(rewardMetrics(scores!)['rewards/mine/errors'], 2);
  assert.equal(rewardMetrics(scores!)['rewards/mine/tries'], 3);
});

test('a long completion is shown in part', async () => {
  const [completion] = completionsOf(1);
  const long = { ...completion!, completion: 'a'.repeat(200) };
  await assert.rejects(
    scoreCompletions([named(() => Number.NaN)], [long], REWARD_DEFAULTS),
    /the completion "a{80} \.\.\."$/,
  );
});

test('no more answers are waited for at once than the setting says, and they come back in order', async () => {
  let [waiting, most] = [0, 0];
  const reward = async ({ completion }: RewardInput) => {
    most = Math.max(most, ++waiting);
    // The later ones answer first.
    await new Promise((resolve) => setTimeout(resolve, 8 - Number(completion)));
    waiting--;
    return Number(completion);
  };
  for (const rewardConcurrency of [1, 3, 100]) {
    most = 0;
    const [scores] = await score(reward, 8, { rewardConcurrency });
    assert.deepEqual(scores!.values, [0, 1, 2, 3, 4, 5, 6, 7]);
    assert.equal(most, Math.min(8, rewardConcurrency));
  }
});

test('rewards are asked side by side; after a failure the questions that are open are aborted and no more are asked', async () => {
  const signals: AbortSignal[] = [];
  const slow = named(({ signal }) => {
    signals.push(signal);
    return new Promise(() => {});
  }, 'slow');
  let asked = 0;
  const failing = named(async () => {
    asked++;
    throw new Error('no host');
  }, 'failing');
  const settings = { ...REWARD_DEFAULTS, rewardConcurrency: 2 };
  await assert.rejects(scoreCompletions([slow, failing], completionsOf(64), settings), /'failing' failed \(no host\)/);
  assert.equal(signals.length, 2);
  assert.ok(signals.every((signal) => signal.aborted));
  assert.ok(asked <= 4, `${asked} questions`);
});

test('a time-out aborts its own question and no other', async () => {
  const signals: AbortSignal[] = [];
  const reward = ({ completion, signal }: RewardInput) => {
    signals.push(signal);
    return completion === '1' ? new Promise(() => {}) : Promise.resolve(1);
  };
  const [scores] = await score(reward, 4, { rewardTimeLimit: 0.05, onRewardError: 'null' });
  assert.deepEqual(scores!.values, [1, null, 1, 1]);
  assert.deepEqual(
    signals.map((signal) => signal.aborted),
    [false, true, false, false],
  );
});

test('a batched reward is asked once about all completions, and not at all about none', async () => {
  const counts: number[] = [];
  const reward = {
    batch: (inputs: readonly RewardInput[]) => {
      counts.push(inputs.length);
      return inputs.map(() => 1);
    },
  };
  await score(reward, 64);
  await score(reward, 0);
  assert.deepEqual(counts, [64]);
});

test('names that would mix metrics, and weights that are no numbers, are refused', () => {
  const of = (name: string, weight = 1) => ({ name, weight, reward: () => 1 });
  assert.throws(() => checkRewards([]), /there is no reward function/);
  assert.throws(() => checkRewards([of('a'), of('a')]), /two rewards are named 'a'/);
  assert.throws(() => checkRewards([of('a/b')]), /cannot be named 'a\/b'/);
  assert.throws(() => checkRewards([of('a', Number.NaN)]), /the weight of 'a' must be a finite number, got NaN/);
});
