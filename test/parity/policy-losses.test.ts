/**
 * Loss and gradients of every policy loss against TRL's own, with the KL as it is and times the importance ratio, on a fixed rollout
 * whose policy and reference are not the model's: see make_grpo_fixtures.py. Each test notes the differences that it saw (node's `spec`
 * reporter shows them); lib/train/README.md has the largest of Qwen2-VL in a table, lib/model/README.md those of the families.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { startEngine } from '../../lib/engine/backend.js';
import { disposeModel, encodeCompletion, loadModel, type Model } from '../../lib/model/model.js';
import { readSafetensors } from '../../lib/model/safetensors.js';
import { publishedName } from '../../lib/model/tensor-names.js';
import type { TensorMap } from '../../lib/train/adamw.js';
import { partParameters } from '../../lib/train/batches.js';
import { type GrpoSettings, REASON_RFT_GRPO } from '../../lib/train/grpo-settings.js';
import { LOSS_TYPES, type LossType } from '../../lib/train/policy-loss.js';
import { logProbStep, policyStep } from '../../lib/train/policy-step.js';
import { computeLogProbs, miniBatches, policyGradients, type TokenLogProbs } from '../../lib/train/policy-update.js';
import type { Rollout } from '../../lib/train/rollout.js';
import { dataRow } from '../support/data-row.js';
import { eagerly } from '../support/eagerly.js';
import { type Case, encodeCase, FAMILIES, fixtureFolder, readExpected } from '../support/parity-fixture.js';

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
  /** For each token of each completion, in the order of the prompts, the tokens that could be drawn in its place. */
  kept: number[][][];
  cases: {
    key: string;
    lossType: LossType;
    unbiasedKl: boolean;
    offPolicyThreshold: number;
    keepSamplingMask: boolean;
    loss: number;
  }[];
}

before(async () => {
  await startEngine();
});

for (const family of FAMILIES) {
  describe(family, () => {
    const folder = fixtureFolder(family);
    const expected = JSON.parse(readFileSync(path.join(folder, 'grpo.json'), 'utf8')) as ExpectedLosses;
    const numbers = new Map(
      [...readSafetensors(path.join(folder, 'grpo.safetensors'))].map(({ name, data }) => {
        const [, key, parameter] = /^(.*?)\.(.*)$/.exec(name)!;
        return [`${key}.${publishedName(parameter!)}`, data];
      }),
    );
    let model: Model;
    let reference: TensorMap;
    /** The rollout as it is, and with the tokens that could be drawn; and its log-probabilities under the policy that sampled. */
    let whole: { rollout: Rollout; scores: TokenLogProbs };
    let kept: { rollout: Rollout; scores: TokenLogProbs };
    before(async () => {
      model = loadModel(folder);
      const names = Object.keys(expected.prompts) as Case[];
      const prompts = await Promise.all(names.map((name) => encodeCase(model, readExpected(family).cases[name])));
      const groups = names.map((name) => expected.prompts[name]!);
      const rollout: Rollout = {
        examples: names.map((id, p) => ({ id, prompt: prompts[p]!, row: dataRow(id) })),
        completions: groups.map(([answers]) =>
          answers.map((answer) => ({ tokens: encodeCompletion(model, answer), logProbs: [], ended: true })),
        ),
        advantages: groups.map(([, advantages]) => advantages),
      };
      const sets = expected.kept.map((completion) => completion.map((ids) => Int32Array.from(ids)));
      const keptRollout: Rollout = {
        ...rollout,
        completions: rollout.completions.map((group, p) =>
          group.map((completion, g) => ({ ...completion, kept: sets[p * 2 + g] })),
        ),
      };
      const times = (scale: number) =>
        Object.fromEntries(
          Object.entries(model.parameters).map(([name, tensor]) => [name, tf.mul(tensor as tf.Tensor, scale)]),
        );
      reference = times(expected.referenceScale);
      const sampling = times(expected.samplingScale);
      const scored = (of: Rollout) => ({
        rollout: of,
        scores: eagerly(() => computeLogProbs(logProbStep(model.config, 1), sampling, of, model.config, 2)),
      });
      whole = scored(rollout);
      if (sets.length > 0) kept = scored(keptRollout);
      tf.dispose(sampling);
    });
    after(() => {
      tf.dispose(reference);
      disposeModel(model);
    });

    /** Our loss and gradients of the rollout. */
    function compute(changes: Partial<GrpoSettings>, run: typeof eagerly = eagerly) {
      const { rollout, scores } = changes.keepSamplingMask ? kept : whole;
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
      return run(() => policyGradients(policy, tensors, update!, model.config, settings));
    }

    expected.cases.forEach(({ key, loss, ...changes }, i) => {
      it(`${key}: the loss to 1e-5 and the gradient of every parameter to 1e-4 of its norm are TRL’s`, (context) => {
        // The first runs as a compiled step; one is enough, since each builds a graph of its own.
        const { gradients, metrics } = compute(changes, i === 0 ? (body) => body() : eagerly);
        const gap = Math.abs(metrics.loss! - loss);
        const { worst, name } = worstError(gradients, numbers, key, expected.gradientStep);
        context.diagnostic(`${key}: of the loss ${gap}, of a gradient at most ${worst}`);
        tf.dispose(gradients);
        assert.ok(gap < 1e-5 * Math.max(1, Math.abs(loss)), `${metrics.loss} against ${loss}`);
        assert.ok(worst < 1e-4, `${name}: relative error ${worst}`);
        // Clipping is compared on both sides. Over the kept tokens alone, ratios are nearer to 1.
        if (key.startsWith('grpo') && !changes.keepSamplingMask)
          assert.ok(metrics['clip_ratio/low_mean']! > 0 && metrics['clip_ratio/high_mean']! > 0);
      });
    });

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
      .filter(({ unbiasedKl, keepSamplingMask }) => unbiasedKl && !keepSamplingMask)
      .map(({ lossType }) => lossType)
      .sort(),
    [...LOSS_TYPES].sort(),
  );
});

/**
 * The largest error of a parameter's gradient, relative to its norm. The fixture has one of `step` entries, so that the error of all is
 * taken to be sqrt(step) times theirs.
 */
function worstError(
  gradients: TensorMap,
  numbers: Map<string, Float32Array>,
  key: string,
  step: number,
): { worst: number; name: string } {
  const errors = Object.entries(gradients).map(([name, gradient]) => {
    const wanted = numbers.get(`${key}.${name}`)!;
    const actual = gradient.dataSync().filter((_, i) => i % step === 0);
    assert.ok(wanted, `the fixture has no ${key}.${name}`);
    assert.equal(actual.length, wanted.length, name);
    const norm = numbers.get(`${key}.${name}.norm`)![0]!;
    return { name, worst: (Math.sqrt(step) * Math.hypot(...wanted.map((x, i) => x - actual[i]!))) / norm };
  });
  return errors.reduce((a, b) => (b.worst > a.worst ? b : a));
}
