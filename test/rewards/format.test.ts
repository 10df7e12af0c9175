import assert from 'node:assert/strict';
import { test } from 'node:test';
import { captionFormatReward } from '../../lib/rewards/caption-format.js';
import { formatReward } from '../../lib/rewards/format.js';
import { releasedFormatReward } from '../../lib/rewards/released/format.js';

test('one thinking block, then one answer block, is the format', () => {
  for (const good of [
    '<think>a</think><answer>1</answer>',
    '<think>\na\nb\n</think>\n<answer>\n1\n</answer>',
    '<think></think> \t\n<answer></answer>',
    '<think>1 < 2 and <b>bold</b></think><answer>1</answer>',
  ]) {
    assert.equal(formatReward({ completion: good }), 1, good);
    assert.equal(releasedFormatReward({ completion: good }), 1, good);
  }
});

test('anything else is not', () => {
  for (const bad of [
    '',
    '6',
    '<think>a</think>',
    '<answer>1</answer>',
    '<answer>1</answer><think>a</think>',
    ' <think>a</think><answer>1</answer>',
    '<think>a</think><answer>1</answer>\n',
    '<think>a</think> so <answer>1</answer>',
    '<think>a<answer>1</answer></think>',
    '<think>a<answer>1</think></answer>',
    '<think>a</think><answer>1',
    '<Think>a</Think><answer>1</answer>',
    '<think></answer>',
    '<think>a</think><answer></think></answer',
  ]) {
    assert.equal(formatReward({ completion: bad }), 0, bad);
    assert.equal(releasedFormatReward({ completion: bad }), 0, bad);
  }
});

test('repeated and nested blocks pass the released expression, and ours not', () => {
  for (const gamed of [
    '<think>a</think><answer>1</answer><answer>2</answer>',
    '<think><think>a</think></think><answer>1</answer>',
    '<think>a</think><answer><answer>1</answer></answer>',
    '<think>a</think> <think>b</think><answer>1</answer>',
  ]) {
    assert.equal(releasedFormatReward({ completion: gamed }), 1, gamed);
    assert.equal(formatReward({ completion: gamed }), 0, gamed);
  }
});

test('the released form agrees with the regular expression itself', () => {
  const expression = /^<think>[\s\S]*?<\/think>\s*<answer>[\s\S]*?<\/answer>$/;
  const parts = ['<think>', '</think>', '<answer>', '</answer>', ' ', 'a', '\n'];
  // Every text of up to five parts: 7 + 49 + ... + 16,807.
  let texts = [''];
  for (let length = 1; length <= 5; length++) {
    texts = texts.flatMap((text) => parts.map((part) => text + part));
    for (const text of texts)
      assert.equal(releasedFormatReward({ completion: text }), expression.test(text) ? 1 : 0, text);
  }
});

test('the caption variant asks for four blocks in order', () => {
  const block = (name: string) => `<${name}>x</${name}>`;
  const blocks = ['summary', 'caption', 'think', 'answer'].map(block);
  assert.equal(captionFormatReward({ completion: blocks.join('\n') }), 1);
  assert.equal(captionFormatReward({ completion: blocks.slice(1).join('\n') }), 0);
  assert.equal(captionFormatReward({ completion: [...blocks].reverse().join('\n') }), 0);
  assert.equal(captionFormatReward({ completion: `${blocks.join('')}${block('answer')}` }), 0);
});
