import assert from 'node:assert/strict';
import { sep } from 'node:path';
import { after, test } from 'node:test';
import { closeFigureBrowser } from '../../../lib/plots/export.js';
import { durationText, livePlot, metricText, progressLine } from '../../../lib/plots/live/live-plot.js';
import { serverCandidates } from '../../../lib/plots/live/live-script.js';
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

test('the charts follow from what the run logs, whatever its rewards are called; held-out points lie at their steps', () => {
  const { write } = recorder();
  const live = livePlot({ name: 'grpo', expected: ['reward'], total: 4 }, write);
  const titles = () => live.figure().layout.annotations!.map(({ text }) => text);
  assert.deepEqual(titles(), ['reward']);
  live.update(1, { reward: 0.5, 'rewards/brevity/mean': 1 });
  live.update(2, { reward: 1, 'rewards/brevity/mean': 0, eval_accuracy: 0.75, 'eval_pass@4': 1, eval_reward: 1.5 });
  live.update(3, { reward: 1.5, 'rewards/brevity/mean': 0 });
  live.update(4, { reward: 2, 'rewards/brevity/mean': 1, eval_accuracy: 0.25, 'eval_pass@4': 0.5, eval_reward: 1.75 });
  assert.deepEqual(titles(), ['reward', 'brevity', 'held out: accuracy', 'held out: reward']);
  const drawn = live.figure().data as { name: string; x: number[]; y: number[] }[];
  const at = (metric: string) => drawn.filter(({ name }) => name === metric).map(({ x, y }) => [x, y]);
  assert.deepEqual(at('reward, each step'), [
    [
      [1, 2, 3, 4],
      [0.5, 1, 1.5, 2],
    ],
  ]);
  assert.deepEqual(at('eval_accuracy'), [
    [
      [2, 4],
      [0.75, 0.25],
    ],
  ]);
});

test('a run that was killed does steps again: they take the place of what was drawn of them', () => {
  const { write } = recorder();
  const history = Array.from({ length: 15 }, (_, i) => ({ step: i + 1, reward: 0 }));
  const live = livePlot({ name: 'grpo', panels: ['reward'], total: 60, history }, write);
  for (const step of [1, 2, 3]) live.update(step, { reward: 1 });
  const [raw] = live.figure().data as { x: number[]; y: number[] }[];
  assert.deepEqual(
    [raw!.x, raw!.y],
    [
      [1, 2, 3],
      [1, 1, 1],
    ],
  );
});

test('the time that is left follows from the last steps: the first, which builds graphs, does not count', () => {
  const { write } = recorder();
  const live = livePlot({ name: 'grpo', panels: ['reward'], total: 60 }, write);
  live.update(1, { reward: 0, step_time: 120 });
  assert.equal(live.progress(), 'grpo 1/60  reward 0.000');
  for (const step of [2, 3, 4]) live.update(step, { reward: 0, step_time: 2 });
  assert.equal(live.progress(), 'grpo 4/60  reward 0.000  1 min 52 s left', '56 steps of 2 s');
  live.update(5, { reward: 0, step_time: 2, eval_accuracy: 0.5, eval_runtime: 30 });
  // 55 steps of 2 s, and 11 more evaluations of 30 s.
  assert.equal(live.progress(), 'grpo 5/60  reward 0.000  7 min 20 s left');
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

test('a resumed run shows what came before, and takes no time from it', () => {
  const { sent, write } = recorder();
  const history = [
    { step: 1, reward: 0.1, step_time: 100 },
    { step: 2, reward: 0.2, step_time: 100 },
  ];
  const live = livePlot({ name: 'grpo', panels: ['reward'], total: 5, history }, write);
  assert.equal(sent[0]?.message.data['text/plain'], 'grpo 2/5  reward 0.20');
  live.update(3, { reward: 0.3, step_time: 9 });
  live.update(4, { reward: 0.3, step_time: 3 });
  assert.equal(live.progress(), 'grpo 4/5  reward 0.30  3 s left');
});

test('at the end the same output holds a picture, which becomes interactive, and no path of this machine', async () => {
  const { sent, write } = recorder();
  const live = livePlot({ name: 'grpo', expected: ['reward', 'kl'], total: 2 }, write);
  live.update(1, { reward: 0.25, kl: 0 });
  live.update(2, { reward: 0.5, kl: 0.01 });
  assert.deepEqual(await live.finish(), []);
  const last = sent.at(-1);
  assert.equal(last?.update, true);
  assert.equal(last?.message.transient.display_id, sent[0]?.message.transient.display_id);
  assert.deepEqual(Object.keys(last?.message.data ?? {}).sort(), ['text/html', 'text/plain']);
  assert.equal(last?.message.data['text/plain'], 'grpo 2/2  reward 0.50  kl 0.010');
  const saved = JSON.stringify(last?.message.data);
  const [, png] = /<img [^>]*src=\\"data:image\/png;base64,([^"\\]+)/.exec(saved)!;
  assert.equal(Buffer.from(png!, 'base64').subarray(1, 4).toString(), 'PNG');
  assert.ok(saved.length < 200_000 && !saved.includes(process.cwd()), `${saved.length} characters`);
});

test('plotly.js is looked for from the nearest folder outwards', () => {
  assert.deepEqual(
    serverCandidates(
      '/home/me/my kit/node_modules/plotly.js-dist-min/plotly.min.js'.replaceAll('/', sep),
      'node_modules',
    ),
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
