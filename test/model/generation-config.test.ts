/** The tokens that end a completion, as checkpoints name them. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { endTokens } from '../../lib/model/generation-config.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-ends-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const withFile = (text: string) => {
  writeFileSync(path.join(folder, 'generation_config.json'), text);
  return () => endTokens(folder, 7);
};

test('the end of a turn always, and what generation_config.json names: nothing, one, or a list', () => {
  assert.deepEqual(endTokens(folder, 7), [7]);
  assert.deepEqual(withFile('{}')(), [7]);
  assert.deepEqual(withFile('{"eos_token_id": null}')(), [7]);
  assert.deepEqual(withFile('{"eos_token_id": 9}')(), [7, 9]);
  // As the published Qwen2-VL checkpoints have it.
  assert.deepEqual(withFile('{"eos_token_id": [7, 9], "top_k": 1}')(), [7, 9]);
});

test('a broken file is named', () => {
  assert.throws(withFile('{'), /generation_config\.json is not JSON/);
  assert.throws(withFile('{"eos_token_id": "</s>"}'), /generation_config\.json: eos_token_id must be a token id/);
  assert.throws(withFile('{"eos_token_id": []}'), /eos_token_id must be a token id or a list/);
});
