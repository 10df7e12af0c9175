/** A completion as text and as tokens: without its end token, and behind what the chat template opens the turn with. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChatTemplate, NANO_CHAT_TEMPLATE } from '../../lib/model/chat-template.js';
import { completionText, encodeCompletion, type Model } from '../../lib/model/model.js';
import { loadTokenizer } from '../../lib/model/tokenizer.js';
import { formatReward } from '../../lib/rewards/format.js';
import { openStudy } from '../../lib/study/workspace.js';

const tokenizer = loadTokenizer(openStudy('tiny').base);
const text = '<think>\n2 + 1 = 3\n</think>\n<answer>\n3\n</answer>';

test('the text of a completion has no end token, so that a perfect one earns the format reward', () => {
  const model: Pick<Model, 'tokenizer' | 'template'> = { tokenizer, template: new ChatTemplate(NANO_CHAT_TEMPLATE) };
  const tokens = encodeCompletion(model, text);
  assert.equal(completionText(model, { tokens, logProbs: [], ended: true }), text);
  assert.equal(formatReward({ completion: completionText(model, { tokens, logProbs: [], ended: true }) }), 1);
  // A completion that was cut off has no end token to leave out.
  assert.equal(completionText(model, { tokens: tokens.slice(0, -1), logProbs: [], ended: false }), text);
});

test('what a template opens the turn with stands once: in the prompt, not in what is trained, and before what was drawn', () => {
  // As the Thinking editions of Qwen3-VL do.
  const template = new ChatTemplate(
    NANO_CHAT_TEMPLATE.replace('assistant\n{% endif %}', 'assistant\n<think>\n{% endif %}'),
  );
  assert.equal(template.opening, '<think>\n');
  const model = { tokenizer, template };
  const prompt = template.encode(tokenizer, [{ role: 'user', content: [{ type: 'text', text: '?' }] }], [], true);
  const tokens = encodeCompletion(model, text);
  assert.equal(
    tokenizer.decode([...prompt, ...tokens]),
    `<|im_start|>user\n?<|im_end|>\n<|im_start|>assistant\n${text}<|im_end|>`,
  );
  // Read without the opening, no completion would earn the format reward.
  assert.equal(formatReward({ completion: completionText(model, { tokens, logProbs: [], ended: true }) }), 1);
  assert.throws(
    () => encodeCompletion(model, '<answer>3</answer>'),
    /opens the assistant's turn with "<think>\\n", but a completion begins with "<answer>3<\/answer>"/,
  );
});
