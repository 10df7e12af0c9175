/** Structure perception as one of the kit's tasks. */
import type { TaskRecord } from '../../records/record.js';
import { releasedScoreAnswer } from '../../rewards/released/score-answer.js';
import { scoreAnswer } from '../../rewards/score-answer.js';
import { defineTask } from '../define-task.js';
import { isProse } from '../prose.js';
import type { DrawnTask } from '../task.js';
import { drawFigure } from './draw-figure.js';
import { figureFingerprint, type GeometryFigure } from './figure.js';
import { rederiveStructureRationale } from './rationale.js';
import { RELEASED_STRUCTURE } from './released.js';
import { sampleStructureRecord } from './sample.js';
import { rederiveStructureSolution, writeStructureSolution } from './solution.js';
import { spoilStructure } from './spoil.js';
import { type StructureProgram, solveStructure } from './theorem.js';
import { readChoices, structureVocabulary, writeStructurePrompt } from './wording.js';

const figureOf = (record: TaskRecord) => record.scene as GeometryFigure;
const programOf = (record: TaskRecord) => record.program as StructureProgram;

export const STRUCTURE: DrawnTask<'structure', 'id' | 'ood'> = {
  ...defineTask({
    name: 'structure',
    title: 'Structure perception',
    testSets: {
      id: { title: 'in domain', shortTitle: 'ID', paperItems: 820, domains: { id: 1 } },
      ood: { title: 'out of domain', shortTitle: 'OOD', paperItems: 800, domains: { ood: 1 } },
    },
    prompt: ({ problem, answer }, style) => writeStructurePrompt(problem, answer, style),
    rewards: ['mathematical_reward', 'format_reward'],
    score: scoreAnswer,
  }),
  nanoCompletionTokens: 84,
  nanoAnswerTokens: 6,
  sample: sampleStructureRecord,
  draw: (record) => [drawFigure(figureOf(record))],
  vocabulary: structureVocabulary,
  answerFault: (answer) => (/^([A-D]|\d+)$/.test(answer) ? undefined : 'neither a choice nor a whole number'),
  rederive: (cot, problem) => {
    const rederive = isProse(cot) ? rederiveStructureRationale : rederiveStructureSolution;
    const derived = rederive(cot, readChoices(problem));
    return 'fault' in derived ? { reason: derived.fault } : derived;
  },
  solve: (record) => solveStructure(programOf(record)),
  workOut: (record) => writeStructureSolution(programOf(record)),
  sceneFingerprint: (record) => figureFingerprint(figureOf(record)),
  /**
   * For a question with choices, made of the numbers that the figure gives and of the question; the drawing does not count. For a
   * question for a number, made of the figure itself: some families have no more than a dozen numbers to give, and reading them off
   * another drawing is another item.
   */
  questionFingerprint: (record) => {
    const { givens, choices, theorem } = programOf(record);
    const given = choices
      ? `${theorem} ${[...givens].sort((a, b) => a - b).join(' ')}`
      : figureFingerprint(figureOf(record));
    return `${given}: ${record.problem}`;
  },
  spoil: spoilStructure,
  accuracyReward: 'mathematical_reward',
  bareReward: 'bare_mathematical_reward',
  formatReward: 'format_reward',
  rewardAblation: {
    'tolerance + format': ['mathematical_reward', 'format_reward'],
    'tolerance alone': ['mathematical_reward'],
    'exact + format': ['accuracy_reward', 'format_reward'],
    'coin + format': ['random_reward', 'format_reward'],
  },
  // The released code has the mathematical reward, but its scripts run the discrete one.
  releasedRewards: ['released_accuracy_reward', 'released_format_reward'],
  partialCredit: false,
  releasedScore: releasedScoreAnswer,
  released: RELEASED_STRUCTURE,
};
