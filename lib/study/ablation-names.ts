/** The names of the ablations, by which a profile says which of them it has. */

/**
 * The ablations by the names that figures give them. Each varies one thing:
 *
 * - Reward: the reward settings of the task (`Task.rewardAblation`). A coin in place of the accuracy reward shows how much is gained
 *   without that reward
 * - Group size: G completions a prompt, with the number of completions a step held equal
 * - KL weight: beta, which holds the model to the checkpoint that GRPO starts from
 * - Loss: the tokens that it is averaged over. With one update a rollout the ratio is 1, and every other loss type equals one of these
 *   three
 * - Temperature: that of sampling
 * - CoT rows in stage 1: from none, which is the base model itself, to more. GRPO's own rows stay the same
 * - Words of stage 1: an annotator's rationales, or the base model's own solutions of the same rows. Released rows have no solutions
 * - Curation of stage 1: its rows, or the same rows with a share of them spoiled. What is spoiled are an annotator's rationales
 * - Start checkpoint: stage 1 with more passes. Pass@k on held-out rows is measured too, as it would choose one of them
 */
export const ABLATIONS = [
  'Reward',
  'Group size',
  'KL weight',
  'Loss',
  'Temperature',
  'CoT rows in stage 1',
  'Words of stage 1',
  'Curation of stage 1',
  'Start checkpoint',
] as const;
export type AblationName = (typeof ABLATIONS)[number];
