/** `reason-rft generate`: one completion of a checkpoint, with the numbers that a port is checked by. */
import type { Command } from 'commander';
import { startEngine } from '../../engine/backend.js';
import { completionText, encodePrompt, loadModel } from '../../model/model.js';
import { checkSampling } from '../../model/sampling.js';
import { readImage } from '../../records/image.js';
import { DTYPE_OPTION, parseDtype } from '../dtype-option.js';
import { fetchModel, MODEL_FLAGS, MODEL_IDS } from '../model-option.js';
import { addPixelOptions, type PixelOptions, pixelBounds } from '../pixel-options.js';
import { printResult } from '../print-result.js';
import { reportPenalty } from '../report-penalty.js';
import { parseStyle } from '../style-option.js';
import { askedTask, TASK_OPTION } from '../task-option.js';
import { checkUsage, parseWholeNumber, UsageError } from '../usage.js';

interface GenerateOptions extends PixelOptions {
  model?: string;
  dtype: string;
  image: string[];
  prompt: string;
  task?: string;
  style: string;
  greedy?: boolean;
  temperature: string;
  topK: string;
  topP: string;
  minP: string;
  seed: string;
  maxNewTokens: string;
  json?: boolean;
}

/** Adds the command to the program. */
export function addGenerate(program: Command): void {
  addPixelOptions(program.command('generate'))
    .description('one user turn, images first, through the checkpoint’s own chat template')
    .option(MODEL_FLAGS, `checkpoint; ${MODEL_IDS}`)
    .option(...DTYPE_OPTION)
    .option(
      '--image <file>',
      'an image; give it again for more',
      (file: string, files: string[]) => [...files, file],
      [] as string[],
    )
    .requiredOption('--prompt <text>', 'the text')
    .option(
      '--style <style>',
      'bare: the text as it stands; think or direct: with the instruction of --task after it',
      'bare',
    )
    .option(TASK_OPTION[0], `the task whose instruction follows the text: ${TASK_OPTION[1]}`)
    .option('--greedy', 'take the most probable token each time')
    .option('--temperature <x>', 'when not greedy', '1')
    .option('--top-k <n>', 'when not greedy; 0: all', '0')
    .option('--top-p <x>', 'when not greedy; 1: all', '1')
    .option('--min-p <x>', 'when not greedy; 0: all', '0')
    .option('--seed <n>', 'when not greedy', '0')
    .option('--max-new-tokens <n>', 'longest completion', '64')
    .option('--json', 'input_ids, image_grid_thw, position_ids, logits_last, output_ids and text as one JSON object')
    .addHelpText(
      'after',
      '\nExample: reason-rft generate --image scene.png --prompt "How many cubes are there?" --greedy --json',
    )
    .action(generate);
}

async function generate(options: GenerateOptions): Promise<void> {
  const text = promptText(options);
  const dtype = parseDtype(options.dtype);
  const bounds = pixelBounds(options);
  const settings = {
    temperature: options.greedy ? 0 : Number(options.temperature),
    topK: parseWholeNumber('--top-k', options.topK),
    topP: Number(options.topP),
    minP: Number(options.minP),
    seed: parseWholeNumber('--seed', options.seed),
    maxNewTokens: parseWholeNumber('--max-new-tokens', options.maxNewTokens, 1),
    completions: 1,
  };
  checkUsage(() => checkSampling(settings));
  const images = await Promise.all(options.image.map(readImage));
  await startEngine();
  const model = loadModel(await fetchModel(options.model), { dtype, ...bounds });
  const prompt = encodePrompt(model, images, text);
  reportPenalty(model);
  const drawn = { ...settings, repetitionPenalty: model.repetitionPenalty };
  const completion = model.generator.generate(model.parameters, [prompt], drawn)[0]![0]!;
  const decoded = completionText(model, completion);
  const { logits, positions } = model.generator.promptLogits(model.parameters, prompt);
  const result = {
    input_ids: prompt.tokens,
    image_grid_thw: prompt.images.map((image) => image.grid),
    position_ids: positions,
    logits_last: [...logits],
    output_ids: completion.tokens,
    text: decoded,
  };
  printResult(options.json, result, decoded);
}

/**
 * The text of the user's turn. Where a task has several instructions by the kind of answer, it is the one for a number, as no
 * answer is known here.
 *
 * @throws UsageError where a style with an instruction comes without the task that words it
 */
function promptText({ prompt, style: styleName, task }: GenerateOptions): string {
  const style = parseStyle(styleName);
  if (task === undefined && style !== 'bare')
    throw new UsageError(`--style ${style} adds a task's instruction: name the task with --task`);
  return task === undefined ? prompt : askedTask(task).writePrompt({ problem: prompt, answer: '' }, style);
}
