/** Counting rows as a careless annotator would leave them. */

import type { Random } from '../../engine/random.js';
import type { TaskRecord } from '../../records/record.js';
import { withoutRationale, writtenTwice } from '../spoil.js';

/** A sum as rationales write it: "7 - 2 = 5". */
const SUM = /(\d+) ([+-]) (\d+) = (\d+)/;

/**
 * Spoils a row in one way: a wrong sum; a wrong first count; a wrong first count carried through to the answer (sound arithmetic
 * from a false reading of the image); a wrong answer; an empty rationale; the row written twice.
 */
export function spoilCounting(record: TaskRecord, random: Random): TaskRecord[] {
  const { cot, answer } = record;
  const kinds = ['count', 'reading', 'answer', 'empty', 'twice'] as const;
  // Every shift changes the number, and none makes it negative.
  const zero = Number(answer) === 0 || cot.startsWith('the image has 0 ');
  const shift = zero ? random.choice([1, 2]) : random.choice([-1, 1, 2]);
  const shifted = (digits: string) => String(Number(digits) + shift);
  const firstCount = (text: string) => text.replace(/(?<=^the image has )\d+/, shifted);
  /** In a rationale of other words than the kit's no numbers are found, so the answer is spoiled instead. */
  const reworded = (text: string) => [{ ...record, ...(text === cot ? { answer: shifted(answer) } : { cot: text }) }];
  switch (random.choice(SUM.test(cot) ? (['sum', ...kinds] as const) : kinds)) {
    case 'sum':
      return reworded(cot.replace(/(?<== )\d+(?=\. the answer)/, shifted));
    case 'count':
      return reworded(firstCount(cot));
    case 'reading': {
      const carried = firstCount(cot)
        .replace(new RegExp(SUM, 'g'), (_, a, sign, b, c) => `${shifted(a)} ${sign} ${b} = ${shifted(c)}`)
        .replace(/(?<=the (?:number|answer) is )\d+/g, shifted);
      return [{ ...record, cot: carried, answer: shifted(answer) }];
    }
    case 'answer':
      return [{ ...record, answer: shifted(answer) }];
    case 'empty':
      return withoutRationale(record);
    case 'twice':
      return writtenTwice(record);
  }
}
