/** Reads the completions that a GRPO run has logged, with prompts and pictures, in the form that the page of rollouts holds. */

import sharp from 'sharp';
import type { LoggedCompletion } from '../../train/completions.js';
import type { RunDirectory } from '../../train/run-directory.js';

/** All rollouts of a run. Prompts and pictures that many completions share are there once. */
export interface Rollouts {
  rewardNames: string[];
  /** Each with the text of the chat up to the answer's turn. */
  prompts: { id: string; text: string; gold: string; pictures: string[] }[];
  completions: RolloutRow[];
}

/** A completion. Its group is the completions of the same prompt at the same step. */
export interface RolloutRow {
  step: number;
  /** Index into the prompts. */
  prompt: number;
  text: string;
  /** The weighted sum; null where no reward applies. */
  reward: number | null;
  /** In the order of the names; null for one that does not apply. */
  rewards: (number | null)[];
  /** Null, as the tokens, where another trainer did not log it. */
  advantage: number | null;
  tokens: number | null;
  /** Whether it is known to be cut at the token limit. */
  cut: boolean;
  /** Whether all completions of its group have one reward, so that the group teaches nothing. */
  dead: boolean;
}

/**
 * Reads the rollouts of a run.
 *
 * @throws Error where the run has logged no completions
 */
export async function readRollouts(run: RunDirectory): Promise<Rollouts> {
  const steps = run.completionSteps();
  if (steps.length === 0)
    throw new Error(`${run.folder} has logged no completions: only GRPO logs them, from its first step on`);
  const tables = [];
  for (const step of steps)
    tables.push({ rows: await run.readCompletions(step), pictures: await run.readPictures(step) });
  const rewardNames = [...new Set(tables.flatMap(({ rows }) => rows.flatMap((row) => Object.keys(row.rewards))))];
  const prompts = new Map<string, Rollouts['prompts'][number] & { index: number }>();
  const completions: RolloutRow[] = [];
  for (const { rows, pictures } of tables) {
    for (const group of groupsOf(rows)) {
      const { id, prompt, solution } = group[0]!;
      const key = JSON.stringify([id, prompt, solution]);
      if (!prompts.has(key)) {
        const own = pictures.filter((picture) => picture.id === id);
        const addresses = await Promise.all(own.map(({ bytes }) => dataAddress(bytes)));
        prompts.set(key, {
          index: prompts.size,
          id,
          text: withoutAnswerTurn(prompt),
          gold: solution,
          pictures: addresses,
        });
      }
      const { index } = prompts.get(key)!;
      const dead = group.every(({ reward }) => reward === group[0]!.reward);
      completions.push(
        ...group.map((row) => ({
          ...{ step: row.step, prompt: index, text: row.completion, reward: row.reward },
          rewards: rewardNames.map((name) => row.rewards[name] ?? null),
          ...{ advantage: row.advantage, tokens: row.tokens, cut: row.ended === false, dead },
        })),
      );
    }
  }
  return { rewardNames, prompts: [...prompts.values()].map(({ index: _, ...prompt }) => prompt), completions };
}

/**
 * A logged prompt without the role that opens the answer's turn, and what the template itself writes there. To a reader who does not see the
 * special tokens it is a stray word behind the question.
 */
function withoutAnswerTurn(prompt: string): string {
  return prompt.replace(/\n*assistant\n+(?:<think>\n+)?$/, '');
}

/** The groups of a step: one for each prompt. */
function groupsOf(rows: readonly LoggedCompletion[]): LoggedCompletion[][] {
  const groups = new Map<string, LoggedCompletion[]>();
  for (const row of rows) groups.set(row.id, [...(groups.get(row.id) ?? []), row]);
  return [...groups.values()];
}

/** A picture as an address that holds it, for a page that fetches nothing. */
async function dataAddress(bytes: Uint8Array): Promise<string> {
  const { format } = await sharp(bytes).metadata();
  return `data:image/${format};base64,${Buffer.from(bytes).toString('base64')}`;
}
