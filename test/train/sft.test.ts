/** A supervised update is the same however its examples are cut, packed, padded or ordered; and which tokens it trains. */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { startEngine } from '../../lib/engine/backend.js';
import { widen } from '../../lib/engine/packed.js';
import { collate, type Row } from '../../lib/model/batch.js';
import { disposeModel } from '../../lib/model/model.js';
import { isVisionParameter } from '../../lib/model/parameters.js';
import { likelihoodStep } from '../../lib/train/likelihood.js';
import { likelihoodGradients } from '../../lib/train/likelihood-update.js';
import { RunDirectory } from '../../lib/train/run-directory.js';
import { REASON_RFT_SFT, type SftExample, type SftSettings, trainSft } from '../../lib/train/sft.js';
import { TINY_CONFIG, tinyImage, tinyParameters, tinyPrompt } from '../support/tiny-model.js';
import { tinyPolicy } from '../support/tiny-policy.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-sft-'));

before(async () => {
  await startEngine();
});
after(() => rmSync(folder, { recursive: true, force: true }));

const image = (seed: number) => [4, 3, 3, 3, 3, 5].map((token) => ({ token, seed }));

/** One image, none, or two with text between; completions of 2 to 7 tokens, one with an image token of the model's own. */
const EXAMPLES: SftExample[] = [
  { prompt: tinyPrompt(1, [20, 21]), completion: [7, 8, 31] },
  { prompt: { tokens: [20, 22, 23], images: [] }, completion: [9, 3, 10, 11, 12, 13, 31] },
  {
    prompt: {
      tokens: [...image(2).map(({ token }) => token), 24, ...image(3).map(({ token }) => token), 25],
      images: [tinyImage(2), tinyImage(3)],
    },
    completion: [14, 31],
  },
  { prompt: tinyPrompt(4, [26]), completion: [15, 16, 17, 31] },
];

/** The settings of one update on all examples. */
const SETTINGS: SftSettings = {
  ...REASON_RFT_SFT,
  batchSize: EXAMPLES.length,
  examplesPerMicroBatch: EXAMPLES.length,
  schedule: { learningRate: 1e-2, warmupSteps: 0, decay: 'constant' },
  freezeVision: false,
};

let runs = 0;

/** Loss and weights after one update. */
async function update(changes: Partial<SftSettings>, examples: readonly SftExample[] = EXAMPLES) {
  const model = tinyPolicy();
  const run = RunDirectory.open(path.join(folder, `update-${runs++}`), {});
  await trainSft({ model, examples, settings: { ...SETTINGS, ...changes }, run });
  const names = Object.keys(model.parameters).sort();
  const weights = names.flatMap((name) => Array.from(widen(model.parameters[name]!).dataSync()));
  disposeModel(model);
  return { metrics: run.metrics()[0]!, weights };
}

function distance(a: readonly number[], b: readonly number[]): number {
  const norm = (x: readonly number[]) => Math.sqrt(x.reduce((sum, v) => sum + v * v, 0));
  return norm(a.map((x, i) => x - b[i]!)) / norm(b);
}

const VARIANTS: [string, Partial<SftSettings>, SftExample[]][] = [
  ['micro-batches of 1', { examplesPerMicroBatch: 1 }, EXAMPLES],
  ['micro-batches of 3 and 1', { examplesPerMicroBatch: 3 }, EXAMPLES],
  ['packed into rows of 24', { packTo: 24 }, EXAMPLES],
  ['packed into one row', { packTo: 100 }, EXAMPLES],
  ['packed in micro-batches of 2', { packTo: 40, examplesPerMicroBatch: 2 }, EXAMPLES],
  ['another order', {}, [EXAMPLES[2]!, EXAMPLES[0]!, EXAMPLES[3]!, EXAMPLES[1]!]],
];

for (const [name, changes, examples] of VARIANTS) {
  test(`${name}: metrics and updated weights equal to 1e-6`, async () => {
    const whole = await update({});
    const other = await update(changes, examples);
    for (const metric of ['loss', 'mean_token_accuracy', 'entropy', 'grad_norm']) {
      const gap = Math.abs(other.metrics[metric]! - whole.metrics[metric]!) / Math.max(1e-3, whole.metrics[metric]!);
      assert.ok(gap < 1e-6, `${metric}: ${other.metrics[metric]} against ${whole.metrics[metric]}`);
    }
    assert.ok(distance(other.weights, whole.weights) < 1e-6, `weights ${distance(other.weights, whole.weights)}`);
  });
}

const rowOf = ({ prompt, completion }: SftExample): Row => ({
  prefix: { tokens: prompt.tokens },
  images: prompt.images,
  segments: [{ tokens: completion, trained: completion.map(() => true) }],
});

/** All examples in one row, kept apart. */
const PACKED: Row = {
  prefix: { tokens: [] },
  images: [],
  segments: EXAMPLES.map(({ prompt, completion }) => ({
    tokens: [...prompt.tokens, ...completion],
    trained: [...prompt.tokens.map(() => false), ...completion.map(() => true)],
    images: prompt.images,
  })),
};

/** Gradients of an update by name. */
function gradientsOfRows(microBatches: readonly (readonly Row[])[], lengthStep?: number) {
  const tensors = { trainable: tinyParameters(1), frozen: {} };
  const likelihood = likelihoodStep(TINY_CONFIG);
  const { gradients } = likelihoodGradients(likelihood, tensors, microBatches, TINY_CONFIG, { lengthStep });
  return Object.entries(gradients).map(([name, tensor]) => ({ name, values: [...tensor.dataSync()] }));
}

const ROWS = EXAMPLES.map(rowOf);
const LAYOUTS: [string, Row[][], number?][] = [
  ['packed into one row', [[PACKED]]],
  ['a micro-batch each', ROWS.map((row) => [row])],
  ['micro-batches of 1 and 3', [ROWS.slice(0, 1), ROWS.slice(1)]],
  ['padded to 96 tokens', [ROWS], 96],
  ['in reverse order', [[...ROWS].reverse()]],
];

for (const [name, microBatches, lengthStep] of LAYOUTS) {
  test(`${name}: the gradient of every tensor equals that of a row each to 1e-6 of its norm`, () => {
    const expected = gradientsOfRows([ROWS]);
    gradientsOfRows(microBatches, lengthStep).forEach(({ name, values }, i) => {
      const gap = distance(values, expected[i]!.values);
      assert.ok(gap < 1e-6, `${name}: ${gap}`);
    });
  });
}

test('a batch without images: the vision tower’s gradients are 0, the decoder’s are not', () => {
  const text = rowOf({ prompt: { tokens: [20, 22], images: [] }, completion: [9, 10, 31] });
  for (const { name, values } of gradientsOfRows([[text]])) {
    const size = Math.max(...values.map(Math.abs));
    if (isVisionParameter(name)) assert.equal(size, 0, name);
    else assert.ok(size > 0, name);
  }
});

test('only completion tokens are trained: 3 + 7 + 2 + 4 targets, of which a packed row has as many', () => {
  assert.deepEqual(
    collate(ROWS, TINY_CONFIG).origin.map(({ segment }) => segment),
    Array(16).fill(0),
  );
  assert.equal(collate([PACKED], TINY_CONFIG).origin.length, 16);
});

test('a batch in which every label is masked is an error, not a loss of 0', () => {
  const row: Row = {
    prefix: { tokens: [20, 21] },
    images: [],
    segments: [{ tokens: [7, 8], trained: [false, false] }],
  };
  const tensors = { trainable: tinyParameters(1), frozen: {} };
  assert.throws(
    () => likelihoodGradients(likelihoodStep(TINY_CONFIG), tensors, [[row]], TINY_CONFIG),
    /all of its labels are masked/,
  );
});

test('impossible settings are named', async () => {
  await assert.rejects(update({ examplesPerMicroBatch: 0 }), /examplesPerMicroBatch must be 1 or more, got 0/);
  await assert.rejects(update({ packTo: -1 }), /packTo must be a whole number/);
  await assert.rejects(update({ batchSize: 0 }), /batchSize must be 1 or more/);
  await assert.rejects(update({ epochs: Number.POSITIVE_INFINITY }), /sft: epochs may be at most 10000, got Infinity/);
  await assert.rejects(update({ batchSize: 1e300 }), /sft: batchSize may be at most 100000/);
  await assert.rejects(update({ seed: 1e300 }), /sft: seed may be at most/);
  await assert.rejects(
    update({ epoch: 1 } as never),
    /sft: there is no setting 'epoch'; did you mean 'epochs'\? The settings are lossType, epochs, batchSize/,
  );
});
