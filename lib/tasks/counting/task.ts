/** Visual counting as one of the kit's tasks. */
import type { TaskRecord } from '../../records/record.js';
import { releasedScoreAnswer, scoreAnswer } from '../../rewards/scorer.js';
import { writePrompt } from '../prompts.js';
import { isProse } from '../prose.js';
import type { Task } from '../task.js';
import { drawScene } from '../world/ray-cast.js';
import { type Scene, sceneFingerprint } from '../world/scene.js';
import { type CountingProgram, solveCounting } from './program.js';
import { rederiveCountingRationale } from './rationale.js';
import { type CountingDomain, sampleCountingRecord } from './sample.js';
import { rederiveCountingSolution, writeCountingSolution } from './solution.js';
import { spoilCounting } from './spoil.js';
import { describeFilter } from './wording.js';

const sceneOf = (record: TaskRecord) => record.scene as Scene;

export const COUNTING: Task<'counting'> = {
  name: 'counting',
  testSets: { id: ['id'], ood: ['ood-look', 'ood-look-question'] },
  sample: (domain, id, random) => sampleCountingRecord(domain as CountingDomain, id, random),
  draw: (record) => [drawScene(sceneOf(record))],
  writePrompt: ({ problem }, style) => writePrompt(problem, style),
  answerFault: (answer) => (/^-?\d+$/.test(answer) ? undefined : 'not a whole number'),
  rederive: (cot) => {
    const derived = isProse(cot) ? rederiveCountingRationale(cot) : rederiveCountingSolution(cot);
    return typeof derived === 'string' ? { reason: derived } : { answer: String(derived) };
  },
  solve: (record) => String(solveCounting(record.program as CountingProgram, sceneOf(record))),
  workOut: (record) => writeCountingSolution(record.program as CountingProgram, sceneOf(record)),
  sceneFingerprint: (record) => sceneFingerprint(sceneOf(record)),
  /** The objects by their attributes, and the question. */
  questionFingerprint: (record) => {
    const objects = sceneOf(record).objects.map(({ size, color, material, shape }) =>
      describeFilter({ size, color, material, shape }, false),
    );
    return `${objects.sort().join(', ')}: ${record.problem}`;
  },
  spoil: spoilCounting,
  accuracyReward: 'accuracy_reward',
  rewards: ['accuracy_reward', 'format_reward'],
  releasedRewards: ['released_accuracy_reward', 'released_format_reward'],
  score: scoreAnswer,
  releasedScore: releasedScoreAnswer,
};
