/** Lessons in sums, which need no picture. */
import type { Random } from '../../engine/random.js';
import type { Lesson, LessonRow } from './lesson.js';

/** The sums of a row without a picture. */
const SCHOOL_SUMS = 20;

/** A row of written sums, without a picture. */
export function schoolRow(random: Random): LessonRow {
  return { images: [], lessons: Array.from({ length: SCHOOL_SUMS }, () => writtenSum(schoolSum(random))) };
}

/** The question for a sum, such as "What is 7 - 2?". */
export function sum(a: number, sign: '+' | '-' | '*' | '/', b: number): Lesson {
  const result = { '+': a + b, '-': a - b, '*': a * b, '/': a / b }[sign];
  return { question: `What is ${a} ${sign} ${b}?`, answer: String(result) };
}

/** The same sum as a solution writes it: "7 - 2 = 5." */
export function writtenSum({ question, answer }: Lesson): Lesson {
  const terms = question.replace(/^What is (.*)\?$/, '$1');
  return { question: `Write the sum: ${terms}`, answer: `${terms} = ${answer}.` };
}

/** A sum of the kind and size that the angles, lengths and areas of figures lead to. */
export function schoolSum(random: Random): Lesson {
  const fives = (low: number, high: number) => 5 * random.range(low / 5, high / 5);
  switch (random.choice(['sum', 'whole', 'product', 'quotient', 'small'] as const)) {
    case 'sum':
      return sum(fives(20, 180), '+', fives(20, 150));
    case 'whole': {
      const whole = random.choice([90, 180, 180, 360]);
      return sum(whole, '-', fives(10, whole - 5));
    }
    case 'product':
      return sum(random.range(2, 15), '*', random.range(2, 15));
    case 'quotient': {
      const [divisor, result] = [random.chance(0.6) ? 2 : random.range(2, 9), random.range(2, 80)];
      return sum(divisor * result, '/', divisor);
    }
    case 'small':
      return sum(random.range(1, 30), '+', random.range(1, 30));
  }
}

/** Holds every word of these lessons. */
export const SUM_TEXTS = ['What is 1 + 1? 1 - 1? 1 * 1? 1 / 1?', 'Write the sum: 1 + 1 ='];
