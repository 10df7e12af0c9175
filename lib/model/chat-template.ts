/** From messages to tokens, through the checkpoint's own chat template (Jinja). */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Template } from '@huggingface/jinja';
import { parseBounded, renderBounded, type TemplateKind } from '../engine/bounded-template.js';
import type { Tokenizer } from './tokenizer.js';

/** One turn of a conversation. */
export interface Message {
  role: 'system' | 'user' | 'assistant';
  content: readonly ({ type: 'image' } | { type: 'text'; text: string })[];
}

/** Qwen2-VL's own template without the default system prompt. The nano model is trained with it. */
export const NANO_CHAT_TEMPLATE =
  '{% set image_count = namespace(value=0) %}{% set video_count = namespace(value=0) %}{% for message in messages %}' +
  "<|im_start|>{{ message['role'] }}\n{% if message['content'] is string %}{{ message['content'] }}<|im_end|>\n" +
  "{% else %}{% for content in message['content'] %}" +
  "{% if content['type'] == 'image' or 'image' in content or 'image_url' in content %}" +
  '{% set image_count.value = image_count.value + 1 %}{% if add_vision_id %}Picture {{ image_count.value }}: {% endif %}' +
  "<|vision_start|><|image_pad|><|vision_end|>{% elif content['type'] == 'video' or 'video' in content %}" +
  '{% set video_count.value = video_count.value + 1 %}{% if add_vision_id %}Video {{ video_count.value }}: {% endif %}' +
  "<|vision_start|><|video_pad|><|vision_end|>{% elif 'text' in content %}{{ content['text'] }}{% endif %}{% endfor %}" +
  '<|im_end|>\n{% endif %}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}';

/** Private-use characters. A number between them stands for the text of that number while the template is rendered. */
const OPEN = '\uE000';
const CLOSE = '\uE001';

const KIND: TemplateKind = {
  name: 'the chat template of the checkpoint',
  remedy:
    'look for a loop in chat_template.jinja, chat_template.json or tokenizer_config.json, or take the template of the published model',
};

/** A checkpoint's chat template, which writes a conversation as the model knows it. */
export class ChatTemplate {
  private readonly template: Template;

  constructor(source: string) {
    this.template = parseBounded(source);
  }

  /**
   * Token ids of a conversation: those of transformers' `apply_chat_template`, with each image's place widened to its visual tokens.
   * In one thing they differ: a special token that people wrote stays text, and does not end a turn or stand for an image. Between
   * two control tokens, the template's text and people's are encoded as one.
   *
   * @param visualTokens number of visual tokens of each image, in order
   * @param continues true to open the assistant's turn at the end
   * @throws Error when the numbers of images and of their places differ, or the template drops or repeats a text, or
   *   comes to no end
   */
  encode(
    tokenizer: Tokenizer,
    messages: readonly Message[],
    visualTokens: readonly number[],
    continues: boolean,
  ): number[] {
    const texts: string[] = [];
    const marked = messages.map((message) => ({
      role: message.role,
      content: message.content.map((part) => {
        if (part.type !== 'text') return part;
        return { type: 'text', text: `${OPEN}${texts.push(part.text) - 1}${CLOSE}` };
      }),
    }));
    const rendered = renderBounded(this.template, { messages: marked, add_generation_prompt: continues }, KIND);
    const ids: number[] = [];
    let image = 0;
    let text = 0;
    let plain = '';
    const endPlain = () => {
      for (const id of tokenizer.encodePlain(plain)) ids.push(id);
      plain = '';
    };
    for (const piece of rendered.split(/(\uE000\d+\uE001)/)) {
      const mark = /^\uE000(\d+)\uE001$/.exec(piece);
      if (mark) {
        if (Number(mark[1]) !== text)
          throw new Error(`the chat template does not write the messages' texts once and in order`);
        plain += texts[text++]!;
        continue;
      }
      for (const part of tokenizer.splitControls(piece)) {
        if (typeof part === 'string') {
          plain += part;
          continue;
        }
        endPlain();
        const isImage = part === tokenizer.special.imagePad;
        const count = isImage ? visualTokens[image++] : 1;
        if (count === undefined)
          throw new Error(`the conversation has more image places than the ${visualTokens.length} images given`);
        for (let i = 0; i < count; i++) ids.push(part);
      }
    }
    endPlain();
    if (image < visualTokens.length) {
      throw new Error(`${visualTokens.length} images were given, but the conversation has places for ${image}`);
    }
    if (text < texts.length)
      throw new Error(`the chat template leaves out ${texts.length - text} of ${texts.length} texts`);
    return ids;
  }
}

/**
 * Loads the template of a checkpoint folder: the first that exists of `chat_template.jinja`, `chat_template.json`, and the template in
 * `tokenizer_config.json`.
 *
 * @throws Error when there is none, or a file is not JSON
 */
export function loadChatTemplate(folder: string): ChatTemplate {
  const read = (name: string): string | undefined => {
    try {
      return readFileSync(path.join(folder, name), 'utf8');
    } catch {
      return undefined;
    }
  };
  const plain = read('chat_template.jinja');
  if (plain !== undefined) return new ChatTemplate(plain);
  for (const name of ['chat_template.json', 'tokenizer_config.json']) {
    const content = read(name);
    if (content === undefined) continue;
    let source: unknown;
    try {
      source = (JSON.parse(content) as { chat_template?: unknown } | null)?.chat_template;
    } catch (error) {
      throw new Error(`${path.join(folder, name)} is not JSON (${(error as Error).message})`);
    }
    if (typeof source === 'string') return new ChatTemplate(source);
  }
  throw new Error(
    `${folder} has no chat template: neither chat_template.jinja, chat_template.json nor one in tokenizer_config.json`,
  );
}
