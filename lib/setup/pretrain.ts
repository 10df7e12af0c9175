/** `npm run pretrain`: the base model that the kit ships, made again from nothing. */
import path from 'node:path';
import { startEngine } from '../engine/backend.js';
import { pretrainBaseModel } from '../pretrain/base-model.js';
import { LOOKS } from '../pretrain/lessons/curriculum.js';
import { BASE_MODEL_RECIPE } from '../pretrain/recipe.js';
import type { Metrics } from '../train/metrics.js';
import { ROOT } from './layout.js';

/** Steps between two lines of progress. */
const LINE_EVERY = 50;

/** Pretrains into `runs/pretrain`. The shipped model stays as it is until somebody copies the new one over it. */
export async function pretrainIntoRuns(): Promise<void> {
  const started = performance.now();
  // Factors of matrix products in half the width: an eighth faster, and the captions come out the same.
  await startEngine({ precision: 'bfloat16' });
  const folder = await pretrainBaseModel(path.join(ROOT, 'runs', 'pretrain'), BASE_MODEL_RECIPE, {
    onStep: (done, steps, metrics) => {
      const minutes = (performance.now() - started) / 60_000;
      if (done % LINE_EVERY === 0) console.log(stepLine(done, steps, metrics, minutes));
      for (const line of captionLines(metrics)) console.log(line);
    },
  });
  console.log(`the base model lies in ${folder}; copy its files into data/nano to ship it`);
}

function stepLine(done: number, steps: number, metrics: Metrics, minutes: number): string {
  const loss = `loss ${metrics.loss!.toFixed(3)}`;
  return `pretrain ${done}/${steps}  ${loss}  token accuracy ${metrics.mean_token_accuracy!.toFixed(3)}  ${minutes.toFixed(1)} min`;
}

/** How well each look is seen, in a line each; none after a step without an evaluation. */
function captionLines(metrics: Metrics): string[] {
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  return Object.keys(LOOKS).flatMap((look) => {
    const [caption, short] = [metrics[`eval_caption/${look}`], metrics[`eval_short/${look}`]];
    if (caption === undefined || short === undefined) return [];
    return [`  ${look}: whole captions ${percent(caption)}, short answers ${percent(short)}`];
  });
}
