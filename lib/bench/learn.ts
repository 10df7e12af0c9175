/** Shows what a precision does to what is learned: it trains CoT-SFT on the counting task and measures the accuracy on held-out rows. */
import { median } from 'simple-statistics';
import { Random } from '../engine/random.js';
import { disposeModel, loadModel } from '../model/model.js';
import { encodeSftRows } from '../study/cells/encode-rows.js';
import { evaluateRows } from '../study/cells/evaluate-rows.js';
import { prepareQuestions, prepareSftRows } from '../study/cells/prepared-rows.js';
import type { LoadedRows } from '../study/data/load-rows.js';
import { COUNTING } from '../tasks/counting/task.js';
import { mean } from '../train/advantage.js';
import { trainSft } from '../train/sft.js';
import { inTemporaryRun } from './temporary-run.js';
import type { LearnAnswer, LearnRequest } from './workload.js';

const BATCH = 32;

/** Rows with their images, from a stream of their own. */
function sampleRows(name: string, count: number): LoadedRows {
  const random = new Random(1, `bench/learn/${name}`);
  const records = Array.from({ length: count }, (_, i) => COUNTING.sample('id', `${name}-${i}`, random));
  return { records, images: records.map(COUNTING.draw) };
}

/** Trains and evaluates a checkpoint in the precision of this process. */
export async function trainAndEvaluate({ checkpoint, rows, epochs, items }: LearnRequest): Promise<LearnAnswer> {
  const model = loadModel(checkpoint);
  try {
    const steps = await inTemporaryRun(async (run) => {
      await trainSft({
        model,
        examples: encodeSftRows(model, prepareSftRows(sampleRows('train', rows), 'cot')),
        settings: {
          lossType: 'nll',
          epochs,
          batchSize: BATCH,
          examplesPerMicroBatch: BATCH,
          gradientCheckpointing: false,
          packTo: 0,
          schedule: { learningRate: 1e-3, warmupSteps: 0, decay: 'cosine' },
          weightDecay: 0.1,
          freezeVision: false,
          seed: 1,
        },
        run,
      });
      const seconds = run.rows<{ step: number; step_time: number }>('timing.jsonl').map((row) => row.step_time);
      return { losses: run.metrics().map(({ loss }) => loss!), seconds };
    });
    const heldOut = prepareQuestions(sampleRows('held-out', items), 'think');
    const { accuracy, interval } = await evaluateRows(model, heldOut, { maxNewTokens: 96, score: COUNTING.score });
    const lastPass = steps.losses.slice(-Math.ceil(rows / BATCH));
    return { loss: mean(lastPass), accuracy, interval, stepSeconds: median(steps.seconds) };
  } finally {
    disposeModel(model);
  }
}
