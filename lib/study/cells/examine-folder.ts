/** Examines a folder that the kit has written, whatever it is: a run, data, or a checkpoint. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { examineData } from '../data/examine-data.js';
import type { Finding } from '../finding.js';
import { examineModel, examineRun } from './examine-run.js';

/** Files that only the folder of a run holds. */
const OF_A_RUN = ['run.json', 'metrics.jsonl', 'checkpoints', 'result.json', '.lock'];

/**
 * Examines a folder and changes nothing in it.
 *
 * @throws Error when it is no folder, or none that the kit knows
 */
export async function examineFolder(folder: string): Promise<Finding[]> {
  if (!existsSync(folder) || !statSync(folder).isDirectory()) throw new Error(`there is no folder ${folder}`);
  const holds = (name: string) => existsSync(path.join(folder, name));
  if (OF_A_RUN.some(holds)) return examineRun(folder);
  if (holds('config.json') || holds('adapter_config.json')) return [await examineModel(folder)];
  if (readdirSync(folder).some((name) => name.endsWith('.jsonl'))) return examineData(folder);
  throw new Error(
    `${folder} is neither a run (run.json) nor data (train.jsonl) nor a checkpoint (config.json); name the folder of one`,
  );
}
