import assert from 'node:assert/strict';
import { test } from 'node:test';
import { completionText, encodeCompletion, type Model } from '../../lib/model/model.js';
import { loadTokenizer } from '../../lib/model/tokenizer.js';
import { formatReward } from '../../lib/rewards/format.js';
import { openStudy } from '../../lib/study/workspace.js';

test('the text of a completion has no end token, so that a perfect one earns the format reward', () => {
  const model = { tokenizer: loadTokenizer(openStudy('tiny').base) } as Model;
  const text = '<think>\n2 + 1 = 3\n</think>\n<answer>\n3\n</answer>';
  const tokens = encodeCompletion(model, text);
  assert.equal(completionText(model, { tokens, logProbs: [], ended: true }), text);
  assert.equal(formatReward({ completion: completionText(model, { tokens, logProbs: [], ended: true }) }), 1);
  // A completion that was cut off has no end token to leave out.
  assert.equal(completionText(model, { tokens: tokens.slice(0, -1), logProbs: [], ended: false }), text);
});
