/**
 * Builds the nano model's tokenizer: Qwen2's form (byte-level BPE, `tokenizer.json`) with a vocabulary of whole words.
 *
 * Every listed word is one token, with and without a space before it. All other text falls back to bytes, so that any text can be read
 * and written. There are no merges: with `ignore_merges` a word that the vocabulary holds is taken as it is.
 */

/** The special tokens in Qwen2-VL's order. Their ids, and then those of the tags, follow the vocabulary's. */
const SPECIAL = [
  '<|endoftext|>',
  '<|im_start|>',
  '<|im_end|>',
  '<|vision_start|>',
  '<|vision_end|>',
  '<|vision_pad|>',
  '<|image_pad|>',
  '<|video_pad|>',
];
/** Ordinary text that is never cut. */
const TAGS = ['<think>', '</think>', '<answer>', '</answer>'];

/** Qwen2's split into words, except that a digit keeps the space before it. This halves the tokens of a sum. */
const SPLIT =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+| ?\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

/** The printable character that byte-level BPE writes for each byte (Radford et al. 2019, GPT-2's `bytes_to_unicode`). */
export function byteCharacters(): string[] {
  const printable = (b: number) => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || (b >= 174 && b <= 255);
  let extra = 0;
  return Array.from({ length: 256 }, (_, b) => String.fromCodePoint(printable(b) ? b : 256 + extra++));
}

/**
 * The contents of `tokenizer.json` and `tokenizer_config.json`.
 *
 * @param words words and marks without spaces around them, in upper and lower case as they are written
 */
export function buildNanoTokenizer(words: readonly string[]): { tokenizer: object; tokenizerConfig: object } {
  const characters = byteCharacters();
  const spell = (text: string) => [...Buffer.from(text)].map((byte) => characters[byte]).join('');
  const spelled = new Set<string>();
  for (const word of [...new Set(words)].sort()) {
    spelled.add(spell(word));
    spelled.add(spell(` ${word}`));
  }
  for (let digit = 0; digit < 10; digit++) spelled.add(spell(` ${digit}`));
  for (const character of characters) spelled.delete(character);

  const vocab: { [token: string]: number } = {};
  for (const token of [...characters, ...spelled]) vocab[token] = Object.keys(vocab).length;
  // After the vocabulary, as in Qwen2's file: the Rust library renumbers added tokens that stand anywhere else.
  const first = characters.length + spelled.size;
  const added = [...SPECIAL, ...TAGS].map((content, i) => ({
    id: first + i,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: SPECIAL.includes(content),
  }));

  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false };
  const tokenizer = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: added,
    normalizer: { type: 'NFC' },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [{ type: 'Split', pattern: { Regex: SPLIT }, behavior: 'Isolated', invert: false }, byteLevel],
    },
    post_processor: byteLevel,
    decoder: byteLevel,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: '',
      end_of_word_suffix: '',
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: true,
      vocab,
      merges: [],
    },
  };
  const tokenizerConfig = {
    // The class that takes tokenizer.json as it stands; transformers' Qwen2Tokenizer would put its own split in place of SPLIT.
    tokenizer_class: 'PreTrainedTokenizerFast',
    add_prefix_space: false,
    added_tokens_decoder: Object.fromEntries(added.map(({ id, ...rest }) => [id, rest])),
    bos_token: null,
    eos_token: '<|im_end|>',
    pad_token: '<|endoftext|>',
    unk_token: null,
    clean_up_tokenization_spaces: false,
    model_max_length: 4096,
  };
  return { tokenizer, tokenizerConfig };
}
