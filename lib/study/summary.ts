/** The study's summary: one row for each paradigm and test set, measured and counted, nothing written by hand. */
import path from 'node:path';
import { writeFileAtomic } from '../engine/atomic-write.js';
import { mcNemar } from '../evaluate/interval.js';
import { evaluateCell, runCell } from './cell.js';
import { TEST_SETS, type TestSet } from './counting-data.js';
import { PARADIGM_PROMPTS, PARADIGMS, type Paradigm, paradigmCell } from './paradigms.js';
import type { Study } from './workspace.js';

export interface SummaryRow {
  paradigm: Paradigm;
  testSet: TestSet;
  accuracy: number;
  count: number;
  interval: [number, number];
  /** Share of completions in the format asked for. */
  formatted: number;
  seed: number;
  trainingRows: number;
  /** Seconds of training steps. */
  wallSeconds: number;
  /** Tokens trained on or generated in training. */
  tokens: number;
}

/** Reason-RFT against CoT-SFT on the same items. */
export interface Comparison {
  testSet: TestSet;
  onlyReasonRft: number;
  onlyCotSft: number;
  /** Exact McNemar test, two-sided. */
  pValue: number;
}

export interface Summary {
  profile: string;
  seed: number;
  paradigms: SummaryRow[];
  comparisons: Comparison[];
}

/** Evaluates all paradigms (those trained already are not trained again) and writes `summary.json`. */
export async function summarizeStudy(study: Study, onRow?: (row: SummaryRow) => void): Promise<Summary> {
  const paradigms: SummaryRow[] = [];
  for (const paradigm of PARADIGMS) {
    const cell = paradigmCell(study, paradigm);
    const trained = cell === 'base' ? undefined : await runCell(study, cell);
    const first =
      cell !== 'base' && cell.kind === 'grpo' && cell.start !== 'base' ? await runCell(study, cell.start) : undefined;
    for (const testSet of TEST_SETS) {
      const evaluation = await evaluateCell(study, cell, testSet, PARADIGM_PROMPTS[paradigm]);
      const row: SummaryRow = {
        paradigm,
        testSet,
        accuracy: evaluation.accuracy,
        count: evaluation.count,
        interval: evaluation.interval,
        formatted: evaluation.formatted,
        seed: study.profile.seed,
        trainingRows: (trained?.trainingRows ?? 0) + (first?.trainingRows ?? 0),
        wallSeconds: (trained?.wallSeconds ?? 0) + (first?.wallSeconds ?? 0),
        tokens: (trained?.tokens ?? 0) + (first?.tokens ?? 0),
      };
      paradigms.push(row);
      onRow?.(row);
    }
  }
  const comparisons: Comparison[] = [];
  for (const testSet of TEST_SETS) {
    const correct = async (paradigm: Paradigm) =>
      (await evaluateCell(study, paradigmCell(study, paradigm), testSet, PARADIGM_PROMPTS[paradigm])).items.map(
        (x) => x.correct,
      );
    const [rft, sft] = [await correct('reason-rft'), await correct('cot-sft')];
    const onlyReasonRft = rft.filter((hit, i) => hit && !sft[i]).length;
    const onlyCotSft = sft.filter((hit, i) => hit && !rft[i]).length;
    comparisons.push({ testSet, onlyReasonRft, onlyCotSft, pValue: mcNemar(onlyReasonRft, onlyCotSft) });
  }
  const summary: Summary = { profile: study.profile.name, seed: study.profile.seed, paradigms, comparisons };
  writeFileAtomic(path.join(study.folder, 'summary.json'), `${JSON.stringify(summary, null, 2)}\n`);
  return summary;
}
