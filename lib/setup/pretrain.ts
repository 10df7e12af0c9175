/** `npm run pretrain`: the base models that the kit ships, made again from nothing. */
import path from 'node:path';
import { startEngine } from '../engine/backend.js';
import { pretrainBaseModel } from '../pretrain/base-model.js';
import { LOOKS } from '../pretrain/lessons/curriculum.js';
import {
  BASE_LEVELS,
  type BaseLevel,
  type BaseModelRecipe,
  FIRST_RECIPE,
  lastRecipe,
  SIDES_RECIPE,
  SIGHT_RECIPE,
} from '../pretrain/recipe.js';
import type { Metrics } from '../train/metrics.js';
import { ROOT } from './layout.js';

/** Steps between two lines of progress. */
const LINE_EVERY = 50;

/** Pretrains into folders of `runs/pretrain`. The shipped models stay as they are until somebody copies the new ones over them. */
export async function pretrainIntoRuns(): Promise<void> {
  // Factors of matrix products in half the width: an eighth faster, and the captions come out the same.
  await startEngine({ precision: 'bfloat16' });
  const first = await pretrainNamed('first', FIRST_RECIPE);
  const sight = await pretrainNamed('sight', SIGHT_RECIPE, first);
  const common = await pretrainNamed('sides', SIDES_RECIPE, sight);
  for (const level of Object.keys(BASE_LEVELS) as BaseLevel[]) {
    const folder = await pretrainNamed(level, lastRecipe(level), common);
    console.log(`base model '${level}' lies in ${folder}; copy its files into data/bases/${level} to ship it`);
  }
}

async function pretrainNamed(name: string, recipe: BaseModelRecipe, start?: string): Promise<string> {
  const began = performance.now();
  return pretrainBaseModel(path.join(ROOT, 'runs', 'pretrain', name), recipe, {
    ...(start === undefined ? {} : { start }),
    onStep: (done, steps, metrics) => {
      const minutes = (performance.now() - began) / 60_000;
      if (done % LINE_EVERY === 0) console.log(stepLine(name, done, steps, metrics, minutes));
      for (const line of captionLines(metrics)) console.log(line);
    },
  });
}

function stepLine(name: string, done: number, steps: number, metrics: Metrics, minutes: number): string {
  const loss = `loss ${metrics.loss!.toFixed(3)}`;
  return `pretrain ${name} ${done}/${steps}  ${loss}  token accuracy ${metrics.mean_token_accuracy!.toFixed(3)}  ${minutes.toFixed(1)} min`;
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
