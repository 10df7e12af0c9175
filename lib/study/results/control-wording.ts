/** The sentences that read a study's controls, the words of its rationales, and what tests and training share. */
import { TEST_SET_NAMES } from '../../tasks/tasks.js';
import type { Rationales } from '../profile.js';
import type { ControlResult, LeakageResult, WordsResult } from './results.js';
import { percent, percentText, pointsText } from './wording.js';

/** The rule by which a control holds. */
export const CONTROL_RULE =
  'A control holds where the interval of its accuracy does not lie above chance, which is the score of the best constant answer. An interval above it would mean that answers leak.';

/** Whether a control holds, in a word. */
export function controlText(holds: boolean): string {
  return holds ? 'holds' : 'leaks';
}

/** The score after training on shuffled labels, beside chance. */
export function controlSentence({
  testSet,
  accuracy,
  chance,
  holds,
}: Pick<ControlResult, 'testSet' | 'accuracy' | 'chance' | 'holds'>): string {
  return (
    `Trained on shuffled labels, the model scores ${percentText(accuracy)} ${TEST_SET_NAMES[testSet]}. That is ` +
    `${holds ? 'not above' : 'above'} chance: the best constant answers score ${percent(chance)} %.`
  );
}

/** CoT-SFT by the words of its rationales: the study's first, then the others. */
export function wordsSentence({
  testSet,
  studied,
  own,
  annotators,
  difference,
}: Pick<WordsResult, 'testSet' | 'own' | 'annotators' | 'difference'> & { studied: Rationales }): string {
  const [study, others] = studied === 'own' ? [own, annotators] : [annotators, own];
  const [studyWords, otherWords] = [WORDS_OF[studied], WORDS_OF[studied === 'own' ? 'annotator' : 'own']];
  return (
    `CoT-SFT has ${percentText(study)} ${TEST_SET_NAMES[testSet]} with rationales in ${studyWords} words, which the study trains on, and ` +
    `${percentText(others)} with ${otherWords} on the same rows. The base model's own words make a difference of ${pointsText(difference)}.`
  );
}

/** Whose words rationales are in, as a genitive. */
const WORDS_OF: { readonly [words in Rationales]: string } = {
  annotator: "an annotator's",
  own: "the base model's own",
};

/** Says in whose words the rationales are that a study trains on; empty where its results do not say. */
export function rationalesSentence(rationales: Rationales | undefined): string {
  return rationales ? `The study trains on rationales in ${WORDS_OF[rationales]} words.` : '';
}

/** The scenes and questions that tests and training share. */
export function leakageSentence({
  testItems,
  trainingRows,
  sharedScenes,
  sharedQuestions,
  pretrainedScenes,
}: LeakageResult): string {
  const pretraining =
    pretrainedScenes === undefined
      ? ''
      : ` The pretraining of the base models shows the scenes of ${pretrainedScenes} test items.`;
  return (
    `Of ${testItems} test items, ${sharedScenes} share a scene and ${sharedQuestions} share a question with the ` +
    `${trainingRows} training rows.${pretraining}`
  );
}
