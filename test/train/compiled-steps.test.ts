/** Every step that the library compiles gives the numbers that its function gives when TensorFlow runs it operation by operation. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { before, test } from 'node:test';
import type * as tf from '@tensorflow/tfjs';
import { startEngine } from '../../lib/engine/backend.js';
import { Random } from '../../lib/engine/random.js';
import { Generator } from '../../lib/model/generate.js';
import { ADAMW_DEFAULTS, AdamW } from '../../lib/train/adamw.js';
import { type GrpoSettings, REASON_RFT_GRPO } from '../../lib/train/grpo-settings.js';
import { likelihoodStep } from '../../lib/train/likelihood.js';
import { likelihoodGradients } from '../../lib/train/likelihood-update.js';
import { logProbStep, policyStep } from '../../lib/train/policy-step.js';
import { computeLogProbs, miniBatches, policyGradients } from '../../lib/train/policy-update.js';
import type { Rollout } from '../../lib/train/rollout.js';
import { eagerly } from '../support/eagerly.js';
import { TINY_CONFIG, tinyParameters } from '../support/tiny-model.js';
import { TINY_END, tinyExamples } from '../support/tiny-policy.js';

before(async () => {
  await startEngine();
});

const SETTINGS: GrpoSettings = {
  ...REASON_RFT_GRPO,
  steps: 1,
  promptsPerStep: 4,
  completions: 6,
  maxNewTokens: 24,
  promptsPerMicroBatch: 2,
  updatesPerRollout: 2,
  topEntropyShare: 0.6,
  entropyBonus: 0.02,
};

const examples = tinyExamples(4);

/** Groups of 1 to 24 tokens, long enough together that rows are laid out in blocks. */
function rollout(): Rollout {
  const random = new Random(3, 'compiled');
  const completions = examples.map(() =>
    Array.from({ length: 6 }, () => {
      const tokens = Array.from({ length: 1 + random.int(24) }, () => 6 + random.int(26));
      return { tokens, logProbs: tokens.map(() => 0), ended: tokens.length < 24 };
    }),
  );
  return { examples, completions, advantages: examples.map(() => Array.from({ length: 6 }, () => random.normal())) };
}

const flat = (map: { [name: string]: tf.Tensor }) =>
  Object.keys(map)
    .sort()
    .flatMap((name) => Array.from(map[name]!.dataSync()));

/** What each compiled step, by its name, computes on fixed inputs. */
const STEPS: { [name: string]: () => number[] } = {
  prefill: () => {
    // The first token's log-probabilities come from the prefill alone.
    const generator = new Generator(TINY_CONFIG, [TINY_END]);
    const settings = { temperature: 1, topK: 0, topP: 1, minP: 0, maxNewTokens: 1, completions: 6, seed: 1 };
    const prompts = examples.map(({ prompt }) => prompt);
    const groups = generator.generate(tinyParameters(), prompts, settings);
    return groups.flat().flatMap(({ tokens, logProbs }) => [...tokens, ...logProbs]);
  },
  decode: () => {
    const generator = new Generator(TINY_CONFIG, [TINY_END]);
    const prompts = examples.map(({ prompt }) => prompt);
    return [
      { temperature: 0, topK: 0, topP: 1, minP: 0 },
      { temperature: 0.9, topK: 10, topP: 0.9, minP: 0 },
    ].flatMap((sampling) => {
      const settings = { ...sampling, maxNewTokens: 20, completions: 6, seed: 1 };
      const groups = generator.generate(tinyParameters(), prompts, settings);
      return groups.flat().flatMap(({ tokens, logProbs }) => [...tokens, ...logProbs]);
    });
  },
  score: () => {
    const { logProbs, entropies } = computeLogProbs(
      logProbStep(TINY_CONFIG, 0.8),
      tinyParameters(),
      rollout(),
      TINY_CONFIG,
      2,
    );
    return [...logProbs, ...entropies!].flat().flatMap((each) => [...each]);
  },
  likelihood: () => {
    const rows = rollout().completions.map((group, p) => ({
      prefix: { tokens: examples[p]!.prompt.tokens },
      images: examples[p]!.prompt.images,
      segments: group.map(({ tokens }) => ({ tokens, trained: tokens.map(() => true) })),
    }));
    const tensors = { trainable: tinyParameters(), frozen: {} };
    const { gradients, metrics } = likelihoodGradients(likelihoodStep(TINY_CONFIG), tensors, [rows], TINY_CONFIG);
    return [...flat(gradients), ...Object.values(metrics)];
  },
  policy: () => {
    const scores = computeLogProbs(logProbStep(TINY_CONFIG, 1), tinyParameters(2), rollout(), TINY_CONFIG, 2);
    return [false, true].flatMap((gradientCheckpointing) => {
      const settings = { ...SETTINGS, gradientCheckpointing };
      const policy = policyStep(TINY_CONFIG, { ...settings, logitTemperature: 1 });
      const tensors = { trainable: tinyParameters(), frozen: {}, reference: tinyParameters(2) };
      const [update] = miniBatches(rollout(), settings, scores);
      const { gradients, metrics } = policyGradients(policy, tensors, update!, TINY_CONFIG, settings);
      return [...flat(gradients), ...Object.values(metrics)];
    });
  },
  adamw: () => {
    const parameters = tinyParameters();
    const optimizer = new AdamW({ ...ADAMW_DEFAULTS, weightDecay: 0.1 });
    for (const seed of [3, 4]) optimizer.apply(parameters, tinyParameters(seed), 1e-2);
    return [...flat(parameters), ...flat(optimizer.state().moments)];
  },
};

for (const [name, run] of Object.entries(STEPS)) {
  test(`${name}: compiled as operation by operation, to 1e-5 of the largest number`, () => {
    const [compiled, eager] = [run(), eagerly(run)];
    assert.equal(compiled.length, eager.length);
    assert.ok(compiled.length > 0);
    const largest = Math.max(...eager.map(Math.abs));
    const off = Math.max(...compiled.map((x, i) => Math.abs(x - eager[i]!)));
    assert.ok(off <= 1e-5 * largest, `off by ${off} where the largest is ${largest}`);
  });
}

test('no step of the library is missing here', () => {
  const lib = path.join(__dirname, '..', '..', 'lib');
  const names = ['model', 'train'].flatMap((folder) =>
    readdirSync(path.join(lib, folder))
      .filter((file) => file.endsWith('.ts'))
      .flatMap((file) => [...readFileSync(path.join(lib, folder, file), 'utf8').matchAll(/\bcompile\('(\w+)'/g)])
      .map((match) => match[1]!),
  );
  assert.deepEqual(names.sort(), Object.keys(STEPS).sort());
});
