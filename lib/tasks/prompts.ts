/** The words that every task's prompts and completions share. Training and evaluation take them from here, so that they agree. */

/** The style of a prompt: it asks for a reasoned answer in tags, it asks for a bare answer, or it is the question alone. */
export type PromptStyle = 'think' | 'direct' | 'bare';

/** The instructions that follow a counting question, to the letter those of the released code. */
const INSTRUCTIONS: { readonly [style in PromptStyle]: string } = {
  think: ' Output the thinking process in <think> </think> and final answer (number) in <answer> </answer> tags.',
  direct: ' Answer with a number.',
  bare: '',
};

/** The user's text of a counting question: the question and the style's instruction. */
export function writePrompt(problem: string, style: PromptStyle): string {
  return `${problem}${INSTRUCTIONS[style]}`;
}

/** The instructions for an answer of any kind. */
const ANY_INSTRUCTIONS: { readonly [style in PromptStyle]: string } = {
  think: ' Output the thinking process in <think> </think> and final answer in <answer> </answer> tags.',
  direct: ' Answer with the answer alone.',
  bare: '',
};

/** The user's text of a question whose answer may be anything. */
export function writeAnyPrompt(problem: string, style: PromptStyle): string {
  return `${problem}${ANY_INSTRUCTIONS[style]}`;
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

/** The instruction to reason in tags, with the form of the answer in brackets where there is one. */
const think = (form: string) =>
  `{{ problem }} Output the thinking process in <think> </think> and final answer ${form}in <answer> </answer> tags.`;

/** The prompts of the paper's three tasks and one for any answer, as templates (`prompt-template.ts`) of the style `think`. */
export const PROMPT_PRESETS = {
  counting: think('(number) '),
  structure: think("({{ 'option' if answer in ['A', 'B', 'C', 'D'] else 'float number or int number' }}) "),
  transformation: think('(calls) '),
  any: think(''),
} as const;
