/** Visual counting as one of the kit's tasks. */
import type { TaskRecord } from '../../records/record.js';
import { releasedScoreAnswer } from '../../rewards/released/score-answer.js';
import { scoreAnswer } from '../../rewards/score-answer.js';
import { defineTask } from '../define-task.js';
import { writePrompt } from '../prompts.js';
import { isProse } from '../prose.js';
import type { DrawnTask } from '../task.js';
import { drawScene } from '../world/ray-cast.js';
import { type Scene, sceneFingerprint } from '../world/scene.js';
import { PERCEPTION_WORDS } from './perception.js';
import { type CountingProgram, solveCounting } from './program.js';
import { rederiveCountingRationale } from './rationale.js';
import { RELEASED_COUNTING } from './released.js';
import { sampleCountingRecord } from './sample.js';
import { rederiveCountingSolution, writeCountingSolution } from './solution.js';
import { spoilCounting } from './spoil.js';
import { countingVocabulary, describeFilter } from './wording.js';

const sceneOf = (record: TaskRecord) => record.scene as Scene;

export const COUNTING: DrawnTask<'counting', 'id' | 'ood'> = {
  ...defineTask({
    name: 'counting',
    title: 'Visual counting',
    testSets: {
      id: { title: 'in domain', shortTitle: 'ID', paperItems: 1000, domains: { id: 1 } },
      // As in the paper, three in four items differ in look alone, and the fourth in look and question.
      ood: {
        title: 'out of domain',
        shortTitle: 'OOD',
        paperItems: 1000,
        domains: { 'ood-look': 0.75, 'ood-look-question': 0.25 },
      },
    },
    prompt: ({ problem }, style) => writePrompt(problem, style),
    rewards: ['accuracy_reward', 'format_reward'],
    score: scoreAnswer,
  }),
  nanoCompletionTokens: 88,
  nanoAnswerTokens: 4,
  sample: sampleCountingRecord,
  draw: (record) => [drawScene(sceneOf(record))],
  vocabulary: () => [...countingVocabulary(), ...PERCEPTION_WORDS],
  answerFault: (answer) => (/^-?\d+$/.test(answer) ? undefined : 'not a whole number'),
  rederive: (cot) => {
    const derived = isProse(cot) ? rederiveCountingRationale(cot) : rederiveCountingSolution(cot);
    return typeof derived === 'string' ? { reason: derived } : { answer: String(derived) };
  },
  solve: (record) => String(solveCounting(record.program as CountingProgram, sceneOf(record))),
  workOut: (record) => writeCountingSolution(record.program as CountingProgram, sceneOf(record)),
  sceneFingerprint: (record) => sceneFingerprint(sceneOf(record)),
  /** Made of the objects' attributes and the question. */
  questionFingerprint: (record) => {
    const objects = sceneOf(record).objects.map(({ size, color, material, shape }) =>
      describeFilter({ size, color, material, shape }, false),
    );
    return `${objects.sort().join(', ')}: ${record.problem}`;
  },
  spoil: spoilCounting,
  accuracyReward: 'accuracy_reward',
  bareReward: 'bare_accuracy_reward',
  formatReward: 'format_reward',
  rewardAblation: {
    'accuracy + format': ['accuracy_reward', 'format_reward'],
    'accuracy alone': ['accuracy_reward'],
    'coin + format': ['random_reward', 'format_reward'],
  },
  releasedRewards: ['released_accuracy_reward', 'released_format_reward'],
  partialCredit: false,
  releasedScore: releasedScoreAnswer,
  released: RELEASED_COUNTING,
};
