/** Rows of structure perception as a careless annotator would leave them. */

import type { Random } from '../../engine/random.js';
import type { TaskRecord } from '../../records/record.js';
import { withoutRationale, writtenTwice } from '../spoil.js';
import { type StructureFamily, sampleFigure } from './families.js';
import { writeStructureRationale } from './rationale.js';
import { CHOICE_LETTERS, type StructureProgram, solveStructure, structureValue, THEOREMS } from './theorem.js';

/**
 * Spoils a row in one way: a number of the rationale changed; another theorem named; the figure misread, with sound arithmetic
 * from the false numbers (of a question with choices: the wrong letter taken in the end); a wrong answer; an empty
 * rationale; the row written twice.
 */
export function spoilStructure(record: TaskRecord, random: Random): TaskRecord[] {
  const { cot, answer, family } = record;
  const program = record.program as StructureProgram;
  const wrongLetter = () => random.choice(CHOICE_LETTERS.filter((letter) => letter !== answer));
  switch (random.choice(['number', 'theorem', 'reading', 'answer', 'empty', 'twice'] as const)) {
    case 'number': {
      const numbers = [...cot.matchAll(/\d+/g)];
      const { 0: digits, index } = random.choice(numbers);
      const changed = Number(digits) + random.choice([1, 2, 10]);
      return [{ ...record, cot: cot.slice(0, index) + changed + cot.slice(index + digits.length) }];
    }
    case 'theorem': {
      // A theorem of as many numbers could lead to the same sums, and then the rationale alone would show no mistake.
      const { words, givens } = THEOREMS[program.theorem];
      const others = Object.values(THEOREMS).filter((other) => other.givens !== givens);
      return [{ ...record, cot: cot.replace(words, random.choice(others).words) }];
    }
    case 'reading': {
      if (program.choices) {
        const letter = wrongLetter();
        return [{ ...record, cot: cot.replace(/[A-D](?=\.$)/, letter), answer: letter }];
      }
      let misread = program;
      while (structureValue(misread) === structureValue(program)) {
        misread = sampleFigure(family as StructureFamily, random).program;
      }
      return [{ ...record, cot: writeStructureRationale(misread), answer: solveStructure(misread) }];
    }
    case 'answer':
      return [{ ...record, answer: program.choices ? wrongLetter() : String(Number(answer) + random.range(1, 9)) }];
    case 'empty':
      return withoutRationale(record);
    case 'twice':
      return writtenTwice(record);
  }
}
