/** From messages to tokens, through the checkpoint's own chat template (Jinja). */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Template } from '@huggingface/jinja';
import { EndlessTemplate, parseBounded, renderBounded, type TemplateKind } from '../engine/bounded-template.js';
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

/** A part of a turn. */
type Part = Message['content'][number];
/** A turn as a template is given it: its parts, or one text. */
type RenderedTurn = { role: string; content: string | readonly Part[] };

/** A checkpoint's chat template, which writes a conversation as the model knows it. */
export class ChatTemplate {
  private readonly template: Template;
  private textAlone: boolean | undefined;
  private opened: string | undefined;

  /** @param file the template's file, for messages */
  constructor(
    source: string,
    private readonly file = 'the chat template',
  ) {
    this.template = parseBounded(source);
  }

  /** Whether the template writes a place for a picture. */
  hasImagePlaces(): boolean {
    const text = { type: 'text', text: `${OPEN}0${CLOSE}` } as const;
    const rendered = this.tryRender([{ role: 'user', content: [{ type: 'image' }, text] }]);
    return rendered?.includes('<|image_pad|>') === true && !this.isForTextAlone();
  }

  /**
   * Whether the template knows a turn as one text and not as parts, as templates of language models do. Given parts, such a template
   * writes them as JSON, leaves them out, or fails.
   */
  private isForTextAlone(): boolean {
    if (this.textAlone === undefined) {
      const mark = `${OPEN}0${CLOSE}`;
      const isPlain = (rendered: string | undefined) => {
        const [before, after, more] = rendered?.split(mark) ?? [];
        return after !== undefined && more === undefined && !/["']$/.test(before!);
      };
      const ofParts = this.tryRender([{ role: 'user', content: [{ type: 'text', text: mark }] }]);
      this.textAlone = !isPlain(ofParts) && isPlain(this.tryRender([{ role: 'user', content: mark }]));
    }
    return this.textAlone;
  }

  /**
   * What the template itself writes at the beginning of the assistant's turn, behind its role: nothing in most, `<think>\n` in the
   * Thinking editions of Qwen3-VL. It is part of the prompt, so that the model does not write it again.
   */
  get opening(): string {
    if (this.opened === undefined) {
      const turn = { role: 'user', content: [{ type: 'text', text: '?' }] } as const;
      const rendered = this.render([this.isForTextAlone() ? this.joined(turn) : turn], true);
      const [, opened = ''] = rendered.split('<|im_start|>assistant\n');
      this.opened = opened;
    }
    return this.opened;
  }

  /** The rendered text; undefined where the template refuses such turns. */
  private tryRender(messages: readonly RenderedTurn[]): string | undefined {
    try {
      return this.render(messages, true);
    } catch (error) {
      if (error instanceof EndlessTemplate) throw error;
      return undefined;
    }
  }

  private render(messages: readonly RenderedTurn[], continues: boolean): string {
    return renderBounded(this.template, { messages, add_generation_prompt: continues }, KIND);
  }

  /**
   * Token ids of a conversation: those of transformers' `apply_chat_template`, with each image's place widened to its visual tokens.
   * In one thing they differ: a special token that people wrote stays text, and does not end a turn or stand for an image. Between
   * two control tokens, the template's text and people's are encoded as one.
   *
   * A template for text alone, which knows no parts, is given each turn as one text.
   *
   * @param visualTokens number of visual tokens of each image, in order
   * @param continues true to open the assistant's turn at the end
   * @throws Error when the numbers of images and of their places differ, the template is for text alone and there is an image, or the
   *   template drops or repeats a text, or comes to no end
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
      content: message.content.map((part): Part => {
        if (part.type !== 'text') return part;
        return { type: 'text', text: `${OPEN}${texts.push(part.text) - 1}${CLOSE}` };
      }),
    }));
    const rendered = this.render(this.isForTextAlone() ? marked.map((turn) => this.joined(turn)) : marked, continues);
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
      for (const part of tokenizer.splitSpecials(piece)) {
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

  /** A turn whose parts are joined to one text. @throws Error naming the file when a part is an image */
  private joined({ role, content }: { role: string; content: readonly Part[] }): RenderedTurn {
    const texts = content.map((part) => {
      if (part.type === 'text') return part.text;
      throw new Error(
        `${this.file} is a template for text alone and has no place for a picture; put the chat template of the published model in its place`,
      );
    });
    return { role, content: texts.join('') };
  }
}

/**
 * Loads the template of a checkpoint folder: the first that exists of `chat_template.jinja`, `chat_template.json`, and the template in
 * `tokenizer_config.json`. One that has no place for a picture stands behind one that has, with a warning: programs that train language
 * models write their own template beside the model's.
 *
 * @throws Error when there is none, or a file is not JSON
 */
export function loadChatTemplate(folder: string): ChatTemplate {
  const [first, ...others] = templatesIn(folder);
  if (!first)
    throw new Error(
      `${folder} has no chat template: neither chat_template.jinja, chat_template.json nor one in tokenizer_config.json`,
    );
  const [file, template] = first;
  if (others.length === 0 || template.hasImagePlaces()) return template;
  const better = others.find(([, other]) => other.hasImagePlaces());
  if (!better) return template;
  console.warn(`${file} has no place for pictures; the chat template in ${better[0]} is taken in its place`);
  return better[1];
}

/** The templates of a folder with their files, in the order in which transformers looks for them. */
function templatesIn(folder: string): [file: string, template: ChatTemplate][] {
  const templates: [string, ChatTemplate][] = [];
  for (const name of ['chat_template.jinja', 'chat_template.json', 'tokenizer_config.json']) {
    const file = path.join(folder, name);
    if (!existsSync(file)) continue;
    const content = readFileSync(file, 'utf8');
    const source = name.endsWith('.jinja') ? content : templateInJson(content, file);
    if (source !== undefined) templates.push([file, new ChatTemplate(source, file)]);
  }
  return templates;
}

function templateInJson(content: string, file: string): string | undefined {
  try {
    const source = (JSON.parse(content) as { chat_template?: unknown } | null)?.chat_template;
    return typeof source === 'string' ? source : undefined;
  } catch (error) {
    throw new Error(`${file} is not JSON (${(error as Error).message})`);
  }
}
