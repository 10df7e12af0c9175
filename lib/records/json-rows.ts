/** Reads the rows of a JSON file one after another: one array, or JSON Lines. Its memory does not grow with the file. */
import { createReadStream } from 'node:fs';

/** One row: its value, or the reason, in words, why it has none. */
export interface JsonRow {
  /** The number of the row, from 1; in JSON Lines the number of the line. */
  row: number;
  json?: unknown;
  broken?: string;
}

/** The most characters of a row. A longer one has a quote or a bracket that is not closed. */
const LONGEST = 16_000_000;

/**
 * Reads rows as the file is read. A row that is not JSON is yielded as broken, and reading goes on after it, because rows are separated
 * by brackets and quotes alone before they are parsed.
 *
 * @param onBytes called as the file is read, with the number of bytes so far
 * @throws Error naming the file when it cannot be read
 */
export async function* streamJsonRows(file: string, onBytes?: (bytes: number) => void): AsyncGenerator<JsonRow> {
  const rows = await rowTexts(characters(file, onBytes));
  for await (const { row, text, fault } of rows) {
    if (fault !== undefined) yield { row, broken: fault };
    else yield { row, ...parsed(text) };
  }
}

function parsed(text: string): { json: unknown } | { broken: string } {
  try {
    return { json: JSON.parse(text) };
  } catch (error) {
    return { broken: `not JSON (${(error as Error).message})` };
  }
}

interface RowText {
  row: number;
  text: string;
  fault?: string;
}

/** The text of the file in pieces, without a byte-order mark. The first piece is not blank. */
async function* characters(file: string, onBytes?: (bytes: number) => void): AsyncGenerator<string> {
  const stream = createReadStream(file, { encoding: 'utf8' });
  let begun = false;
  try {
    for await (const chunk of stream as AsyncIterable<string>) {
      const piece: string = begun ? chunk : chunk.replace(/^\uFEFF/, '').trimStart();
      begun ||= piece !== '';
      if (begun) yield piece;
      onBytes?.(stream.bytesRead);
    }
  } catch (error) {
    throw new Error(`cannot read ${file}: ${(error as Error).message}`, { cause: error });
  }
}

/** The texts of the rows: the elements of the array if the file begins with a bracket, otherwise its lines. */
async function rowTexts(pieces: AsyncGenerator<string>): Promise<AsyncGenerator<RowText>> {
  const first = await pieces.next();
  const begin = first.done ? '' : first.value;
  const whole = (async function* () {
    yield begin;
    yield* pieces;
  })();
  return begin.startsWith('[') ? elements(whole) : lines(whole);
}

async function* lines(pieces: AsyncGenerator<string>): AsyncGenerator<RowText> {
  let row = 0;
  let rest = '';
  for await (const piece of pieces) {
    const parts = piece.split('\n');
    parts[0] = rest + parts[0]!;
    rest = parts.pop()!;
    for (const text of parts) {
      row++;
      if (text.trim() !== '') yield { row, text };
    }
    if (rest.length > LONGEST) return yield { row: row + 1, text: '', fault: tooLong('a line break') };
  }
  if (rest.trim() !== '') yield { row: row + 1, text: rest };
}

const [QUOTE, COMMA, BACKSLASH] = [0x22, 0x2c, 0x5c];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

/** The texts between the commas of the outermost array. Commas within strings, objects and inner arrays do not count. */
async function* elements(pieces: AsyncGenerator<string>): AsyncGenerator<RowText> {
  let [row, depth] = [0, 0];
  let [inString, escaped, ended] = [false, false, false];
  let text = '';
  for await (const piece of pieces) {
    let from = 0;
    for (let i = 0; i < piece.length && !ended; i++) {
      const code = piece.charCodeAt(i);
      if (inString) {
        if (escaped) escaped = false;
        else if (code === BACKSLASH) escaped = true;
        else if (code === QUOTE) inString = false;
      } else if (code === QUOTE) inString = true;
      else if (code === OPEN_LIST || code === OPEN_OBJECT) {
        if (++depth === 1) from = i + 1;
      } else if (code === CLOSE_LIST || code === CLOSE_OBJECT) ended = --depth === 0;
      if ((code === COMMA && depth === 1 && !inString) || ended) {
        text += piece.slice(from, i);
        from = i + 1;
        if (ended && code !== CLOSE_LIST) return yield { row: row + 1, text: '', fault: "a '}' ends the array" };
        // An empty array has no rows, but a comma must have one on each side.
        if (!ended || row > 0 || text.trim() !== '') yield { row: ++row, text };
        text = '';
      }
    }
    text += piece.slice(from);
    if (ended && text.trim() !== '') return yield { row: row + 1, text: '', fault: 'text after the end of the array' };
    if (text.length > LONGEST) return yield { row: row + 1, text: '', fault: tooLong('a quote or a bracket') };
  }
  if (!ended) yield { row: row + 1, text: '', fault: 'the file ends before the array does' };
}

function tooLong(missing: string): string {
  return `longer than ${LONGEST / 1e6} million characters; is ${missing} missing?`;
}
