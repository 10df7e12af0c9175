/** Prompts for trainers that look in the text for the places of the pictures. */
import type { TableMessage } from '../data/parquet-table.js';
import type { PreparedRow } from '../study/cells/prepared-rows.js';

/** The mark that verl and ms-swift replace by a picture. */
const PICTURE_MARK = '<image>';
/** Marks of theirs that stand for something else than a picture. */
const OTHER_MARKS = ['<video>', '<audio>'];

/**
 * The turns that ask about a row. In the user's turn a mark for each picture stands before the text, where the kit puts pictures too.
 *
 * @throws Error naming a row whose own text has such a mark, which the other trainer would take for a picture
 */
export function markedMessages({ id, prompt, system, pictures }: PreparedRow): TableMessage[] {
  const own = [PICTURE_MARK, ...OTHER_MARKS].find((mark) => `${system ?? ''}${prompt}`.includes(mark));
  if (own !== undefined)
    throw new Error(
      `row '${id}': its prompt has the text '${own}', which this trainer would replace by a picture or a sound; write it otherwise, or hand over to TRL`,
    );
  const before = system === undefined ? [] : [{ role: 'system', content: system }];
  return [...before, { role: 'user', content: PICTURE_MARK.repeat(pictures.length) + prompt }];
}
