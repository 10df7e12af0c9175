/**
 * Loss and gradients of every policy loss against TRL's own, with the KL as it is and times the importance ratio, on a fixed rollout
 * whose policy and reference are not the model's: see make_grpo_fixtures.py.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { startEngine } from '../../lib/engine/backend.js';
import { disposeModel, encodeCompletion, loadModel, type Model } from '../../lib/model/model.js';
import { readSafetensors } from '../../lib/model/safetensors.js';
import type { TensorMap } from '../../lib/train/adamw.js';
import { partParameters } from '../../lib/train/batches.js';
import { type GrpoSettings, REASON_RFT_GRPO } from '../../lib/train/grpo-settings.js';
import { LOSS_TYPES, type LossType } from '../../lib/train/policy-loss.js';
import { logProbStep, policyStep } from '../../lib/train/policy-step.js';
import { computeLogProbs, miniBatches, policyGradients, type TokenLogProbs } from '../../lib/train/policy-update.js';
import type { Rollout } from '../../lib/train/rollout.js';
import { eagerly } from '../support/eagerly.js';
import { type Case, encodeCase, fixtureFolder, readExpected } from '../support/parity-fixture.js';

/** See make_grpo_fixtures.py, which writes it. */
interface ExpectedLosses {
  versions: { trl: string };
  prompts: { [name in Case]?: [string[], number[]] };
  samplingScale: number;
  referenceScale: number;
  beta: number;
  epsilon: number;
  cispoBound: number;
  maxNewTokens: number;
  gradientStep: number;
  cases: { key: string; lossType: LossType; unbiasedKl: boolean; offPolicyThreshold: number; loss: number }[];
}

before(async () => {
  await startEngine();
});

for (const family of ['qwen2-vl', 'qwen2.5-vl'] as const) {
  describe(family, () => {
    const folder = fixtureFolder(family);
    const expected = JSON.parse(readFileSync(path.join(folder, 'grpo.json'), 'utf8')) as ExpectedLosses;
    const numbers = new Map(
      [...readSafetensors(path.join(folder, 'grpo.safetensors'))].map(({ name, data }) => [name, data]),
    );
    let model: Model;
    let rollout: Rollout;
    let scores: TokenLogProbs;
    let reference: TensorMap;
    before(async () => {
      model = loadModel(folder);
      const names = Object.keys(expected.prompts) as Case[];
      const prompts = await Promise.all(names.map((name) => encodeCase(model, readExpected(family).cases[name])));
      const groups = names.map((name) => expected.prompts[name]!);
      const examples = names.map((id, p) => ({ id, prompt: prompts[p]!, solution: '', row: {} }));
      const completions = groups.map(([answers]) =>
        answers.map((answer) => ({ tokens: encodeCompletion(model, answer), logProbs: [], ended: true })),
      );
      rollout = { examples, completions, advantages: groups.map(([, advantages]) => advantages) } as unknown as Rollout;
      const times = (scale: number) =>
        Object.fromEntries(
          Object.entries(model.parameters).map(([name, tensor]) => [name, tf.mul(tensor as tf.Tensor, scale)]),
        );
      reference = times(expected.referenceScale);
      const sampling = times(expected.samplingScale);
      scores = computeLogProbs(logProbStep(model.config, 1), sampling, rollout, model.config, 2);
      tf.dispose(sampling);
    });
    after(() => {
      tf.dispose(reference);
      disposeModel(model);
    });

    /** Our loss and gradients of the rollout. */
    function compute(changes: Partial<GrpoSettings>) {
      const settings: GrpoSettings = {
        ...REASON_RFT_GRPO,
        ...{ beta: expected.beta, epsilonLow: expected.epsilon, maxNewTokens: expected.maxNewTokens },
        ...{ epsilonHigh: changes.lossType === 'cispo' ? expected.cispoBound : expected.epsilon },
        ...{ steps: 1, promptsPerStep: 2, completions: 2, promptsPerMicroBatch: 2, updatesPerRollout: 2 },
        ...changes,
      };
      const policy = policyStep(model.config, { ...settings, logitTemperature: 1 });
      const tensors = { ...partParameters(model.parameters, { freezeVision: false }), reference };
      const [update] = miniBatches(rollout, settings, scores);
      return eagerly(() => policyGradients(policy, tensors, update!, model.config, settings));
    }

    for (const { key, loss, ...changes } of expected.cases) {
      it(`${key}: the loss to 1e-5 and the gradient of every parameter to 1e-4 of its norm are TRL’s`, () => {
        const { gradients, metrics } = compute(changes);
        assert.ok(
          Math.abs(metrics.loss! - loss) < 1e-5 * Math.max(1, Math.abs(loss)),
          `${metrics.loss} against ${loss}`,
        );
        const { worst, name } = worstError(gradients, numbers, key, expected.gradientStep);
        tf.dispose(gradients);
        assert.ok(worst < 1e-4, `${name}: relative error ${worst}`);
      });
    }

    it('a gradient without the ratio is not TRL’s with it: the comparison sees the difference', () => {
      const { gradients } = compute({ lossType: 'grpo', unbiasedKl: false });
      const { worst } = worstError(gradients, numbers, 'grpo+unbiasedKl', expected.gradientStep);
      tf.dispose(gradients);
      assert.ok(worst > 0.01, String(worst));
    });
  });
}

it('every loss type of the kit is compared', () => {
  const file = path.join(fixtureFolder('qwen2-vl'), 'grpo.json');
  const { cases } = JSON.parse(readFileSync(file, 'utf8')) as ExpectedLosses;
  assert.deepEqual(
    cases
      .filter(({ unbiasedKl }) => unbiasedKl)
      .map(({ lossType }) => lossType)
      .sort(),
    [...LOSS_TYPES].sort(),
  );
});

/** The largest error of a parameter's gradient, relative to its norm. */
function worstError(
  gradients: TensorMap,
  numbers: Map<string, Float32Array>,
  key: string,
  step: number,
): { worst: number; name: string } {
  const errors = Object.entries(gradients).map(([name, gradient]) => {
    const wanted = numbers.get(`${key}.${name}`)!;
    const actual = gradient.dataSync().filter((_, i) => i % step === 0);
    assert.equal(actual.length, wanted.length, name);
    const norm = numbers.get(`${key}.${name}.norm`)![0]!;
    return { name, worst: Math.hypot(...wanted.map((x, i) => x - actual[i]!)) / norm };
  });
  return errors.reduce((a, b) => (b.worst > a.worst ? b : a));
}
