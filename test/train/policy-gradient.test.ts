/**
 * The gradient of a whole GRPO update, and of a whole SFT step, against finite differences of the same objective written
 * once more in float64: every entry of every tensor of a Qwen2-VL and a Qwen3-VL of one to two thousand parameters.
 */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { startEngine } from '../../lib/engine/backend.js';
import { collate } from '../../lib/model/batch.js';
import type { ModelConfig } from '../../lib/model/configuration.js';
import { type GrpoSettings, REASON_RFT_GRPO } from '../../lib/train/grpo-settings.js';
import { likelihoodStep } from '../../lib/train/likelihood.js';
import type { LossType } from '../../lib/train/policy-loss.js';
import { logProbStep, policyStep } from '../../lib/train/policy-step.js';
import { computeLogProbs, miniBatches, policyGradients } from '../../lib/train/policy-update.js';
import type { Rollout } from '../../lib/train/rollout.js';
import { dataRow } from '../support/data-row.js';
import { referenceScores, slopeAt, type Weights } from '../support/reference-model.js';
import {
  TOY_CONFIG,
  TOY_QWEN3_CONFIG,
  toyPrompt,
  toyTensors,
  toyWeights,
  worstRelativeError,
} from '../support/toy-model.js';

before(async () => {
  await startEngine();
});

const PROMPTS = [toyPrompt(1, [1, 2], [6, 7]), toyPrompt(2, [2, 1], [8])];
/** Two completions of each prompt; 11 ends one. The last one was cut. */
const COMPLETIONS = [
  [
    [9, 10, 11],
    [6, 11],
  ],
  [
    [7, 11],
    [8, 9, 6, 10],
  ],
];
const ADVANTAGES = [
  [1.2, -0.7],
  [-1.1, 0.9],
];
const ROLLOUT: Rollout = {
  examples: PROMPTS.map(({ kit }, p) => ({ id: String(p), prompt: kit, row: dataRow(String(p)) })),
  completions: COMPLETIONS.map((group) =>
    group.map((tokens) => ({ tokens, logProbs: tokens.map(() => 0), ended: tokens.at(-1) === 11 })),
  ),
  advantages: ADVANTAGES,
};

/** Three tokens that could be drawn in place of each, itself among them. */
const KEPT = COMPLETIONS.map((group) =>
  group.map((tokens) => tokens.map((token) => [token, (token + 1) % 12, token - 5])),
);
const KEPT_ROLLOUT: Rollout = {
  ...ROLLOUT,
  completions: ROLLOUT.completions.map((group, p) =>
    group.map((completion, g) => ({ ...completion, kept: KEPT[p]![g]!.map((ids) => Int32Array.from(ids)) })),
  ),
};

const SETTINGS: GrpoSettings = {
  ...REASON_RFT_GRPO,
  steps: 1,
  promptsPerStep: 2,
  completions: 2,
  maxNewTokens: 8,
  promptsPerMicroBatch: 1,
  updatesPerRollout: 2,
};

/** A model's weights of the policy now, at sampling (near, so that ratios lie on both sides of the clipping range), and the reference. */
interface Policies {
  config: ModelConfig;
  now: Weights;
  sampling: Weights;
  reference: Weights;
}

function policiesOf(config: ModelConfig): Policies {
  const [now, moved, reference] = [1, 2, 3].map((seed) => toyWeights(seed, config)) as [Weights, Weights, Weights];
  const sampling = Object.fromEntries(
    Object.entries(now).map(([name, w]) => [name, w.map((x, i) => Math.fround(x + 0.04 * moved[name]![i]!))]),
  );
  return { config, now, sampling, reference };
}

const qwen2 = policiesOf(TOY_CONFIG);
const qwen3 = policiesOf(TOY_QWEN3_CONFIG);

/** What the tokens of a completion look like to some weights. */
function scoresOf(w: Weights, config: ModelConfig, settings: GrpoSettings) {
  const temperature = settings.temperatureInLoss ? settings.temperature : 1;
  return COMPLETIONS.map((group, p) =>
    group.map((tokens, g) => {
      const kept = settings.keepSamplingMask ? KEPT[p]![g] : undefined;
      return referenceScores(w, PROMPTS[p]!.reference, tokens, config, temperature, kept);
    }),
  );
}

/** The loss of the rollout, from its definition: a sum over completions and tokens, nothing batched, nothing shared. */
function objective({ config, now, sampling, reference }: Policies, settings: GrpoSettings): (w: Weights) => number {
  const old = scoresOf(sampling, config, settings);
  const base = scoresOf(now, config, settings);
  const ref = scoresOf(reference, config, settings);
  const { lossType, beta, epsilonLow, epsilonHigh, delta } = settings;
  const flat = COMPLETIONS.flatMap((group, p) => group.map((tokens, g) => ({ p, g, length: tokens.length })));
  const kept = flat.filter(({ p, g }) => !settings.maskTruncated || ROLLOUT.completions[p]![g]!.ended);
  const tokens = kept.reduce((sum, { length }) => sum + length, 0);
  // The threshold as torch.quantile has it: linear between neighbours.
  const pool = kept.flatMap(({ p, g }) => old[p]![g]!.entropies).sort((a, b) => a - b);
  const place = (1 - settings.topEntropyShare) * (pool.length - 1);
  const low = Math.floor(place);
  const threshold = pool[low]! + (place - low) * ((pool[low + 1] ?? pool[low]!) - pool[low]!);
  const acts = (p: number, g: number, t: number) =>
    settings.topEntropyShare === 1 || old[p]![g]!.entropies[t]! >= threshold;
  const acting = kept.reduce(
    (n, { p, g, length }) => n + Array.from({ length }, (_, t) => acts(p, g, t)).filter(Boolean).length,
    0,
  );

  return (w) => {
    const current = scoresOf(w, config, settings);
    let loss = 0;
    for (const { p, g, length } of kept) {
      const A = ADVANTAGES[p]![g]!;
      const [l, l0] = [current[p]![g]!.logProbs, old[p]![g]!.logProbs];
      const mean = l.reduce((sum, x, t) => sum + x - l0[t]!, 0) / length;
      for (let t = 0; t < length; t++) {
        const sequence = lossType === 'gspo' || lossType === 'luspo' || settings.ratioLevel === 'sequence';
        const rho = Math.exp(sequence ? mean : l[t]! - l0[t]!);
        let P: number;
        if (lossType === 'cispo') {
          // The weight does not move with w: it is taken where the gradient is.
          const held = Math.exp(base[p]![g]!.logProbs[t]! - l0[t]!);
          P = -Math.min(held, epsilonHigh) * A * l[t]!;
        } else if (lossType === 'vespo') {
          const logW = l0.reduce((sum, x, k) => sum + base[p]![g]!.logProbs[k]! - x, 0);
          const [k, lambda] =
            A >= 0
              ? [settings.vespoExponentPositive, settings.vespoDecayPositive]
              : [settings.vespoExponentNegative, settings.vespoDecayNegative];
          P = -Math.exp(k * logW + lambda * (1 - Math.exp(logW))) * A * l[t]!;
        } else if (lossType === 'sapo') {
          const tau = A > 0 ? settings.sapoTemperaturePositive : settings.sapoTemperatureNegative;
          P = ((-A * 4) / tau) * (1 / (1 + Math.exp(-tau * (rho - 1))));
        } else {
          const clipped = Math.min(Math.max(rho, 1 - epsilonLow), 1 + epsilonHigh);
          P = -Math.min((delta > 0 ? Math.min(rho, delta) : rho) * A, clipped * A);
        }
        const distance = l0.reduce((sum, x, k) => sum + x - base[p]![g]!.logProbs[k]!, 0) / length;
        if (!acts(p, g, t)) P = 0;
        if (settings.offPolicyThreshold > 0 && A < 0 && distance > settings.offPolicyThreshold) P = 0;
        const gap = ref[p]![g]!.logProbs[t]! - l[t]!;
        const tokenLoss = P + beta * (Math.exp(gap) - gap - 1) * (settings.unbiasedKl ? rho : 1);
        const divisor = {
          ...{ bnpo: tokens, dapo: tokens, cispo: tokens, vespo: tokens },
          ...{ dr_grpo: 4 * settings.maxNewTokens, luspo: 4 },
        } as {
          [type in LossType]?: number;
        };
        loss += tokenLoss / (divisor[lossType] ?? 4 * length);
        if (acts(p, g, t)) loss -= (settings.entropyBonus * current[p]![g]!.entropies[t]!) / acting;
      }
    }
    return loss;
  };
}

/** The kit's loss and gradient of the same rollout. */
function kitGradient({ config, now, sampling, reference }: Policies, settings: GrpoSettings) {
  const trainable = toyTensors(now, config);
  const logitTemperature = settings.temperatureInLoss ? settings.temperature : 1;
  const score = logProbStep(config, logitTemperature);
  const rollout = settings.keepSamplingMask ? KEPT_ROLLOUT : ROLLOUT;
  const scores = computeLogProbs(score, toyTensors(sampling, config), rollout, config, 2);
  const policy = policyStep(config, { ...settings, logitTemperature });
  const tensors = { trainable, frozen: {}, reference: toyTensors(reference, config) };
  const [update] = miniBatches(rollout, settings, scores);
  const { gradients, metrics } = policyGradients(policy, tensors, update!, config, settings);
  const values = Object.fromEntries(Object.entries(gradients).map(([name, g]) => [name, g.dataSync()]));
  return { metrics, gradients: values };
}

function finiteDifferences(f: (w: Weights) => number, w: Weights): { [name: string]: number[] } {
  return Object.fromEntries(
    Object.entries(w).map(([name, tensor]) => [name, Array.from(tensor, (_, i) => slopeAt(f, w, name, i))]),
  );
}

const CASES: [string, Partial<GrpoSettings>, Policies?][] = [
  ['grpo', {}],
  ['grpo, Qwen3-VL', {}, qwen3],
  ['bnpo, logits over temperature 0.9', { lossType: 'bnpo', temperatureInLoss: true }],
  ['dr_grpo, cut completions masked', { lossType: 'dr_grpo', maskTruncated: true }],
  ['dapo, epsilonHigh 0.28, delta 1.5', { lossType: 'dapo', epsilonHigh: 0.28, delta: 1.5 }],
  ['cispo', { lossType: 'cispo', epsilonHigh: 1.1 }],
  ['sapo', { lossType: 'sapo' }],
  ['gspo', { lossType: 'gspo', epsilonLow: 0.05, epsilonHigh: 0.05 }],
  ['luspo', { lossType: 'luspo', epsilonLow: 0.05, epsilonHigh: 0.05 }],
  ['vespo', { lossType: 'vespo' }],
  ['grpo, unbiased KL', { unbiasedKl: true }],
  ['gspo, unbiased KL', { lossType: 'gspo', unbiasedKl: true }],
  ['dapo, off-policy mask', { lossType: 'dapo', offPolicyThreshold: 0.001 }],
  ['grpo, over the tokens kept at sampling', { keepSamplingMask: true, unbiasedKl: true }],
  [
    'dapo, over the tokens kept, with entropy',
    { lossType: 'dapo', keepSamplingMask: true, topEntropyShare: 0.5, entropyBonus: 0.1 },
  ],
  ['grpo, half of the tokens by entropy, entropy bonus', { topEntropyShare: 0.5, entropyBonus: 0.1 }],
];

for (const [name, changes, policies = qwen2] of CASES) {
  test(`GRPO update, ${name}: loss within 1e-5, every tensor's gradient within 1e-4`, () => {
    const settings = { ...SETTINGS, ...changes };
    const f = objective(policies, settings);
    const { metrics, gradients } = kitGradient(policies, settings);
    const wanted = f(policies.now);
    assert.ok(Math.abs(metrics.loss! - wanted) < 1e-5, `loss ${metrics.loss} against ${wanted}`);
    const { name: tensor, error } = worstRelativeError(gradients, finiteDifferences(f, policies.now));
    assert.ok(error < 1e-4, `${tensor}: relative error ${error}`);
  });
}

test('the rollout has tokens that are clipped from above and from below, so that the cases above test both', () => {
  const { metrics } = kitGradient(qwen2, SETTINGS);
  assert.ok(metrics['clip_ratio/low_mean']! > 0, `low ${metrics['clip_ratio/low_mean']}`);
  assert.ok(metrics['clip_ratio/high_mean']! > 0, `high ${metrics['clip_ratio/high_mean']}`);
});

for (const [name, lossType, { config, now }] of [
  ['Qwen2-VL', 'nll', qwen2],
  ['Qwen2-VL, dft', 'dft', qwen2],
  ['Qwen3-VL', 'nll', qwen3],
] as const)
  test(`SFT, ${name}: loss within 1e-5, every tensor’s gradient within 1e-4`, () => {
    const rows = PROMPTS.map(({ kit }, p) => ({
      prefix: { tokens: kit.tokens },
      images: kit.images,
      segments: [{ tokens: COMPLETIONS[p]![0]!, trained: COMPLETIONS[p]![0]!.map(() => true) }],
    }));
    const { batch, targets, origin } = collate(rows, config);
    const size = targets.token.shape[0];
    const weights = tf.tensor1d(
      Float32Array.from({ length: size }, (_, i) => (i < origin.length ? 1 / origin.length : 0)),
    );
    const step = likelihoodStep(config, lossType);
    const out = step({ trainable: toyTensors(now, config), frozen: {}, batch, targets, weights });
    const logProbsAt = (w: Weights) =>
      PROMPTS.flatMap(({ reference }, p) => referenceScores(w, reference, COMPLETIONS[p]![0]!, config).logProbs);
    // Mean of -log p over the 3 + 2 tokens of both completions; with dft of -p log p, where p is that of the weights now.
    const held = logProbsAt(now).map((l) => (lossType === 'dft' ? Math.exp(l) : 1));
    const f = (w: Weights) => -logProbsAt(w).reduce((sum, l, i) => sum + (held[i]! * l) / 5, 0);
    assert.ok(Math.abs(out.loss.dataSync()[0]! - f(now)) < 1e-5);
    const gradients = Object.fromEntries(Object.entries(out.gradients).map(([name, g]) => [name, g.dataSync()]));
    const { name: tensor, error } = worstRelativeError(gradients, finiteDifferences(f, now));
    assert.ok(error < 1e-4, `${tensor}: relative error ${error}`);
  });
