/** The three phenomena in curves made by hand: seen where they are, not where they are not, and not in noise. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../lib/engine/random.js';
import { windowError, windowMeans } from '../../../lib/study/results/curve-shapes.js';
import {
  adaptationGap,
  reasoningRedundancy,
  rewardCurves,
  rewardStratification,
} from '../../../lib/study/results/phenomena.js';
import type { TrainingCurve } from '../../../lib/study/results/results.js';
import { TASK_NAMES, TASKS } from '../../../lib/tasks/tasks.js';

const STEPS = 100;
const steps = (value: (step: number) => number) => Array.from({ length: STEPS }, (_, step) => value(step));
const noise = (name: string, scale = 0.02) => {
  const random = new Random(1, name);
  return (value: number) => value + scale * (random.uniform() + random.uniform() + random.uniform() - 1.5);
};
/** From a to b between two steps, a line. */
const ramp = (step: number, from: number, to: number, a: number, b: number) =>
  a + (b - a) * Math.min(1, Math.max(0, (step - from) / (to - from)));

function curves(
  paradigm: TrainingCurve['paradigm'],
  accuracy: number[],
  format: number[],
  length: number[],
): TrainingCurve[] {
  const metrics = accuracy.map((value, i) => ({
    'rewards/accuracy_reward/mean': value,
    'rewards/format_reward/mean': format[i]!,
    'completions/mean_length': length[i]!,
  }));
  return rewardCurves('counting', paradigm, [{ seed: 1, metrics }]);
}

const constant = (value: number, name: string, scale?: number) => {
  const noisy = noise(name, scale);
  return steps(() => noisy(value));
};

test('curves of seeds and their mean, as far as all go', () => {
  const run = (seed: number, values: number[]) => ({
    seed,
    metrics: values.map((value) => ({
      'rewards/accuracy_reward/mean': value,
      'rewards/format_reward/mean': 1,
      'completions/mean_length': 10,
    })),
  });
  const [accuracy, format] = rewardCurves('counting', 'reason-rft', [run(1, [0, 0.5, 1]), run(2, [1, 0.5])]);
  assert.deepEqual([accuracy!.metric, accuracy!.seeds, accuracy!.mean], ['accuracy', [1, 2], [0.5, 0.5]]);
  assert.deepEqual(accuracy!.perSeed, [
    [0, 0.5, 1],
    [1, 0.5],
  ]);
  assert.deepEqual(format!.mean, [1, 1]);
});

test('windows are a twentieth of the steps, at most five; the noise is that of successive differences', () => {
  assert.deepEqual(windowMeans([1, 2, 3]), [1, 2, 3]);
  assert.equal(windowMeans(steps((step) => step)).length, 96);
  assert.equal(windowMeans(steps((step) => step))[0], 2);
  // 75 / 20 = 3.75; of 400 steps five, not twenty.
  assert.deepEqual(
    [75, 400].map((count) => windowMeans(Array.from({ length: count }, (_, step) => step)).length),
    [75 - 3, 400 - 4],
  );
  // Steps of +-1: each difference is 2, 4 / 2 = 2 is the variance of +-sqrt 2; of a window of 5, sqrt(2 / 5).
  assert.ok(Math.abs(windowError(steps((step) => (step % 2 === 0 ? 0 : 2))) - Math.sqrt(2 / 5)) < 1e-12);
});

test('a dip that is regained is the adaptation gap; a fall that stays, a rise and noise are not', () => {
  const seen = (accuracy: number[]) => {
    const all = curves('reason-rft-zero', accuracy, constant(1, 'f'), constant(30, 'l', 1));
    return adaptationGap('counting', all);
  };
  const noisy = noise('dip');
  const dip = seen(steps((step) => noisy(step < 10 ? ramp(step, 3, 10, 0.8, 0.3) : ramp(step, 10, 50, 0.3, 0.8))));
  assert.equal(dip.seen, true);
  // The fall is steeper than the rise, so that the lowest 5 steps are those from step 11 on, the lowest.
  assert.match(dip.text, /falls from an accuracy reward of 0\.7\d to 0\.3\d at step 1[1-4] and regains 0\.\d+/);
  assert.equal(seen(steps((step) => noise(`fall ${step}`)(ramp(step, 3, 30, 0.8, 0.3)))).seen, false);
  assert.equal(seen(steps((step) => noise(`rise ${step}`)(ramp(step, 0, 99, 0.3, 0.8)))).seen, false);
  for (let i = 0; i < 50; i++) assert.equal(seen(constant(0.5, `noise ${i}`)).seen, false, `noise ${i}`);
});

test('format before accuracy is stratification; both at once, or format from the start, is not', () => {
  const seen = (accuracy: number[], format: number[]) =>
    rewardStratification('counting', curves('reason-rft-zero', accuracy, format, constant(30, 'l', 1)));
  const late = steps((step) => noise(`late ${step}`)(ramp(step, 20, 60, 0.3, 0.6)));
  const early = steps((step) => noise(`early ${step}`)(ramp(step, 0, 20, 0.1, 0.95)));
  const both = seen(late, early);
  assert.equal(both.seen, true);
  assert.match(both.text, /format reward rises from 0\.[12]\d to 0\.9\d, half of it by step 1[1-5];/);
  assert.equal(seen(early, early).seen, false);
  assert.equal(seen(late, constant(0.97, 'format')).seen, false);
  assert.match(seen(late, constant(0.97, 'format')).text, /format reward does not rise beyond its noise/);
  assert.equal(seen(constant(0.3, 'accuracy'), early).seen, false);
});

test('longer completions of Reason-RFT than of Zero at the end are redundancy', () => {
  const redundancyAt = (rft: number, zero: number) =>
    reasoningRedundancy('counting', [
      ...curves('reason-rft', constant(0.5, 'a'), constant(1, 'f'), constant(rft, 'long', 2)),
      ...curves('reason-rft-zero', constant(0.5, 'b'), constant(1, 'g'), constant(zero, 'short', 2)),
    ]);
  assert.equal(redundancyAt(60, 30).seen, true);
  assert.match(
    redundancyAt(60, 30).text,
    /Reason-RFT writes (59|60|61) tokens .* Reason-RFT-Zero writes (29|30|31) tokens/,
  );
  assert.equal(redundancyAt(30, 30).seen, false);
  assert.equal(redundancyAt(30, 60).seen, false);
});

test('without runs, or with very short ones, nothing is said', () => {
  for (const find of [adaptationGap, rewardStratification, reasoningRedundancy]) {
    assert.equal(find('counting', []).seen, null);
    const short = rewardCurves('counting', 'reason-rft-zero', [
      {
        seed: 1,
        metrics: [
          {
            'rewards/accuracy_reward/mean': 1,
            'rewards/format_reward/mean': 1,
            'completions/mean_length': 9,
          },
        ],
      },
    ]);
    assert.equal(find('counting', short).seen, null);
  }
});

test('a run of any length: a dip near step 10, and format that comes before accuracy, are seen in 40 steps and in 400', () => {
  for (const task of TASK_NAMES) {
    for (const length of [40, 75, 150, 400]) {
      const curve = (name: string, value: (step: number) => number) => {
        const noisy = noise(`${task} ${length} ${name}`);
        return Array.from({ length }, (_, step) => noisy(value(step)));
      };
      const dip = curve('dip', (step) => (step < 9 ? ramp(step, 4, 9, 0.8, 0.3) : ramp(step, 11, 30, 0.3, 0.8)));
      const format = curve('format', (step) => ramp(step, 0, 10, 0.1, 0.95));
      const accuracy = curve('accuracy', (step) => ramp(step, 8, 24, 0.3, 0.7));
      const flat = curve('flat', () => 0.5);
      const phenomenaOfRun = (accuracyOfRun: number[]) => {
        const metrics = format.map((value, i) => ({
          [`rewards/${TASKS[task].accuracyReward}/mean`]: accuracyOfRun[i]!,
          [`rewards/${TASKS[task].formatReward}/mean`]: value,
          'completions/mean_length': 30,
        }));
        const all = rewardCurves(task, 'reason-rft-zero', [{ seed: 1, metrics }]);
        return [adaptationGap(task, all), rewardStratification(task, all)] as const;
      };
      const place = `${task}, ${length} steps`;
      assert.equal(phenomenaOfRun(dip)[0].seen, true, place);
      assert.match(phenomenaOfRun(dip)[0].text, /to 0\.[23]\d at step 1[0-3] /, place);
      assert.equal(phenomenaOfRun(accuracy)[1].seen, true, place);
      assert.deepEqual(
        phenomenaOfRun(flat).map(({ seen }) => seen),
        [false, false],
        place,
      );
    }
  }
});
