/** `reason-rft evaluate`: the accuracy of a checkpoint on records. */
import path from 'node:path';
import type { Command } from 'commander';
import { startEngine } from '../../engine/backend.js';
import { fileDigest } from '../../engine/file-digest.js';
import { shareCut } from '../../evaluate/evaluate.js';
import { loadModel } from '../../model/model.js';
import { rowsFile } from '../../records/open-rows.js';
import { evaluateRows } from '../../study/cells/evaluate-rows.js';
import { addScoreToCard, readCard } from '../../study/cells/model-card.js';
import { prepareQuestions } from '../../study/cells/prepared-rows.js';
import type { ScoredCompletion } from '../../train/score-completions.js';
import { DTYPE_OPTION, parseDtype } from '../dtype-option.js';
import { MODEL_FLAGS, MODEL_IDS } from '../model-option.js';
import { openData } from '../open-data.js';
import { addPixelOptions, type PixelOptions, pixelBounds } from '../pixel-options.js';
import { evaluationSampling } from '../presets.js';
import { printResult } from '../print-result.js';
import { showProgress } from '../progress.js';
import { addPromptOptions, type PromptFlags, readPrompts, showFirstPrompt } from '../prompt-options.js';
import { reportPenalty } from '../report-penalty.js';
import { parseRewards, REWARDS_TEXT } from '../reward-option.js';
import { type RewardReport, reportRewards, rewardQuestion, rewardText } from '../reward-report.js';
import { DATA_TEXT } from '../run-options.js';
import { parseScorer, SCORER_OPTION } from '../scorer-option.js';
import { parseStyle } from '../style-option.js';
import { drawnTask, RECORDS_TASK_OPTION } from '../task-option.js';
import { checkUsage, parseWholeNumber, UsageError } from '../usage.js';
import { warnOfCut } from '../warn-of-cut.js';
import { warnOfFormat } from '../warn-of-format.js';
import { warnOfOtherPrompt } from '../warn-of-prompt.js';

interface EvaluateOptions extends PixelOptions, PromptFlags {
  data: string;
  images?: string;
  model?: string;
  dtype: string;
  task?: string;
  style?: string;
  maxNewTokens?: string;
  scorer: string;
  rewards?: string;
  card?: boolean;
  json?: boolean;
}

/** Adds the command to the program. */
export function addEvaluate(program: Command): void {
  addPromptOptions(addPixelOptions(program.command('evaluate')))
    .description('accuracy of a checkpoint on records, with its 95 % interval')
    .requiredOption('--data <file>', DATA_TEXT)
    .option('--images <dir>', 'where their pictures lie (default: in images/ beside the file, or beside it)')
    .option(MODEL_FLAGS, `checkpoint; ${MODEL_IDS}`)
    .option(...DTYPE_OPTION)
    .option(...RECORDS_TASK_OPTION)
    .option('--style <style>', "how the rows' task asks: think, direct or bare (default: think)")
    .option(
      '--max-new-tokens <n>',
      "longest completion (default: what the checkpoint brings: for the nano model what the task needs, else the paper's)",
    )
    .option(...SCORER_OPTION)
    .option('--rewards <list>', `rewards whose means are reported too: ${REWARDS_TEXT}`)
    .option('--card', "add the accuracy with its interval to the checkpoint's model card, its README.md")
    .option('--json', 'one JSON object on stdout')
    .addHelpText(
      'after',
      '\nExample: reason-rft evaluate --model runs/my-grpo/final --data runs/quick/data/counting/test-ood.jsonl',
    )
    .action(evaluate);
}

async function evaluate(options: EvaluateOptions): Promise<void> {
  const style = parseStyle(options.style ?? 'think');
  const texts = readPrompts(options);
  if (texts.prompt !== undefined && options.style !== undefined)
    throw new UsageError('--style chooses among the words of a task, which --prompt replaces: give one of the two');
  const dtype = parseDtype(options.dtype);
  const bounds = pixelBounds(options);
  const scorerOf = parseScorer(options.scorer);
  const rewards = options.rewards === undefined ? [] : parseRewards(options.rewards);
  const askedTokens =
    options.maxNewTokens === undefined ? undefined : parseWholeNumber('--max-new-tokens', options.maxNewTokens, 1);
  const { rows, task, checkpoint } = await openData(options);
  // A card that cannot be written should not be found out after an hour.
  if (options.card) checkUsage(() => readCard(checkpoint));
  const { score } = scorerOf(task);
  const fitting = evaluationSampling(checkpoint, drawnTask(task)?.nanoCompletionTokens);
  const maxNewTokens = askedTokens ?? fitting.sampling.maxNewTokens;
  const reason = askedTokens === undefined ? fitting.reason : '--max-new-tokens';
  process.stderr.write(`settings: at most ${maxNewTokens} tokens a completion (${reason}); greedy\n`);
  const questions = prepareQuestions(rows, { task, style, ...texts });
  warnOfOtherPrompt(checkpoint, { style, ...texts }, { styleOption: true });
  showFirstPrompt(questions);
  await startEngine();
  const model = loadModel(checkpoint, { dtype, ...bounds });
  reportPenalty(model);
  const progress = showProgress('evaluate');
  const onProgress = (done: number, total: number) => progress.update(done, total);
  const asked: ScoredCompletion[] = [];
  const result = await evaluateRows(model, questions, {
    ...{ maxNewTokens, score, onProgress },
    onOutcome: rewards.length === 0 ? undefined : (outcome, item) => asked.push(rewardQuestion(model, outcome, item)),
  });
  progress.stop();
  const report: RewardReport = await reportRewards(rewards, asked);
  if (options.card) {
    const { accuracy, interval, count } = result;
    const file = rowsFile(options.data);
    addScoreToCard(checkpoint, {
      rows: path.basename(options.data),
      digest: fileDigest(file),
      accuracy,
      interval,
      count,
    });
  }
  const cut = shareCut(result);
  const percent = (share: number) => (100 * share).toFixed(1);
  warnOfFormat(result, questions);
  warnOfCut(cut, 'the completions', `at ${maxNewTokens} tokens`, '--max-new-tokens');
  printResult(
    options.json,
    { ...result, cut, ...(rewards.length > 0 ? { rewards: report } : {}) },
    `accuracy ${percent(result.accuracy)} % [${result.interval.map(percent).join(', ')}] of ${result.count}; ` +
      `${percent(result.formatted)} % in the format asked for; ${percent(cut)} % cut at ${maxNewTokens} tokens${rewardText(rewards, report)}`,
  );
}
