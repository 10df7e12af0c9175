/** From messages to tokens, through the checkpoint's own chat template (Jinja). */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Template } from '@huggingface/jinja';
import type { Tokenizer } from './tokenizer.js';

export interface Message {
  role: 'system' | 'user' | 'assistant';
  content: readonly ({ type: 'image' } | { type: 'text'; text: string })[];
}

/** Qwen2-VL's template without the default system prompt: what the nano model is trained with. */
export const NANO_CHAT_TEMPLATE =
  "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{% for content in message['content'] %}" +
  "{% if content['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>" +
  "{% elif 'text' in content %}{{ content['text'] }}{% endif %}{% endfor %}<|im_end|>\n{% endfor %}" +
  '{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}';

/** Stands for the n-th text while the template is rendered; private-use characters, which no text of a user may hold. */
const OPEN = '\uE000';
const CLOSE = '\uE001';

export class ChatTemplate {
  private readonly template: Template;

  constructor(source: string) {
    this.template = new Template(source);
  }

  /**
   * Token ids of a conversation. What people wrote is encoded as plain text, so that a special token in it stays text.
   *
   * @param visualTokens number of visual tokens of each image, in order
   * @param continues true to open the assistant's turn at the end
   * @throws Error when images and image places differ in number, or a text holds the private-use characters U+E000/1
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
        if (part.text.includes(OPEN) || part.text.includes(CLOSE)) {
          throw new Error(
            'a message holds the private-use characters U+E000 or U+E001, which the chat template reserves',
          );
        }
        return { type: 'text', text: `${OPEN}${texts.push(part.text) - 1}${CLOSE}` };
      }),
    }));
    const rendered = this.template.render({ messages: marked, add_generation_prompt: continues });
    const ids: number[] = [];
    let image = 0;
    for (const piece of rendered.split(/(\uE000\d+\uE001)/)) {
      const mark = /^\uE000(\d+)\uE001$/.exec(piece);
      if (mark) {
        ids.push(...tokenizer.encodePlain(texts[Number(mark[1])] as string));
        continue;
      }
      for (const id of piece ? tokenizer.encode(piece) : []) {
        if (id !== tokenizer.special.imagePad) {
          ids.push(id);
          continue;
        }
        const count = visualTokens[image++];
        if (count === undefined)
          throw new Error(`the conversation has more image places than the ${visualTokens.length} images given`);
        for (let i = 0; i < count; i++) ids.push(id);
      }
    }
    if (image < visualTokens.length) {
      throw new Error(`${visualTokens.length} images were given, but the conversation has places for ${image}`);
    }
    return ids;
  }
}

/** Loads the template of a checkpoint folder: `chat_template.json`, `chat_template.jinja`, or in `tokenizer_config.json`. */
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
    const source = content && (JSON.parse(content) as { chat_template?: string }).chat_template;
    if (source) return new ChatTemplate(source);
  }
  throw new Error(
    `${folder} has no chat template: neither chat_template.jinja, chat_template.json nor one in tokenizer_config.json`,
  );
}
