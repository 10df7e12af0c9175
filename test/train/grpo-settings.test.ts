import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkGrpo, GRPO_PRESETS, type GrpoSettings, REASON_RFT_GRPO } from '../../lib/train/grpo-settings.js';

const settings: GrpoSettings = { ...REASON_RFT_GRPO, steps: 10 };

test('both presets pass the check', () => {
  for (const preset of Object.values(GRPO_PRESETS)) checkGrpo({ ...preset, steps: 1 });
});

test('reason-rft is the paper’s: 14 prompts x 8, KL 0.04, lr 1e-6 linear, sampling 0.9 / 0.9 / 50, 512 tokens', () => {
  const { promptsPerStep, completions, beta, schedule, temperature, topP, topK, maxNewTokens } =
    GRPO_PRESETS['reason-rft'];
  assert.deepEqual(
    [promptsPerStep, completions, beta, schedule.learningRate, schedule.decay, temperature, topP, topK, maxNewTokens],
    [14, 8, 0.04, 1e-6, 'linear', 0.9, 0.9, 50, 512],
  );
  assert.equal(GRPO_PRESETS['reason-rft'].temperatureInLoss, false);
});

test('trl has no reference, the dapo loss, temperature 1 in sampling and loss', () => {
  const { beta, lossType, temperature, topP, topK, temperatureInLoss } = GRPO_PRESETS.trl;
  assert.deepEqual([beta, lossType, temperature, topP, topK, temperatureInLoss], [0, 'dapo', 1, 1, 0, true]);
});

const IMPOSSIBLE: [Partial<GrpoSettings>, RegExp][] = [
  [{ lossType: 'ppo' as never }, /lossType must be one of grpo, bnpo, .*vespo, got "ppo"/],
  [{ ratioLevel: 'word' as never }, /ratioLevel must be one of token, sequence/],
  [{ scaling: 'all' as never }, /scaling must be one of group, batch, none/],
  [{ aggregation: 'max' as never }, /aggregation must be one of/],
  [{ steps: 0 }, /steps must be a whole number of 1 or more, got 0/],
  [{ completions: 1 }, /completions must be 2 or more \(the group size/],
  [{ miniBatches: 4 }, /miniBatches must be a divisor of promptsPerStep \(14\), got 4/],
  [{ temperature: 0 }, /temperature must be above 0/],
  [{ beta: -1 }, /beta must be 0 or more/],
  [{ epsilonLow: 1 }, /epsilonLow must be in \(0, 1\)/],
  [{ epsilonHigh: 0 }, /epsilonHigh must be above 0/],
  [{ lossType: 'cispo' }, /epsilonHigh must be 1 or more with cispo/],
  [{ delta: 1.1 }, /delta must be 0 \(off\) or above 1 \+ epsilonHigh = 1.2, got 1.1/],
  [{ sapoTemperaturePositive: 0 }, /sapoTemperaturePositive must be above 0/],
  [{ sapoTemperatureNegative: -1 }, /sapoTemperatureNegative must be above 0/],
  [{ topEntropyShare: 0 }, /topEntropyShare must be above 0 and at most 1/],
  [{ entropyBonus: Number.NaN }, /entropyBonus must be a number/],
  [{ resamplingRounds: -1 }, /resamplingRounds must be a whole number of 0 or more/],
  [{ referenceRefreshEvery: 8, beta: 0 }, /referenceRefreshEvery must be 0 where beta is 0/],
  [{ keepSamplingMask: 'yes' as never }, /keepSamplingMask must be true or false/],
  [{ keepSamplingMask: true, topK: 0, topP: 1 }, /keepSamplingMask must be false where topK is 0, topP 1 and minP 0/],
  [{ referenceMixup: 0 }, /referenceMixup must be above 0/],
  [{ aggregation: 'normalize_then_sum', scaling: 'none' }, /scaling must be group with normalize_then_sum/],
  [{ seed: 0.5 }, /seed must be a whole number/],
  [{ completions: 1e9 }, /grpo: completions may be at most 10000, got 1000000000/],
  [{ steps: Number.POSITIVE_INFINITY }, /grpo: steps may be at most 100000000, got Infinity/],
  [{ seed: 1e300 }, /grpo: seed may be at most/],
  [{ beta: 1e300 }, /grpo: beta may be at most/],
  [{ maxNewTokens: 1e9 }, /grpo: maxNewTokens may be at most 1000000/],
  [{ schedule: { ...settings.schedule, warmupSteps: 1e300 } }, /grpo: schedule\.warmupSteps may be at most/],
  [{ promptsPerSteps: 4 } as never, /grpo: there is no setting 'promptsPerSteps'; did you mean 'promptsPerStep'\?/],
  [
    { schedule: { ...settings.schedule, learningrate: 1 } } as never,
    /schedule: there is no setting 'learningrate'; did you mean 'learningRate'\?/,
  ],
  [{ schedule: { learningRate: 1, decay: 'linear' } } as never, /schedule: the setting 'warmupSteps' is missing/],
];

for (const [changes, message] of IMPOSSIBLE) {
  test(`impossible: ${JSON.stringify(changes)}`, () => {
    assert.throws(() => checkGrpo({ ...settings, ...changes }), message);
  });
}

test('a setting that is missing is named', () => {
  const { beta: _, ...rest } = settings;
  assert.throws(() => checkGrpo(rest as GrpoSettings), /grpo: the setting 'beta' is missing/);
});

test('a preset cannot be changed, not by a run that shares its schedule either', () => {
  const own: GrpoSettings = { ...REASON_RFT_GRPO, steps: 1 };
  assert.throws(() => {
    own.schedule.learningRate = 1e-3;
  }, TypeError);
  assert.equal(REASON_RFT_GRPO.schedule.learningRate, 1e-6);
});
