/** Which charts a run has. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { metricPanels } from '../../lib/plots/metric-panels.js';

const titles = (names: string[]) => metricPanels(names).map(({ title }) => title);

test('each reward has a chart under its own name, and so has each metric of the user’s own', () => {
  assert.deepEqual(
    titles([
      'step',
      'loss',
      'reward',
      'rewards/brevity/mean',
      'rewards/brevity/std',
      'rewards/brevity/nulls',
      'rewards/brevity/errors',
      'eval_rewards/brevity/nulls',
      'rewards/brevity/words',
      'kl',
      'entropy',
    ]),
    ['reward', 'brevity', 'kl', 'brevity: words'],
  );
});

test('SFT has its loss; GRPO, whose loss is near 0 by construction, has none', () => {
  assert.deepEqual(titles(['loss', 'mean_token_accuracy', 'grad_norm']), ['loss', 'mean_token_accuracy']);
  assert.deepEqual(titles(['loss', 'reward']), ['reward']);
});

test('held-out metrics come last, accuracy and pass@k in one chart; there is no chart without a metric', () => {
  const panels = metricPanels([
    'eval_accuracy',
    'eval_pass@1',
    'eval_pass@4',
    'eval_rewards/brevity/mean',
    'eval_rewards/brevity/words',
    'reward',
  ]);
  assert.deepEqual(panels, [
    { title: 'reward', keys: ['reward'] },
    { title: 'held out: accuracy', keys: ['eval_accuracy', 'eval_pass@1', 'eval_pass@4'], range: [0, 1.02] },
    { title: 'held out: brevity', keys: ['eval_rewards/brevity/mean'] },
    { title: 'held out: brevity: words', keys: ['eval_rewards/brevity/words'] },
  ]);
  assert.deepEqual(metricPanels([]), []);
});
