/** An experiment that is handed over, without files: for the tables of translations. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Experiment } from '../../lib/handover/experiment.js';
import { RefusedSettings } from '../../lib/handover/translation.js';
import { kitReward } from '../../lib/rewards/reward-list.js';
import type { QuestionRow } from '../../lib/study/cells/prepared-rows.js';
import { repositoryRoot } from '../../lib/study/workspace.js';
import type { GrpoSettings } from '../../lib/train/grpo-settings.js';
import type { Schedule } from '../../lib/train/schedule.js';
import { grpoSettings, type SettingsChanges } from '../../lib/train/settings.js';
import { dataRow } from './data-row.js';

function question(id: string): QuestionRow {
  return { id, prompt: '?', pictures: [], row: dataRow(id, '3'), family: 'all', solution: '3' };
}

/** Makes experiments of 32 rows and changes of the paper's settings. @param schedule what all of them have */
export function handedExperiment(schedule: Partial<Schedule> = {}) {
  return (changes: SettingsChanges<GrpoSettings> = {}, more: Partial<Experiment> = {}): Experiment => ({
    questions: Array.from({ length: 32 }, (_, i) => question(`${i}`)),
    ...{ model: { folder: 'x' }, rewards: [kitReward('accuracy_reward', 2), kitReward('format_reward', 0.5)] },
    grpo: grpoSettings({ steps: 10, promptsPerStep: 4, temperatureInLoss: true, schedule, ...changes }),
    ...{ pixels: {}, precision: 'bfloat16', templates: {} },
    ...more,
  });
}

/** The message with which settings are refused. */
export function refusalOf(translate: () => unknown): string {
  try {
    translate();
  } catch (error) {
    assert.ok(error instanceof RefusedSettings, String(error));
    return error.message;
  }
  return assert.fail('was taken');
}

/** Holds the tables of a trainer's page in lib/handover to its tables of translations. */
export function checkTables(trainer: string, tables: { readonly [title: string]: object }): void {
  const page = readFileSync(path.join(repositoryRoot(), 'lib', 'handover', trainer, 'README.md'), 'utf8');
  for (const [title, table] of Object.entries(tables)) {
    const text = page.split(`| setting of ${title} |`)[1]!.split('\n\n')[0]!;
    const named = [...text.matchAll(/^\| `(\w+)` \| .+ \|$/gm)].map(([, name]) => name!);
    assert.deepEqual(named.sort(), Object.keys(table).sort(), `${trainer}: ${title}`);
  }
}
