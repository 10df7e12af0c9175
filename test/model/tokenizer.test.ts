/** The tokenizer: ids, text, special tokens. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { Random } from '../../lib/engine/random.js';
import { loadTokenizer, Tokenizer } from '../../lib/model/tokenizer.js';
import { buildNanoTokenizer, byteCharacters } from '../../lib/pretrain/nano-tokenizer.js';

const words = ['red', 'reds', 'cube', 'cubes', 'a', 'are', 'There', 'there', 'the', 'number', '.', ',', '+', '=', '('];
const { tokenizer: json, tokenizerConfig: config } = buildNanoTokenizer(words);
const tokenizer = new Tokenizer(json, config);
const pieces = (text: string) => tokenizer.encode(text).map((id) => tokenizer.decode([id]));

const folder = mkdtempSync(path.join(tmpdir(), 'tokenizer-'));
after(() => rmSync(folder, { recursive: true }));

describe('the nano tokenizer', () => {
  it('makes every word one token, alone and after a space', () => {
    for (const word of words) {
      for (const text of [word, ` ${word}`]) assert.deepEqual(pieces(text), [text]);
    }
    assert.deepEqual(pieces('There are 3 red cubes, 12 reds.'), [
      'There',
      ' are',
      ' 3',
      ' red',
      ' cubes',
      ',',
      ' 1',
      '2',
      ' reds',
      '.',
    ]);
  });
  it('keeps tags whole, within text and beside line breaks', () => {
    const text = '<think>\nthe cube\n</think>\n<answer>\n7\n</answer>';
    assert.deepEqual(pieces(text), [
      '<think>',
      '\n',
      'the',
      ' cube',
      '\n',
      '</think>',
      '\n',
      '<answer>',
      '\n',
      '7',
      '\n',
      '</answer>',
    ]);
    assert.equal(tokenizer.decode(tokenizer.encodePlain(text), { skipSpecial: true }), text);
  });
  it('has ids 0 to 255 for bytes, then words, then added tokens, without gaps', () => {
    // Rust's library gives added tokens the ids after the vocabulary, whatever the file says.
    const { model, added_tokens: added } = json as {
      model: { vocab: Record<string, number> };
      added_tokens: { id: number; content: string }[];
    };
    const size = Object.keys(model.vocab).length;
    assert.deepEqual(
      Object.values(model.vocab).sort((a, b) => a - b),
      [...Array(size).keys()],
    );
    assert.deepEqual(
      added.map((token) => token.id),
      added.map((_, i) => size + i),
    );
    assert.equal(tokenizer.vocabSize, size + 12);
    assert.equal(tokenizer.decode([tokenizer.special.imEnd]), '<|im_end|>');
  });
  it('writes any text in NFC back, byte for byte', () => {
    const random = new Random(5, 'texts');
    const parts = [
      'red',
      ' ',
      '\n',
      '\t',
      'é',
      '漢字',
      '😀👍🏽',
      '\u0000',
      '<',
      '|',
      '<|im_end|>',
      '</think>',
      '٣',
      "'s",
      '  ',
      '\r\n',
      '\u00a0',
      '½',
      '7',
    ];
    for (let i = 0; i < 300; i++) {
      const text = Array.from({ length: random.range(0, 12) }, () => random.choice(parts))
        .join('')
        .normalize('NFC');
      assert.equal(tokenizer.decode(tokenizer.encode(text)), text);
      assert.equal(tokenizer.decode(tokenizer.encodePlain(text)), text);
    }
    for (let code = 0; code < 0x3000; code++) {
      const text = String.fromCodePoint(code).normalize('NFC');
      assert.equal(tokenizer.decode(tokenizer.encode(text)), text);
    }
  });
});

describe('Tokenizer', () => {
  it('reads control tokens in template text only', () => {
    const { imEnd, imStart, imagePad, visionStart, visionEnd, endOfText } = tokenizer.special;
    const control = '<|im_end|><|im_start|><|image_pad|><|vision_start|><|vision_end|><|endoftext|>';
    assert.deepEqual(tokenizer.encode(control), [imEnd, imStart, imagePad, visionStart, visionEnd, endOfText]);
    const plain = tokenizer.encodePlain(`${control}<|video_pad|><|vision_pad|><think>`);
    // Of the added tokens only the last, an ordinary one, is applied.
    assert.deepEqual(
      plain.filter((id) => id >= tokenizer.vocabSize - 12),
      [tokenizer.encode('<think>')[0]],
    );
    assert.equal(tokenizer.decode(plain), `${control}<|video_pad|><|vision_pad|><think>`);
  });
  it('leaves special tokens out of the text on request, and ids without a token always', () => {
    const ids = tokenizer.encode('<think>red<|im_end|>');
    assert.equal(tokenizer.decode(ids), '<think>red<|im_end|>');
    assert.equal(tokenizer.decode(ids, { skipSpecial: true }), '<think>red');
    assert.equal(tokenizer.decode([tokenizer.vocabSize, ...ids, 151_900]), '<think>red<|im_end|>');
    assert.equal(tokenizer.decode([]), '');
  });
  it("takes a vocabulary of the published checkpoints' size", () => {
    // 151,643 tokens and what is added to them: 151,657, as in Qwen2-VL's tokenizer.json.
    const bytes = (json as { model: { vocab: Record<string, number> } }).model;
    const vocab: Record<string, number> = Object.fromEntries(byteCharacters().map((character, id) => [character, id]));
    for (let id = 256; id < 151_643; id++) vocab[`token_${id}_`] = id;
    vocab.token = 700;
    delete vocab.token_700_;
    const controls = ['endoftext', 'im_start', 'im_end', 'a', 'b', 'c', 'd', 'e', 'f', 'vision_start', 'vision_end'];
    const names = [...controls, 'vision_pad', 'image_pad', 'video_pad'];
    const added = names.map((name, i) => ({
      id: 151_643 + i,
      content: `<|${name}|>`,
      normalized: false,
      special: true,
    }));
    const large = new Tokenizer({ ...json, model: { ...bytes, vocab }, added_tokens: added }, config);
    assert.equal(large.vocabSize, 151_657);
    assert.deepEqual([large.special.imEnd, large.special.imagePad], [151_645, 151_655]);
    assert.deepEqual(large.encode('token<|im_end|>'), [700, 151_645]);
  });
  it('cuts template text at its control tokens, the longer of two that begin alike', () => {
    const { imEnd, imStart } = tokenizer.special;
    assert.deepEqual(tokenizer.splitSpecials('a<|im_end|>\n<|im_start|><|im_start|>b<think>'), [
      'a',
      imEnd,
      '\n',
      imStart,
      imStart,
      'b<think>',
    ]);
    assert.deepEqual(tokenizer.splitSpecials(''), []);
    const { added_tokens: added } = json as { added_tokens: { id: number; content: string; special: boolean }[] };
    const more = { ...added[0]!, id: added.at(-1)!.id + 1, content: '<|im_end|>!' };
    const extended = new Tokenizer({ ...json, added_tokens: [...added, more] }, config);
    assert.deepEqual(extended.splitSpecials('<|im_end|>!<|im_end|>'), [more.id, imEnd]);
  });
  it('makes one id of a special token that controls no turn and no picture, in targets and in templates', () => {
    const { added_tokens: added } = json as { added_tokens: { id: number; content: string; special: boolean }[] };
    const first = added.at(-1)!.id + 1;
    const names = ['<reason>', '</reason>', '<|step|>', '<|end_of_answer|>'];
    const more = names.map((content, i) => ({ ...added[0]!, id: first + i, content, special: true }));
    // As a checkpoint whose tags were added with add_special_tokens; the last ends turns, by tokenizer_config.json.
    const special = new Tokenizer(
      { ...json, added_tokens: [...added.map((token) => ({ ...token, special: true })), ...more] },
      { ...config, eos_token: { content: '<|end_of_answer|>' } },
    );
    const ids = special.encodePlain('<reason>a</reason><|step|><think>');
    assert.deepEqual(ids, [first, ...tokenizer.encode('a'), first + 1, first + 2, ...tokenizer.encode('<think>')]);
    assert.equal(special.decode(ids), '<reason>a</reason><|step|><think>');
    assert.ok(!special.encodePlain('<|end_of_answer|><|im_end|><|image_pad|>').some((id) => id >= first - 12));
    assert.deepEqual(special.splitSpecials('<reason>a'), [first, 'a']);
  });
  it('shows half a character as the replacement character', () => {
    assert.equal(tokenizer.decode(tokenizer.encode('é').slice(0, 1)), '\ufffd');
  });
  it('names the file or the token that is missing', () => {
    assert.throws(() => loadTokenizer(folder), /tokenizer\.json/);
    writeFileSync(path.join(folder, 'tokenizer.json'), '{');
    assert.throws(() => loadTokenizer(folder), /tokenizer\.json: .*JSON/);
    const { added_tokens: added } = json as { added_tokens: { content: string }[] };
    const without = { ...json, added_tokens: added.filter((token) => token.content !== '<|image_pad|>') };
    assert.throws(() => new Tokenizer(without, config), /<\|image_pad\|>/);
    writeFileSync(path.join(folder, 'tokenizer.json'), JSON.stringify(json));
    writeFileSync(path.join(folder, 'tokenizer_config.json'), JSON.stringify(config));
    assert.deepEqual(loadTokenizer(folder).encode('red cubes'), tokenizer.encode('red cubes'));
  });
});
