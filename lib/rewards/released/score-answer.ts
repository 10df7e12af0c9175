/** The released evaluation of counting and structure perception. */
import { taggedAnswer } from '../extract-answer.js';
import type { AnswerScorer } from '../scorer.js';
import { equalAnswers } from '../symbolic.js';

/**
 * The released score of counting and structure perception. Where it differs from `scoreAnswer`:
 *
 * - the answer may be equal as mathematics too, between tags or without them: 1/2 is 0.5, and 50 % is;
 * - white space around the gold answer is not stripped where the completion has tags, so that only mathematics can save it.
 *
 * Where this differs from the released code: that finds an expression within prose, by math-verify, and here the text must be
 * the answer and nothing else.
 */
export const releasedScoreAnswer: AnswerScorer = (completion, { answer: goldAnswer }) => {
  const tagged = taggedAnswer(completion);
  if (tagged === undefined ? completion.trim() === goldAnswer.trim() : tagged === goldAnswer) return 1;
  // A letter is no mathematics: b is not B there.
  if (/^\s*[A-D]\s*$/.test(goldAnswer)) return 0;
  return equalAnswers(tagged ?? completion, goldAnswer) ? 1 : 0;
};
