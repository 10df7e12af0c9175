/** The match of function calls in spatial transformation: how many of the gold calls a text names, wholly or in part. */

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
const MATCH_WEIGHTS = {
  partial: [1, 0.5, 0.5, 0.25],
  'full-only': [1, 0, 0, 0],
  penalty: [1, -0.25, -0.25, -0.5],
} as const;
export type MatchVariant = keyof typeof MATCH_WEIGHTS;

/** All `name(word, value)` calls in a text, in order, repeats included; the value may stand in quotes. Linear in the text. */
export function parseFunctionCalls(text: string): FunctionCall[] {
  return readCalls(text, ARGUMENTS, NAME);
}

// `\b` keeps the search for the name linear: one attempt a word, not one a letter.
const [ARGUMENTS, NAME] = [/^\s*(\w+)\s*,\s*(?:(\w+)|'(\w+)'|"(\w+)")\s*\)/, /\b\w+$/];

/**
 * Reads calls by two patterns. A call straddles a bracket: its name ends one piece of the text, its arguments (the object and the
 * value) begin the next.
 *
 * @param inside matches the arguments at the beginning of a piece
 * @param before matches the name at the end of a piece
 */
export function readCalls(text: string, inside: RegExp, before: RegExp): FunctionCall[] {
  const calls: FunctionCall[] = [];
  const pieces = text.split('(');
  for (let i = 1; i < pieces.length; i++) {
    const args = inside.exec(pieces[i]!);
    const name = args && before.exec(pieces[i - 1]!);
    if (args && name) calls.push({ name: name[0], id: args[1]!, value: args.slice(2).find((value) => value)! });
  }
  return calls;
}

/** Each call once, in order of first appearance. */
export function uniqueCalls(calls: readonly FunctionCall[]): FunctionCall[] {
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
  const [calls, targets] = [uniqueCalls(predicted), uniqueCalls(gold)];
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
