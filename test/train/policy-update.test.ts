/** An update is the same however its rollout is cut into micro-batches, padded or ordered; and what mini-batches are. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { startEngine } from '../../lib/engine/backend.js';
import { Random } from '../../lib/engine/random.js';
import type { ModelConfig } from '../../lib/model/configuration.js';
import { Generator } from '../../lib/model/generate.js';
import { ADAMW_DEFAULTS, AdamW } from '../../lib/train/adamw.js';
import { type GrpoSettings, REASON_RFT_GRPO } from '../../lib/train/grpo-settings.js';
import { logProbStep, policyStep } from '../../lib/train/policy-step.js';
import {
  canReuseSamplingLogProbs,
  computeLogProbs,
  entropyThreshold,
  logProbsFromSampling,
  miniBatches,
  policyGradients,
} from '../../lib/train/policy-update.js';
import type { Rollout } from '../../lib/train/rollout.js';
import { dataRow } from '../support/data-row.js';
import { TINY_CONFIG, TINY_QWEN3_CONFIG, tinyParameters, tinyPrompt } from '../support/tiny-model.js';

before(async () => {
  await startEngine();
});

const SETTINGS: GrpoSettings = {
  ...REASON_RFT_GRPO,
  steps: 1,
  promptsPerStep: 6,
  completions: 3,
  maxNewTokens: 12,
  promptsPerMicroBatch: 6,
  updatesPerRollout: 2,
};

/** Six prompts, every third without an image, each with three completions of 1 to 12 tokens. */
function rollout(order: readonly number[], completionOrder = [0, 1, 2], keepsMask = false): Rollout {
  const random = new Random(1, 'rollout');
  const groups = Array.from({ length: 6 }, (_, p) => ({
    example: {
      id: String(p),
      prompt:
        p % 3 === 2
          ? { tokens: [20, 21, 6 + p], images: [] }
          : tinyPrompt(
              p,
              Array.from({ length: 1 + p }, () => 22),
            ),
      row: dataRow(String(p)),
    },
    completions: [0, 1, 2].map(() => {
      const tokens = Array.from({ length: 1 + random.int(12) }, () => 6 + random.int(26));
      // Sets of 1 to 4 tokens.
      const kept = tokens.map((token) => Int32Array.from({ length: 1 + (token % 4) }, (_, i) => (token + 5 * i) % 32));
      return { tokens, logProbs: tokens.map(() => 0), ended: tokens.length < 12, ...(keepsMask && { kept }) };
    }),
    advantages: [random.normal(), random.normal(), random.normal()],
  }));
  const chosen = order.map((p) => groups[p]!);
  return {
    examples: chosen.map((group) => group.example),
    completions: chosen.map((group) => completionOrder.map((g) => group.completions[g]!)),
    advantages: chosen.map((group) => completionOrder.map((g) => group.advantages[g]!)),
  };
}

const SAMPLING_SEED = 1;

/** Gradient of the whole rollout, and the weights after one step of AdamW. */
function update(of: Rollout, settings: GrpoSettings, config: ModelConfig = TINY_CONFIG) {
  const trainable = tinyParameters(1, config);
  const sampling = tinyParameters(SAMPLING_SEED, config);
  sampling['model.norm.weight'] = sampling['model.norm.weight']!.mul(1.05);
  const score = logProbStep(config, 1);
  const scores = computeLogProbs(score, sampling, of, config, settings.promptsPerMicroBatch);
  const policy = policyStep(config, { ...settings, logitTemperature: 1 });
  const tensors = { trainable, frozen: {}, reference: tinyParameters(2, config) };
  const [batch] = miniBatches(of, settings, scores);
  const { gradients, metrics } = policyGradients(policy, tensors, batch!, config, settings);
  const flat = (map: { [name: string]: { dataSync(): ArrayLike<number> } }) =>
    Object.keys(map)
      .sort()
      .flatMap((name) => Array.from(map[name]!.dataSync()));
  const values = flat(gradients);
  new AdamW(ADAMW_DEFAULTS).apply(trainable, gradients, 1e-3);
  return { gradient: values, weights: flat(trainable), metrics };
}

/** |a - b| / |b| in the Euclidean norm. */
function distance(a: readonly number[], b: readonly number[]): number {
  const norm = (x: readonly number[]) => Math.sqrt(x.reduce((sum, v) => sum + v * v, 0));
  return norm(a.map((x, i) => x - b[i]!)) / norm(b);
}

const STRAIGHT = [0, 1, 2, 3, 4, 5];

for (const [name, lossType, config, keepsMask = false] of [
  ...(['grpo', 'bnpo', 'dr_grpo', 'dapo', 'cispo', 'sapo', 'gspo', 'luspo', 'vespo'] as const).map(
    (name) => [name, name] as const,
  ),
  ['grpo, Qwen3-VL', 'grpo', TINY_QWEN3_CONFIG],
  ['grpo, over the tokens kept at sampling', 'grpo', TINY_CONFIG, true],
] as const) {
  test(`${name}: gradient and update equal to 1e-6 in micro-batches of 1, 4 and 6 prompts, and in any order`, () => {
    const settings: GrpoSettings = {
      ...SETTINGS,
      lossType,
      maskTruncated: true,
      topEntropyShare: 0.7,
      entropyBonus: 0.01,
      epsilonHigh: lossType === 'cispo' ? 1.1 : 0.2,
    };
    const whole = update(rollout(STRAIGHT, undefined, keepsMask), settings, config);
    // Other cuts pad rows and targets to other sizes, the last of 4 + 2 among them.
    const cuts = [1, 4].map((promptsPerMicroBatch) =>
      update(rollout(STRAIGHT, undefined, keepsMask), { ...settings, promptsPerMicroBatch }, config),
    );
    const ordered = update(
      rollout([4, 2, 0, 5, 1, 3], [2, 0, 1], keepsMask),
      { ...settings, promptsPerMicroBatch: 3 },
      config,
    );
    for (const other of [...cuts, ordered]) {
      assert.ok(
        distance(other.gradient, whole.gradient) < 1e-6,
        `gradient ${distance(other.gradient, whole.gradient)}`,
      );
      assert.ok(distance(other.weights, whole.weights) < 1e-6, `weights ${distance(other.weights, whole.weights)}`);
      for (const [name, value] of Object.entries(whole.metrics))
        assert.ok(Math.abs(other.metrics[name]! - value) < 1e-6, `${name}: ${other.metrics[name]} against ${value}`);
    }
  });
}

test('log-probabilities noted at sampling are those of a pass over the rollout, at the temperature of both', () => {
  const settings: GrpoSettings = { ...SETTINGS, temperature: 0.7, topK: 0, topP: 1, temperatureInLoss: true };
  assert.equal(canReuseSamplingLogProbs(settings), true);
  const examples = [0, 1, 2].map((p) => ({ id: String(p), prompt: tinyPrompt(p, [22, 23]), row: dataRow(String(p)) }));
  const parameters = tinyParameters(1);
  const generator = new Generator(TINY_CONFIG, [31]);
  const prompts = examples.map(({ prompt }) => prompt);
  const completions = generator.generate(parameters, prompts, settings);
  const drawn: Rollout = { examples, completions, advantages: [] };
  const passed = computeLogProbs(logProbStep(TINY_CONFIG, 0.7), parameters, drawn, TINY_CONFIG, 3).logProbs.flat();
  const noted = logProbsFromSampling(drawn).logProbs.flat();
  noted.forEach((each, i) => {
    each.forEach((x, t) => {
      assert.ok(Math.abs(x - passed[i]![t]!) < 1e-5, `completion ${i}, token ${t}: ${x} against ${passed[i]![t]}`);
    });
  });
  // At another temperature than the loss's, and where entropies are asked for, they are not.
  assert.equal(canReuseSamplingLogProbs({ ...settings, temperatureInLoss: false }), false);
  assert.equal(canReuseSamplingLogProbs({ ...settings, temperature: 1, temperatureInLoss: false }), true);
  assert.equal(canReuseSamplingLogProbs({ ...settings, topEntropyShare: 0.2 }), false);
});

test('the tokens noted at sampling are those that top-k, top-p and min-p leave, and the log-probability is over them', () => {
  const settings: GrpoSettings = { ...SETTINGS, temperature: 0.7, topK: 9, topP: 0.8, temperatureInLoss: true };
  const kept = { ...settings, keepSamplingMask: true };
  const examples = [0, 1, 2].map((p) => ({ id: String(p), prompt: tinyPrompt(p, [22, 23]), row: dataRow(String(p)) }));
  const parameters = tinyParameters(1);
  const generator = new Generator(TINY_CONFIG, [31]);
  const prompts = examples.map(({ prompt }) => prompt);
  const completions = generator.generate(parameters, prompts, kept);
  // The draws are those without the note.
  const plain = generator.generate(parameters, prompts, settings);
  assert.deepEqual(
    completions.map((group) => group.map(({ tokens }) => tokens)),
    plain.map((group) => group.map(({ tokens }) => tokens)),
  );
  assert.equal(plain[0]![0]!.kept, undefined);
  completions.forEach((group, p) => {
    // The first token of each completion, from the prompt's logits: the nine largest, then as many as reach 0.8 of their sum.
    const logits = generator.promptLogits(parameters, prompts[p]!).logits;
    const best = [...logits.keys()].sort((a, b) => logits[b]! - logits[a]!).slice(0, settings.topK);
    const weights = best.map((token) => Math.exp((logits[token]! - logits[best[0]!]!) / settings.temperature));
    const total = weights.reduce((a, b) => a + b, 0);
    const wanted = best.filter((_, i) => weights.slice(0, i).reduce((a, b) => a + b, 0) / total < settings.topP);
    for (const completion of group) {
      assert.deepEqual([...completion.kept![0]!].sort(), [...wanted].sort());
      assert.equal(completion.kept!.length, completion.tokens.length);
      completion.tokens.forEach((token, t) => {
        assert.ok(completion.kept![t]!.includes(token));
        assert.ok(completion.kept![t]!.length <= settings.topK);
      });
    }
  });
  const drawn: Rollout = { examples, completions, advantages: [] };
  const passed = computeLogProbs(logProbStep(TINY_CONFIG, 0.7), parameters, drawn, TINY_CONFIG, 2).logProbs.flat();
  const noted = logProbsFromSampling(drawn).logProbs.flat();
  noted.forEach((each, i) => {
    each.forEach((x, t) => {
      assert.ok(Math.abs(x - passed[i]![t]!) < 1e-5, `completion ${i}, token ${t}: ${x} against ${passed[i]![t]}`);
    });
  });
});

for (const [family, config] of [
  ['Qwen2-VL', TINY_CONFIG],
  ['Qwen3-VL', TINY_QWEN3_CONFIG],
] as const) {
  test(`gradient checkpointing, ${family}: the same gradient and weights`, () => {
    const kept = update(rollout(STRAIGHT), SETTINGS, config);
    const again = update(rollout(STRAIGHT), { ...SETTINGS, gradientCheckpointing: true }, config);
    assert.ok(distance(again.gradient, kept.gradient) < 1e-6);
    assert.ok(distance(again.weights, kept.weights) < 1e-6);
  });
}

test('two mini-batches: dapo gradients add up to twice the whole rollout’s, each being divided by half its tokens', () => {
  const settings: GrpoSettings = { ...SETTINGS, lossType: 'dapo', miniBatches: 2 };
  const of = rollout(STRAIGHT);
  const parameters = tinyParameters(1);
  const policy = policyStep(TINY_CONFIG, { ...settings, logitTemperature: 1 });
  const scores = computeLogProbs(logProbStep(TINY_CONFIG, 1), parameters, of, TINY_CONFIG, 6);
  const tensors = { trainable: parameters, frozen: {}, reference: tinyParameters(2) };
  const losses = (each: GrpoSettings) =>
    miniBatches(of, each, scores).map((one) => policyGradients(policy, tensors, one, TINY_CONFIG, each).metrics.loss!);
  const [first, second] = losses(settings) as [number, number];
  const [whole] = losses({ ...settings, miniBatches: 1 }) as [number];
  assert.ok(Math.abs((first + second) / 2 - whole) < 1e-5, `${first} + ${second} against 2 x ${whole}`);
});

test('the threshold of the top 20 % of 0..10 is 8: the quantile 0.8, which lies at place 8 of 0..10', () => {
  const entropies = [3, 7, 1, 0, 10, 5, 2, 9, 8, 6, 4];
  assert.ok(Math.abs(entropyThreshold(entropies, 0.2) - 8) < 1e-12);
  // Between neighbours it is linear: the quantile 0.5 of 0, 1 is 0.5.
  assert.equal(entropyThreshold([0, 1], 0.5), 0.5);
  assert.equal(entropyThreshold([], 0.5), 0);
});
