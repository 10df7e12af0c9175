/** Copies a checkpoint's folder into a hand-over, so that the folder stands alone. */
import { constants, copyFileSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import type { HandedModel } from './experiment.js';

/** Copies the files of a checkpoint to `model/`; a model of the hub is fetched where it is trained. */
export function copyModel(model: HandedModel, folder: string): void {
  if (!('folder' in model)) return;
  const copy = path.join(folder, 'model');
  mkdirSync(copy);
  for (const name of readdirSync(model.folder)) {
    const file = path.join(model.folder, name);
    // A file system that can shares the bytes until one of the two files changes.
    if (statSync(file).isFile()) copyFileSync(file, path.join(copy, name), constants.COPYFILE_FICLONE);
  }
}
