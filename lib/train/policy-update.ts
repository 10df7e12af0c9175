/** The updates that follow a rollout: mini-batches of prompts, each summed over micro-batches. */
import * as tf from '@tensorflow/tfjs';
import { matrixPrecision } from '../engine/backend.js';
import type { CompiledStep } from '../engine/compile.js';
import { type CollatedBatch, collate, disposeBatch, type Row } from '../model/batch.js';
import type { ModelConfig } from '../model/configuration.js';
import type { KeptTokens } from '../model/log-probability.js';
import type { ModelWeights } from '../model/tensors.js';
import type { TensorMap } from './adamw.js';
import { cutIntoRuns } from './batches.js';
import { type DropoutDraws, dropoutSeed } from './dropout-seed.js';
import { addGradients } from './gradients.js';
import type { GrpoSettings } from './grpo-settings.js';
import type { Metrics } from './metrics.js';
import { needsSequences, tokenWeights } from './policy-loss.js';
import type { LogProbInput, LogProbOutput, PolicyInput, PolicyOutput } from './policy-step.js';
import type { Rollout } from './rollout.js';
import { readScalar } from './scalar.js';

/** Rows are padded to a multiple of this, so that few graphs are compiled. */
const LENGTH_STEP = 128;

/** A number for each token of each completion, `[prompts][G]` of `[tokens]`. */
export type PerToken = Float32Array[][];

/** Log-probabilities (and entropies) of the rollout's tokens under the policy that sampled them. */
export interface TokenLogProbs {
  logProbs: PerToken;
  /** In nats; absent from log-probabilities that were kept from sampling. */
  entropies?: PerToken;
}

/**
 * One row for each prompt: the prompt's tokens and images once, its completions as segments that do not see each other, so
 * that image and question are encoded once a group; the gradient is that of G separate rows.
 */
function groupRows(rollout: Rollout, prompts: readonly number[]): Row[] {
  return prompts.map((p) => ({
    prefix: { tokens: rollout.examples[p]!.prompt.tokens },
    images: rollout.examples[p]!.prompt.images,
    segments: rollout.completions[p]!.map(({ tokens }) => ({ tokens, trained: tokens.map(() => true) })),
  }));
}

/** The log-probabilities that sampling gave with the tokens; see `canReuseSamplingLogProbs`. */
export function logProbsFromSampling({ completions }: Rollout): TokenLogProbs {
  return { logProbs: completions.map((group) => group.map(({ logProbs }) => Float32Array.from(logProbs))) };
}

/**
 * Whether the log-probabilities from sampling can be used again: they are, to float32's rounding, what another forward pass would give, and
 * no entropies are needed. That is so when the loss divides logits by the same temperature, when products are in float32 (in bfloat16
 * decoding rounds in other places), and when no entropies are needed.
 */
export function canReuseSamplingLogProbs(settings: GrpoSettings): boolean {
  const sameTemperature = settings.temperatureInLoss || settings.temperature === 1;
  return sameTemperature && settings.topEntropyShare === 1 && matrixPrecision() === 'float32';
}

/** Computes the log-probabilities and entropies of all of a rollout's tokens in a forward pass, micro-batch by micro-batch. */
export function computeLogProbs(
  logProbStep: CompiledStep<LogProbInput, LogProbOutput>,
  parameters: ModelWeights,
  rollout: Rollout,
  config: ModelConfig,
  promptsPerMicroBatch: number,
): TokenLogProbs {
  const empty = (): PerToken =>
    rollout.completions.map((group) => group.map(({ tokens }) => new Float32Array(tokens.length)));
  const tokenLogProbs = { logProbs: empty(), entropies: empty() };
  const allPrompts = rollout.examples.map((_, p) => p);
  for (const prompts of cutIntoRuns(allPrompts, promptsPerMicroBatch)) {
    const collated = collate(groupRows(rollout, prompts), config, { lengthStep: LENGTH_STEP });
    const { batch, targets } = collated;
    const kept = keptTokens(collated, rollout, prompts, config);
    const { logProbs, entropies } = logProbStep({ parameters, batch, targets, ...kept });
    const [logProbValues, entropyValues] = [logProbs.dataSync(), entropies.dataSync()];
    collated.origin.forEach(({ row, segment, index }, i) => {
      tokenLogProbs.logProbs[prompts[row]!]![segment]![index] = logProbValues[i]!;
      tokenLogProbs.entropies[prompts[row]!]![segment]![index] = entropyValues[i]!;
    });
    tf.dispose([logProbs, entropies, ...Object.values(kept)]);
    disposeBatch(collated);
  }
  return tokenLogProbs;
}

/** The smallest entropy among the share of tokens with the highest: the quantile 1 - share, as in torch.quantile. */
export function entropyThreshold(entropies: readonly number[], share: number): number {
  if (entropies.length === 0) return 0;
  const sorted = [...entropies].sort((a, b) => a - b);
  const rank = (1 - share) * (sorted.length - 1);
  const [below, above] = [sorted[Math.floor(rank)]!, sorted[Math.ceil(rank)]!];
  return below + (above - below) * (rank - Math.floor(rank));
}

/** The tokens of each completion that count in the loss, `[prompts][G]`; with `maskTruncated` 0 for a completion that was cut. */
function lossLengths({ completions }: Rollout, { maskTruncated }: GrpoSettings): number[][] {
  return completions.map((group) => group.map(({ tokens, ended }) => (maskTruncated && !ended ? 0 : tokens.length)));
}

/** All that one update needs beside the weights. */
export interface Update {
  rollout: Rollout;
  /** The update's prompts, as indices into the rollout. */
  prompts: readonly number[];
  /** Under the policy that sampled the rollout; absent when its weights have not moved since. */
  old?: TokenLogProbs;
}

/** The updates of one pass over a rollout, each on its share of the prompts. */
export function miniBatches(rollout: Rollout, settings: GrpoSettings, old?: TokenLogProbs): Update[] {
  const allPrompts = rollout.examples.map((_, p) => p);
  return cutIntoRuns(allPrompts, rollout.examples.length / settings.miniBatches).map((prompts) => ({
    rollout,
    prompts,
    old,
  }));
}

/**
 * Loss, metrics and gradients of one update, summed over its micro-batches.
 *
 * @param dropout names the draws of adapters' dropout; default: no dropout
 * @returns gradients the caller has to free or hand to the optimizer
 */
export function policyGradients(
  policy: CompiledStep<PolicyInput, PolicyOutput>,
  { trainable, frozen, reference }: { trainable: TensorMap; frozen: ModelWeights; reference: ModelWeights },
  { rollout, prompts, old }: Update,
  config: ModelConfig,
  settings: GrpoSettings,
  dropout?: DropoutDraws,
): { gradients: TensorMap; metrics: Metrics } {
  const trainedLengths = lossLengths(rollout, settings);
  const lengths = prompts.flatMap((p) => trainedLengths[p]!);
  const tokens = Math.max(1, sum(lengths));
  const weights = tokenWeights(settings.lossType, lengths, {
    maxNewTokens: settings.maxNewTokens,
    rolloutTokens: sum(trainedLengths.flat()) / settings.miniBatches,
  });
  const isPolicyToken = policyTokenTest(trainedLengths, settings, old);
  const entropyTokens = Math.max(
    1,
    sum(prompts.flatMap((p) => trainedLengths[p]!.map((n, g) => countTokensWhere(n, (t) => isPolicyToken(p, g, t))))),
  );
  const totals = { loss: 0, kl: 0, entropy: 0, clippedLow: 0, clippedHigh: 0 };
  let gradients: TensorMap | undefined;
  for (const [i, microBatch] of cutIntoRuns(prompts, settings.promptsPerMicroBatch).entries()) {
    const collated = collate(groupRows(rollout, microBatch), config, { lengthStep: LENGTH_STEP });
    const fill = (value: (prompt: number, completion: number, token: number) => number) =>
      perTarget(collated, ({ row, segment, index }) => value(microBatch[row]!, segment, index));
    const isCounted = (p: number, g: number) => trainedLengths[p]![g]! > 0;
    const input = {
      advantages: fill((p, g) => rollout.advantages[p]![g]!),
      weights: fill((p, g) => weights[prompts.indexOf(p) * settings.completions + g]!),
      shares: fill((p, g) => (isCounted(p, g) ? 1 / tokens : 0)),
      ...(old && needsOldLogProbs(settings) ? { old: fill((p, g, t) => old.logProbs[p]![g]![t]!) } : {}),
      ...(settings.topEntropyShare < 1 ? { policyMask: fill((p, g, t) => Number(isPolicyToken(p, g, t))) } : {}),
      ...(settings.entropyBonus === 0
        ? {}
        : { entropyShares: fill((p, g, t) => (isCounted(p, g) && isPolicyToken(p, g, t) ? 1 / entropyTokens : 0)) }),
      ...(needsSequences(settings) ? { sequences: sequencesOf(collated, rollout, microBatch) } : {}),
      ...keptTokens(collated, rollout, microBatch, config),
      ...dropoutSeed(frozen, dropout, i),
    };
    const { batch, targets } = collated;
    const out = policy({ trainable, frozen, reference, batch, targets, ...input });
    gradients = gradients ? addGradients(gradients, out.gradients) : out.gradients;
    totals.loss += readScalar(out.loss);
    totals.kl += readScalar(out.kl);
    totals.entropy += readScalar(out.entropy);
    totals.clippedLow += readScalar(out.clippedLow);
    totals.clippedHigh += readScalar(out.clippedHigh);
    const { sequences, ...flat } = input;
    tf.dispose([...Object.values(flat), ...Object.values(sequences ?? {})]);
    disposeBatch(collated);
  }
  const metrics: Metrics = { loss: totals.loss, entropy: totals.entropy };
  if (settings.beta > 0) metrics.kl = totals.kl;
  if (settings.lossType === 'cispo') metrics.cispo_clip_ratio = totals.clippedHigh;
  else if (settings.lossType !== 'sapo' && settings.lossType !== 'vespo') {
    metrics['clip_ratio/low_mean'] = totals.clippedLow;
    metrics['clip_ratio/high_mean'] = totals.clippedHigh;
    metrics['clip_ratio/region_mean'] = totals.clippedLow + totals.clippedHigh;
  }
  return { gradients: gradients!, metrics };
}

/** Whether the weights move between a rollout's updates. Each ratio then needs the log-probability at sampling. */
export function needsOldLogProbs({ updatesPerRollout, miniBatches }: GrpoSettings): boolean {
  return updatesPerRollout > 1 || miniBatches > 1;
}

/** Makes the test for the tokens that the policy term trains on: with `topEntropyShare` below 1, those above the whole rollout's threshold. */
function policyTokenTest(
  trainedLengths: readonly (readonly number[])[],
  { topEntropyShare }: GrpoSettings,
  old: TokenLogProbs | undefined,
): (prompt: number, completion: number, token: number) => boolean {
  const entropies = old?.entropies;
  if (topEntropyShare === 1 || !entropies) return () => true;
  const pool = entropies.flatMap((group, p) =>
    group.flatMap((completion, g) => (trainedLengths[p]![g] === 0 ? [] : [...completion])),
  );
  const threshold = entropyThreshold(pool, topEntropyShare);
  return (p, g, t) => entropies[p]![g]![t]! >= threshold;
}

/** The number of tokens, of `length`, that pass a test. */
function countTokensWhere(length: number, passes: (token: number) => boolean): number {
  let matches = 0;
  for (let t = 0; t < length; t++) if (passes(t)) matches++;
  return matches;
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}

/** Fills a tensor with a value for each target, `[targets]`, 0 for padding. */
function perTarget(
  { origin, targets }: CollatedBatch,
  value: (origin: CollatedBatch['origin'][number]) => number,
): tf.Tensor1D {
  const values = new Float32Array(targets.token.shape[0]);
  origin.forEach((target, i) => {
    values[i] = value(target);
  });
  return tf.tensor1d(values);
}

/**
 * The tokens that could be drawn in place of each target, `[targets, width]`, padded with the target itself; nothing where all could. The
 * width is rounded up to a power of two, so that few graphs are compiled.
 */
function keptTokens(
  { origin, targets }: CollatedBatch,
  { completions }: Rollout,
  prompts: readonly number[],
  { vocabSize }: ModelConfig,
): { kept?: KeptTokens } {
  if (!completions[prompts[0]!]![0]!.kept) return {};
  const sets = origin.map(({ row, segment, index }) => completions[prompts[row]!]![segment]!.kept![index]!);
  const largest = sets.reduce((most, { length }) => Math.max(most, length), 1);
  const width = Math.min(vocabSize, 2 ** Math.ceil(Math.log2(largest)));
  const tokens = targets.token.dataSync();
  const values = new Int32Array(tokens.length * width);
  tokens.forEach((token, i) => {
    values.fill(token, i * width, (i + 1) * width);
    if (sets[i]) values.set(sets[i], i * width);
  });
  return { kept: tf.tensor2d(values, [tokens.length, width], 'int32') };
}

function sequencesOf({ origin, targets }: CollatedBatch, rollout: Rollout, prompts: readonly number[]) {
  const lengths = prompts.flatMap((p) => rollout.completions[p]!.map(({ tokens }) => tokens.length));
  const group = rollout.completions[prompts[0]!]!.length;
  const completion = new Int32Array(targets.token.shape[0]).fill(-1);
  origin.forEach(({ row, segment }, i) => {
    completion[i] = row * group + segment;
  });
  return { completion: tf.tensor1d(completion, 'int32'), lengths: tf.tensor1d(lengths) };
}
