/** Generation beside full forward passes: greedy tokens, log-probabilities, sampling, ends. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { startEngine } from '../../lib/engine/backend.js';
import type { Completion } from '../../lib/model/completion.js';
import { type ModelConfig, parseConfig } from '../../lib/model/configuration.js';
import { type GenerationSettings, Generator } from '../../lib/model/generate.js';
import { addAdapters, LORA_DEFAULTS } from '../../lib/model/lora.js';
import { initialParameters, parameterShapes } from '../../lib/model/parameters.js';
import { GREEDY } from '../../lib/model/sampling.js';
import {
  TINY_CONFIG,
  TINY_CONFIG_FILE,
  TINY_QWEN3_CONFIG,
  TINY_QWEN3_CONFIG_FILE,
  tinyParameters,
  tinyPrompt,
} from '../support/tiny-model.js';

// Nothing ends early.
const NO_END: readonly number[] = [];
const greedy: GenerationSettings = { ...GREEDY, maxNewTokens: 12, completions: 1, seed: 1 };
const sampled: GenerationSettings = {
  temperature: 1,
  topK: 0,
  topP: 1,
  minP: 0,
  maxNewTokens: 12,
  completions: 3,
  seed: 1,
};
let parameters: { [name: string]: tf.Tensor };

before(async () => {
  await startEngine();
  parameters = tinyParameters();
});

/** Two completions, drawn greedily, of a prompt with an image; each token is the argmax of a full forward pass. */
function greedyTokens(weights: { [name: string]: tf.Tensor }, config: ModelConfig): number[] {
  const generator = new Generator(config, NO_END);
  const prompt = tinyPrompt(1, [10, 11]);
  const [[first, second]] = generator.generate(weights, [prompt], { ...greedy, completions: 2 }) as [Completion[]];
  assert.deepEqual(second!.tokens, first!.tokens);
  const tokens = [...prompt.tokens];
  for (const token of first!.tokens) {
    const { logits } = generator.promptLogits(weights, { tokens, images: prompt.images });
    assert.equal(token, logits.indexOf(Math.max(...logits)));
    tokens.push(token);
  }
  return first!.tokens;
}

for (const [family, config] of [
  ['Qwen2-VL', TINY_CONFIG],
  ['Qwen3-VL', TINY_QWEN3_CONFIG],
] as const) {
  test(`cached greedy decoding equals the argmax of full forward passes, ${family}`, () => {
    // With a head of its own, as a tied one repeats the token that it has just read.
    const untied = { ...config, tieWordEmbeddings: false };
    const tokens = greedyTokens(tinyParameters(1, untied), untied);
    assert.ok(new Set(tokens).size > 2, `${tokens}: a weak test`);
  });
}

const WIDE_FILE = {
  ...TINY_CONFIG_FILE,
  hidden_size: 520,
  num_attention_heads: 65,
  num_key_value_heads: 13,
  tie_word_embeddings: false,
};
const WIDE_CONFIGS = [
  ['Qwen2-VL', parseConfig({ ...WIDE_FILE, vision_config: { ...TINY_CONFIG_FILE.vision_config, hidden_size: 520 } })],
  [
    'Qwen3-VL',
    parseConfig({
      ...TINY_QWEN3_CONFIG_FILE,
      text_config: { ...TINY_QWEN3_CONFIG_FILE.text_config, hidden_size: 520, tie_word_embeddings: false },
      vision_config: { ...TINY_QWEN3_CONFIG_FILE.vision_config, out_hidden_size: 520 },
    }),
  ],
] as const;

for (const [family, config] of WIDE_CONFIGS)
  test(`so does that of a wide model, whose weights are not copied side by side, with and without adapters, ${family}`, () => {
    const wide: { [name: string]: tf.Tensor } = {};
    for (const [name, values] of initialParameters(config, 1))
      wide[name] = tf.tensor(values, parameterShapes(config).get(name)!);
    const written: number[][] = [];
    for (const adapted of [false, true]) {
      if (adapted) {
        addAdapters(wide, { ...LORA_DEFAULTS, rank: 2 });
        for (const [name, tensor] of Object.entries(wide))
          if (name.endsWith('.lora_B.weight')) wide[name] = tf.randomNormal(tensor.shape, 0, 0.3, 'float32', 7);
      }
      written.push(greedyTokens(wide, config));
    }
    assert.notDeepEqual(written[0], written[1], 'the adapters change nothing: a weak test');
    tf.dispose(wide);
  });

test('a penalty on repetition divides the positive logits of what the prompt and the completion hold, greedily too', () => {
  const untied = { ...TINY_CONFIG, tieWordEmbeddings: false };
  const weights = tinyParameters(1, untied);
  const generator = new Generator(untied, NO_END);
  const penalty = 3;
  // Of different lengths, so that one is padded; two completions of each, which are one.
  const prompts = [tinyPrompt(1, [10, 11]), tinyPrompt(2, [12, 13, 14, 15])];
  const settings = { ...greedy, completions: 2, repetitionPenalty: penalty };
  const drawn = generator.generate(weights, prompts, settings);
  prompts.forEach((prompt, p) => {
    const tokens = [...prompt.tokens];
    assert.deepEqual(drawn[p]![0]!.tokens, drawn[p]![1]!.tokens);
    for (const token of drawn[p]![0]!.tokens) {
      const { logits } = generator.promptLogits(weights, { tokens, images: prompt.images });
      const penalized = logits.map((x, id) => (!tokens.includes(id) ? x : x > 0 ? x / penalty : x * penalty));
      assert.equal(token, penalized.indexOf(Math.max(...penalized)));
      tokens.push(token);
    }
  });
  const free = generator.generate(weights, prompts, { ...settings, repetitionPenalty: 1 });
  assert.notDeepEqual(drawn[0]![0]!.tokens, free[0]![0]!.tokens, 'the penalty changes nothing: a weak test');
  assert.throws(
    () => generator.generate(weights, prompts, { ...settings, repetitionPenalty: 0 }),
    /repetitionPenalty must be above 0/,
  );
});

test('a prompt’s completions do not depend on what else is in the batch, whatever its length', () => {
  const generator = new Generator(TINY_CONFIG, NO_END);
  const short = tinyPrompt(1, [10]);
  const long = tinyPrompt(2, [12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25]);
  const text = { tokens: [10, 11, 12], images: [] };
  const together = generator.generate(parameters, [short, long, text], sampled, ['a', 'b', 'c']);
  const alone = [short, long, text].map(
    (prompt, i) => generator.generate(parameters, [prompt], sampled, ['abc'[i]!])[0]!,
  );
  assert.deepEqual(
    together.map((group) => group.map(({ tokens }) => tokens)),
    alone.map((group) => group.map(({ tokens }) => tokens)),
  );
});

test('a seed draws the same again, another seed other tokens', () => {
  const generator = new Generator(TINY_CONFIG, NO_END);
  const prompts = [tinyPrompt(1, [10])];
  const first = generator.generate(parameters, prompts, sampled);
  assert.deepEqual(generator.generate(parameters, prompts, sampled), first);
  assert.notDeepEqual(generator.generate(parameters, prompts, { ...sampled, seed: 2 }), first);
});

test('reported log-probabilities are those of a full forward pass', () => {
  const generator = new Generator(TINY_CONFIG, NO_END);
  const prompt = tinyPrompt(1, [10]);
  const [group] = generator.generate(parameters, [prompt], sampled);
  for (const { tokens, logProbs } of group!) {
    const context = [...prompt.tokens];
    tokens.forEach((token, i) => {
      const { logits } = generator.promptLogits(parameters, { tokens: context, images: prompt.images });
      const total = Math.log(logits.reduce((sum, x) => sum + Math.exp(x), 0));
      assert.ok(Math.abs(logits[token]! - total - logProbs[i]!) < 1e-4);
      context.push(token);
    });
  }
});

test('150 tokens, past two widenings of the window: the log-probabilities of a full forward pass', () => {
  const generator = new Generator(TINY_CONFIG, NO_END);
  const prompt = tinyPrompt(1, [10, 11]);
  const settings = { ...sampled, maxNewTokens: 150, completions: 2 };
  const [group] = generator.generate(parameters, [prompt], settings);
  for (const { tokens, logProbs } of group!) {
    assert.equal(tokens.length, 150);
    // At the edges of the windows of 64 and 128, and at the end.
    for (const t of [0, 63, 64, 65, 127, 128, 129, 149]) {
      const before = { tokens: [...prompt.tokens, ...tokens.slice(0, t)], images: prompt.images };
      const { logits } = generator.promptLogits(parameters, before);
      const most = Math.max(...logits);
      const logZ = most + Math.log(logits.reduce((sum, x) => sum + Math.exp(x - most), 0));
      const wanted = logits[tokens[t]!]! - logZ;
      assert.ok(Math.abs(logProbs[t]! - wanted) < 1e-4, `token ${t}: ${logProbs[t]} against ${wanted}`);
    }
  }
});

test('generation stops at the end token and keeps it', () => {
  const prompt = tinyPrompt(1, [10, 11]);
  const [[free]] = new Generator(TINY_CONFIG, NO_END).generate(parameters, [prompt], greedy) as unknown as [
    [{ tokens: number[] }],
  ];
  const end = free.tokens[4]!;
  const [[stopped]] = new Generator(TINY_CONFIG, [end]).generate(parameters, [prompt], greedy) as unknown as [
    [{ tokens: number[]; ended: boolean }],
  ];
  assert.deepEqual(stopped.tokens, free.tokens.slice(0, free.tokens.indexOf(end) + 1));
  assert.equal(stopped.ended, true);
});

test('100 tokens drawn with top-k 2 are each among the two most probable', () => {
  const generator = new Generator(TINY_CONFIG, NO_END);
  const prompt = tinyPrompt(1, [10]);
  const { logits } = generator.promptLogits(parameters, prompt);
  const best = [...logits.keys()].sort((a, b) => logits[b]! - logits[a]!).slice(0, 2);
  const [group] = generator.generate(parameters, [prompt], { ...sampled, topK: 2, completions: 100, maxNewTokens: 1 });
  const drawn = new Set(group!.map(({ tokens }) => tokens[0]!));
  assert.deepEqual([...drawn].sort(), [...best].sort());
});

test('a tiny top-p leaves the most probable token alone', () => {
  const generator = new Generator(TINY_CONFIG, NO_END);
  const prompt = tinyPrompt(1, [10]);
  const [[first]] = generator.generate(parameters, [prompt], greedy) as unknown as [[{ tokens: number[] }]];
  const [group] = generator.generate(parameters, [prompt], {
    ...sampled,
    topP: 1e-6,
    completions: 20,
    maxNewTokens: 1,
  });
  for (const { tokens } of group!) assert.equal(tokens[0], first.tokens[0]);
});

test('sampling follows the distribution: 2,000 first tokens, total variation below 0.08', () => {
  const generator = new Generator(TINY_CONFIG, NO_END);
  const prompt = tinyPrompt(1, [10]);
  const { logits } = generator.promptLogits(parameters, prompt);
  const total = logits.reduce((sum, x) => sum + Math.exp(x), 0);
  const counts = new Float64Array(logits.length);
  const [group] = generator.generate(parameters, [prompt], { ...sampled, completions: 2000, maxNewTokens: 1 });
  for (const { tokens } of group!) counts[tokens[0]!]! += 1 / 2000;
  const variation = counts.reduce((sum, share, i) => sum + Math.abs(share - Math.exp(logits[i]!) / total) / 2, 0);
  assert.ok(variation < 0.08, `total variation ${variation}`);
});

test('an impossible setting is named', () => {
  const generator = new Generator(TINY_CONFIG, NO_END);
  assert.throws(
    () => generator.generate(parameters, [tinyPrompt(1, [10])], { ...sampled, topP: 0 }),
    /topP must be above 0/,
  );
  assert.throws(
    () => generator.generate(parameters, [tinyPrompt(1, [10])], { ...sampled, maxNewTokens: 0 }),
    /maxNewTokens/,
  );
  for (const [change, message] of [
    [{ maxNewTokens: 1e9 }, /maxNewTokens may be at most 1000000/],
    [{ completions: 1e9 }, /completions may be at most 10000/],
    [{ seed: 1e300 }, /seed may be at most/],
  ] as const)
    assert.throws(() => generator.generate(parameters, [tinyPrompt(1, [10])], { ...sampled, ...change }), message);
});

test('generating leaves no tensors behind', () => {
  const generator = new Generator(TINY_CONFIG, NO_END);
  generator.generate(parameters, [tinyPrompt(1, [10])], sampled);
  const before = tf.memory().numTensors;
  generator.generate(parameters, [tinyPrompt(1, [10])], sampled);
  assert.equal(tf.memory().numTensors, before);
});
