/** What a checkpoint's generation_config.json says of every completion. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { readGenerationConfig } from '../../lib/model/generation-config.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-ends-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const withFile = (text: string) => () => {
  writeFileSync(path.join(folder, 'generation_config.json'), text);
  return readGenerationConfig(folder, 7);
};
const endsOf = (text: string) => withFile(text)().endTokens;

test('the end of a turn always, and what the file names: nothing, one, or a list', () => {
  assert.deepEqual(readGenerationConfig(folder, 7), { endTokens: [7], repetitionPenalty: 1 });
  assert.deepEqual(endsOf('{}'), [7]);
  assert.deepEqual(endsOf('{"eos_token_id": null}'), [7]);
  assert.deepEqual(endsOf('{"eos_token_id": 9}'), [7, 9]);
  // As the published Qwen2-VL checkpoints have it.
  assert.deepEqual(endsOf('{"eos_token_id": [7, 9], "top_k": 1}'), [7, 9]);
});

test('the penalty on repetition, as the published Qwen2.5-VL checkpoints have it', () => {
  assert.equal(withFile('{"eos_token_id": [7, 9], "repetition_penalty": 1.05}')().repetitionPenalty, 1.05);
  assert.equal(withFile('{"repetition_penalty": null}')().repetitionPenalty, 1);
  assert.throws(
    withFile('{"repetition_penalty": 0}'),
    /generation_config\.json: repetition_penalty must be .* above 0/,
  );
});

test('what changes greedy completions in transformers and is not applied is warned of', (context) => {
  const warn = context.mock.method(console, 'warn', () => {});
  withFile('{"no_repeat_ngram_size": 0, "num_beams": 1, "bad_words_ids": null, "temperature": 0.1}')();
  assert.equal(warn.mock.callCount(), 0);
  withFile('{"no_repeat_ngram_size": 3, "bad_words_ids": [[5]]}')();
  assert.match(String(warn.mock.calls[0]!.arguments[0]), /asks for no_repeat_ngram_size, bad_words_ids, which/);
});

test('a broken file is named', () => {
  assert.throws(withFile('{'), /generation_config\.json is not JSON/);
  assert.throws(withFile('{"eos_token_id": "</s>"}'), /generation_config\.json: eos_token_id must be a token id/);
  assert.throws(withFile('{"eos_token_id": []}'), /eos_token_id .*/);
});
