/** The charts of a run follow from the metrics that it logs, whatever its rewards are called. */

import type { CurvePanel, MetricRow } from './curves.js';

/**
 * Names that get no chart unless one asks for them: those that run parallel to another, and those that a setting decides. Seconds and
 * megabytes are the machine's.
 */
const UNDRAWN =
  /^(step|epoch|num_tokens|learning_rate|grad_norm|entropy|reward_std|(?:eval_)?rewards\/.+\/(?:std|nulls|errors)|completions\/.+|clip_ratio\/.+|cispo_clip_ratio|step_time|peak_memory|eval_runtime|time)$/;

/**
 * The same of other trainers' own names, which a run that was taken back keeps: verl's times, counts and spreads, ms-swift's memory and
 * speed; and what TRL and ms-swift log of held-out completions beside their rewards.
 */
const UNDRAWN_OF_OTHERS =
  /^(perf\/|timing_|global_seqlen\/|training\/|critic\/|prompt_length\/|response_length|response\/|num_turns|tool_call|actor\/(?:pg_loss|entropy_loss|kl_coef)|memory\(GiB\)|train_speed|entropy\/|sampling\/|eval_(?:clip_ratio\/|completions\/|entropy$|frac_reward_zero_std$|kl$|num_tokens$|reward_std$)|.*_(?:runtime|per_second)$)/;

/** Shares are read best between 0 and 1, with room for the point at 1. */
const SHARE: readonly [number, number] = [0, 1.02];

/**
 * The charts of a run, in the order in which one looks at them: rewards, the course of training, metrics of the user's own, held-out
 * items. A reward that rises while held-out accuracy falls is being gamed, so both have a chart.
 *
 * @param names the metrics that the run has logged or will log
 */
export function metricPanels(names: Iterable<string>): CurvePanel[] {
  const all = new Set(names);
  const left = new Set([...all].filter((name) => !UNDRAWN.test(name) && !UNDRAWN_OF_OTHERS.test(name)));
  const panels: CurvePanel[] = [];
  const take = (title: string, keys: readonly string[], range?: readonly [number, number]) => {
    const there = keys.filter((key) => all.has(key));
    for (const key of there) left.delete(key);
    if (there.length > 0) panels.push({ title, keys: there, ...(range ? { range } : {}) });
  };
  const isGrpo = all.has('reward');
  take('reward', ['reward']);
  for (const key of all) {
    const reward = /^rewards\/(.+)\/mean$/.exec(key)?.[1];
    if (reward !== undefined) take(reward, [key]);
  }
  // GRPO prints a loss near 0 by construction: its chart would say nothing.
  if (isGrpo) left.delete('loss');
  else take('loss', ['loss']);
  take('mean_token_accuracy', ['mean_token_accuracy'], SHARE);
  take('kl', ['kl']);
  take('completions/mean_length', ['completions/mean_length']);
  take('completions/clipped_ratio', ['completions/clipped_ratio'], SHARE);
  take('frac_reward_zero_std (dead groups)', ['frac_reward_zero_std'], SHARE);
  take('dynamic_sampling/drawn', ['dynamic_sampling/drawn']);
  take('dynamic_sampling/dead', ['dynamic_sampling/dead'], SHARE);
  const passes = [...all].filter((name) => name.startsWith('eval_pass@'));
  const heldOut = [...left].filter((name) => name.startsWith('eval_'));
  for (const name of left) if (!heldOut.includes(name)) take(shortName(name), [name]);
  take('held out: accuracy', ['eval_accuracy', ...passes], SHARE);
  const curves = heldOut.filter((name) => name.startsWith('eval_accuracy/'));
  take('test items: accuracy', curves, SHARE);
  take('held out: reward', ['eval_reward']);
  take('held out: format', ['eval_format'], SHARE);
  for (const name of heldOut) {
    if (left.has(name)) take(`held out: ${shortName(name.slice('eval_'.length))}`, [name]);
  }
  return panels;
}

/** `brevity` for the mean of that reward; `brevity: words` for a metric of its own, which is logged as `rewards/brevity/words`. */
function shortName(metric: string): string {
  return metric.replace(/^rewards\/(.+)\/mean$/, '$1').replace(/^rewards\/(.+)\/(.+)$/, '$1: $2');
}

/** The names of all metrics that some row has. */
export function loggedMetrics(rows: readonly MetricRow[]): string[] {
  return [...new Set(rows.flatMap((row) => Object.keys(row)))];
}
