/**
 * The base model that a cell starts from: the study's own, or another that the cell names. A base model is known by its contents. One that
 * holds the same files as the study's own is the study's own, under whatever name.
 */
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { fileDigest } from '../../engine/file-digest.js';
import { modelFiles } from '../../model/model.js';
import type { Study } from '../workspace.js';
import type { BaseCell, Cell } from './cell.js';

/** The name of the base model of a cell, or of the cell that it starts from; undefined for the study's own. */
function baseNameOf(cell: Cell | BaseCell): string | undefined {
  return cell.kind === 'grpo' && cell.start !== 'base' ? cell.start.base : cell.base;
}

/** Whether the base model of a cell is there. */
export function hasBase(study: Study, cell: Cell | BaseCell): boolean {
  const name = baseNameOf(cell);
  return name === undefined || study.bases?.[name] !== undefined;
}

/**
 * The checkpoint folder of the base model of a cell.
 *
 * @throws Error naming a base model that is not there, and those that are
 */
export function baseFolderOf(study: Study, cell: Cell | BaseCell): string {
  const name = baseNameOf(cell);
  if (name === undefined) return study.base;
  const folder = study.bases?.[name];
  if (folder === undefined) {
    const names = Object.keys(study.bases ?? {});
    throw new Error(
      `a cell starts from the base model '${name}', which is not in data/bases; ` +
        (names.length > 0 ? `there are ${names.join(', ')}` : 'there is none'),
    );
  }
  return baseDigest(folder) === baseDigest(study.base) ? study.base : folder;
}

const digests = new Map<string, string>();

/** The digest of every file that a base model is loaded from: weights, configuration, tokenizer, template and processors. */
export function baseDigest(folder: string): string {
  const files = Object.entries(modelFiles(folder)).sort(([a], [b]) => (a < b ? -1 : 1));
  const contents = files.map(([name, file]) => {
    // The key holds time and size too, so that a kernel that stays open notices when a file is replaced.
    const { mtimeMs, size } = statSync(file);
    const key = `${file} ${mtimeMs} ${size}`;
    const digest = digests.get(key) ?? fileDigest(file);
    digests.set(key, digest);
    return [name, digest];
  });
  return createHash('sha256').update(JSON.stringify(contents)).digest('hex');
}
