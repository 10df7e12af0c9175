/** Structure perception as one of the kit's tasks. */
import type { TaskRecord } from '../../records/record.js';
import { releasedScoreAnswer, scoreAnswer } from '../../rewards/scorer.js';
import { isProse } from '../prose.js';
import type { Task } from '../task.js';
import { drawFigure } from './draw-figure.js';
import type { StructureDomain } from './families.js';
import { figureFingerprint, type GeometryFigure } from './figure.js';
import { rederiveStructureRationale } from './rationale.js';
import { sampleStructureRecord } from './sample.js';
import { rederiveStructureSolution, writeStructureSolution } from './solution.js';
import { spoilStructure } from './spoil.js';
import { type StructureProgram, solveStructure } from './theorem.js';
import { readChoices, writeStructurePrompt } from './wording.js';

const figureOf = (record: TaskRecord) => record.scene as GeometryFigure;
const programOf = (record: TaskRecord) => record.program as StructureProgram;

export const STRUCTURE: Task<'structure'> = {
  name: 'structure',
  testSets: { id: ['id'], ood: ['ood'] },
  sample: (domain, id, random) => sampleStructureRecord(domain as StructureDomain, id, random),
  draw: (record) => [drawFigure(figureOf(record))],
  writePrompt: ({ problem, answer }, style) => writeStructurePrompt(problem, answer, style),
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
   * With choices: the numbers that the figure gives, and the question with its choices, whatever the drawing. For a number: the
   * figure itself, as some families have no more than a dozen numbers to give, and reading them off another drawing is
   * another item.
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
  rewards: ['mathematical_reward', 'format_reward'],
  // The mathematical reward exists there, but the scripts are wired to the discrete one.
  releasedRewards: ['released_accuracy_reward', 'released_format_reward'],
  score: scoreAnswer,
  releasedScore: releasedScoreAnswer,
};
