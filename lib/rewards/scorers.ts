/**
 * Every scorer by name. What measures a cell is known by the file of its own scorer: each entry therefore is a function that this
 * file imports, on a line of its own (`study/cells/code-version.ts` reads it).
 */
import { releasedScoreAnswer } from './released/score-answer.js';
import { releasedScoreTransformation } from './released/score-transformation.js';
import { scoreAnswer } from './score-answer.js';
import { scoreSymbolic } from './score-symbolic.js';
import { scoreTransformation } from './score-transformation.js';
import type { AnswerScorer, Scorer } from './scorer.js';

export const SCORERS = {
  answer: scoreAnswer,
  symbolic_answer: scoreSymbolic,
  transformation: scoreTransformation,
  released_answer: releasedScoreAnswer,
  released_transformation: releasedScoreTransformation,
} as const satisfies { readonly [name: string]: AnswerScorer };
export type ScorerName = keyof typeof SCORERS;

/**
 * The name of a scorer.
 *
 * @throws Error when the scorer has none
 */
export function nameOfScorer(scorer: Scorer): ScorerName {
  const entry = Object.entries(SCORERS).find(([, known]) => known === scorer);
  if (!entry)
    throw new Error(
      'the scorer of an evaluation has no name in SCORERS of lib/rewards/scorers.ts: add it there, so that its code is part of what an evaluation is known by',
    );
  return entry[0] as ScorerName;
}
