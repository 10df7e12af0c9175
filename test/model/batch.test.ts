/** Rows in tensors: positions and masks by hand, and rows of every kind side by side. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { startEngine } from '../../lib/engine/backend.js';
import { collate, disposeBatch, type Row } from '../../lib/model/batch.js';
import { Generator } from '../../lib/model/generate.js';
import { hiddenStates } from '../../lib/model/hidden-states.js';
import { predictTargets } from '../../lib/model/log-probability.js';
import type { ProcessedImage } from '../../lib/model/tensors.js';
import { TINY_CONFIG, tinyImage, tinyParameters, tinyPrompt } from '../support/tiny-model.js';

let parameters: { [name: string]: tf.Tensor };

before(async () => {
  await startEngine();
  parameters = tinyParameters();
});

/** A row that trains `completion` after a prompt. */
function rowOf({ tokens, images }: ReturnType<typeof tinyPrompt>, completion: readonly number[]): Row {
  return {
    prefix: { tokens },
    images,
    segments: [{ tokens: completion, trained: completion.map(() => true) }],
  };
}

/** Log-probabilities of each row's targets, in rows. */
function scores(rows: readonly Row[], length?: number): number[][] {
  const collated = collate(rows, TINY_CONFIG, { length });
  const values = tf.tidy(() => {
    const hidden = hiddenStates(parameters, collated.batch, TINY_CONFIG);
    return predictTargets(parameters, hidden, collated.targets).logProbs.dataSync();
  });
  const byRow: number[][] = rows.map(() => []);
  collated.origin.forEach(({ row }, i) => {
    byRow[row]!.push(values[i]!);
  });
  disposeBatch(collated);
  return byRow;
}

function assertClose(actual: readonly number[][], expected: readonly number[][]): void {
  assert.deepEqual(
    actual.map((row) => row.length),
    expected.map((row) => row.length),
  );
  actual.forEach((row, r) => {
    row.forEach((x, i) => {
      const wanted = expected[r]![i]!;
      assert.ok(Math.abs(x - wanted) < 1e-5, `row ${r + 1}, target ${i + 1}: ${x} against ${wanted}`);
    });
  });
}

/** 4 x 8 patches, hence 8 visual tokens. */
function wideImage(): ProcessedImage {
  const [a, b] = [tinyImage(8), tinyImage(9)];
  return { pixelValues: Float32Array.from([...a.pixelValues, ...b.pixelValues]), grid: [1, 4, 8] };
}

const WIDE = { tokens: [4, ...Array<number>(8).fill(3), 5, 11], images: [wideImage()] };
const TWO = {
  tokens: [...tinyPrompt(2, [24]).tokens, ...tinyPrompt(3, [25]).tokens],
  images: [tinyImage(2), tinyImage(3)],
};
/** One image, none, two, one of another size; the second completion holds image tokens that a model wrote itself. */
const MIXED: Row[] = [
  rowOf(tinyPrompt(1, [20, 21]), [7, 8, 31]),
  rowOf({ tokens: [20, 22, 23], images: [] }, [4, 3, 3, 5, 9, 31]),
  rowOf(TWO, [14, 31]),
  rowOf(WIDE, [15, 3, 17, 31]),
];

test('a packed row: positions restart at 0 with each sample, segments 1 and 2, padding -1', () => {
  const row: Row = {
    prefix: { tokens: [] },
    images: [],
    segments: [
      { ...tinyPrompt(1, [7]), trained: [false, false, false, false, false, false, true] },
      { tokens: [8, 9], trained: [true, true] },
    ],
  };
  const { batch, origin, targets, tokenCount } = collate([row], TINY_CONFIG, { length: 10 });
  const [time, height, width] = batch.positions.arraySync().map((axis) => axis[0]) as number[][];
  // Vision start at 0; 2 x 2 merged patches from 1; vision end at 1 + max(1, 2, 2) = 3, then 4; then a sample anew.
  assert.deepEqual(time, [0, 1, 1, 1, 1, 3, 4, 0, 1, 0]);
  assert.deepEqual(height, [0, 1, 1, 2, 2, 3, 4, 0, 1, 0]);
  assert.deepEqual(width, [0, 1, 2, 1, 2, 3, 4, 0, 1, 0]);
  assert.deepEqual([...batch.segments.dataSync()], [1, 1, 1, 1, 1, 1, 1, 2, 2, -1]);
  assert.deepEqual([...batch.visual.dataSync()], [-1, 0, 1, 2, 3, -1, -1, -1, -1, -1]);
  // Token 8 opens its sample: the token before it is another sample's, so nothing predicts it.
  assert.deepEqual(origin, [
    { row: 0, segment: 0, index: 6 },
    { row: 0, segment: 1, index: 1 },
  ]);
  assert.deepEqual([...targets.from.dataSync().slice(0, 2)], [5, 7]);
  assert.equal(tokenCount, 9);
});

test('image tokens in a completion are text: positions go on by one, no image is consumed', () => {
  const { batch } = collate([rowOf(tinyPrompt(1, []), [4, 3, 3, 7]), rowOf(WIDE, [7])], TINY_CONFIG, { length: 12 });
  const [time, , width] = batch.positions.arraySync().map((axis) => axis[0]) as number[][];
  // The prompt ends at 3 (see above).
  assert.deepEqual(time!.slice(6, 10), [4, 5, 6, 7]);
  assert.deepEqual(width!.slice(6, 10), [4, 5, 6, 7]);
  const [first, second] = batch.visual.arraySync();
  assert.deepEqual(first, [-1, 0, 1, 2, 3, -1, -1, -1, -1, -1, -1, -1]);
  // The largest image has 8 visual tokens, so the second begins at 8.
  assert.deepEqual(second, [-1, 8, 9, 10, 11, 12, 13, 14, 15, -1, -1, -1]);
});

test('rows with one image, none, two, and one of another size: each has the log-probabilities that it has alone', () => {
  assertClose(
    scores(MIXED),
    MIXED.flatMap((row) => scores([row])),
  );
});

test('neither order nor padding changes a row’s log-probabilities', () => {
  const expected = scores(MIXED);
  assertClose(scores([...MIXED].reverse()).reverse(), expected);
  assertClose(scores(MIXED, 90), expected);
});

test('a policy’s own image tokens: log-probabilities at sampling equal those in training', () => {
  const prompts = [tinyPrompt(1, [10]), { tokens: [20, 12], images: [] }, TWO];
  const sampling = { temperature: 1, topK: 0, topP: 1, minP: 0, maxNewTokens: 12, completions: 16, seed: 1 };
  const groups = new Generator(TINY_CONFIG, [31]).generate(parameters, prompts, sampling);
  const written = groups.map((group) => group.filter(({ tokens }) => tokens.slice(0, -1).includes(3)));
  for (const group of written)
    assert.ok(group.length > 0, 'a prompt has no completion with an image token before its end');
  const rows = prompts.map(
    ({ tokens, images }, p): Row => ({
      prefix: { tokens },
      images,
      segments: written[p]!.map(({ tokens }) => ({ tokens, trained: tokens.map(() => true) })),
    }),
  );
  assertClose(
    scores(rows),
    written.map((group) => group.flatMap(({ logProbs }) => logProbs)),
  );
});

test('image tokens that do not fit the images are an error naming the row', () => {
  const broken: Row = { prefix: { tokens: [4, 3, 3, 5] }, images: [tinyImage(1)], segments: [] };
  assert.throws(() => collate([MIXED[0]!, broken], TINY_CONFIG), /row 2 of the batch: image 1 needs 4 image tokens/);
});
