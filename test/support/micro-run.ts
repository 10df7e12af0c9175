/** A GRPO run of three steps on the micro model: a checkpoint after each, of which one goes, and a best one that is not the last. */
import { kitReward } from '../../lib/rewards/reward-list.js';
import { scoreAnswer } from '../../lib/rewards/score-answer.js';
import type { QuestionRow } from '../../lib/study/cells/prepared-rows.js';
import { type RunControl, type TrainingPlan, trainRun } from '../../lib/study/cells/train-run.js';
import { TINY } from '../../lib/study/profile.js';

const rows = ['one', 'two'].map(
  (id): QuestionRow => ({
    ...{ id, prompt: id, pictures: [], family: 'count', solution: '1' },
    row: { id, image: [], problem: id, answer: '1' },
  }),
);
const sampling = { maxNewTokens: 4, temperature: 1, topK: 0, topP: 1, minP: 0 };

/** Trains the run in a folder, or goes on there. @param base the micro model's folder */
export function trainMicro(folder: string, base: string, control: RunControl = {}) {
  const plan = async (): Promise<TrainingPlan> => ({
    kind: 'grpo',
    start: { checkpoint: base },
    rows,
    rewards: [kitReward('format_reward')],
    settings: { ...TINY.grpo, ...sampling, steps: 3, promptsPerStep: 1, completions: 2, promptsPerMicroBatch: 1 },
    validation: {
      settings: { ...sampling, evaluateEvery: 2, items: 1, samples: 1 },
      rows: rows.slice(1),
      score: scoreAnswer,
    },
  });
  const configuration = { kind: 'grpo', seed: 1 };
  return trainRun({ folder, configuration }, plan, { checkpointEvery: 1, keepCheckpoints: 1, ...control });
}
