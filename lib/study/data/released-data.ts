/** Makes the released dataset the data of a study: its files are checked row by row and converted; its images stay where they are. */
import { existsSync, readFileSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { convertReleased } from '../../data/released/convert.js';
import { releasedSet } from '../../data/released/dataset.js';
import { discard, writeFileOfPartial } from '../../engine/disk.js';
import { makePartialFolder, placeFolder } from '../../engine/partial-folder.js';
import { problemText, type RowProblem } from '../../records/row-problem.js';
import { type TaskName, testSetsOf } from '../../tasks/tasks.js';
import { taskProfile } from '../profile.js';
import type { Study } from '../workspace.js';
import { dataFolder, recordsFile } from './data-folder.js';

/**
 * Writes the records of a task and links the dataset's images. The folder appears whole or not at all, also when several processes
 * write it at once.
 *
 * @param dataset the downloaded dataset's folder
 * @param options.skipBad leaves bad rows out; otherwise one of them stops the conversion
 * @returns the number of rows of each set, and the problems of the rows left out
 * @throws Error naming what the dataset lacks, or its bad rows, or a folder that holds the data of another dataset already
 */
export async function writeReleasedData(
  study: Study,
  task: TaskName,
  dataset: string,
  options: { skipBad?: boolean; onBytes?: (bytes: number) => void } = {},
): Promise<{ folder: string; rows: { [set: string]: number }; problems: RowProblem[] }> {
  const folder = dataFolder(study, task);
  const sets = (['train', ...testSetsOf(task)] as const).map((set) => [set, releasedSet(dataset, task, set)] as const);
  const { imageRoot } = sets[0]![1];
  if (!existsSync(imageRoot)) throw new Error(`there is no ${imageRoot}: unpack the dataset's images there`);
  const rows: { [set: string]: number } = {};
  const problems: RowProblem[] = [];
  const partial = makePartialFolder(folder);
  try {
    for (const [set, released] of sets) {
      const file = path.join(partial, path.basename(recordsFile(study, set, task)));
      const converted = await convertReleased(released, 'records', file, options);
      rows[set] = converted.written;
      problems.push(...converted.problems);
    }
    const { trainRows } = taskProfile(study.profile, task);
    if (rows.train! < trainRows)
      throw new Error(
        `${dataset} holds ${rows.train} sound training rows of ${task}; profile ${study.profile.name} trains on ${trainRows}` +
          (problems.length > 0 ? `; of those left out the first is ${problemText(problems[0]!)}` : ''),
      );
    symlinkSync(path.resolve(imageRoot), path.join(partial, 'images'), 'junction');
    const source = `${JSON.stringify({ dataset: path.resolve(dataset), rows })}\n`;
    writeFileOfPartial(path.join(partial, 'source.json'), source);
    if (!placeFolder(partial, folder)) {
      const held = path.join(folder, 'source.json');
      if (!existsSync(held) || readFileSync(held, 'utf8') !== source)
        throw new Error(`${folder} holds other data; remove it to write that of ${dataset}`);
    }
    return { folder, rows, problems };
  } finally {
    discard([partial]);
  }
}
