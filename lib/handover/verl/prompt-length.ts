/** How long prompts can become, for trainers that have to know before they read a prompt. */
import type { PixelBounds } from '../../model/image-processor.js';
import { decodeImage } from '../../records/image.js';
import type { QuestionRow } from '../../study/cells/prepared-rows.js';
import { readPictures } from '../pictures.js';

/** The side of what one token sees of a picture. It is 28 or 32, and a smaller one makes more tokens. */
const TOKEN_SIDE = 28;
/** The tokens of a picture whose area nobody has bounded: those of the published checkpoints. */
const MOST_TOKENS = 16_384;
/** Tokens of the chat template around the texts, and of a system's turn that it may add itself. */
const TEMPLATE_TOKENS = 64;
/** Tokens that mark the beginning and the end of a picture. */
const MARKS = 2;

/**
 * A bound of the tokens of the longest prompt, without a tokenizer: no text has more tokens than bytes. It is a multiple of 256.
 *
 * @throws Error naming the row, and the picture that cannot be read
 */
export async function longestPrompt(questions: readonly QuestionRow[], pixels: PixelBounds): Promise<number> {
  const most = pixels.maxPixels === undefined ? MOST_TOKENS : Math.ceil(pixels.maxPixels / TOKEN_SIDE ** 2);
  const least = Math.ceil((pixels.minPixels ?? 0) / TOKEN_SIDE ** 2) + 4;
  let longest = 0;
  for (const [i, question] of questions.entries()) {
    let tokens = TEMPLATE_TOKENS + Buffer.byteLength(`${question.system ?? ''}${question.prompt}`);
    for (const { name, bytes } of await readPictures(question, i, false)) {
      const { width, height } = await decodeImage(bytes, name);
      const own = Math.ceil(width / TOKEN_SIDE) * Math.ceil(height / TOKEN_SIDE);
      tokens += MARKS + Math.max(least, Math.min(most, own));
    }
    longest = Math.max(longest, tokens);
  }
  return Math.ceil(longest / 256) * 256;
}
