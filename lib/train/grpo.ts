/**
 * Group Relative Policy Optimization (Shao et al. 2024, DeepSeekMath, algorithm 1) for vision-language models.
 *
 * Each step:
 *   1. take the next prompts and sample G completions of each from the current weights      (rollout.ts);
 *   2. compute every completion's rewards, and turn rewards into advantages                 (advantage.ts);
 *   3. take one or more optimizer updates on the policy loss                               (policy-update.ts, policy-loss.ts).
 */
import * as tf from '@tensorflow/tfjs';
import { flattenTree } from '../engine/tensor-tree.js';
import type { Deferred } from '../model/deferred-prompt.js';
import { adaptersAreNew, hasAdapters, withoutAdapters } from '../model/lora.js';
import type { Model } from '../model/model.js';
import type { ModelWeights } from '../model/tensors.js';
import { ADAMW_DEFAULTS, AdamW, type TensorMap } from './adamw.js';
import { mean } from './advantage.js';
import { partParameters, tokensBefore } from './batches.js';
import { checkGrpo, type GrpoSettings } from './grpo-settings.js';
import { type LoopControl, runLoop } from './loop.js';
import type { Metrics } from './metrics.js';
import { checkRewards, type NamedReward } from './named-reward.js';
import { logProbStep, policyStep } from './policy-step.js';
import {
  canReuseSamplingLogProbs,
  computeLogProbs,
  logProbsFromSampling,
  miniBatches,
  needsOldLogProbs,
  policyGradients,
  type TokenLogProbs,
} from './policy-update.js';
import { type GrpoExample, type Rollout, rollOut } from './rollout.js';
import type { RunDirectory } from './run-directory.js';
import { learningRateAt } from './schedule.js';

/**
 * Trains `model` in place. The metrics of a step, in the field's names, stand in `lib/train/README.md`.
 *
 * With one update a rollout the ratio is 1, so the advantages cancel and the printed loss is about beta x KL; its gradient
 * is not zero. Watch the reward, not the loss.
 *
 * @throws Error naming an impossible setting, before anything is computed
 * @throws TrainingStopped when interrupted; the same call goes on
 */
export async function trainGrpo(
  options: {
    model: Model;
    examples: readonly Deferred<GrpoExample>[];
    rewards: readonly NamedReward[];
    settings: GrpoSettings;
    run: RunDirectory;
  } & LoopControl,
): Promise<void> {
  const { model, examples, rewards, settings, run } = options;
  checkGrpo(settings);
  if (examples.length === 0) throw new Error('grpo: there are no prompts to train on');
  checkRewards(rewards);
  if (settings.referenceRefreshEvery > 0 && hasAdapters(model.parameters))
    throw new Error(
      'grpo: with LoRA the reference is what the run starts from, which stays; set referenceRefreshEvery to 0',
    );

  const { schedule, beta, steps } = settings;
  // The reference is the checkpoint that the run starts from. With new adapters that is the base, whose tensors are there anyway.
  const reference = adaptersAreNew(model.parameters) ? withoutAdapters(model.parameters) : { ...model.parameters };
  const start: ModelWeights = beta > 0 ? reference : {};
  const startTensors = new Set(flattenTree(start));
  const { trainable, frozen } = partParameters(model.parameters, settings, startTensors);
  const frozenWeights = new Set(Object.values(frozen));
  const ownReference = Object.fromEntries(Object.entries(start).filter(([, weight]) => !frozenWeights.has(weight)));
  const refreshed: TensorMap = settings.referenceRefreshEvery > 0 ? copyTensors(trainable) : {};
  const optimizer = new AdamW({ ...ADAMW_DEFAULTS });
  const logitTemperature = settings.temperatureInLoss ? settings.temperature : 1;
  const policy = policyStep(model.config, { ...settings, logitTemperature });
  const forward = logProbStep(model.config, logitTemperature);
  let seenTokens: number | undefined;

  const findOldLogProbs = (rollout: Rollout, parameters: ModelWeights): TokenLogProbs | undefined => {
    if (!needsOldLogProbs(settings) && settings.topEntropyShare === 1) return undefined;
    if (canReuseSamplingLogProbs(settings)) return logProbsFromSampling(rollout);
    return computeLogProbs(forward, parameters, rollout, model.config, settings.promptsPerMicroBatch);
  };

  const step = async (index: number): Promise<Metrics> => {
    const parameters = { ...frozen, ...trainable };
    const { rollout, metrics, log, errors, prompts } = await rollOut({
      ...{ model, parameters, examples, rewards, settings },
      step: index,
    });
    await run.writePictures(index + 1, prompts, model.imageProcessor);
    run.writeCompletions(index + 1, log);
    if (errors.length > 0) run.append('reward-errors.jsonl', errors);
    const old = findOldLogProbs(rollout, parameters);
    const learningRate = learningRateAt(schedule, index, steps);
    const updates: Metrics[] = [];
    for (let pass = 0; pass < settings.updatesPerRollout; pass++) {
      for (const [u, update] of miniBatches(rollout, settings, old).entries()) {
        const tensors = { trainable, frozen, reference: { ...ownReference, ...refreshed } };
        const dropout = { seed: settings.seed, update: `step ${index}/pass ${pass}/update ${u}` };
        const { gradients, metrics } = policyGradients(policy, tensors, update, model.config, settings, dropout);
        const norm = optimizer.apply(trainable, gradients, learningRate, startTensors);
        updates.push({ ...metrics, grad_norm: norm });
      }
    }
    if (settings.referenceRefreshEvery > 0 && (index + 1) % settings.referenceRefreshEvery === 0)
      mixInto(refreshed, trainable, settings.referenceMixup);
    seenTokens = (seenTokens ?? tokensBefore(run, index)) + metrics.num_tokens!;
    return {
      ...averageMetrics(updates),
      ...metrics,
      num_tokens: seenTokens,
      learning_rate: learningRate,
      epoch: ((index + 1) * settings.promptsPerStep) / examples.length,
    };
  };

  try {
    const { checkpointEvery = 20, keepCheckpoints, evaluate, onStep, onWarning, signal } = options;
    const control = { checkpointEvery, keepCheckpoints, evaluate, onStep, onWarning, signal };
    const state: { [name: string]: TensorMap } = settings.referenceRefreshEvery > 0 ? { reference: refreshed } : {};
    await runLoop({
      run,
      steps,
      schedule,
      trainable,
      frozen,
      tensorsNotToFree: startTensors,
      state,
      optimizer,
      step,
      ...control,
    });
  } finally {
    Object.assign(model.parameters, trainable);
    const live = new Set(flattenTree(model.parameters));
    tf.dispose([...startTensors].filter((tensor) => !live.has(tensor)));
    tf.dispose(refreshed);
    optimizer.dispose();
    policy.dispose();
    forward.dispose();
  }
}

/** The mean of each metric over a step's updates. */
function averageMetrics(updates: readonly Metrics[]): Metrics {
  const names = Object.keys(updates[0]!);
  return Object.fromEntries(names.map((name) => [name, mean(updates.map((update) => update[name]!))]));
}

function copyTensors(tensors: TensorMap): TensorMap {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, tf.add(tensor, 0)]));
}

/** Moves the reference towards the policy, in place: reference = share x policy + (1 - share) x reference. */
function mixInto(reference: TensorMap, policy: TensorMap, share: number): void {
  for (const [name, tensor] of Object.entries(reference)) {
    reference[name] = tf.tidy(() => tf.add(tf.mul(policy[name]!, share), tf.mul(tensor, 1 - share)));
    tensor.dispose();
  }
}
