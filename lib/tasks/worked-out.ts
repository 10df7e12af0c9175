/**
 * Whether a completion works its question out, or only looks and answers. A completion is worked out where its thoughts have the form of a
 * solution in the base model's own notation, right or wrong, or where an answer follows from them in an annotator's sentences.
 */
import { rederiveCountingRationale } from './counting/rationale.js';
import { isProse } from './prose.js';
import { rederiveStructureRationale } from './structure/rationale.js';
import type { TaskName } from './tasks.js';
import { rederiveTransformationRationale } from './transformation/rationale.js';

/** Counting: a count, with its objects or without; one that lists them; an empty class; a sum; two classes that share nothing. */
const COUNT = /^[a-z ]+: (?:[a-z ,]+: )?\d+$/;
const LISTED = /^[a-z ]+: [a-z ,]+: \d+$/;
const EMPTY = /^(?!objects:)[a-z ]+: 0$/;
const SUM = /^\d+ [+-] \d+ = -?\d+$/;
const APART = /^[a-z ]+ are not [a-z ]+$/;

/**
 * The form of each task's solutions, by their sentences, which have lost their full stops. A hasty remark names one object, or says how
 * many objects there are.
 */
const FORMS: { readonly [task in TaskName]: (sentences: readonly string[]) => boolean } = {
  /**
   * Counts and sums alone, and among them a sum, a count that lists its objects, or an empty class. A solution that counts all objects and
   * does nothing else reads as a remark does, and is not told from one; 2 % of the questions have such a solution.
   */
  counting: (sentences) =>
    sentences.every((sentence) => COUNT.test(sentence) || SUM.test(sentence) || APART.test(sentence)) &&
    sentences.some((sentence) => SUM.test(sentence) || LISTED.test(sentence) || EMPTY.test(sentence)),
  /** The numbers given, a theorem, its steps and the value. */
  structure: ([first = '', theorem, ...rest]) =>
    /^given: \d+(, \d+)*$/.test(first) &&
    theorem !== undefined &&
    rest.some((sentence) => /^value: \d+$/.test(sentence)),
  /** A sentence for each object: where it stood, where it stands, and its attributes side by side. */
  transformation: (sentences) => sentences.every((sentence) => /^\d+ \d \d to \d \d: \w/.test(sentence)),
};
/** Whether an answer follows from an annotator's sentences. */
const FOLLOWS: { readonly [task in TaskName]: (rationale: string, problem: string) => boolean } = {
  counting: (rationale) => typeof rederiveCountingRationale(rationale) === 'number',
  structure: (rationale) => 'answer' in rederiveStructureRationale(rationale),
  transformation: (rationale, problem) => 'answer' in rederiveTransformationRationale(rationale, problem),
};

/**
 * Whether a completion works the question out in its `<think>` tags.
 *
 * @param problem the text of the question, which an annotator's sentences are compared with
 */
export function isWorkedOut(task: TaskName, completion: string, problem: string): boolean {
  const thoughts = /<think>([\s\S]*?)<\/think>/.exec(completion)?.[1]?.trim();
  if (!thoughts) return false;
  if (isProse(thoughts)) return FOLLOWS[task](thoughts, problem);
  const sentences = thoughts.split('.').map((sentence) => sentence.trim());
  return sentences.pop() === '' && sentences.length > 0 && FORMS[task](sentences);
}
