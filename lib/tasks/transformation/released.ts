/** Spatial transformation in the released dataset: TRANCE's scenes, the final image from one of three cameras. */
import { type ReleasedRows, releasedPromptName } from '../released-rows.js';
import { CHANGE_KINDS, CHANGE_VALUES, type ChangeKind } from './program.js';

/** One call as the dataset writes it, such as `change_color(3, 'red')`. */
const CALL = /(\w+)\(\s*(\w+)\s*,\s*['"]?(\w+)['"]?\s*\)/g;
/** The most calls of a row in the task's definition, and the most characters that so many can take. */
const [MOST_CALLS, LONGEST] = [4, 1000];

/**
 * The rules, which stand before every question, as the dataset's question is only a list of objects: what is asked, the form of that
 * list, and the functions with their values. The contents are those of the released template; the words are ours.
 */
const RULES = `Two images show a scene before and after some of its objects were changed. Find the changes that lead from the first to the second.

The objects of the first image are listed as tuples (object_id, shape, size, color, material).

The answer is a sequence of one to four function calls, each written func(object_id, value):
${Object.entries(CHANGE_VALUES)
  .map(([kind, values]) => `- change_${kind}(object_id, value), where value is one of ${values.join(', ')}`)
  .join('\n')}

A position is relative to where the object stood in the first image: front, behind, left and right move it straight; front_left, front_right, behind_left and behind_right move it diagonally, between the two.`;

function callsFault(answer: string): string | undefined {
  if (answer.length > LONGEST) return `is ${answer.length} characters long`;
  const calls = [...answer.matchAll(CALL)];
  if (calls.length === 0) return `'${answer}' holds no call such as change_color(3, red)`;
  const rest = answer.replace(CALL, '').replace(/[\s,;'"[\]]/g, '');
  if (rest !== '') return `'${rest}' is no part of a call`;
  if (calls.length > MOST_CALLS) return `there are ${calls.length} calls; an answer has 1 to ${MOST_CALLS}`;
  for (const [, name, object, value] of calls) {
    const kind = name!.replace(/^change_/, '') as ChangeKind;
    if (!name!.startsWith('change_') || !CHANGE_KINDS.includes(kind))
      return `there is no function '${name}'; there are ${CHANGE_KINDS.map((known) => `change_${known}`).join(', ')}`;
    if (!/^\d{1,3}$/.test(object!)) return `'${object}' is not the number of an object`;
    if (!(CHANGE_VALUES[kind] as readonly string[]).includes(value!)) return `'${value}' is not a value of ${name}`;
  }
  return undefined;
}

export const RELEASED_TRANSFORMATION: ReleasedRows<'id' | 'ood-left' | 'ood-right'> = {
  files: {
    train: 'train_jsons/A1-Spatial-Transformation-train-60k-cot.json',
    id: 'test_jsons/Spatial-Transformation-id-test-1k.json',
    'ood-left': 'test_jsons/Spatial-Transformation-ood-left-test-1k.json',
    'ood-right': 'test_jsons/Spatial-Transformation-ood-right-test-1k.json',
  },
  images: 2,
  answerFault: callsFault,
  writeQuestion: (problem) => `${RULES}\n\n${problem}`,
  /** The level of difficulty: the number of calls. */
  family: (answer) => `level-${answer.match(CALL)?.length ?? 0}`,
  promptName: (_answer, style) => releasedPromptName('SPATIAL_TRANSFORMATION', style),
  rlRowsHoldAnswer: false,
  stageTwo: 'rest',
};
