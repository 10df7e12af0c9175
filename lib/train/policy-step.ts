/** The compiled steps of a policy: the log-probabilities of completions, and the loss of a micro-batch with its gradient. */
import * as tf from '@tensorflow/tfjs';
import { type CompiledStep, compile } from '../engine/compile.js';
import { stopGradient } from '../engine/operations.js';
import type { ModelConfig } from '../model/configuration.js';
import { hiddenStates } from '../model/hidden-states.js';
import { headOf, type KeptTokens, type Predictions, predictTargets, type Targets } from '../model/log-probability.js';
import { DROPOUT_SEED } from '../model/projection.js';
import type { ModelWeights, TokenBatch } from '../model/tensors.js';
import type { TensorMap } from './adamw.js';
import { gradientsOf } from './gradients.js';
import { type PolicyLossSettings, policyTerms, type Sequences } from './policy-loss.js';

/** Everything that the loss of a micro-batch depends on beside its tensors. */
export interface PolicyStepSettings extends PolicyLossSettings {
  /** Logits are divided by it before the softmax: 1 as in Reason-RFT, the sampling temperature as in TRL. */
  logitTemperature: number;
  /** Weight of the mean entropy that is subtracted from the loss; 0: none. */
  entropyBonus: number;
  /** The backward pass computes each layer again: less memory, a third more time, the same numbers. */
  gradientCheckpointing: boolean;
}

export type LogProbInput = { parameters: ModelWeights; batch: TokenBatch; targets: Targets; kept?: KeptTokens };
/** Log-probability of each target and the entropy of its prediction in nats, both `[targets]`. */
export type LogProbOutput = { logProbs: tf.Tensor1D; entropies: tf.Tensor1D };

/** Compiles the forward pass alone, for log-probabilities and entropies. */
export function logProbStep(config: ModelConfig, logitTemperature: number): CompiledStep<LogProbInput, LogProbOutput> {
  return compile('score', predictLogProbs, { config, logitTemperature });
}

function predictLogProbs(
  { parameters, batch, targets, kept }: LogProbInput,
  { config, logitTemperature }: { config: ModelConfig; logitTemperature: number },
): LogProbOutput {
  const hidden = hiddenStates(parameters, batch, config);
  const { logProbs, entropies } = predictTargets(parameters, hidden, targets, { temperature: logitTemperature, kept });
  return { logProbs, entropies };
}

export type PolicyInput = {
  trainable: TensorMap;
  frozen: ModelWeights;
  /** Parameters of the reference model without those that it shares with `frozen`: a tensor that comes in twice is held twice. */
  reference: ModelWeights;
  batch: TokenBatch;
  targets: Targets;
  /** The tokens that could be drawn in place of each target; all distributions of the loss are then over these alone. Absent: all tokens. */
  kept?: KeptTokens;
  /** The completion's advantage for each target, `[targets]`. */
  advantages: tf.Tensor1D;
  /** w_t, `[targets]`; 0 for padding. */
  weights: tf.Tensor1D;
  /** 1 / tokens of the update for each token that counts, else 0, `[targets]`: for the metrics. */
  shares: tf.Tensor1D;
  /** Log-probability at sampling, `[targets]`; absent when the weights have not moved since. Then rho is exp(l - stopgrad l). */
  old?: tf.Tensor1D;
  /** 1 for a token whose policy term counts, else 0 (its KL still counts), `[targets]`; absent when all count. */
  policyMask?: tf.Tensor1D;
  /** Weight of each target in the mean entropy, `[targets]`; present with an entropy bonus. */
  entropyShares?: tf.Tensor1D;
  /** Present if the loss `needsSequences`. */
  sequences?: Sequences;
  /** Present where adapters have dropout; see `DROPOUT_SEED`. It is the policy's alone, not the reference's. */
  dropoutSeed?: tf.Tensor1D;
};

export type PolicyOutput = {
  gradients: TensorMap;
  loss: tf.Tensor;
  /** Mean KL term over tokens: k3, with `unbiasedKl` times the ratio. */
  kl: tf.Tensor;
  /** Mean entropy of the predictions over tokens, in nats. */
  entropy: tf.Tensor;
  /** Share of tokens whose ratio was clipped from below (A < 0) and from above (A > 0). */
  clippedLow: tf.Tensor;
  clippedHigh: tf.Tensor;
};

/** A list of all fields of a type: to leave one out is a type error, and so is one too many. */
export type EveryField<T> = { readonly [name in keyof T]-?: true };

/** The settings that tell one compiled loss from another. All other settings of a run may differ where graphs are shared. */
export const POLICY_STEP_FIELDS: EveryField<PolicyStepSettings> = {
  lossType: true,
  ratioLevel: true,
  epsilonLow: true,
  epsilonHigh: true,
  delta: true,
  sapoTemperaturePositive: true,
  sapoTemperatureNegative: true,
  vespoExponentPositive: true,
  vespoDecayPositive: true,
  vespoExponentNegative: true,
  vespoDecayNegative: true,
  offPolicyThreshold: true,
  beta: true,
  unbiasedKl: true,
  logitTemperature: true,
  entropyBonus: true,
  gradientCheckpointing: true,
};

/** The plain values that the compiled loss reads. They are the key of its graphs too, and the loss can read no others. */
interface PolicyConstants {
  config: ModelConfig;
  settings: PolicyStepSettings;
}

/**
 * Compiles loss and gradient for one model and one set of settings.
 *
 * @param settings may hold other settings of the run too, such as its seed; they are left aside
 */
export function policyStep(config: ModelConfig, settings: PolicyStepSettings): CompiledStep<PolicyInput, PolicyOutput> {
  const fields = Object.keys(POLICY_STEP_FIELDS) as (keyof PolicyStepSettings)[];
  const stepSettings = Object.fromEntries(
    fields.map((name) => [name, settings[name]]),
  ) as unknown as PolicyStepSettings;
  return compile('policy', policyGradient, { config, settings: stepSettings });
}

/** Loss, metrics and gradient of one micro-batch. */
function policyGradient(input: PolicyInput, { config, settings }: PolicyConstants): PolicyOutput {
  const { logitTemperature, beta, entropyBonus, gradientCheckpointing: checkpoint } = settings;
  const {
    trainable,
    frozen,
    reference,
    batch,
    targets,
    kept,
    weights,
    shares,
    policyMask,
    entropyShares,
    dropoutSeed,
  } = input;
  const predict = (parameters: ModelWeights): Predictions => {
    const hidden = hiddenStates(parameters, batch, config, { checkpoint });
    const headIsFrozen = Object.values(frozen).includes(headOf(parameters));
    return predictTargets(parameters, hidden, targets, { temperature: logitTemperature, headIsFrozen, kept });
  };
  const referenceLogProbs = beta > 0 ? predict({ ...frozen, ...reference }).logProbs : undefined;
  let averages: Omit<PolicyOutput, 'gradients' | 'loss'> | undefined;
  const { value, grads } = gradientsOf(trainable, (moved) => {
    const { logProbs, entropies } = predict({
      ...frozen,
      ...moved,
      ...(dropoutSeed && { [DROPOUT_SEED]: dropoutSeed }),
    });
    const { advantages, sequences, old = stopGradient(logProbs) as tf.Tensor1D } = input;
    const terms = policyTerms({ logProbs, old, reference: referenceLogProbs, advantages, sequences }, settings);
    const average = (x: tf.Tensor) => tf.keep(tf.sum(tf.mul(shares, x)));
    averages = {
      kl: average(terms.kl),
      entropy: average(entropies),
      clippedLow: average(terms.clippedLow),
      clippedHigh: average(terms.clippedHigh),
    };
    const policy = policyMask ? tf.mul(policyMask, terms.policy) : terms.policy;
    let loss = tf.sum(tf.mul(weights, policy));
    if (beta > 0) loss = tf.add(loss, tf.mul(tf.sum(tf.mul(weights, terms.kl)), beta));
    if (entropyShares) loss = tf.sub(loss, tf.mul(tf.sum(tf.mul(entropyShares, entropies)), entropyBonus));
    return loss as tf.Scalar;
  });
  return { gradients: grads, loss: value, ...averages! };
}
