/** Rows of one's own in the forms that trainers read. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { convertOwn } from '../../lib/data/convert-own.js';
import { encodePng } from '../../lib/records/image.js';
import { readRows } from '../../lib/records/open-rows.js';
import { runHere } from '../support/command-line.js';

const folder = mkdtempSync(path.join(tmpdir(), 'convert-own-'));
after(() => rmSync(folder, { recursive: true }));
const at = (name: string) => path.join(folder, name);
const readJson = (name: string) => JSON.parse(readFileSync(at(name), 'utf8'));
const rows = [
  { id: '1', image: ['a.png'], problem: 'What colour?', answer: 'black', cot: 'look.', shape: 'circle' },
  { id: '2', image: ['a.png', 'a.png'], problem: 'Which?', answer: 'both', cot: 'look twice.', shape: 'square' },
];
const source = { file: at('rows.jsonl') };

before(async () => {
  writeFileSync(at('a.png'), await encodePng({ width: 2, height: 2, data: new Uint8Array(12) }));
  writeFileSync(source.file, rows.map((row) => JSON.stringify(row)).join('\n'));
});

test('as conversations, with a prompt of one’s own; what is written is read back with the same rationales and answers', async () => {
  const asked = { prompt: '{{ problem }} It is a {{ shape }}.', system: 'Be brief.' };
  assert.deepEqual(await convertOwn(source, 'cot-sft', at('cot.json'), { asked }), { written: 2, problems: [] });
  assert.deepEqual(readJson('cot.json')[1], {
    id: '2',
    image: ['a.png', 'a.png'],
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: '<image><image>Which? It is a square.' },
      { role: 'assistant', content: '<think>\nlook twice.\n</think>\n<answer>\nboth\n</answer>' },
    ],
  });
  const { records } = await readRows({ file: at('cot.json') });
  assert.deepEqual(
    records,
    rows.map(({ shape, problem, ...row }) => ({
      ...row,
      problem: `${problem} It is a ${shape}.`,
      system: 'Be brief.',
    })),
  );
  await convertOwn(source, 'ans-sft', at('answers.jsonl'));
  assert.deepEqual(
    readFileSync(at('answers.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).messages),
    [
      [
        { role: 'user', content: '<image>What colour?' },
        { role: 'assistant', content: 'black' },
      ],
      [
        { role: 'user', content: '<image><image>Which?' },
        { role: 'assistant', content: 'both' },
      ],
    ],
  );
});

test('as rows for RL with all further columns, and as Parquet for TRL with the bytes of the pictures', async () => {
  await convertOwn(source, 'rl', at('rl.json'));
  assert.deepEqual(readJson('rl.json')[0], {
    ...{ id: '1', image: ['a.png'], problem: 'What colour?', solution: 'black', shape: 'circle' },
  });
  await convertOwn(source, 'trl', at('trl.parquet'), { embed: true });
  const [first] = await parquetReadObjects({ file: await asyncBufferFromFile(at('trl.parquet')), utf8: false });
  assert.deepEqual(first, {
    id: '1',
    prompt: [
      {
        role: 'user',
        content:
          'What colour? Output the thinking process in <think> </think> and final answer in <answer> </answer> tags.',
      },
    ],
    images: [{ bytes: new Uint8Array(readFileSync(at('a.png'))), path: 'a.png' }],
    solution: 'black',
  });
});

test('a bad row stops a conversion with nothing written, or is left out and named', async () => {
  const { cot: _, ...bare } = rows[0]!;
  writeFileSync(at('bare.jsonl'), [bare, rows[1]].map((row) => JSON.stringify(row)).join('\n'));
  const args = ['convert', '--data', at('bare.jsonl'), '--form', 'cot-sft', '--out', at('out.json')];
  const stopped = await runHere(args);
  assert.equal(stopped.status, 1);
  assert.match(stopped.stderr, /row 1, whole row: it has no rationale \(cot\), which cot-sft is made of/);
  assert.ok(!existsSync(at('out.json')));
  const skipped = await runHere([...args, '--skip-bad']);
  assert.equal(skipped.status, 0);
  assert.match(skipped.stderr, /left out: .*bare\.jsonl, row 1/);
  assert.equal(readJson('out.json').length, 1);
  assert.equal((await runHere([...args, '--stage', 'one'])).status, 2);
});
