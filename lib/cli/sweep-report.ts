/** What a sweep says before it trains and after: its settings, its first prompt, and what its numbers cannot show. */
import type { ReadyCell } from '../study/cells/ready-cell.js';
import type { SweepResults } from '../study/results/sweep-results.js';
import type { SweepPlan } from '../study/running/sweep-jobs.js';
import { warnOfSplitAnswers } from './open-data.js';
import { settingsText, takePreset } from './presets.js';
import { showFirstPrompt } from './prompt-options.js';
import { settingNames } from './settings.js';
import { warnOfCut } from './warn-of-cut.js';

/** Shows the settings and the first prompt of the first cell and of its start, and warns of answers that a vocabulary splits. */
export function reportSweepPlan({ cells, jobs }: SweepPlan): void {
  const [first] = cells;
  for (let job = first?.job; job !== undefined; job = job.after) {
    const { cell, base, settings, plan } = job.ready;
    const taken = cell.preset ? { name: cell.preset, reason: 'the cell' } : takePreset(undefined, base);
    const changes = { 'the cell': settingNames(cell.settings ?? {}) };
    process.stderr.write(`${job.name}: ${settingsText(taken, settings, changes)}\n`);
    showFirstPrompt(plan(base).rows);
  }
  const warned = new Set<string>();
  for (const { ready } of jobs) warnOnce(ready, warned);
}

/** Cells share files: each is warned of once for a vocabulary. */
function warnOnce({ cell, base, plan }: ReadyCell, warned: Set<string>): void {
  const key = JSON.stringify([cell.data, base]);
  if (warned.has(key)) return;
  warned.add(key);
  const rows = plan(base).rows.map(({ row }) => row);
  warnOfSplitAnswers(rows, cell.data, base);
}

/** Warns of each point and test set of which many completions were cut. */
export function reportCutTests({ rows }: SweepResults): void {
  for (const { label, tests } of rows)
    for (const [set, { cut }] of Object.entries(tests))
      warnOfCut(cut, `the completions of ${label} on ${set}`, 'at the limit of tokens', 'testTokens of the cell');
}
