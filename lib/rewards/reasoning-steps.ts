/** The reasoning-steps reward: does the completion show its steps? */

/** "Step 1:", a number that opens the text, bullets, and words of order, as the released code counts them. */
const MARKER = /Step \d+:|^\d+\.|\n-|\n\*|First,|Second,|Next,|Finally,/g;

/** The number of step markers over 3, at most 1. Easily gamed (three bullets earn everything), so off by default. */
export function reasoningStepsReward({ completion }: { completion: string }): number {
  let steps = 0;
  // The search ends with the third marker.
  for (const _ of completion.matchAll(MARKER)) if (++steps === 3) break;
  return steps / 3;
}
