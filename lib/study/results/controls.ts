/** Controls: training on labels that say nothing, and rationales in the words that the study does not train on. */
import { differenceOverSeeds, estimateOverSeeds } from '../../evaluate/over-seeds.js';
import { readRecords } from '../../records/records.js';
import { TASKS, type TaskName, testSetsOf } from '../../tasks/tasks.js';
import { mean } from '../../train/advantage.js';
import type { SftCell } from '../cells/cell.js';
import { recordsFile } from '../data/data-folder.js';
import { paradigmCell } from '../design/paradigms.js';
import { controlSeeds, otherWordsCell, shuffledLabelsCell } from '../design/study-grid.js';
import type { Study } from '../workspace.js';
import { bestConstantScore } from './chance.js';
import { controlSentence, wordsSentence } from './control-wording.js';
import { estimatesOf, evaluationsBySeed, testScores } from './measures.js';
import type { ControlResult, WordsResult } from './results.js';

/** ANS-SFT on shuffled labels beside the best constant answers; it holds where its interval reaches down to these. */
export function controlResults(study: Study, task: TaskName): ControlResult[] {
  return testSetsOf(task).flatMap((testSet): ControlResult[] => {
    const cellOf = (seed: number) => shuffledLabelsCell(study, task, seed);
    const { seeds, evaluations } = evaluationsBySeed(study, controlSeeds(study), cellOf, testSet, 'bare');
    if (evaluations.length === 0) return [];
    const { accuracy } = estimatesOf(evaluations);
    const chance = bestConstantScore(readRecords(recordsFile(study, testSet, task)), TASKS[task].score);
    const holds = accuracy.interval[0] <= chance;
    const text = controlSentence({ testSet, accuracy, chance, holds });
    return [{ task, control: 'shuffled labels', testSet, accuracy, seeds, chance, holds, text }];
  });
}

/** CoT-SFT with rationales in the base model's own words beside CoT-SFT with an annotator's. Released rows hold only the latter. */
export function wordsResults(study: Study, task: TaskName): WordsResult[] {
  const { released, rationales: studied } = study.profile;
  if (released) return [];
  const seeds = controlSeeds(study);
  return testSetsOf(task).flatMap((testSet): WordsResult[] => {
    const scoresOf = (cellOf: (seed: number) => SftCell) => testScores(study, seeds.map(cellOf), testSet, 'think');
    const studiedScores = scoresOf((seed) => paradigmCell(study, 'cot-sft', task, seed));
    const otherScores = scoresOf((seed) => otherWordsCell(study, task, seed));
    if (!studiedScores || !otherScores) return [];
    const [ownScores, annotatorScores] =
      studied === 'own' ? [studiedScores, otherScores] : [otherScores, studiedScores];
    const estimate = (scores: number[][]) => estimateOverSeeds(scores.map(mean), scores[0]!.length);
    const [own, annotators] = [estimate(ownScores), estimate(annotatorScores)];
    const difference = differenceOverSeeds(ownScores, annotatorScores);
    const text = wordsSentence({ testSet, studied, own, annotators, difference });
    return [{ task, testSet, studied, annotators, own, seeds: [...seeds], difference, text }];
  });
}
