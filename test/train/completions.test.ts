/** The table of a step's completions: what goes in comes out, to this kit and to any reader of Parquet. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { asyncBufferFromFile, parquetMetadataAsync, parquetSchema } from 'hyparquet';
import type { LoggedCompletion } from '../../lib/train/completions.js';
import { RunDirectory } from '../../lib/train/run-directory.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-completions-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const row = (step: number, completion: string, advantage: number): LoggedCompletion => ({
  ...{ step, id: 'a-1', prompt: 'How many?\nAnswer: ', solution: '3', completion, reward: 0.1 + 0.2, advantage },
  ...{ rewards: { accuracy_reward: 1, caption_reward: null }, tokens: 7, ended: completion !== '' },
});

test('rows come back as they were written, whatever the model wrote', async () => {
  const run = RunDirectory.open(path.join(folder, 'run'), {});
  const rows = [
    row(12, '<think>3 – ☃ 𝟛\u0000\n</think>"', -1 / 3),
    row(12, '', 0),
    row(12, 'x'.repeat(100_000), 1e-300),
  ];
  run.writeCompletions(12, rows);
  assert.deepEqual(readdirSync(path.join(run.folder, 'completions')), ['completions_00012.parquet']);
  assert.deepEqual(await run.readCompletions(12), rows);
  assert.deepEqual(await run.readCompletions(13), []);
});

test('the columns are typed, also where a reward applies to no row', async () => {
  const run = RunDirectory.open(path.join(folder, 'typed'), {});
  run.writeCompletions(0, [row(0, 'x', 1)]);
  const schema = parquetSchema(await parquetMetadataAsync(await asyncBufferFromFile(run.completionsFile(0))));
  assert.deepEqual(
    schema.children.map(({ element }) => [element.name, element.type, element.repetition_type]),
    [
      ['step', 'INT32', 'REQUIRED'],
      ['id', 'BYTE_ARRAY', 'REQUIRED'],
      ['prompt', 'BYTE_ARRAY', 'REQUIRED'],
      ['solution', 'BYTE_ARRAY', 'REQUIRED'],
      ['completion', 'BYTE_ARRAY', 'REQUIRED'],
      ['reward', 'DOUBLE', 'OPTIONAL'],
      ['advantage', 'DOUBLE', 'REQUIRED'],
      ['tokens', 'INT32', 'REQUIRED'],
      ['ended', 'BOOLEAN', 'REQUIRED'],
      ['accuracy_reward', 'DOUBLE', 'OPTIONAL'],
      ['caption_reward', 'DOUBLE', 'OPTIONAL'],
    ],
  );
});

test('a reward with the name of another column is refused, and nothing is written', () => {
  const run = RunDirectory.open(path.join(folder, 'taken'), {});
  const rows = [{ ...row(0, 'x', 1), rewards: { tokens: 1 } }];
  assert.throws(() => run.writeCompletions(0, rows), /a reward may not be named 'tokens'/);
  assert.ok(!existsSync(run.completionsFile(0)));
});

test('rewinding removes the tables of the steps that are done again', async () => {
  const run = RunDirectory.open(path.join(folder, 'rewound'), {});
  for (const step of [1, 10, 11, 12, 100_000]) run.writeCompletions(step, [row(step, 'x', 1)]);
  run.rewind(10);
  assert.deepEqual(readdirSync(path.join(run.folder, 'completions')).sort(), [
    'completions_00001.parquet',
    'completions_00010.parquet',
  ]);
});
