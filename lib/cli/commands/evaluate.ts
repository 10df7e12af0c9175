/** `reason-rft evaluate`: the accuracy of a checkpoint on records. */
import type { Command } from 'commander';
import { startEngine } from '../../engine/backend.js';
import { shareCut } from '../../evaluate/evaluate.js';
import { loadModel } from '../../model/model.js';
import { scoreSymbolic } from '../../rewards/score-symbolic.js';
import type { Scorer } from '../../rewards/scorer.js';
import { evaluateRows } from '../../study/cells/evaluate-rows.js';
import { prepareQuestions } from '../../study/cells/prepared-rows.js';
import { loadRowFiles } from '../../study/data/load-rows.js';
import { QUICK } from '../../study/profile.js';
import type { Task } from '../../tasks/task.js';
import { DTYPE_OPTION, parseDtype } from '../dtype-option.js';
import { fetchModel, MODEL_FLAGS, MODEL_IDS } from '../model-option.js';
import { addPixelOptions, type PixelOptions, pixelBounds } from '../pixel-options.js';
import { printResult } from '../print-result.js';
import { showProgress } from '../progress.js';
import { parseStyle } from '../style-option.js';
import { drawnTask, RECORDS_TASK_OPTION, taskOfRows } from '../task-option.js';
import { parseWholeNumber, UsageError } from '../usage.js';

/** A larger share of completions that were cut is warned of. */
const MOST_CUT = 0.05;

interface EvaluateOptions extends PixelOptions {
  data: string;
  images?: string;
  model?: string;
  dtype: string;
  task?: string;
  style: string;
  maxNewTokens?: string;
  scorer: string;
  json?: boolean;
}

/** Adds the command to the program. */
export function addEvaluate(program: Command): void {
  addPixelOptions(program.command('evaluate'))
    .description('accuracy of a checkpoint on records, with its 95 % interval')
    .requiredOption('--data <file>', 'records (JSON Lines), images/ beside them')
    .option('--images <dir>', 'where their images lie (default: images/ beside the records)')
    .option(MODEL_FLAGS, `checkpoint; ${MODEL_IDS}`)
    .option(...DTYPE_OPTION)
    .option(...RECORDS_TASK_OPTION)
    .option('--style <style>', 'prompt: think, direct or bare', 'think')
    .option('--max-new-tokens <n>', 'longest completion (default: what the task needs)')
    .option(
      '--scorer <name>',
      "kit, symbolic (answers as mathematics), or released: the authors' evaluation, traps included",
      'kit',
    )
    .option('--json', 'one JSON object on stdout')
    .addHelpText(
      'after',
      '\nExample: reason-rft evaluate --model runs/my-grpo/final --data runs/quick/data/counting/test-ood.jsonl',
    )
    .action(evaluate);
}

async function evaluate(options: EvaluateOptions): Promise<void> {
  const style = parseStyle(options.style);
  const dtype = parseDtype(options.dtype);
  const bounds = pixelBounds(options);
  const { scorer } = options;
  if (scorer !== 'kit' && scorer !== 'released' && scorer !== 'symbolic')
    throw new UsageError(`--scorer must be kit, symbolic or released, got '${scorer}'`);
  const askedTokens =
    options.maxNewTokens === undefined ? undefined : parseWholeNumber('--max-new-tokens', options.maxNewTokens, 1);
  const rows = await loadRowFiles({ file: options.data, images: options.images });
  const task = taskOfRows(options.data, rows.records, options.task);
  const maxNewTokens = askedTokens ?? drawnTask(task)?.nanoCompletionTokens ?? QUICK.grpo.maxNewTokens;
  await startEngine();
  const model = loadModel(await fetchModel(options.model), { dtype, ...bounds });
  const progress = showProgress('evaluate');
  const score = scorer === 'symbolic' ? scoreSymbolic : scorer === 'released' ? releasedScore(task) : task.score;
  const onProgress = (done: number, total: number) => progress.update(done, total);
  const result = await evaluateRows(model, prepareQuestions(rows, style), { maxNewTokens, score, onProgress });
  progress.stop();
  const cut = shareCut(result);
  const percent = (share: number) => (100 * share).toFixed(1);
  if (cut > MOST_CUT)
    process.stderr.write(
      `warning: ${percent(cut)} % of the completions were cut at ${maxNewTokens} tokens, before they came to an end, and are scored as they ` +
        'stand; the accuracy is that of the limit: raise --max-new-tokens\n',
    );
  printResult(
    options.json,
    { ...result, cut },
    `accuracy ${percent(result.accuracy)} % [${result.interval.map(percent).join(', ')}] of ${result.count}; ` +
      `${percent(result.formatted)} % in the format asked for; ${percent(cut)} % cut at ${maxNewTokens} tokens`,
  );
}

/** @throws UsageError where the released code has no evaluation of such rows */
function releasedScore(task: Task): Scorer {
  const score = drawnTask(task)?.releasedScore;
  if (score === undefined)
    throw new UsageError("--scorer released is for rows of the paper's tasks; name one with --task");
  return score;
}
