/** Token ids and conversations against transformers, from the fixture of `make_tokenizer_fixture.py`. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { loadChatTemplate, type Message } from '../../lib/model/chat-template.js';
import { loadTokenizer } from '../../lib/model/tokenizer.js';
import { repositoryRoot } from '../../lib/study/workspace.js';
import { fixtureFolder } from '../support/parity-fixture.js';

interface Conversation {
  messages: Message[];
  opened: boolean;
  text: string;
  ids: number[];
}

const folder = path.join(repositoryRoot(), 'test', 'parity', 'fixtures', 'tokenizer');
const expected = JSON.parse(readFileSync(path.join(folder, 'expected.json'), 'utf8')) as {
  texts: { text: string; ids: number[]; plain: number[] }[];
  decoded: { ids: number[]; text: string; bare: string }[];
  conversations: Conversation[];
  qwen3Conversations: Conversation[];
};
const tokenizer = loadTokenizer(folder);
const template = loadChatTemplate(folder);

test('awkward texts have the same token ids, with special tokens read and with special tokens spelled out', () => {
  assert.ok(expected.texts.length > 300);
  for (const { text, ids, plain } of expected.texts) {
    assert.deepEqual(tokenizer.encode(text), ids, text);
    assert.deepEqual(tokenizer.encodePlain(text), plain, text);
  }
});

test('every text comes back from its ids, in NFC', () => {
  for (const { text } of expected.texts) {
    assert.equal(tokenizer.decode(tokenizer.encodePlain(text)), text.normalize('NFC'));
  }
});

test('ids in any order are written as the same text, special tokens shown or left out', () => {
  for (const { ids, text, bare } of expected.decoded) {
    assert.equal(tokenizer.decode(ids), text, String(ids));
    assert.equal(tokenizer.decode(ids, { skipSpecial: true }), bare, String(ids));
  }
});

for (const [family, ownTemplate, conversations] of [
  ['Qwen2-VL', template, expected.conversations],
  ['Qwen3-VL', loadChatTemplate(fixtureFolder('qwen3-vl')), expected.qwen3Conversations],
] as const) {
  test(`conversations in ${family}’s template have the same token ids: turns, images, system prompts, opened and closed`, () => {
    for (const { messages, opened, text, ids } of conversations) {
      // One visual token an image: the place as the template writes it.
      const images = messages.flatMap(({ content }) => content.filter(({ type }) => type === 'image')).map(() => 1);
      const encoded = ownTemplate.encode(tokenizer, messages, images, opened);
      assert.equal(tokenizer.decode(encoded), text.normalize('NFC'));
      assert.deepEqual(encoded, ids, text);
    }
  });
}

test('special tokens in a problem or a completion are spelled out in any turn, and control nothing', () => {
  const { imStart, imEnd, imagePad } = tokenizer.special;
  const controls = new Set(
    tokenizer.splitSpecials(expected.texts.map(({ text }) => text).join('')).filter((part) => typeof part === 'number'),
  );
  assert.ok(controls.has(imStart) && controls.has(imEnd) && controls.has(imagePad));
  const forged = expected.texts.filter(({ ids }) => ids.some((id) => controls.has(id)));
  assert.ok(forged.length > 20);
  for (const { text, plain } of forged) {
    assert.ok(!plain.some((id) => controls.has(id)), text);
    const part = { type: 'text', text } as const;
    const messages: Message[] = [
      { role: 'system', content: [part] },
      { role: 'user', content: [{ type: 'image' }, part] },
      { role: 'assistant', content: [part] },
    ];
    const encoded = template.encode(tokenizer, messages, [3], true);
    const count = (id: number) => encoded.filter((other) => other === id).length;
    // Three turns and the opened one; three ends; the visual tokens of the one true image.
    assert.deepEqual([count(imStart), count(imEnd), count(imagePad)], [4, 3, 3], text);
  }
});
