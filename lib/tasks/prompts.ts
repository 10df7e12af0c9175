/** What the model is asked in each paradigm, as in the released code: one place, so that training and evaluation agree. */

/** How a question is put: for a reasoned answer, for the bare answer by instruction, or as it stands. */
export type PromptStyle = 'think' | 'direct' | 'bare';

/** Instructions that follow the question; counting answers are numbers. */
const INSTRUCTIONS: { readonly [style in PromptStyle]: string } = {
  think: ' Output the thinking process in <think> </think> and final answer (number) in <answer> </answer> tags.',
  direct: ' Answer with a number.',
  bare: '',
};

/** The user's text: the question and the style's instruction. */
export function writePrompt(problem: string, style: PromptStyle): string {
  return `${problem}${INSTRUCTIONS[style]}`;
}

/** The words and marks of the instructions. */
export function promptVocabulary(): string[] {
  const text = Object.values(INSTRUCTIONS)
    .join(' ')
    .replaceAll(/<\/?\w+>/g, ' ');
  return [...new Set(text.match(/[A-Za-z]+|[^\sA-Za-z\d]/g))];
}

/** The completion that chain-of-thought fine-tuning trains. */
export function writeTarget(cot: string, answer: string): string {
  return `<think>\n${cot}\n</think>\n<answer>\n${answer}\n</answer>`;
}
