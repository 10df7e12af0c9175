/** The key-value cache: which slots stay when completions end, and that packing changes no completion. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { startEngine } from '../../lib/engine/backend.js';
import { packSlots } from '../../lib/model/cache.js';
import { Generator } from '../../lib/model/generate.js';
import { TINY_CONFIG, tinyParameters, tinyPrompt } from '../support/tiny-model.js';

before(async () => {
  await startEngine();
});

/** Four prompts of four slots: completions 0 to 15. */
const SQUARE = [0, 4, 8, 12].map((first) => [first, first + 1, first + 2, first + 3]);
const alive = (...completions: number[]) => packSlots([SQUARE], (completion) => completions.includes(completion))?.[0];

test('prompts without a live completion leave, and slots shrink to what the fullest prompt needs, by halves', () => {
  // Prompts 1 and 3 stay, of which one has two live completions: 2 x 2 in place of 4 x 4.
  assert.deepEqual(alive(5, 13, 15), [
    [5, -1],
    [13, 15],
  ]);
  assert.deepEqual(alive(9), [[9]]);
});

test('parts are packed to one shape, the largest that any of them needs', () => {
  const other = SQUARE.map((row) => row.map((completion) => completion + 16));
  const packed = packSlots([SQUARE, other], (completion) => [0, 1, 20].includes(completion));
  assert.deepEqual(packed, [[[0, 1]], [[20, -1]]]);
});

test('nothing moves where more than half of the rows would stay', () => {
  // One prompt has three live completions, so four slots stay; three prompts do, so four stay.
  assert.equal(alive(0, 1, 2, 4, 8), undefined);
  // Three live completions of one prompt: 1 x 4 of 16 rows.
  assert.deepEqual(alive(0, 1, 2), [[0, 1, 2, -1]]);
});

test('completions that end at different times, packed and in shards, are those of each prompt alone', () => {
  // Any of the tokens 6 and above may end a completion; 9 comes up now and then.
  const generator = new Generator(TINY_CONFIG, [9]);
  const parameters = tinyParameters();
  const prompts = Array.from({ length: 70 }, (_, p) => tinyPrompt(p, [6 + (p % 26)]));
  const settings = { temperature: 1, topK: 0, topP: 1, minP: 0, maxNewTokens: 40, completions: 4, seed: 3 };
  const names = prompts.map((_, p) => `prompt ${p}`);
  const together = generator.generate(parameters, prompts, settings, names);
  const lengths = together.flat().map(({ tokens }) => tokens.length);
  assert.ok(new Set(lengths.map((length) => Math.ceil(length / 8))).size > 2, `lengths ${lengths}: nothing to pack`);
  prompts.forEach((prompt, p) => {
    const [alone] = generator.generate(parameters, [prompt], settings, [names[p]!]);
    assert.deepEqual(
      together[p]!.map(({ tokens, ended }) => ({ tokens, ended })),
      alone!.map(({ tokens, ended }) => ({ tokens, ended })),
      names[p],
    );
  });
});
