/** `reason-rft curves` on runs that have logged something, nothing, and other things. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { runNames } from '../../lib/plots/run-curves.js';
import { RunDirectory } from '../../lib/train/run-directory.js';
import { runHere } from '../support/command-line.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-curves-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const place = (...names: string[]) => path.join(folder, ...names);

for (const name of ['one', 'two']) {
  const run = RunDirectory.open(place(name), {});
  for (const step of [1, 2, 3])
    run.append('metrics.jsonl', [
      { step, reward: step, 'rewards/brevity/mean': 1, ...(step === 2 ? { eval_accuracy: 0.5 } : {}) },
    ]);
}
RunDirectory.read(place('two')).writeStartEvaluation({ eval_accuracy: 0.25 });
RunDirectory.open(place('empty'), {});

test('several runs lie over each other, by the names of their folders, in the form that the file’s name asks for', async () => {
  const out = place('both.html');
  assert.deepEqual(await runHere(['curves', place('one'), place('two'), '--out', out]), { status: 0, stderr: '' });
  const page = readFileSync(out, 'utf8');
  const data = JSON.parse(/^const data = (.*);$/m.exec(page)![1]!) as { name: string; x: number[]; y: number[] }[];
  assert.deepEqual(
    data.filter(({ name }) => name === 'two').map(({ x, y }) => [x, y]),
    [
      [[1, 2, 3], [1.5, 2, 2.5].map(() => 2)],
      [
        [1, 2, 3],
        [1, 1, 1],
      ],
      [
        [0, 2],
        [0.25, 0.5],
      ],
    ],
    'reward, over five steps at most; brevity; held-out accuracy where it is, that of the start at step 0',
  );
  assert.equal((await runHere(['curves', place('one'), '--out', place('one.png'), '--metrics', 'reward'])).status, 0);
  assert.equal(readFileSync(place('one.png')).subarray(1, 4).toString(), 'PNG');
});

test('what cannot be drawn is named, and nothing is written', async () => {
  for (const [args, status, message] of [
    [['one', 'one'], 2, /the run .*one is named twice/],
    [['empty'], 1, /empty has logged no step yet/],
    [['nowhere'], 1, /nowhere holds no run: it has no run\.json/],
    [['one', '--metrics', 'rewrd'], 1, /no row has 'rewrd'; they have step, reward/],
  ] as const) {
    const [first, ...rest] = args;
    const named = [place(first), ...rest.map((arg) => (arg === 'one' ? place(arg) : arg))];
    const outcome = await runHere(['curves', ...named, '--out', place('no.png')]);
    assert.equal(outcome.status, status);
    assert.match(outcome.stderr, message);
  }
  const format = await runHere(['curves', place('one'), '--out', place('no.jpg')]);
  assert.equal(format.status, 2);
  assert.match(format.stderr, /--out must end in \.png, \.svg, \.pdf, \.html/);
  assert.ok(!existsSync(place('no.png')));
});

test('runs are named by as much of their paths as tells them apart', () => {
  assert.deepEqual(runNames(['runs/a', 'runs/b']), ['a', 'b']);
  assert.deepEqual(runNames(['x/seed-1/run', 'x/seed-2/run']), ['seed-1/run', 'seed-2/run']);
});
