/** The study's summary: one row for each paradigm and test set, measured and counted, nothing written by hand. */
import path from 'node:path';
import { writeFileAtomic } from '../../engine/atomic-write.js';
import { mcNemar } from '../../evaluate/interval.js';
import { type TaskName, type TestSet, testSetsOf } from '../../tasks/tasks.js';
import { evaluateCell, runCell } from '../cells/cell.js';
import { PARADIGM_PROMPTS, PARADIGMS, type Paradigm, paradigmCell } from '../design/paradigms.js';
import type { Study } from '../workspace.js';

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
  task: TaskName;
  profile: string;
  seed: number;
  paradigms: SummaryRow[];
  comparisons: Comparison[];
}

/** Where the summary of a task is written: `summary.json` for counting, which every profile begins with; `summary-{task}.json`. */
export function summaryFile(study: Study, task: TaskName = 'counting'): string {
  return path.join(study.folder, task === 'counting' ? 'summary.json' : `summary-${task}.json`);
}

/** Evaluates all paradigms on a task (those trained already are not trained again) and writes its summary. */
export async function summarizeStudy(
  study: Study,
  onRow?: (row: SummaryRow) => void,
  task: TaskName = 'counting',
): Promise<Summary> {
  const paradigms: SummaryRow[] = [];
  for (const paradigm of PARADIGMS) {
    const cell = paradigmCell(study, paradigm, task);
    const trained = cell.kind === 'base' ? undefined : await runCell(study, cell);
    const first = cell.kind === 'grpo' && cell.start !== 'base' ? await runCell(study, cell.start) : undefined;
    for (const testSet of testSetsOf(task)) {
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
  for (const testSet of testSetsOf(task)) {
    const correct = async (paradigm: Paradigm) =>
      (await evaluateCell(study, paradigmCell(study, paradigm, task), testSet, PARADIGM_PROMPTS[paradigm])).items.map(
        (x) => x.correct,
      );
    const [rft, sft] = [await correct('reason-rft'), await correct('cot-sft')];
    const onlyReasonRft = rft.filter((hit, i) => hit && !sft[i]).length;
    const onlyCotSft = sft.filter((hit, i) => hit && !rft[i]).length;
    comparisons.push({ testSet, onlyReasonRft, onlyCotSft, pValue: mcNemar(onlyReasonRft, onlyCotSft) });
  }
  const summary: Summary = { task, profile: study.profile.name, seed: study.profile.seed, paradigms, comparisons };
  writeFileAtomic(summaryFile(study, task), `${JSON.stringify(summary, null, 2)}\n`);
  return summary;
}
