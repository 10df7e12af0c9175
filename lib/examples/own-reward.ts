/** A reward of one's own, for `own-data.ts`. It may wait, as for the answer of a service, and logs a number beside what it gives. */
import type { RewardInput } from 'reason-rft';

/** Earns more for fewer words. */
export async function brevity({ completion }: Pick<RewardInput, 'completion'>) {
  const words = await countWords(completion);
  return { reward: 1 / (1 + words / 10), metrics: { words } };
}

async function countWords(text: string): Promise<number> {
  return text.split(/\s+/).filter(Boolean).length;
}
