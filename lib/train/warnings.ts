/** Warnings that the metrics of a run give rise to, in plain words, with the remedy. */
import type { Metrics } from './metrics.js';
import type { Schedule } from './schedule.js';

/** A line for the person who watches the run. */
export interface TrainingWarning {
  /** The step that gave rise to it. */
  step: number;
  /** A `note` says that nothing is wrong, though the number is often misread. */
  level: 'note' | 'warning';
  kind:
    | 'near-zero-loss'
    | 'truncation'
    | 'dead-groups'
    | 'format'
    | 'kl'
    | 'reward-errors'
    | 'reward-nulls'
    | 'warm-up';
  message: string;
}

/** What a run sets out to do. */
export interface Course {
  /** Of the whole run. */
  steps: number;
  schedule: Schedule;
}

/** A warning as a line of text. */
export function warningText({ step, level, message }: TrainingWarning): string {
  return `step ${step}, ${level}: ${message}`;
}

/** The bounds beyond which a run is warned of. */
const WARNING_BOUNDS = {
  /** Share of completions cut at the length limit. */
  truncated: 0.2,
  /** Share of groups whose rewards are all equal. */
  deadGroups: 0.5,
  /** Steps in a row without any format reward. */
  formatSteps: 20,
  /** Mean KL to the reference, nats a token; above it a policy has usually left its language. */
  kl: 0.5,
} as const;

/** For so many steps a warning is not repeated. */
const QUIET_STEPS = 50;

/**
 * The warnings that the newest step gives rise to, without those of a kind that the last 50 steps gave rise to already.
 *
 * It is a pure function of the metrics so far, so that a resumed run warns as an uninterrupted one does.
 *
 * @param history the metrics of all steps so far, the newest last
 * @param course what the run sets out to do; without it nothing of that is warned of
 */
export function trainingWarnings(history: readonly Metrics[], course?: Course): TrainingWarning[] {
  const newest = history.length - 1;
  return Object.entries(CONDITIONS).flatMap(([name, condition]) => {
    const kind = name as TrainingWarning['kind'];
    const message = condition(history, newest, course);
    if (message === undefined) return [];
    const since = kind === 'near-zero-loss' ? 0 : Math.max(0, newest - QUIET_STEPS);
    for (let earlier = since; earlier < newest; earlier++) {
      if (condition(history, earlier, course) !== undefined) return [];
    }
    return [{ step: newest + 1, level: kind === 'near-zero-loss' ? 'note' : 'warning', kind, message }];
  });
}

/** Gives the message when a warning holds at a step. @param step an index into the history */
type Condition = (history: readonly Metrics[], step: number, course?: Course) => string | undefined;

/** The rewards of which a count of the step is above 0, with the count. */
function rewardsWith(metrics: Metrics, count: 'nulls' | 'errors'): [name: string, count: number][] {
  return Object.entries(metrics).flatMap(([metric, value]) => {
    const name = /^rewards\/(.*)\/(.*)$/.exec(metric);
    return name?.[2] === count && value > 0 ? [[name[1]!, value]] : [];
  });
}

const percent = (share: number) => `${Math.round(100 * share)} %`;

/** The condition of each kind of warning. */
const CONDITIONS: { [kind in TrainingWarning['kind']]: Condition } = {
  'near-zero-loss': (history, step) => {
    const { loss, kl, reward } = history[step]!;
    if (reward === undefined || loss === undefined || Math.abs(loss) > 0.02) return undefined;
    const size = kl === undefined ? 'about 0' : 'about beta x KL';
    return `the printed loss is near 0 and stays so: advantages cancel within each group, and with one update a rollout the ratio is 1, so what is printed is ${size}. Its gradient is not 0. Watch the reward, not the loss.`;
  },
  'warm-up': (_, step, course) => {
    if (step > 0 || course === undefined || course.steps > course.schedule.warmupSteps) return undefined;
    const { steps, schedule } = course;
    return `the whole run is warm-up: its learning rate rises towards ${schedule.learningRate} over ${schedule.warmupSteps} steps, and the run has ${steps}. Lower schedule.warmupSteps, or train for more steps.`;
  },
  truncation: (history, step) => {
    const cut = history[step]!['completions/clipped_ratio'] ?? 0;
    if (cut <= WARNING_BOUNDS.truncated) return undefined;
    return `${percent(cut)} of completions were cut at the length limit and can hardly earn a reward. Raise maxNewTokens, leave cut completions out of the loss (maskTruncated), or start from a checkpoint that ends its answers (a little SFT).`;
  },
  'dead-groups': (history, step) => {
    const dead = history[step]!.frac_reward_zero_std ?? 0;
    if (dead <= WARNING_BOUNDS.deadGroups) return undefined;
    return `${percent(dead)} of groups have equal rewards and teach nothing. Take prompts of middling difficulty, larger groups (completions), a higher temperature, a reward with partial credit, or let dead groups be refilled (resamplingRounds).`;
  },
  format: (history, step) => {
    const recent = history.slice(Math.max(0, step + 1 - WARNING_BOUNDS.formatSteps), step + 1);
    const names = Object.keys(history[step]!).filter((name) => /^rewards\/.*format.*\/mean$/.test(name));
    const silent = names.filter((name) => recent.every((metrics) => metrics[name] === 0));
    if (recent.length < WARNING_BOUNDS.formatSteps || silent.length === 0) return undefined;
    const rewards = silent.map((name) => name.split('/')[1]).join(', ');
    return `${rewards} has been 0 for ${WARNING_BOUNDS.formatSteps} steps: no completion has the format, so it cannot be learned. Check that the prompt asks for it, start from a checkpoint that has seen it (a little CoT SFT), or sample at a higher temperature.`;
  },
  'reward-errors': (history, step) => {
    const failed = rewardsWith(history[step]!, 'errors');
    if (failed.length === 0) return undefined;
    const counts = failed.map(([name, count]) => `${name} failed for ${count} completions`).join(', ');
    return `${counts}, which count as null: it is left out of their sums. The run's reward-errors.jsonl says why.`;
  },
  'reward-nulls': (history, step) => {
    const metrics = history[step]!;
    const silent = rewardsWith(metrics, 'nulls').filter(([name]) => metrics[`rewards/${name}/mean`] === undefined);
    if (silent.length === 0) return undefined;
    const names = silent.map(([name]) => name).join(', ');
    return `${names} applied to no completion of this step and taught nothing. Check for which rows it gives a number.`;
  },
  kl: (history, step) => {
    const kl = history[step]!.kl ?? 0;
    if (kl <= WARNING_BOUNDS.kl) return undefined;
    return `the KL to the reference is ${kl.toFixed(2)} nats a token, above ${WARNING_BOUNDS.kl}: the policy moves away from its start checkpoint faster than is healthy. Lower the learning rate, raise beta, or go back to an earlier checkpoint.`;
  },
};
