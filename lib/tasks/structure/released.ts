/** Structure perception in the released dataset: GeoMath's questions in domain, Geometry3K's out of domain. */
import { type ReleasedRows, releasedPromptName } from '../released-rows.js';
import { isChoice } from './theorem.js';

export const RELEASED_STRUCTURE: ReleasedRows<'id' | 'ood'> = {
  files: {
    train: 'train_jsons/A2-Structure-Perception-train-4k5-cot.json',
    id: 'test_jsons/Structure-Perception-id-test-820.json',
    ood: 'test_jsons/Structure-Perception-ood-test-800.json',
  },
  images: 1,
  answerFault: (answer) =>
    isChoice(answer) || /^[+-]?(\d{1,15}(\.\d{0,15})?|\.\d{1,15})$/.test(answer)
      ? undefined
      : `'${answer}' is neither one of A, B, C, D nor a decimal number`,
  writeQuestion: (problem) => problem,
  family: (answer) => (isChoice(answer) ? 'choice' : 'number'),
  /**
   * The authors' README chooses the prompt by whether a letter of A to D stands anywhere in the answer, their code by whether the
   * answer is one. Here it is as in the code. Their prompt for a bare answer is one for both.
   */
  promptName: (answer, style) => {
    const form = isChoice(answer) ? 'CHOICE' : 'NON_CHOICE';
    return releasedPromptName(`STRUCTURE_PERCEPTION${style === 'think' ? `_${form}` : ''}`, style);
  },
  rlRowsHoldAnswer: true,
  // There are too few rows to leave some out.
  stageTwo: 'all',
};
