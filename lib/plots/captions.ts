/** What stands below a figure: what it shows, and all that it takes to make it again. */

import { readConfig } from '../model/configuration.js';
import { countParameters } from '../model/parameters.js';
import type { Estimate, StudyResults } from '../study/results.js';
import type { Study } from '../study/workspace.js';

/** How an interval of a share over seeds was made, in words. */
export function intervalWords(estimates: readonly Estimate[]): string {
  const seeds = estimates.map(({ perSeed }) => perSeed.length);
  const one = 'where there is one seed, the Wilson interval of the test items';
  if (seeds.every((count) => count <= 1)) return 'Intervals are 95 % Wilson intervals of the test items, of one seed.';
  const several = "Intervals are 95 %, of seeds and test items together (Student's t over seeds)";
  return seeds.some((count) => count <= 1) ? `${several}; ${one}.` : `${several}.`;
}

/** `820 test items`, or `800 to 1,000 test items`. */
export function itemsWords(estimates: readonly Estimate[]): string {
  const items = estimates.map((estimate) => estimate.items);
  const [least, most] = [Math.min(...items), Math.max(...items)].map((n) => n.toLocaleString('en'));
  return least === most ? `${least} test items a set` : `${least} to ${most} test items a set`;
}

/** The model and the sizes of a study, in a sentence or two. */
export function configurationWords(study: Study): string {
  const { name, trainRows, stageOneRows, grpo } = study.profile;
  const config = readConfig(study.base);
  const whole = (n: number) => n.toLocaleString('en');
  return (
    `Profile ${name}: Qwen2-VL of ${whole(countParameters(config))} parameters (width ${config.hiddenSize}, ${config.layers} layers), ` +
    `${whole(trainRows)} training rows a task, stage 1 on the first ${whole(stageOneRows)}; ` +
    `GRPO ${grpo.steps} steps of ${grpo.promptsPerStep} prompts x ${grpo.completions} completions, ` +
    `learning rate ${grpo.schedule.learningRate}, KL weight ${grpo.beta}, temperature ${grpo.temperature}.`
  );
}

/** Which seeds, and which commit of the kit. */
export function sourceWords({ seeds, commit }: Pick<StudyResults, 'seeds' | 'commit'>): string {
  const which = seeds.length === 1 ? `Training seed ${seeds[0]}` : `Training seeds ${seeds.join(', ')}`;
  return `${which}; data are one draw for all. Commit ${commit ?? 'unknown (no repository)'}.`;
}
