/** Says which folder was meant where a name stands for one that holds checkpoints and is none itself, such as that of a run. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';

/**
 * Checks that a folder may be a checkpoint's. Whether it is a sound one is found when it is read.
 *
 * @throws Error naming the checkpoints in the folder where it is none itself, or saying that it is a run's without any
 */
export function checkModelFolder(folder: string): void {
  if (isCheckpoint(folder) || !statSync(folder).isDirectory()) return;
  const inside = readdirSync(folder)
    .map((name) => path.join(folder, name))
    .filter(isCheckpoint);
  // A run may hold the best checkpoint and a merged start beside the one that it ended with.
  const last = inside.find((name) => path.basename(name) === 'final');
  if (inside.length > 0)
    throw new Error(
      `'${folder}' is not a checkpoint, but holds ${inside.length === 1 ? 'one' : 'some'}: name ${last ?? inside.join(' or ')}`,
    );
  if (existsSync(path.join(folder, 'run.json')))
    throw new Error(
      `'${folder}' is the folder of a run that is not finished, and holds no checkpoint of a model yet; run the same command again ` +
        `until it has ${path.join(folder, 'final')}`,
    );
}

function isCheckpoint(folder: string): boolean {
  return ['config.json', 'adapter_config.json'].some((file) => existsSync(path.join(folder, file)));
}
