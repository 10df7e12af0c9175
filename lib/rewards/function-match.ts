/** The function-based reward of spatial transformation: how many of the gold calls the answer names, wholly or in part. */
import { extractAnswer } from './extract-answer.js';

/** One transformation, such as `change_color(3, red)`. */
export interface FunctionCall {
  name: string;
  id: string;
  value: string;
}

/** The kinds of match, best first: what has to agree beside the function's name. */
const MATCHES: readonly ((a: FunctionCall, b: FunctionCall) => boolean)[] = [
  (a, b) => a.id === b.id && a.value === b.value,
  (a, b) => a.id === b.id,
  (a, b) => a.value === b.value,
  () => true,
];

/**
 * What each kind of match is worth: `partial` counts all, `full-only` counts whole matches alone (what the released
 * transformation scripts use), `penalty` takes off for partial ones.
 */
export const MATCH_WEIGHTS = {
  partial: [1, 0.5, 0.5, 0.25],
  'full-only': [1, 0, 0, 0],
  penalty: [1, -0.25, -0.25, -0.5],
} as const;
export type MatchVariant = keyof typeof MATCH_WEIGHTS;

/** All `name(word, value)` calls in a text, in order, repeats included; the value may stand in quotes. Linear in the text. */
export function parseFunctionCalls(text: string): FunctionCall[] {
  return readCalls(text, ARGUMENTS, NAME);
}

/**
 * The calls that the released code reads: `(\w+)\((\w+),\s*'?(\w+)'?\)`. Where that differs from `parseFunctionCalls`: white space
 * inside the brackets, but after the comma, spoils a call; a quote may stand on one side alone; double quotes spoil it; word
 * characters are those of every language. Linear in the text.
 */
export function parseReleasedCalls(text: string): FunctionCall[] {
  return readCalls(text, RELEASED_ARGUMENTS, RELEASED_NAME);
}

// `\b` and what stands for it keep the search for the name linear: one attempt a word, not one a letter.
const [ARGUMENTS, NAME] = [/^\s*(\w+)\s*,\s*(?:(\w+)|'(\w+)'|"(\w+)")\s*\)/, /\b\w+$/];
const [RELEASED_ARGUMENTS, RELEASED_NAME] = [
  /^([\p{L}\p{N}_]+),\s*'?([\p{L}\p{N}_]+)'?\)/u,
  /(?<![\p{L}\p{N}_])[\p{L}\p{N}_]+$/u,
];

/** A call straddles a bracket: its name ends one piece of the text, its arguments, the object and the value, begin the next. */
function readCalls(text: string, inside: RegExp, before: RegExp): FunctionCall[] {
  const calls: FunctionCall[] = [];
  const pieces = text.split('(');
  for (let i = 1; i < pieces.length; i++) {
    const args = inside.exec(pieces[i]!);
    const name = args && before.exec(pieces[i - 1]!);
    if (args && name) calls.push({ name: name[0], id: args[1]!, value: args.slice(2).find((each) => each)! });
  }
  return calls;
}

/** Each call once, in order of first appearance. */
function unique(calls: readonly FunctionCall[]): FunctionCall[] {
  return [...new Map(calls.map((call) => [`${call.name}(${call.id},${call.value})`, call])).values()];
}

/**
 * Sum of the weights of matches between predicted and gold calls, over max(|P|, |S|), both as sets. Calls are matched
 * greedily one to one, best kind of match first; their order does not count.
 *
 * @returns at most 1; 0 where either text holds no call
 */
export function matchFunctionCalls(prediction: string, solution: string, variant: MatchVariant): number {
  return matchCalls(parseFunctionCalls(prediction), parseFunctionCalls(solution), variant);
}

/** As `matchFunctionCalls`, of calls that have been read; repeats count once. */
export function matchCalls(
  predicted: readonly FunctionCall[],
  gold: readonly FunctionCall[],
  variant: MatchVariant,
): number {
  if (predicted.length === 0 || gold.length === 0) return 0;
  let total = 0;
  const [calls, targets] = [unique(predicted), unique(gold)];
  const open = new Set(targets);
  const unmatched = new Set(calls);
  MATCHES.forEach((agrees, kind) => {
    for (const call of unmatched) {
      if (open.size === 0) return;
      for (const target of open) {
        if (call.name !== target.name || !agrees(call, target)) continue;
        total += MATCH_WEIGHTS[variant][kind]!;
        open.delete(target);
        unmatched.delete(call);
        break;
      }
    }
  });
  return total / Math.max(calls.length, targets.length);
}

/**
 * The reward of the extracted answer: its match with the solution times the repeat factor, which is the share of its calls
 * that are not repeats.
 *
 * @example
 * // one of two gold calls in full, the other by function and object: (1 + 0.5) / 2
 * functionMatchReward('<answer>change_size(1, small) change_color(2, red)</answer>',
 *   { solution: 'change_size(1, small) change_color(2, blue)' }, 'partial') // 0.75
 */
export function functionMatchReward(
  completion: string,
  { solution }: { solution: string },
  variant: MatchVariant = 'full-only',
): number {
  return repeatedMatch(parseFunctionCalls(extractAnswer(completion)), parseFunctionCalls(solution), variant);
}

/**
 * The released reward, as its transformation scripts are wired: whole matches alone, and calls read as the released code reads
 * them (see `parseReleasedCalls`).
 */
export function releasedFunctionReward(completion: string, { solution }: { solution: string }): number {
  return repeatedMatch(parseReleasedCalls(extractAnswer(completion)), parseReleasedCalls(solution), 'full-only');
}

function repeatedMatch(calls: readonly FunctionCall[], gold: readonly FunctionCall[], variant: MatchVariant): number {
  if (calls.length === 0) return 0;
  return (matchCalls(calls, gold, variant) * unique(calls).length) / calls.length;
}
