/** Asks the rewards of a run about completions: several answers at a time, none longer than the limit, and none that is no number. */
import type { BatchedReward, RewardFunction, RewardInput } from '../rewards/reward.js';
import { mean, sampleDeviation } from './advantage.js';
import type { Metrics } from './metrics.js';
import type { NamedReward, RewardSettings } from './named-reward.js';
import { checkOutput, isPromise, valueText } from './reward-output.js';

/** A completion with all that rewards read; the signal is made for each question. */
export type ScoredCompletion = Omit<RewardInput, 'signal'>;

/** What one reward gave to completions, in their order. */
export interface RewardScores {
  name: string;
  /** Null where the reward does not apply, and where it failed and failures count as null. */
  values: (number | null)[];
  /** The metrics of its own that came with each. */
  metrics: { readonly [metric: string]: number }[];
  /** Why it failed, with reward, row and completion; undefined where it did not. */
  errors: (string | undefined)[];
}

/** So much of a completion stands in an error, in characters. */
const SHOWN = 80;

/**
 * Asks every reward about every completion, the rewards side by side. A reward that answers at once is called in the order of the
 * completions, and costs no more than the call.
 *
 * @returns the scores of each reward, in the order of the rewards
 * @throws Error naming the reward, the row and the completion, when a reward throws, takes longer than `rewardTimeLimit`, or gives
 *   anything but a finite number, a boolean or null; unless `onRewardError` is `null`
 */
export async function scoreCompletions(
  rewards: readonly NamedReward[],
  completions: readonly ScoredCompletion[],
  settings: RewardSettings,
): Promise<RewardScores[]> {
  const open = new Set<AbortController>();
  try {
    return await Promise.all(
      rewards.map(async ({ name, reward }) => {
        const asked = new Questions(name, completions, settings, open);
        if (typeof reward === 'function') await asked.askEach(reward);
        else if (completions.length > 0) await asked.askOnce(reward);
        return asked.finish();
      }),
    );
  } finally {
    // After a failure nobody waits for the other answers.
    for (const controller of open) controller.abort(new Error('another reward failed'));
  }
}

/** The questions to one reward and the answers that have come. */
class Questions {
  private readonly scores: RewardScores;
  private failure: Error | undefined;

  /** @param open the questions that are waited for */
  constructor(
    name: string,
    private readonly completions: readonly ScoredCompletion[],
    private readonly settings: RewardSettings,
    private readonly open: Set<AbortController>,
  ) {
    this.scores = {
      name,
      values: completions.map(() => null),
      metrics: completions.map(() => ({})),
      errors: completions.map(() => undefined),
    };
  }

  /** Asks about one completion after another; while an answer is waited for, about the next ones too. */
  async askEach(reward: RewardFunction): Promise<void> {
    const waiting = new Set<Promise<void>>();
    let controller = new AbortController();
    for (const [index, completion] of this.completions.entries()) {
      if (waiting.size >= this.settings.rewardConcurrency) await Promise.race(waiting);
      if (this.failure) return;
      try {
        const output: unknown = reward({ ...completion, signal: controller.signal });
        if (!isPromise(output)) {
          this.take(index, output);
          continue;
        }
        const asked = controller;
        // One for each question that is waited for. An answer that came at once left it unused.
        controller = new AbortController();
        const answer = this.wait(output, asked)
          .then((value) => this.take(index, value))
          .catch((error: unknown) => this.fail(index, failureText(error), error))
          .finally(() => waiting.delete(answer));
        waiting.add(answer);
      } catch (error) {
        this.fail(index, failureText(error), error);
      }
    }
    while (waiting.size > 0 && !this.failure) await Promise.race(waiting);
  }

  /** Asks about all completions in one call. */
  async askOnce({ batch }: BatchedReward): Promise<void> {
    const controller = new AbortController();
    const count = this.completions.length;
    const failAll = (problem: string, error?: unknown) => {
      this.completions.forEach((_, index) => {
        this.fail(index, `${problem} when it was asked about ${count} completions at once`, error);
      });
    };
    try {
      const given: unknown = batch(
        this.completions.map((completion) => ({ ...completion, signal: controller.signal })),
      );
      const outputs = isPromise(given) ? await this.wait(given, controller) : given;
      if (Array.isArray(outputs) && outputs.length === count) {
        for (const [index, output] of outputs.entries()) this.take(index, output);
      } else failAll(`must return a list of ${count} outputs, but returned ${valueText(outputs)}`);
    } catch (error) {
      failAll(failureText(error), error);
    }
  }

  /** @throws Error the first failure, if failures stop the run */
  finish(): RewardScores {
    if (this.failure) throw this.failure;
    return this.scores;
  }

  private take(index: number, output: unknown): void {
    const checked = checkOutput(output);
    if ('problem' in checked) this.fail(index, checked.problem);
    else {
      this.scores.values[index] = checked.value;
      this.scores.metrics[index] = checked.metrics;
      if (checked.error !== undefined) this.scores.errors[index] = this.message(index, `failed (${checked.error})`);
    }
  }

  /** @param problem what the reward did, in words that follow its name */
  private fail(index: number, problem: string, cause?: unknown): void {
    const message = this.message(index, problem);
    this.scores.errors[index] = message;
    if (this.settings.onRewardError === 'stop') this.failure ??= new Error(message, { cause });
  }

  private message(index: number, problem: string): string {
    const { completion, row } = this.completions[index]!;
    const text = completion.length > SHOWN ? `${completion.slice(0, SHOWN)} ...` : completion;
    return `the reward '${this.scores.name}' ${problem} for row '${row.id}' and the completion ${JSON.stringify(text)}`;
  }

  /** Waits for an answer until the limit or until the question is aborted, whichever comes first. */
  private async wait(answer: PromiseLike<unknown>, controller: AbortController): Promise<unknown> {
    const { rewardTimeLimit } = this.settings;
    const timer = setTimeout(() => {
      controller.abort(new TimeLimitExceeded(`gave no answer within ${rewardTimeLimit} s (rewardTimeLimit)`));
    }, rewardTimeLimit * 1000);
    const aborted = new Promise<never>((_, reject) => {
      controller.signal.addEventListener('abort', () => reject(controller.signal.reason), { once: true });
    });
    this.open.add(controller);
    try {
      return await Promise.race([answer, aborted]);
    } finally {
      clearTimeout(timer);
      this.open.delete(controller);
    }
  }
}

/** The error of an answer that came too late. */
class TimeLimitExceeded extends Error {}

function failureText(error: unknown): string {
  if (error instanceof TimeLimitExceeded) return error.message;
  // An error of a notebook is not of this module's class.
  const message = (error as Error | null | undefined)?.message;
  return `failed (${message ?? valueText(error)})`;
}

/** Stands in for the pictures of rows that came without the function that decodes them. @throws Error always */
export async function refuseImages(): Promise<never> {
  throw new Error("the rows have no 'images' here, the function that decodes their pictures");
}

/** The scores of the completions [from, to). */
export function sliceScores({ name, values, metrics, errors }: RewardScores, from: number, to: number): RewardScores {
  return { name, values: values.slice(from, to), metrics: metrics.slice(from, to), errors: errors.slice(from, to) };
}

/** The scores of one reward over the completions of all parts. */
export function joinScores(parts: readonly RewardScores[]): RewardScores {
  return {
    name: parts[0]!.name,
    values: parts.flatMap(({ values }) => values),
    metrics: parts.flatMap(({ metrics }) => metrics),
    errors: parts.flatMap(({ errors }) => errors),
  };
}

/**
 * The metrics of a reward over some completions:
 *
 * - `rewards/{name}/mean` and `std`, over those that it applies to; where it applies to none there are no such numbers;
 * - `rewards/{name}/nulls`, for how many it gave null, failures included; `rewards/{name}/errors`, for how many it failed;
 * - `rewards/{name}/{metric}`, the mean of a metric of its own over the completions that have it.
 */
export function rewardMetrics({ name, values, metrics, errors }: RewardScores): Metrics {
  const known = values.filter((value) => value !== null);
  const own = new Map<string, number[]>();
  for (const [metric, value] of metrics.flatMap(Object.entries<number>))
    own.set(metric, [...(own.get(metric) ?? []), value]);
  return Object.fromEntries(
    [
      ...(known.length === 0 ? [] : [['mean', mean(known)] as const, ['std', sampleDeviation(known)] as const]),
      ['nulls', values.length - known.length] as const,
      ['errors', errors.filter((error) => error !== undefined).length] as const,
      ...[...own].map(([metric, numbers]) => [metric, mean(numbers)] as const),
    ].map(([metric, value]) => [`rewards/${name}/${metric}`, value]),
  );
}
