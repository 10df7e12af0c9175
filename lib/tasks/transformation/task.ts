/** Spatial transformation as one of the kit's tasks. */
import type { TaskRecord } from '../../records/record.js';
import { releasedScoreTransformation } from '../../rewards/released/score-transformation.js';
import { scoreTransformation } from '../../rewards/score-transformation.js';
import { defineTask } from '../define-task.js';
import { isProse } from '../prose.js';
import type { DrawnTask } from '../task.js';
import { solveTransformation, type TransformationScenes, writeCalls } from './program.js';
import { rederiveTransformationRationale } from './rationale.js';
import { RELEASED_TRANSFORMATION } from './released.js';
import { drawTransformation, sampleTransformationRecord, transformationFingerprint } from './sample.js';
import { rederiveTransformationSolution, writeTransformationSolution } from './solution.js';
import { spoilTransformation } from './spoil.js';
import { readInitialObjects, transformationVocabulary, writeTransformationPrompt } from './wording.js';

const scenesOf = (record: TaskRecord) => record.scene as TransformationScenes;

/** Calls as answers write them: "change_color(0,red), change_position(2,left)". */
const CALLS = /^change_\w+\(\d+,\w+\)(, change_\w+\(\d+,\w+\))*$/;

export const TRANSFORMATION: DrawnTask<'transformation', 'id' | 'ood-left' | 'ood-right'> = {
  ...defineTask({
    name: 'transformation',
    title: 'Spatial transformation',
    testSets: {
      id: { title: 'in domain', shortTitle: 'ID', paperItems: 1000, domains: { id: 1 } },
      'ood-left': {
        title: 'out of domain, left camera',
        shortTitle: 'OOD left',
        paperItems: 1000,
        domains: { 'ood-left': 1 },
      },
      'ood-right': {
        title: 'out of domain, right camera',
        shortTitle: 'OOD right',
        paperItems: 1000,
        domains: { 'ood-right': 1 },
      },
    },
    prompt: ({ problem }, style) => writeTransformationPrompt(problem, style),
    rewards: ['function_reward', 'format_reward'],
    score: scoreTransformation,
  }),
  nanoCompletionTokens: 160,
  nanoAnswerTokens: 32,
  sample: (domain, id, random) => sampleTransformationRecord(domain, id, random),
  draw: (record) => drawTransformation(scenesOf(record)),
  vocabulary: transformationVocabulary,
  answerFault: (answer) => (CALLS.test(answer) ? undefined : 'not a list of calls'),
  rederive: (cot, problem) =>
    (isProse(cot) ? rederiveTransformationRationale : rederiveTransformationSolution)(cot, problem),
  solve: (record) => writeCalls(solveTransformation(scenesOf(record))),
  workOut: (record) => writeTransformationSolution(scenesOf(record)),
  sceneFingerprint: (record) => transformationFingerprint(scenesOf(record)),
  /** Made of the initial objects' attributes, which the question lists; their order does not count. */
  questionFingerprint: ({ problem }) =>
    readInitialObjects(problem)
      .map(({ size, color, material, shape }) => [size, color, material, shape].join(' '))
      .sort()
      .join(', '),
  spoil: spoilTransformation,
  accuracyReward: 'function_reward',
  bareReward: 'bare_function_reward',
  formatReward: 'format_reward',
  rewardAblation: {
    'full matches + format': ['function_reward', 'format_reward'],
    'full matches alone': ['function_reward'],
    'partial credit + format': ['function_partial_reward', 'format_reward'],
    'penalty + format': ['function_penalty_reward', 'format_reward'],
    'coin + format': ['random_reward', 'format_reward'],
  },
  releasedRewards: ['released_function_reward', 'released_format_reward'],
  partialCredit: true,
  releasedScore: releasedScoreTransformation,
  released: RELEASED_TRANSFORMATION,
};
