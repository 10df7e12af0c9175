/** Says in words why hardly a completion has the tags that its prompt asks for. */
import type { Evaluation } from '../evaluate/evaluate.js';
import type { QuestionRow } from '../study/cells/prepared-rows.js';

/** Below this share of completions in the format, the model has hardly learned it. */
const FEWEST = 0.05;

/** Says on stderr what it means that nearly no completion has the tags, where the prompts ask for them. */
export function warnOfFormat({ formatted }: Pick<Evaluation, 'formatted'>, questions: readonly QuestionRow[]): void {
  const asked = questions.filter(({ prompt, system = '' }) => /<answer>/.test(prompt + system)).length;
  if (formatted >= FEWEST || asked < questions.length) return;
  process.stderr.write(
    `warning: ${(100 * formatted).toFixed(1)} % of the completions have the <think> and <answer> tags that the prompts ask for. Without ` +
      'answer tags the whole completion is taken for the answer. A checkpoint that was fine-tuned on answers alone is asked as in its ' +
      'training by --style bare; one that has never seen the tags learns them from a little SFT on rationales (--target cot)\n',
  );
}
