/** Visual counting in the released dataset: CLEVR-Math's questions in domain, Super-CLEVR's out of domain. */
import { type ReleasedRows, releasedPromptName } from '../released-rows.js';

export const RELEASED_COUNTING: ReleasedRows<'id' | 'ood'> = {
  files: {
    train: 'train_jsons/A3-Visual-Counting-train-35k-cot.json',
    id: 'test_jsons/Visual-Counting-id-test-1k.json',
    ood: 'test_jsons/Visual-Counting-ood-test-1k.json',
  },
  images: 1,
  answerFault: (answer) => (/^\d{1,15}$/.test(answer) ? undefined : `'${answer}' is not a whole number`),
  writeQuestion: (problem) => problem,
  family: () => 'count',
  promptName: (_answer, style) => releasedPromptName('VISUAL_COUNTING', style),
  rlRowsHoldAnswer: false,
  stageTwo: 'rest',
};
