/**
 * The tokenizer of a checkpoint: it turns text into token ids and back, by the field's own JavaScript package.
 *
 * Control tokens begin and end turns and stand for images. They are recognised only in the text of templates. In texts of people, data
 * sets and models they are spelled out, as transformers does with `split_special_tokens`. A special token that controls neither, such as a
 * `<think>` that somebody added, is one token in every text.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Tokenizer as HubTokenizer } from '@huggingface/tokenizers';

/** The special tokens that the kit names. */
export interface SpecialTokens {
  endOfText: number;
  imStart: number;
  imEnd: number;
  visionStart: number;
  visionEnd: number;
  imagePad: number;
}

interface TokenizerJson {
  added_tokens: { id: number; content: string; special: boolean }[];
  model: { vocab: { [token: string]: number } };
}

/** The special tokens of Qwen2-VL by which turns begin and end, and which stand for what is seen. */
const CONTROLS = new Set([
  ...['<|endoftext|>', '<|im_start|>', '<|im_end|>'],
  ...['<|object_ref_start|>', '<|object_ref_end|>', '<|box_start|>', '<|box_end|>', '<|quad_start|>', '<|quad_end|>'],
  ...['<|vision_start|>', '<|vision_end|>', '<|vision_pad|>', '<|image_pad|>', '<|video_pad|>'],
]);

/** The names by which `tokenizer_config.json` gives further control tokens. */
const NAMED_CONTROLS = ['bos_token', 'eos_token', 'pad_token'] as const;

/** The ids of so many texts are remembered, since prompts and templates repeat. */
const CACHE_SIZE = 50_000;

/** Turns text into token ids and back. */
export class Tokenizer {
  readonly special: SpecialTokens;
  readonly vocabSize: number;
  private readonly full: HubTokenizer;
  private readonly plain: HubTokenizer;
  private readonly specials: Map<string, number>;
  private readonly specialPattern: RegExp;
  private readonly cache = new Map<string, readonly number[]>();

  /**
   * @param json the content of `tokenizer.json`
   * @param config the content of `tokenizer_config.json`
   * @throws Error naming a special token that is missing
   */
  constructor(json: object, config: object) {
    const { added_tokens: added, model } = json as TokenizerJson;
    this.full = new HubTokenizer(json, config);
    const controls = new Set([...CONTROLS, ...namedControls(config)]);
    const spelledOut = ({ content, special }: { content: string; special: boolean }) =>
      special && controls.has(content);
    this.plain = new HubTokenizer({ ...json, added_tokens: added.filter((token) => !spelledOut(token)) }, config);
    this.specials = new Map(added.filter((token) => token.special).map(({ content, id }) => [content, id]));
    const longestFirst = [...this.specials.keys()].sort((a, b) => b.length - a.length);
    const literal = longestFirst.map((content) => content.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
    this.specialPattern = new RegExp(`(${literal.join('|')})`);
    const idOf = (content: string): number => {
      const token = added.find((candidate) => candidate.content === content);
      if (!token) throw new Error(`tokenizer.json has no added token '${content}', which the model needs`);
      return token.id;
    };
    this.special = {
      endOfText: idOf('<|endoftext|>'),
      imStart: idOf('<|im_start|>'),
      imEnd: idOf('<|im_end|>'),
      visionStart: idOf('<|vision_start|>'),
      visionEnd: idOf('<|vision_end|>'),
      imagePad: idOf('<|image_pad|>'),
    };
    const ids = [...Object.values(model.vocab), ...added.map((token) => token.id)];
    this.vocabSize = 1 + ids.reduce((most, id) => Math.max(most, id), 0);
  }

  /** Cuts template text at its special tokens: their ids, and the texts between them. */
  splitSpecials(text: string): (number | string)[] {
    const pieces = text.split(this.specialPattern).filter((piece) => piece !== '');
    return pieces.map((piece) => this.specials.get(piece) ?? piece);
  }

  /** Token ids of a template's text, in which `<|im_end|>` and its like are control tokens. */
  encode(text: string): readonly number[] {
    return this.remember(`t${text}`, () => this.full.encode(text, { add_special_tokens: false }).ids);
  }

  /** Token ids of a text that a person, a data set or a model wrote. `<|im_end|>` in it is ordinary text, not a control token. */
  encodePlain(text: string): readonly number[] {
    return this.remember(`p${text}`, () => this.plain.encode(text, { add_special_tokens: false }).ids);
  }

  /** The text of token ids. Special tokens are shown unless `skipSpecial` leaves them out. */
  decode(ids: readonly number[], { skipSpecial = false }: { skipSpecial?: boolean } = {}): string {
    if (ids.length === 0) return '';
    return this.full.decode([...ids], { skip_special_tokens: skipSpecial, clean_up_tokenization_spaces: false });
  }

  private remember(key: string, encode: () => number[]): readonly number[] {
    const known = this.cache.get(key);
    if (known) return known;
    const ids = encode();
    if (this.cache.size >= CACHE_SIZE) this.cache.clear();
    this.cache.set(key, ids);
    return ids;
  }
}

/** The texts of the control tokens that the content of `tokenizer_config.json` names. */
function namedControls(config: object): string[] {
  const fields = config as { [field: string]: unknown };
  return NAMED_CONTROLS.flatMap((field) => {
    const token = fields[field];
    if (typeof token === 'string') return [token];
    const content = (token as { content?: unknown } | null | undefined)?.content;
    return typeof content === 'string' ? [content] : [];
  });
}

/** Loads `tokenizer.json` and `tokenizer_config.json` of a checkpoint folder. */
export function loadTokenizer(folder: string): Tokenizer {
  const read = (name: string): object => {
    const file = path.join(folder, name);
    try {
      return JSON.parse(readFileSync(file, 'utf8')) as object;
    } catch (error) {
      throw new Error(`cannot read ${file}: ${(error as Error).message}; is '${folder}' a checkpoint folder?`);
    }
  };
  return new Tokenizer(read('tokenizer.json'), read('tokenizer_config.json'));
}
