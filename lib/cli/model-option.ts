/** `--model`: a checkpoint's folder, a model of the hub, or the base model that is shipped. */
import { existsSync } from 'node:fs';
import { fetchModelFolder } from '../model/hub.js';
import { checkModelFolder } from '../model/model-folder.js';
import { shippedModel } from '../study/workspace.js';
import { showProgress } from './progress.js';
import { checkUsage } from './usage.js';

/** The flags of the option. */
export const MODEL_FLAGS = '--model <dir or id>';

/** What the option takes, to follow a word for what the model is used as. */
export const MODEL_IDS =
  'a folder, or an id such as Qwen/Qwen2-VL-2B-Instruct or organisation/name@revision, which is fetched (default: the shipped base model)';

/**
 * Finds the folder of the named model and fetches one that an id of the hub names; the shipped base model without a name.
 *
 * @throws UsageError where it is the folder of a run and not of its checkpoint, naming the checkpoint
 */
export async function fetchModel(name = shippedModel()): Promise<string> {
  if (existsSync(name)) checkUsage(() => checkModelFolder(name));
  const progress = showProgress('download, MB');
  const megabytes = (bytes: number) => Math.round(bytes / 1e6);
  try {
    return await fetchModelFolder(name, {
      onProgress: (done, total, file) => progress.update(megabytes(done), megabytes(total), file),
    });
  } finally {
    progress.stop();
  }
}
