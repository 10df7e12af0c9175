/**
 * Words that a vocabulary splits badly. A model writes a word of many tokens letter by letter: one with a small vocabulary, such as the
 * nano model, hardly learns to.
 */
import type { Tokenizer } from '../../model/tokenizer.js';

/** A word of text: letters, with signs between them. Numbers are split into digits by intent. */
const WORD = /\p{L}+(?:['’-]\p{L}+)*/gu;
/** The fewest tokens of a word that is split badly, and its fewest tokens a letter. */
const [FEWEST_TOKENS, TOKENS_A_LETTER] = [3, 0.5];

/** A word, the tokens that it takes after a space, and how often it occurs. */
export interface SplitWord {
  word: string;
  tokens: number;
  times: number;
}

/** Counts the words of texts, those that are split badly by themselves. Its memory grows with the number of different words. */
export class WordCounter {
  private readonly known = new Map<string, SplitWord>();

  constructor(private readonly tokenizer: Tokenizer) {}

  /** Adds a text. @returns whether a word of it is split badly */
  add(text: string): boolean {
    let isSplit = false;
    for (const [word] of text.matchAll(WORD)) {
      let counted = this.known.get(word);
      if (!counted) {
        counted = { word, tokens: this.tokenizer.encodePlain(` ${word}`).length, times: 0 };
        this.known.set(word, counted);
      }
      counted.times++;
      isSplit ||= isSplitBadly(counted);
    }
    return isSplit;
  }

  /** The words that are split badly, the most frequent first. */
  splitWords(): SplitWord[] {
    return [...this.known.values()].filter(isSplitBadly).sort((a, b) => b.times - a.times || b.tokens - a.tokens);
  }
}

function isSplitBadly({ word, tokens }: SplitWord): boolean {
  return tokens >= FEWEST_TOKENS && tokens >= TOKENS_A_LETTER * word.length;
}

/** A few words as a message lists them. */
export function splitWordsText(words: readonly SplitWord[], most = 8): string {
  const listed = words.slice(0, most).map(({ word, tokens }) => `${word} (${tokens} tokens)`);
  return [...listed, ...(words.length > most ? [`and ${words.length - most} more`] : [])].join(', ');
}
