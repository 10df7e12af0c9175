/** `--evaluate-every` and `--validation`: how a run is evaluated on held-out records while it trains. */
import type { Command } from 'commander';
import { fileDigest } from '../engine/file-digest.js';
import type { SamplingSettings } from '../model/sampling.js';
import { type RowFiles, readRows, rowsFile } from '../records/open-rows.js';
import type { DataRow } from '../records/record.js';
import type { AskedScorer } from '../study/cells/asked-scorer.js';
import { checkValidation, type ValidationSettings } from '../study/cells/validation.js';
import { checkPicturesOf, type OpenedData } from './open-data.js';
import { parseScorer, SCORER_OPTION } from './scorer-option.js';
import { checkUsage, parseWholeNumber, UsageError } from './usage.js';

export interface ValidationOptions {
  evaluateEvery: string;
  validation?: string;
  validationSamples: string;
  images?: string;
  scorer: string;
}

/** What evaluation during training needs. */
export interface HeldOut {
  rows: RowFiles<DataRow>;
  settings: ValidationSettings;
  scorer: AskedScorer;
  /** Its part of what the run is known by. */
  identity: object;
}

/** Adds the options of evaluation during training to a command. */
export function addValidationOptions(command: Command): Command {
  return command
    .option('--evaluate-every <n>', 'evaluate on held-out records after every n steps; 0: never', '0')
    .option('--validation <file>', 'the held-out records (JSON Lines), images/ beside them')
    .option('--validation-samples <n>', 'completions sampled of each, for pass@n', '4')
    .option(...SCORER_OPTION);
}

/**
 * Loads the held-out records; undefined where the run is not evaluated while it trains.
 *
 * @param sampling how training draws completions
 * @throws UsageError where no held-out records are named, or some of them are trained on
 */
export async function loadHeldOut(
  options: ValidationOptions,
  sampling: SamplingSettings & { maxNewTokens: number },
  { rows: training, task, processor }: Pick<OpenedData, 'rows' | 'task' | 'processor'>,
): Promise<HeldOut | undefined> {
  const scorerOf = parseScorer(options.scorer);
  const evaluateEvery = parseWholeNumber('--evaluate-every', options.evaluateEvery);
  const samples = parseWholeNumber('--validation-samples', options.validationSamples, 1);
  if (evaluateEvery === 0) {
    if (options.validation !== undefined)
      throw new UsageError(
        '--validation does nothing without --evaluate-every N: say after how many steps to evaluate',
      );
    return undefined;
  }
  if (options.validation === undefined)
    throw new UsageError('--evaluate-every needs held-out records: give them with --validation FILE');
  const rows = await readRows({ file: options.validation, images: options.images });
  await checkPicturesOf(rows, options.validation, processor);
  const trained = new Set(training.records.map((record) => record.id));
  const seen = rows.records.filter((record) => trained.has(record.id));
  if (seen.length > 0)
    throw new UsageError(
      `${options.validation} is not held out: ${seen.length} of its records are trained on, among them '${seen[0]!.id}'`,
    );
  const { temperature, topP, topK, minP, maxNewTokens } = sampling;
  const settings = { evaluateEvery, items: rows.records.length, samples, maxNewTokens, temperature, topP, topK, minP };
  checkUsage(() => checkValidation(settings));
  return {
    rows,
    settings,
    scorer: scorerOf(task),
    identity: { validation: { ...settings, data: fileDigest(rowsFile(options.validation)) } },
  };
}
