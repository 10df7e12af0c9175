/**
 * Numbers of transformers, PyTorch and PEFT against the kit's, on random tiny checkpoints of all families, from text and
 * image files on: see make_fixtures.py. Each test notes the largest difference that it saw (node's `spec` reporter shows it), and the
 * README of lib/model has them in a table.
 */

import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { startEngine } from '../../lib/engine/backend.js';
import type { EncodedPrompt } from '../../lib/model/generate.js';
import { disposeModel, encodeCompletion, loadModel, type Model } from '../../lib/model/model.js';
import { positionIds } from '../../lib/model/mrope.js';
import { GREEDY } from '../../lib/model/sampling.js';
import { publishedName } from '../../lib/model/tensor-names.js';
import { partParameters } from '../../lib/train/batches.js';
import { likelihoodStep } from '../../lib/train/likelihood.js';
import { likelihoodGradients } from '../../lib/train/likelihood-update.js';
import { eagerly } from '../support/eagerly.js';
import {
  CASES,
  type Case,
  encodeCase,
  FAMILIES,
  fixtureFolder,
  largestGap,
  lastLogits,
  readExpected,
  readNumbers,
} from '../support/parity-fixture.js';

before(async () => {
  await startEngine();
});

for (const family of FAMILIES) {
  describe(family, () => {
    const expected = readExpected(family);
    const numbers = readNumbers(family);
    const prompts = {} as { [name in Case]: EncodedPrompt };
    let model: Model;
    before(async () => {
      model = loadModel(fixtureFolder(family));
      for (const name of CASES) prompts[name] = await encodeCase(model, expected.cases[name]);
    });
    after(() => disposeModel(model));

    it('token ids, image grids and position ids are equal', () => {
      const { imageTokenId, vision } = model.config;
      for (const name of CASES) {
        const { tokens, grids, positions } = expected.cases[name];
        const prompt = prompts[name];
        assert.deepEqual(prompt.tokens, tokens, name);
        const actualGrids = prompt.images.map(({ grid }) => grid);
        assert.deepEqual(actualGrids, grids, name);
        const ids = positionIds(prompt.tokens, actualGrids, imageTokenId, vision.mergeSize);
        assert.deepEqual(
          [0, 1, 2].map((axis) => ids.map((id) => id[axis])),
          positions,
          name,
        );
      }
    });

    it('pixel values are within 1e-6, of images kept, enlarged and shrunk, resampled by Pillow (Qwen2-VL) or torchvision', (context) => {
      const gaps = CASES.filter((name) => name !== 'none').map((name) => {
        const all = prompts[name].images.flatMap(({ pixelValues }) => [...pixelValues]);
        const compared = all.filter((_, i) => i % 11 === 0);
        const gap = largestGap(compared, numbers.get(`pixels.${name}`)!);
        assert.ok(gap < 1e-6, `${name}: ${gap}`);
        return gap;
      });
      context.diagnostic(`largest difference of pixel values: ${Math.max(...gaps)}`);
    });

    it('logits are within 1e-4', (context) => {
      const gaps = CASES.map((name) => {
        const wanted = numbers.get(`logits.${name}`)!;
        const actual = lastLogits(model, prompts[name], wanted.length / model.config.vocabSize);
        const gap = largestGap(actual, wanted);
        assert.ok(gap < 1e-4, `${name}: ${gap}`);
        assert.ok(Math.max(...wanted) > 1, `${name}: the logits are near zero, a weak test`);
        return gap;
      });
      context.diagnostic(`largest difference of logits: ${Math.max(...gaps)}`);
    });

    it('greedy continuations of 32 tokens are equal, in one batch padded on the left and each alone', () => {
      const settings = { ...GREEDY, maxNewTokens: 32, completions: 1, seed: 1 };
      const wanted = CASES.map((name) => expected.greedy[name]);
      const generate = (chosen: EncodedPrompt[]) => model.generator.generate(model.parameters, chosen, settings);
      const together = generate(CASES.map((name) => prompts[name]));
      assert.deepEqual(
        together.map(([completion]) => completion!.tokens),
        wanted,
      );
      const [alone] = eagerly(() => generate([prompts.two]));
      assert.deepEqual(alone![0]!.tokens, expected.greedy.two);
    });

    it('an SFT step has the loss to 1e-5 and the gradient of every parameter to 1e-3 of its norm', (context) => {
      const { rows, loss, trained } = expected.sft;
      const batch = Object.entries(rows).map(([name, answer]) => {
        const tokens = encodeCompletion(model, answer);
        const { images, tokens: prefix } = prompts[name as Case];
        return { prefix: { tokens: prefix }, images, segments: [{ tokens, trained: tokens.map(() => true) }] };
      });
      assert.equal(
        batch.reduce((sum, { segments }) => sum + segments[0]!.tokens.length, 0),
        trained,
      );
      const tensors = { ...partParameters(model.parameters, { freezeVision: false }) };
      const step = likelihoodStep(model.config);
      const { gradients, metrics } = likelihoodGradients(step, tensors, [batch], model.config);
      assert.ok(Math.abs(metrics.loss! - loss) < 1e-5, `loss ${metrics.loss} against ${loss}`);
      const error = compareGradients(gradients, numbers, 'gradient.');
      context.diagnostic(`differences: of the loss ${Math.abs(metrics.loss! - loss)}, of a gradient at most ${error}`);
      tf.dispose(gradients);
    });

    it('with PEFT’s adapter on decoder, tower and merger the logits are within 1e-4 of PEFT’s', (context) => {
      const adapted = loadModel(path.join(fixtureFolder(family), 'adapter'));
      const wanted = numbers.get('logits.adapted')!;
      const gap = largestGap(lastLogits(adapted, prompts.two, wanted.length / model.config.vocabSize), wanted);
      disposeModel(adapted);
      assert.ok(gap < 1e-4, String(gap));
      context.diagnostic(`largest difference of logits: ${gap}`);
      assert.ok(largestGap(wanted, numbers.get('logits.two')!) > 0.1, 'the adapter changes nothing: a weak test');
    });
  });
}

/** Holds that the gradients are those that the fixture names with the prefix, each to 1e-3 of its norm, and gives the largest share. */
function compareGradients(
  gradients: { [name: string]: tf.Tensor },
  numbers: ReadonlyMap<string, Float32Array>,
  prefix: string,
): number {
  const wanted = new Map(
    [...numbers]
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, values]) => [publishedName(name.slice(prefix.length)), values]),
  );
  assert.deepEqual(Object.keys(gradients).sort(), [...wanted.keys()].sort());
  const errors = [...wanted].map(([name, values]) => {
    const actual = gradients[name]!.dataSync();
    const error = norm(values.map((x, i) => x - actual[i]!)) / norm(values);
    assert.ok(error < 1e-3, `${prefix}${name}: relative error ${error} of ${norm(values)}`);
    return error;
  });
  return Math.max(...errors);
}

function norm(x: Float32Array): number {
  return Math.hypot(...x);
}
