/** Results of a study that nobody ran: every shape that a figure draws, with numbers of the usual size, the same each time. */
import { Random } from '../../lib/engine/random.js';
import { EFFICIENCY_PARADIGMS } from '../../lib/study/design/data-efficiency.js';
import { PARADIGMS, type Paradigm } from '../../lib/study/design/paradigms.js';
import type { ClaimName, Estimate, StudyResults, TrainingCurve } from '../../lib/study/results/results.js';
import { PHENOMENA } from '../../lib/study/results/results.js';
import { TASK_NAMES, type TaskName, type TestSet, testSetsOf } from '../../lib/tasks/tasks.js';
import { madeUpKnob } from './knob-results.js';

const ITEMS: { readonly [set in TestSet]: number } = { id: 1000, ood: 800, 'ood-left': 1000, 'ood-right': 1000 };
const LEVELS: { readonly [paradigm in Paradigm]: number } = {
  'zero-shot': 0.3,
  'ans-sft': 0.62,
  'cot-sft': 0.6,
  'cot-sft-dft': 0.63,
  'no-thinking-rft': 0.58,
  'reason-rft-zero': 0.55,
  'reason-rft': 0.72,
};
const ABLATIONS: readonly [name: string, settings: readonly string[], base: number][] = [
  ['Reward', ['accuracy + format', 'accuracy alone', 'partial matches, penalised', 'mathematical tolerance'], 0],
  ['Group size', ['G = 4', 'G = 8', 'G = 16'], 1],
  ['KL weight', ['0', '0.02', '0.04', '0.1'], 2],
  ['Loss', ['grpo', 'dapo', 'dr_grpo'], 0],
  ['Temperature', ['0.7', '0.9', '1.1'], 1],
  ['CoT rows in stage 1', ['400', '800', '1600'], 2],
  ['CoT data', ['curated', 'uncurated, 20 % spoiled'], 0],
  ['Start checkpoint', ['the last', 'the best by pass@4'], 0],
  ['Control', ['task rewards', 'random rewards'], 0],
];

/** A share near `level`, of three seeds. */
function estimate(random: Random, level: number, items: number, seeds = 3): Estimate {
  const perSeed = Array.from({ length: seeds }, () =>
    Math.min(0.99, Math.max(0.01, level + 0.06 * (random.uniform() - 0.5))),
  );
  const mean = perSeed.reduce((sum, value) => sum + value, 0) / seeds;
  return { mean, interval: [Math.max(0, mean - 0.05), Math.min(1, mean + 0.05)], perSeed, items };
}

/** What a curve of a metric looks like: rising, dipping first, or falling and rising. */
function curve(random: Random, paradigm: TrainingCurve['paradigm'], metric: TrainingCurve['metric']): TrainingCurve {
  const steps = 60;
  const shape = (x: number) =>
    metric === 'length'
      ? 70 - 40 * Math.exp(-(((x - 0.2) / 0.15) ** 2))
      : metric === 'format'
        ? 1 - Math.exp(-12 * x)
        : 0.3 + 0.4 * x - (paradigm === 'reason-rft-zero' ? 0.25 * Math.exp(-(((x - 0.15) / 0.1) ** 2)) : 0);
  const noise = metric === 'length' ? 5 : 0.08;
  const perSeed = [1, 2, 3].map(() =>
    Array.from({ length: steps }, (_, i) => shape(i / steps) + noise * (random.uniform() - 0.5)),
  );
  const mean = perSeed[0]!.map((_, i) => perSeed.reduce((sum, seed) => sum + seed[i]!, 0) / 3);
  return { paradigm, metric, seeds: [1, 2, 3], perSeed, mean };
}

/** @param tasks the tasks of the study; without it, all of them */
export function madeUpResults(tasks: readonly TaskName[] = TASK_NAMES): StudyResults {
  const random = new Random(1, 'made up');
  const seeds = [1, 2, 3];
  const drop = (set: TestSet) => (set === 'id' ? 0 : 0.15);
  const sets = tasks.flatMap((task) => testSetsOf(task).map((testSet) => ({ task, testSet })));
  const accuracyOf = (paradigm: Paradigm, set: TestSet, less = 0) =>
    estimate(random, LEVELS[paradigm] - drop(set) - less, ITEMS[set], paradigm === 'zero-shot' ? 1 : 3);
  const comparison = (testSet: TestSet, second: string) => ({
    ...{ testSet, first: 'Reason-RFT', second },
    ...{ firstAccuracy: accuracyOf('reason-rft', testSet), secondAccuracy: accuracyOf('cot-sft', testSet) },
    ...{
      difference: estimate(random, 0.1, ITEMS[testSet]),
      pValues: [0.01, 0.2, 0.0004],
      verdict: 'not shown' as const,
    },
  });
  return {
    profile: 'quick',
    seeds,
    commit: '0123456789abcdef0123456789abcdef01234567',
    paradigms: sets.flatMap(({ task, testSet }) =>
      PARADIGMS.map((paradigm) => ({
        ...{
          task,
          paradigm,
          testSet,
          accuracy: accuracyOf(paradigm, testSet),
          seeds: paradigm === 'zero-shot' ? [] : seeds,
        },
        ...{ formatted: estimate(random, 0.9, ITEMS[testSet]), trainingRows: 6400, wallSeconds: 120, tokens: 1e6 },
      })),
    ),
    efficiency: sets.flatMap(({ task, testSet }) =>
      EFFICIENCY_PARADIGMS.flatMap((paradigm) =>
        [400, 800, 1600, 3200, 6400, 12800].map((rows, i) => ({
          ...{ task, paradigm, rows, testSet, seeds },
          accuracy: accuracyOf(paradigm, testSet, 0.05 * (5 - i)),
        })),
      ),
    ),
    ablations: sets.flatMap(({ task, testSet }) =>
      ABLATIONS.flatMap(([ablation, settings, base]) =>
        settings.map((setting, s) => ({
          ...{ task, ablation, setting, base: s === base, testSet, seeds },
          ...{
            accuracy: accuracyOf('reason-rft', testSet, 0.02 * s),
            formatted: estimate(random, 0.95, ITEMS[testSet]),
          },
          ...(s === base ? {} : { difference: estimate(random, 0.05, ITEMS[testSet]) }),
        })),
      ),
    ),
    findings: tasks.flatMap((task) =>
      ABLATIONS.map(([ablation]) => ({ task, ablation, text: `${ablation}: no setting differs from the base.` })),
    ),
    claims: tasks.flatMap((task) =>
      (['generalization', 'data efficiency', 'reinforcement'] as ClaimName[]).map((claim) => ({
        ...{ task, claim, statement: `The claim of ${claim}.`, verdict: 'not shown' as const },
        text: `${claim} is not shown on ${task}: the intervals overlap.`,
        comparisons: testSetsOf(task).flatMap((set) =>
          ['ANS-SFT', 'zero-shot, asked for tags too'].map((second) => comparison(set, second)),
        ),
        ...(claim === 'generalization' ? { beside: [comparison('id', 'CoT-SFT (DFT)')] } : {}),
      })),
    ),
    phenomena: tasks.flatMap((task) =>
      PHENOMENA.map((phenomenon) => ({
        ...{ task, phenomenon, seen: true, text: `Seen, from 0.31 to 0.12 and back by step 40.` },
        paper:
          'accuracy of Reason-RFT-Zero dips from about 84 to about 30 near step 10 and is back by step 40 to 60, while it finds the format that it is asked for.',
        curves: (['reason-rft-zero', 'reason-rft'] as const).flatMap((paradigm) =>
          (['accuracy', 'format', 'length'] as const)
            .slice(0, phenomenon === 'transient adaptation gap' ? 1 : 3)
            .map((metric) => curve(random, paradigm, metric)),
        ),
      })),
    ),
    controls: sets.map(({ task, testSet }) => ({
      ...{ task, control: 'shuffled labels' as const, testSet, seeds: [1], chance: 0.2, holds: true },
      ...{ accuracy: estimate(random, 0.19, ITEMS[testSet]), text: 'Shuffled labels score at chance.' },
    })),
    words: sets.map(({ task, testSet }) => ({
      ...{ task, testSet, studied: 'annotator' as const, seeds: [1], text: 'In own words CoT-SFT scores more.' },
      annotators: estimate(random, 0.4, ITEMS[testSet]),
      own: estimate(random, 0.6, ITEMS[testSet]),
      difference: estimate(random, 0.2, ITEMS[testSet]),
    })),
    leakage: tasks.map((task) => ({ task, testItems: 2000, trainingRows: 6400, sharedScenes: 0, sharedQuestions: 0 })),
    knob: madeUpKnob(tasks),
    missing: [],
  };
}
