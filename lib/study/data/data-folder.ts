/** Names the folder of a task's data in a study, and writes it. */

import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { discard, makeFolder, removePath, writeFileOfPartial } from '../../engine/disk.js';
import { makePartialFolder, placeFolder } from '../../engine/partial-folder.js';
import { readJsonFile } from '../../engine/read-json.js';
import { encodePng } from '../../records/image.js';
import type { TaskRecord } from '../../records/record.js';
import { imageNames, writeRecords } from '../../records/records.js';
import { type TaskName, type TestSet, taskNamed } from '../../tasks/tasks.js';
import type { Study } from '../workspace.js';
import type { AnyTestRows } from './draw-rows.js';

/** The folder of a task's data. */
export function dataFolder(study: Study, task: TaskName): string {
  return path.join(study.folder, 'data', task);
}

/** The file of a set's records. */
export function recordsFile(study: Study, set: 'train' | TestSet, task: TaskName): string {
  return path.join(dataFolder(study, task), recordsName(set));
}

function recordsName(set: string): string {
  return set === 'train' ? 'train.jsonl' : `test-${set}.jsonl`;
}

/** The error for a task whose data is not there yet. It says what makes the data. */
export function missingData(file: string, task: TaskName): Error {
  return new Error(`${file} does not exist yet: run 'npx reason-rft curate --task ${task}' first`);
}

/**
 * Writes one task's records, and their images in `images/` beside them. The folder appears whole or not at all, also when several
 * processes write it at once. A folder that holds the same records already stays as it is.
 *
 * @param onImage called now and then with the number of rows whose images are written
 * @returns the folder
 * @throws Error when the folder holds other records
 */
export async function writeStudyData(
  study: Study,
  train: readonly TaskRecord[],
  tests: AnyTestRows,
  onImage?: (done: number, total: number) => void,
): Promise<string> {
  const task = taskNamed(train[0]!.task);
  const folder = dataFolder(study, task.name);
  const rows = [...train, ...Object.values(tests).flat()];
  const digest = createHash('sha256').update(JSON.stringify(rows)).digest('hex');
  const files = [
    ...Object.keys({ train, ...tests }).map(recordsName),
    ...rows.flatMap(imageNames).map((name) => path.join('images', name)),
  ];
  if (existsSync(folder)) return checkHeld(folder, digest, files);
  const partial = makePartialFolder(folder);
  try {
    makeFolder(path.join(partial, 'images'));
    for (const [i, row] of rows.entries()) {
      const names = imageNames(row);
      for (const [n, image] of task.draw(row).entries()) {
        writeFileOfPartial(path.join(partial, 'images', names[n]!), await encodePng(image));
      }
      if ((i + 1) % 100 === 0 || i + 1 === rows.length) onImage?.(i + 1, rows.length);
    }
    for (const [set, records] of Object.entries({ train, ...tests }))
      writeRecords(path.join(partial, recordsName(set)), records);
    writeFileOfPartial(path.join(partial, 'source.json'), `${JSON.stringify({ records: digest })}\n`);
    if (placeFolder(partial, folder)) return folder;
  } catch (error) {
    discard([partial]);
    throw error;
  }
  // Another process has written the folder in the meantime.
  removePath(partial);
  return checkHeld(folder, digest, files);
}

/**
 * Returns a folder that holds the records of a digest, and all of its files.
 *
 * @param files the files that it was written with, by their names in the folder
 * @throws Error when it holds others, or some of its files are gone
 */
function checkHeld(folder: string, digest: string, files: readonly string[]): string {
  if (heldDigest(folder) !== digest)
    throw new Error(
      `${folder} holds data of another seed, profile or version of the task; remove it to write the new data`,
    );
  const held = new Set(readdirSync(folder, { recursive: true }).map(String));
  const gone = files.filter((file) => !held.has(file));
  if (gone.length > 0)
    throw new Error(
      `${folder} has lost ${gone.length} of its ${files.length} files, among them ${gone[0]}; remove it, and the same command draws them anew`,
    );
  return folder;
}

/** The digest of the records that a folder was written with; undefined when it says none. */
function heldDigest(folder: string): string | undefined {
  const source = path.join(folder, 'source.json');
  return existsSync(source)
    ? readJsonFile<{ records?: string }>(source, `remove ${folder}, and the same command draws its rows anew`).records
    : undefined;
}
