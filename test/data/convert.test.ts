import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { toAnswerSft, toCotSft, toRl } from '../../lib/data/convert.js';
import { writeRlParquet } from '../../lib/data/parquet.js';
import { splitStages } from '../../lib/data/split.js';

const record = {
  task: 'counting',
  id: '7',
  image: 'a.png',
  problem: 'How many objects are there?',
  answer: '2',
  cot: 'objects: 2.',
};
const think = ' Output the thinking process in <think> </think> and final answer (number) in <answer> </answer> tags.';

test('ShareGPT rows', () => {
  assert.deepEqual(toAnswerSft(record), {
    id: '7',
    // A list for one picture too: Arrow refuses a string in one row and a list in the next.
    image: ['a.png'],
    messages: [
      { role: 'user', content: '<image>How many objects are there?' },
      { role: 'assistant', content: '2' },
    ],
  });
  assert.deepEqual(toCotSft({ ...record, image: ['a.png', 'b.png'] }).messages, [
    { role: 'user', content: `<image><image>How many objects are there?${think}` },
    { role: 'assistant', content: '<think>\nobjects: 2.\n</think>\n<answer>\n2\n</answer>' },
  ]);
});

test('a task writes the prompt of its rows; a row of none of the tasks is asked in words that fit any answer', () => {
  assert.match(
    toCotSft({ ...record, task: 'structure' }).messages[0]!.content,
    /final answer \(float number or int number\)/,
  );
  const { task: _, ...own } = { ...record, answer: 'black', colour: 'black' };
  for (const row of [own, { ...own, task: 'vqa' }])
    assert.equal(
      toCotSft(row).messages[0]!.content,
      `<image>${record.problem} Output the thinking process in <think> </think> and final answer in <answer> </answer> tags.`,
    );
  const { cot: __, ...bare } = own;
  assert.throws(() => toCotSft(bare), /row '7' has no rationale \(cot\)/);
});

test('RL rows, also as Parquet that readers of the field open', async () => {
  const rows = [toRl(record), toRl({ ...record, id: '8', image: ['a.png', 'b.png'], problem: 'Where? 😀' })];
  assert.deepEqual(rows[0], { id: '7', image: 'a.png', problem: record.problem, solution: '2' });
  const folder = mkdtempSync(path.join(os.tmpdir(), 'parquet-'));
  try {
    const file = path.join(folder, 'rl.parquet');
    writeRlParquet(file, rows);
    const read = await parquetReadObjects({ file: await asyncBufferFromFile(file) });
    assert.deepEqual(read, [
      { id: '7', images: ['a.png'], problem: record.problem, solution: '2' },
      { id: '8', images: ['a.png', 'b.png'], problem: 'Where? 😀', solution: '2' },
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('the first rows are stage 1, the rest stage 2', () => {
  assert.deepEqual(splitStages([1, 2, 3, 4, 5], 2), { stageOne: [1, 2], stageTwo: [3, 4, 5] });
  const rows = Array.from({ length: 1700 }, (_, i) => i);
  assert.equal(splitStages(rows).stageOne.length, 1600);
  assert.equal(splitStages(rows).stageTwo[0], 1600);
  assert.throws(() => splitStages([1, 2], 2), /stage 1 takes 2 rows and leaves none of 2/);
});
