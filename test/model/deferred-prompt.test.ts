/** Prompts that are made when they are needed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Deferred, preparePrompts } from '../../lib/model/deferred-prompt.js';
import type { EncodedPrompt } from '../../lib/model/generate.js';

test('prompts are made when they are asked for, each time anew, beside those that are there', async () => {
  const made: number[] = [];
  const prompt = (token: number): EncodedPrompt => ({ tokens: [token], images: [] });
  const rows: Deferred<{ id: string; prompt: EncodedPrompt }>[] = [
    { id: 'a', prompt: prompt(1) },
    {
      id: 'b',
      prompt: async () => {
        made.push(2);
        return prompt(2);
      },
    },
  ];
  assert.deepEqual(made, []);
  const prepared = [
    { id: 'a', prompt: prompt(1) },
    { id: 'b', prompt: prompt(2) },
  ];
  assert.deepEqual(await preparePrompts(rows), prepared);
  assert.deepEqual(await preparePrompts(rows.slice(1)), prepared.slice(1));
  assert.deepEqual(made, [2, 2]);
});

test('a prompt that cannot be made fails the rows that it is of', async () => {
  const broken = { prompt: () => Promise.reject(new Error('no such file')) };
  await assert.rejects(preparePrompts<{ prompt: EncodedPrompt }>([broken]), /no such file/);
});

test('of a large batch no more than eight prompts are being made at a time, and the order stays', async () => {
  let [busy, most] = [0, 0];
  const rows = Array.from({ length: 30 }, (_, token) => ({
    prompt: async (): Promise<EncodedPrompt> => {
      most = Math.max(most, ++busy);
      await new Promise((resolve) => setImmediate(resolve));
      busy--;
      return { tokens: [token], images: [] };
    },
  }));
  const prepared = await preparePrompts<{ prompt: EncodedPrompt }>(rows);
  assert.deepEqual(
    prepared.map(({ prompt }) => prompt.tokens[0]),
    rows.map((_, token) => token),
  );
  assert.equal(most, 8);
});
