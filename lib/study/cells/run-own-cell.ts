/** Trains and measures a cell of one's own, as `run-cell.ts` does those of the study. What is there already is read, not computed again. */

import { existsSync } from 'node:fs';
import { writeFileAtomic } from '../../engine/atomic-write.js';
import { startEngine } from '../../engine/backend.js';
import { readJsonFile } from '../../engine/read-json.js';
import type { Evaluation } from '../../evaluate/evaluate.js';
import { disposeModel, loadModel } from '../../model/model.js';
import { RunDirectory } from '../../train/run-directory.js';
import { evaluateRows } from './evaluate-rows.js';
import type { ReadyCell, ReadyTest } from './ready-cell.js';
import { type RunControl, type RunResult, trainRun } from './train-run.js';

/**
 * Trains a cell, its start first, or goes on where it was stopped, or reads its result when it is finished.
 *
 * @throws TrainingStopped when interrupted
 */
function runOwnCell(ready: ReadyCell, control: RunControl = {}): Promise<RunResult> {
  const { folder, configuration, start, base, plan } = ready;
  return trainRun(
    { folder, configuration },
    async () => plan(start ? (await runOwnCell(start, { signal: control.signal })).checkpoint : base),
    control,
  );
}

/** Opens the run of a cell, and makes it if it is not there. */
export function openOwnRun({ folder, configuration }: ReadyCell): RunDirectory {
  return RunDirectory.open(folder, configuration);
}

/** Trains a cell and measures it on its test sets. @throws Error of the signal, or TrainingStopped, when interrupted */
export async function trainAndMeasure(ready: ReadyCell, control: RunControl = {}): Promise<void> {
  control.signal?.throwIfAborted();
  const { checkpoint } = await runOwnCell(ready, control);
  const open = ready.tests.filter((test) => finishedTest(test) === undefined);
  if (open.length === 0) return;
  await startEngine();
  const model = loadModel(checkpoint, ready.load);
  try {
    for (const { rows, score, maxNewTokens, file } of open) {
      const onProgress = () => control.signal?.throwIfAborted();
      onProgress();
      const evaluation = await evaluateRows(model, rows, {
        ...{ maxNewTokens, score, onProgress },
      });
      writeFileAtomic(file, `${JSON.stringify(evaluation)}\n`);
    }
  } finally {
    disposeModel(model);
  }
}

/** Reads the evaluation of a test set; undefined before it is there. */
export function finishedTest({ file }: ReadyTest): Evaluation | undefined {
  return existsSync(file)
    ? readJsonFile<Evaluation>(file, 'remove it, and the same command measures it anew')
    : undefined;
}
