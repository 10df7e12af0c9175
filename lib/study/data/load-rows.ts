/** Loads written rows, with their images or with the files of these. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { imageFile, type RgbImage, readImage } from '../../records/image.js';
import type { DataRow, TaskRecord } from '../../records/record.js';
import { imageNames, readRecords } from '../../records/records.js';
import type { TaskName, TestSet } from '../../tasks/tasks.js';
import type { Study } from '../workspace.js';
import { missingData, recordsFile } from './data-folder.js';

/** Rows with their images, as training and evaluation use them. */
export interface LoadedRows<Row extends DataRow = TaskRecord> {
  records: Row[];
  /** The images of each record, in the order of its file names. */
  images: RgbImage[][];
}

/**
 * Loads a set of a study's data.
 *
 * @throws Error when the data is not there yet, saying what makes it
 */
export async function loadRows(study: Study, set: 'train' | TestSet, task: TaskName): Promise<LoadedRows> {
  const file = recordsFile(study, set, task);
  if (!existsSync(file)) throw missingData(file, task);
  return loadRecords(file);
}

/**
 * Loads a file of records with their images.
 *
 * @param folder holds the images; default: `images/` beside the file
 * @throws Error naming the file and the row whose image cannot be read
 */
export async function loadRecords(file: string, folder = path.join(path.dirname(file), 'images')): Promise<LoadedRows> {
  const records = readRecords(file, folder);
  const images = await Promise.all(
    records.map((record) =>
      Promise.all(imageNames(record).map((name) => readImage(imageFile(folder, name)))).catch((error: Error) => {
        throw new Error(`${file}, row '${record.id}', field 'image': ${error.message}`, { cause: error });
      }),
    ),
  );
  return { records, images };
}
