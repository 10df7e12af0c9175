import assert from 'node:assert/strict';
import { sep } from 'node:path';
import { after, test } from 'node:test';
import { closeFigureBrowser } from '../../../lib/plots/export.js';
import {
  durationText,
  grpoPanels,
  livePlot,
  metricText,
  plotlyCandidates,
  progressLine,
  validationPanels,
} from '../../../lib/plots/live/live-plot.js';
import { type DisplayMessage, notebookWriter } from '../../../lib/plots/notebook.js';

after(closeFigureBrowser);

/** A display that keeps what it is sent, as a kernel would send it on. */
function recorder() {
  const sent: { message: DisplayMessage; update: boolean }[] = [];
  return { sent, write: (message: DisplayMessage, update: boolean) => void sent.push({ message, update }) };
}

const later = (ms: number) => new Promise((done) => setTimeout(done, ms));

test('durations and metrics in words', () => {
  assert.deepEqual([40.4, 200, 3900].map(durationText), ['40 s', '3 min 20 s', '1 h 05 min']);
  assert.deepEqual([0, 0.0101, 0.523, 31.42, 3.14e-5].map(metricText), ['0.000', '0.010', '0.52', '31.4', '3.1e-5']);
});

test('the progress line', () => {
  const row = { reward: 0.52, kl: 0.01, entropy: Number.NaN };
  assert.equal(
    progressLine('grpo', 12, 60, row, ['reward', 'kl', 'entropy', 'absent'], 40),
    'grpo 12/60  reward 0.52  kl 0.010  40 s left',
  );
});

test('what held-out items say is drawn beside the training reward, through the steps that were evaluated', () => {
  const { write } = recorder();
  const panels = [...grpoPanels('accuracy_reward'), ...validationPanels(4)];
  const live = livePlot({ name: 'grpo', panels, total: 4 }, write);
  live.update(1, { reward: 0.5 });
  live.update(2, { reward: 1, eval_accuracy: 0.75, 'eval_pass@4': 1, eval_reward: 1.5, eval_format: 0 });
  live.update(3, { reward: 1.5 });
  live.update(4, { reward: 2, eval_accuracy: 0.25, 'eval_pass@4': 0.5, eval_reward: 1.75, eval_format: 1 });
  const drawn = (live.figure().data as { name?: string; x: number[]; mode: string }[]).filter(({ name }) => name);
  const at = (metric: string) => drawn.find(({ name }) => name === metric);
  assert.deepEqual(at('reward')?.x, [1, 2, 3, 4]);
  for (const metric of ['eval_accuracy', 'eval_pass@4', 'eval_reward', 'eval_format']) {
    assert.deepEqual([at(metric)?.x, at(metric)?.mode], [[2, 4], 'lines+markers'], metric);
  }
  assert.ok(!validationPanels(1).some(({ keys }) => new Set(keys).size < keys.length), 'pass@1 stands there once');
});

test('a live plot is one output, updated in place, with the progress as text', async () => {
  const { sent, write } = recorder();
  const live = livePlot({ name: 'grpo', panels: ['reward'], total: 4 }, write);
  live.update(1, { reward: 0.25 });
  live.update(2, { reward: 0.5 });
  await later(520);
  live.update(3, { reward: 0.75 });
  // The first message opens the output; steps 1 and 2 came within half a second of it, step 3 after.
  assert.equal(sent.length, 2);
  assert.deepEqual(
    sent.map((s) => s.update),
    [false, true],
  );
  const [first, second] = sent.map((s) => s.message);
  assert.ok(first?.transient.display_id);
  assert.equal(second?.transient.display_id, first?.transient.display_id);
  assert.equal(first?.data['text/plain'], 'grpo 0/4');
  assert.match(String(second?.data['text/plain']), /^grpo 3\/4 {2}reward 0\.75 {2}\d+ s left$/);
  const html = String(second?.data['text/html']);
  assert.ok(html.includes('"y":[0.25,0.5,0.75]'), 'every step is in the message, also the ones that were not sent');
  assert.ok(html.length < 20_000, `plotly.js does not travel in messages: ${html.length} characters`);
});

test('names from a run cannot end the script', () => {
  const { sent, write } = recorder();
  livePlot({ name: 'x', title: '</script><img src=x onerror=alert(1)>', panels: ['reward'], total: 1 }, write);
  const html = String(sent[0]?.message.data['text/html']);
  assert.equal(html.split('</script>').length - 1, 1);
});

test('a resumed run shows what came before, and counts time from where it resumed', async () => {
  const { sent, write } = recorder();
  const history = [
    { step: 1, reward: 0.1 },
    { step: 2, reward: 0.2 },
  ];
  const live = livePlot({ name: 'grpo', panels: ['reward'], total: 4, history }, write);
  assert.equal(sent[0]?.message.data['text/plain'], 'grpo 2/4  reward 0.20');
  await later(100);
  live.update(3, { reward: 0.3 });
  // One step in about 0.1 s, one to go.
  assert.match(live.progress(), /^grpo 3\/4 {2}reward 0\.30 {2}[01] s left$/);
});

test('at the end the same output holds a picture and an interactive figure, and no script', async () => {
  const { sent, write } = recorder();
  const live = livePlot({ name: 'grpo', panels: grpoPanels('accuracy_reward'), total: 2 }, write);
  live.update(1, { reward: 0.25, kl: 0 });
  live.update(2, { reward: 0.5, kl: 0.01 });
  assert.deepEqual(await live.finish(), []);
  const last = sent.at(-1);
  assert.equal(last?.update, true);
  assert.equal(last?.message.transient.display_id, sent[0]?.message.transient.display_id);
  assert.deepEqual(Object.keys(last?.message.data ?? {}).sort(), [
    'application/vnd.plotly.v1+json',
    'image/png',
    'text/plain',
  ]);
  assert.equal(last?.message.data['text/plain'], 'grpo 2/2  reward 0.50  kl 0.010');
  const png = Buffer.from(String(last?.message.data['image/png']), 'base64');
  assert.equal(png.subarray(1, 4).toString(), 'PNG');
  const saved = JSON.stringify(last?.message.data);
  assert.ok(saved.length < 200_000 && !saved.includes('<script'), `${saved.length} characters`);
});

test('plotly.js is looked for from the nearest folder outwards', () => {
  assert.deepEqual(
    plotlyCandidates('/home/me/my kit/node_modules/plotly.js-dist-min/plotly.min.js'.replaceAll('/', sep)),
    [
      'node_modules/plotly.js-dist-min/plotly.min.js',
      'my%20kit/node_modules/plotly.js-dist-min/plotly.min.js',
      'me/my%20kit/node_modules/plotly.js-dist-min/plotly.min.js',
      'home/me/my%20kit/node_modules/plotly.js-dist-min/plotly.min.js',
    ],
  );
});

test('outside a notebook the error says where it works', () => {
  assert.throws(notebookWriter, /in a cell of a notebook that runs on the TypeScript kernel/);
});

test('the accuracy chart is of the task’s own reward; a run that does not earn it has none', () => {
  const keys = (reward: Parameters<typeof grpoPanels>[0]) => grpoPanels(reward).flatMap((panel) => panel.keys);
  assert.ok(keys('mathematical_reward').includes('rewards/mathematical_reward/mean'));
  assert.ok(!keys(undefined).some((key) => key.startsWith('rewards/')));
});
