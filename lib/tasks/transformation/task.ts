/** Spatial transformation as one of the kit's tasks. */
import type { TaskRecord } from '../../records/record.js';
import { releasedScoreTransformation, scoreTransformation } from '../../rewards/scorer.js';
import { isProse } from '../prose.js';
import type { Task } from '../task.js';
import { solveTransformation, type TransformationScenes, writeCalls } from './program.js';
import { rederiveTransformationRationale } from './rationale.js';
import {
  drawTransformation,
  sampleTransformationRecord,
  type TransformationDomain,
  transformationFingerprint,
} from './sample.js';
import { rederiveTransformationSolution, writeTransformationSolution } from './solution.js';
import { spoilTransformation } from './spoil.js';
import { readInitialObjects, writeTransformationPrompt } from './wording.js';

const scenesOf = (record: TaskRecord) => record.scene as TransformationScenes;

/** Calls as answers write them: "change_color(0,red), change_position(2,left)". */
const CALLS = /^change_\w+\(\d+,\w+\)(, change_\w+\(\d+,\w+\))*$/;

export const TRANSFORMATION: Task<'transformation'> = {
  name: 'transformation',
  testSets: { id: ['id'], 'ood-left': ['ood-left'], 'ood-right': ['ood-right'] },
  sample: (domain, id, random) => sampleTransformationRecord(domain as TransformationDomain, id, random),
  draw: (record) => drawTransformation(scenesOf(record)),
  writePrompt: ({ problem }, style) => writeTransformationPrompt(problem, style),
  answerFault: (answer) => (CALLS.test(answer) ? undefined : 'not a list of calls'),
  rederive: (cot, problem) =>
    (isProse(cot) ? rederiveTransformationRationale : rederiveTransformationSolution)(cot, problem),
  solve: (record) => writeCalls(solveTransformation(scenesOf(record))),
  workOut: (record) => writeTransformationSolution(scenesOf(record)),
  sceneFingerprint: (record) => transformationFingerprint(scenesOf(record)),
  /** What the question lists: the initial objects by their attributes, in whatever order. */
  questionFingerprint: ({ problem }) =>
    readInitialObjects(problem)
      .map(({ size, color, material, shape }) => [size, color, material, shape].join(' '))
      .sort()
      .join(', '),
  spoil: spoilTransformation,
  accuracyReward: 'function_reward',
  rewards: ['function_reward', 'format_reward'],
  releasedRewards: ['released_function_reward', 'released_format_reward'],
  score: scoreTransformation,
  releasedScore: releasedScoreTransformation,
};
