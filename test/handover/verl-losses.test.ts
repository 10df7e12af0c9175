/**
 * Our settings in verl's words mean the same loss there: verl's own functions and ours give one loss and one gradient, for every loss type
 * that is not refused. It runs where verl is installed: npm run bench -- --trainers.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { startEngine } from '../../lib/engine/backend.js';
import { grpoOptions } from '../../lib/handover/verl/grpo-options.js';
import type { GrpoSettings } from '../../lib/train/grpo-settings.js';
import { needsSequences, policyTerms, tokenWeights } from '../../lib/train/policy-loss.js';
import type { SettingsChanges } from '../../lib/train/settings.js';
import { handedExperiment } from '../support/handed-experiment.js';
import { installedTrainers } from '../support/installed-trainers.js';

const python = installedTrainers();
const skip = python === undefined && 'verl is not installed: npm run bench -- --trainers';
const experiment = handedExperiment({ decay: 'cosine' });

before(async () => {
  await startEngine();
});

/** Three completions of unequal length, with ratios on both sides of every bound, for gains and for losses. */
const LENGTHS = [2, 3, 4];
const OF = [0, 0, 1, 1, 1, 2, 2, 2, 2];
const NUMBERS = {
  now: [0.6, 0.2, 0.9, 0.2, 0.5, 0.7, 0.1, 0.3, 0.5].map(Math.log),
  old: [0.4, 0.4, 0.1, 0.4, 0.5, 0.1, 0.4, 0.35, 0.45].map(Math.log),
  reference: [0.5, 0.3, 0.8, 0.1, 0.6, 0.6, 0.2, 0.2, 0.5].map(Math.log),
  advantages: [1, 1, -0.5, -0.5, -0.5, 0.25, 0.25, 0.25, 0.25],
};

const CASES: SettingsChanges<GrpoSettings>[] = [
  { lossType: 'grpo' },
  { lossType: 'grpo', beta: 0 },
  { lossType: 'grpo', delta: 4 },
  { lossType: 'grpo', epsilonLow: 0.1, epsilonHigh: 0.3, ratioLevel: 'sequence' },
  { lossType: 'bnpo', epsilonHigh: 0.28 },
  { lossType: 'dr_grpo', maxNewTokens: 20 },
  { lossType: 'dapo', epsilonHigh: 0.28, beta: 0 },
  { lossType: 'cispo', epsilonHigh: 5 },
  { lossType: 'cispo', epsilonHigh: 1.2, beta: 0 },
  { lossType: 'sapo', sapoTemperaturePositive: 1.5, sapoTemperatureNegative: 2 },
  { lossType: 'gspo' },
  { lossType: 'luspo' },
];

/** Our loss of the three completions as one update, and its gradient by the log-probabilities. */
function ours(settings: GrpoSettings): { loss: number; gradient: number[] } {
  const rolloutTokens = OF.length;
  const weights = tokenWeights(settings.lossType, LENGTHS, { maxNewTokens: settings.maxNewTokens, rolloutTokens });
  const lossOf = (now: tf.Tensor): tf.Scalar => {
    const targets = {
      logProbs: now as tf.Tensor1D,
      old: tf.tensor1d(NUMBERS.old),
      ...(settings.beta > 0 ? { reference: tf.tensor1d(NUMBERS.reference) } : {}),
      advantages: tf.tensor1d(NUMBERS.advantages),
      ...(needsSequences(settings)
        ? { sequences: { completion: tf.tensor1d(OF, 'int32'), lengths: tf.tensor1d(LENGTHS) } }
        : {}),
    };
    const { policy, kl } = policyTerms(targets, settings);
    const own = tf.tensor1d(OF.map((completion) => weights[completion]!));
    return tf.sum(tf.mul(own, tf.add(policy, tf.mul(kl, settings.beta)))) as tf.Scalar;
  };
  const { value, grad } = tf.valueAndGrad(lossOf)(tf.tensor1d(NUMBERS.now));
  return { loss: value.dataSync()[0]!, gradient: [...grad.dataSync()] };
}

test("verl's loss and gradient are ours, for every loss that it has", { skip }, () => {
  const all = CASES.map((changes) => experiment(changes));
  const cases = all.map((one) => {
    const { options } = grpoOptions(one);
    const actor = Object.entries(options).filter(([name]) => name.startsWith('actor_rollout_ref.actor.'));
    const named = { ...Object.fromEntries(actor), 'actor_rollout_ref.rollout.name': 'vllm' };
    return { options: { ...named, 'actor_rollout_ref.rollout.n': 8 }, lengths: LENGTHS, ...NUMBERS };
  });
  const { stdout, stderr, status } = spawnSync(python!, ['-B', path.join(__dirname, 'verl_losses.py')], {
    ...{ input: JSON.stringify(cases), encoding: 'utf8', env: { ...process.env, CUDA_VISIBLE_DEVICES: '' } },
  });
  assert.equal(status, 0, stderr.slice(-3000));
  const theirs = JSON.parse(stdout.trim().split('\n').at(-1)!) as { loss: number; gradient: number[] }[];
  for (const [i, { grpo }] of all.entries()) {
    const [here, there] = [ours(grpo), theirs[i]!];
    const name = JSON.stringify(CASES[i]);
    // float32 here, float64 there.
    const near = (a: number, b: number, what: string) =>
      assert.ok(Math.abs(a - b) < 1e-5 * Math.max(1, Math.abs(b)), `${name}: ${what} ${a} against ${b}`);
    near(here.loss, there.loss, 'the loss');
    for (const [t, slope] of there.gradient.entries()) near(here.gradient[t]!, slope, `the gradient of token ${t}`);
  }
});
