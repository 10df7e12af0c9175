/** Gold answers of the released tasks: what each looks like. */
import type { TaskName } from '../../tasks/tasks.js';
import { CHANGE_VALUES, type ChangeKind } from '../../tasks/transformation/program.js';

const CALL = /(\w+)\(\s*(\w+)\s*,\s*['"]?(\w+)['"]?\s*\)/g;
/** Calls to a row in the task's definition, and characters that so many can take. */
const [MOST_CALLS, LONGEST] = [4, 1000];

/** True where the answer of a structure row is the letter of a choice: this chooses the prompt. */
export function isChoice(answer: string): boolean {
  return /^[A-D]$/.test(answer);
}

/** Why a text cannot be an answer of the task, in words; undefined where it can. */
export function answerFault(task: TaskName, answer: string): string | undefined {
  if (task === 'counting') return /^\d{1,15}$/.test(answer) ? undefined : `'${answer}' is not a whole number`;
  if (task === 'structure') {
    const known = isChoice(answer) || /^[+-]?(\d{1,15}(\.\d{0,15})?|\.\d{1,15})$/.test(answer);
    return known ? undefined : `'${answer}' is neither one of A, B, C, D nor a decimal number`;
  }
  return callsFault(answer);
}

function callsFault(answer: string): string | undefined {
  if (answer.length > LONGEST) return `is ${answer.length} characters long`;
  const calls = [...answer.matchAll(CALL)];
  if (calls.length === 0) return `'${answer}' holds no call such as change_color(3, red)`;
  const rest = answer.replace(CALL, '').replace(/[\s,;'"[\]]/g, '');
  if (rest !== '') return `'${rest}' is no part of a call`;
  if (calls.length > MOST_CALLS) return `there are ${calls.length} calls; an answer has 1 to ${MOST_CALLS}`;
  for (const [, name, object, value] of calls) {
    const kind = name!.replace(/^change_/, '') as ChangeKind;
    if (!name!.startsWith('change_') || !Object.hasOwn(CHANGE_VALUES, kind))
      return `there is no function '${name}'; there are ${Object.keys(CHANGE_VALUES)
        .map((each) => `change_${each}`)
        .join(', ')}`;
    if (!/^\d{1,3}$/.test(object!)) return `'${object}' is not the number of an object`;
    if (!(CHANGE_VALUES[kind] as readonly string[]).includes(value!)) return `'${value}' is not a value of ${name}`;
  }
  return undefined;
}

/** How many calls an answer of spatial transformation makes: the row's level. */
export function countCalls(answer: string): number {
  return answer.match(CALL)?.length ?? 0;
}
