/** A study of seconds in a temporary folder, its data written, and cells of a few steps. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { GrpoCell, SftCell } from '../../lib/study/cells/cell.js';
import { curateTrainingRows } from '../../lib/study/data/curate-rows.js';
import { writeStudyData } from '../../lib/study/data/data-folder.js';
import { sampleTestRows, sampleTrainingRows } from '../../lib/study/data/draw-rows.js';
import { openStudy, type Study } from '../../lib/study/workspace.js';
import { writeShallowModel } from './shallow-model.js';

/** Makes the study, of a base model of one layer; `remove` takes it away again. */
export async function tinyStudy(name: string): Promise<{ study: Study; remove: () => void }> {
  const folder = mkdtempSync(path.join(tmpdir(), `reason-rft-${name}-`));
  const study = { ...openStudy('tiny', folder), base: writeShallowModel(path.join(folder, 'base')) };
  await writeTinyData(study);
  return { study, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Writes the counting data of a study. */
export async function writeTinyData(study: Study): Promise<void> {
  const tests = sampleTestRows(study, 'counting');
  await writeStudyData(study, curateTrainingRows(study, sampleTrainingRows(study, 'counting'), tests).kept, tests);
}

/** Stage 1 in one step of 8 rows. */
export function tinySft({ profile }: Study): SftCell {
  return { kind: 'sft', task: 'counting', target: 'cot', rows: [0, 8], settings: profile.stageOne };
}

/** Two steps of GRPO from the base model or a start cell. */
export function tinyGrpo({ profile }: Study, start: GrpoCell['start'], steps = 2): GrpoCell {
  const size = { steps, promptsPerStep: 2, completions: 2, promptsPerMicroBatch: 2, maxNewTokens: 8 };
  return {
    ...{ kind: 'grpo', task: 'counting', start, rows: [8, 16] },
    ...{ rewards: { accuracy_reward: 1, format_reward: 1 }, settings: { ...profile.grpo, ...size } },
  };
}
