/** Graphs of the policy loss are shared by its own settings, by all of them and by no others. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { startEngine } from '../../lib/engine/backend.js';
import { type GrpoSettings, REASON_RFT_GRPO } from '../../lib/train/grpo-settings.js';
import {
  type EveryField,
  POLICY_STEP_FIELDS,
  type PolicyStepSettings,
  policyStep,
} from '../../lib/train/policy-step.js';
import { miniBatches, policyGradients } from '../../lib/train/policy-update.js';
import type { Rollout } from '../../lib/train/rollout.js';
import { TINY_CONFIG, tinyParameters } from '../support/tiny-model.js';
import { tinyExamples } from '../support/tiny-policy.js';

const SETTINGS: GrpoSettings & PolicyStepSettings = {
  ...REASON_RFT_GRPO,
  ...{ steps: 1, promptsPerStep: 1, completions: 2, maxNewTokens: 8, delta: 3, logitTemperature: 1 },
};

/** Every setting of the loss, changed. The type asks for all of them. */
const CHANGED: { readonly [name in keyof PolicyStepSettings]-?: PolicyStepSettings[name] } = {
  lossType: 'sapo',
  ratioLevel: 'sequence',
  epsilonLow: 0.1,
  epsilonHigh: 0.3,
  delta: 2,
  sapoTemperaturePositive: 2,
  sapoTemperatureNegative: 2,
  vespoExponentPositive: 1,
  vespoDecayPositive: 2,
  vespoExponentNegative: 2,
  vespoDecayNegative: 1,
  offPolicyThreshold: 0.5,
  unbiasedKl: true,
  beta: 0,
  logitTemperature: 0.5,
  entropyBonus: 0.1,
  gradientCheckpointing: true,
};

before(async () => {
  await startEngine();
});

test('a setting of the loss that the key leaves out is a type error', () => {
  const { beta: _, ...withoutBeta } = POLICY_STEP_FIELDS;
  // @ts-expect-error beta is left out
  const incomplete: EveryField<PolicyStepSettings> = withoutBeta;
  assert.deepEqual(Object.keys(POLICY_STEP_FIELDS).sort(), Object.keys(CHANGED).sort());
  assert.ok(!('beta' in incomplete));
});

test('another setting of the loss is another graph, another seed is not', (t) => {
  const policy = policyStep(TINY_CONFIG, SETTINGS);
  const examples = tinyExamples(1);
  const completions = [[7, 9].map((token) => ({ tokens: [token, 31], logProbs: [0, 0], ended: true }))];
  const rollout: Rollout = { examples, completions, advantages: [[1, -1]] };
  const parameters = tinyParameters();
  const [update] = miniBatches(rollout, SETTINGS);
  const tensors = { trainable: parameters, frozen: {}, reference: tinyParameters(2) };
  const loss = (settings: GrpoSettings & PolicyStepSettings) => {
    const step = policyStep(TINY_CONFIG, settings);
    const { gradients, metrics } = policyGradients(step, tensors, update!, TINY_CONFIG, settings);
    tf.dispose(gradients);
    return metrics.loss!;
  };
  const first = loss(SETTINGS);
  if (tf.getBackend() !== 'tensorflow') return t.skip('graphs are TensorFlow’s');
  assert.equal(policy.graphs(), 1);
  const sameLoss = { ...SETTINGS, seed: 7, steps: 9, schedule: { ...SETTINGS.schedule, learningRate: 1 } };
  assert.equal(policyStep(TINY_CONFIG, sameLoss).graphs(), 1, 'a second run of the same loss shares the graph');
  for (const [name, value] of Object.entries(CHANGED))
    assert.equal(policyStep(TINY_CONFIG, { ...SETTINGS, [name]: value }).graphs(), 0, name);
  // With entropy subtracted the loss is lower: no graph of the first loss was replayed.
  const bonus = { ...SETTINGS, entropyBonus: 0.5 };
  assert.ok(loss(bonus) < first);
});
