/** A judge: a reward that asks a language model about the completion and reads a score out of its reply. */
import { encodePng } from '../records/image.js';
import { ChatClient, type ChatMessage, type ChatPart, type ChatSettings } from './chat-client.js';
import type { RewardFunction, RewardInput, RewardOutput } from './reward.js';

/** What a judge is asked, and how its reply becomes a score. */
export interface JudgeSettings extends ChatSettings {
  /** The question about a completion. The completion is a model's text: mark where it begins and ends. */
  prompt: (input: Pick<RewardInput, 'completion' | 'row' | 'prompt'>) => string;
  /** A message before the question. Default: none. */
  system?: string;
  /** Shows the judge the row's pictures. Default: false. */
  pictures?: boolean;
  /** Finds the verdict in the reply; its first group is a number, or one of `verdicts`. The last match counts. */
  pattern: RegExp;
  /** The scores of verdicts that are words, in small letters, such as `{ yes: 1, no: 0 }`. */
  verdicts?: { readonly [verdict: string]: number };
  /** The least and the most that a verdict may be, which become 0 and 1. Default: a verdict is the score, from 0 to 1. */
  range?: readonly [least: number, most: number];
  /** What a million tokens cost, of questions and of replies, in any currency, for the metric `cost`. Default: not counted. */
  price?: { readonly prompt: number; readonly completion: number };
}

/**
 * A reward that asks a judge. It has metrics of its own, each a mean over completions: `cached`, the share of replies that were not asked
 * for again; `prompt_tokens`, `completion_tokens` and with a price `cost`, what was paid a completion.
 *
 * A failure is null and never a score: no reply within the limits, or a reply without a verdict in it. It counts in the run's
 * `rewards/{name}/errors`, and the log says why.
 *
 * @example
 * export const judge = judgeReward({
 *   url: 'http://localhost:8000/v1',
 *   model: 'Qwen/Qwen2.5-7B-Instruct',
 *   prompt: ({ completion, row }) => `Question: ${row.problem}\nExpected: ${row.answer}\nAnswer: <<<${completion}>>>\nIs the answer right? ` +
 *     'End with "verdict: yes" or "verdict: no".',
 *   pattern: /verdict: (yes|no)/i,
 *   verdicts: { yes: 1, no: 0 },
 *   cache: 'runs/judge',
 * });
 *
 * @throws Error naming a setting that is impossible
 */
export function judgeReward(settings: JudgeSettings): RewardFunction {
  const { price, range = [0, 1] } = settings;
  if (!(range[0] < range[1])) throw new Error(`judge: range must be [least, most], got [${range.join(', ')}]`);
  const client = new ChatClient(settings);
  return async (input): Promise<RewardOutput> => {
    let metrics = {};
    try {
      const reply = await client.ask(await writeMessages(settings, input), input.signal);
      const { promptTokens, completionTokens, cached } = reply;
      const cost = price && (price.prompt * promptTokens + price.completion * completionTokens) / 1e6;
      metrics = {
        ...{ cached: Number(cached), prompt_tokens: promptTokens, completion_tokens: completionTokens },
        ...(cost === undefined ? {} : { cost }),
      };
      return { reward: readVerdict(reply.text, settings), metrics };
    } catch (error) {
      return { reward: null, error: (error as Error).message, metrics };
    }
  };
}

async function writeMessages({ prompt, system, pictures }: JudgeSettings, input: RewardInput): Promise<ChatMessage[]> {
  const text = prompt(input);
  const shown = pictures ? await input.images() : [];
  const parts = await Promise.all(
    shown.map(async (image): Promise<ChatPart> => {
      const data = Buffer.from(await encodePng(image)).toString('base64');
      return { type: 'image_url', image_url: { url: `data:image/png;base64,${data}` } };
    }),
  );
  const content = parts.length === 0 ? text : [...parts, { type: 'text' as const, text }];
  return [...(system === undefined ? [] : [{ role: 'system' as const, content: system }]), { role: 'user', content }];
}

/** So much of a reply is shown, in characters. */
const SHOWN = 200;

/**
 * The score of a reply, from 0 to 1.
 *
 * @throws Error showing the end of the reply when it holds no verdict, or one that is no score
 */
export function readVerdict(
  reply: string,
  { pattern, verdicts = {}, range: [least, most] = [0, 1] }: Pick<JudgeSettings, 'pattern' | 'verdicts' | 'range'>,
): number {
  const matches = [...reply.matchAll(new RegExp(pattern.source, `${pattern.flags.replace('g', '')}g`))];
  const verdict = matches.at(-1)?.[1]?.trim();
  const end = JSON.stringify(reply.slice(-SHOWN));
  if (verdict === undefined) throw new Error(`the judge's reply holds no verdict (${pattern}): ${end}`);
  const word = verdict.toLowerCase();
  const value = Object.hasOwn(verdicts, word) ? verdicts[word]! : Number(verdict);
  if (verdict === '' || !(value >= least && value <= most))
    throw new Error(`the judge's verdict '${verdict}' is no number from ${least} to ${most}: ${end}`);
  return (value - least) / (most - least);
}
