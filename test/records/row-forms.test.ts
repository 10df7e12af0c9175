/** The forms of rows that the field has: conversations, Parquet with pictures by path or bytes, folders of pictures with metadata. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { SchemaElement } from 'hyparquet';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { encodePng, type RgbImage } from '../../lib/records/image.js';
import { readRows } from '../../lib/records/open-rows.js';
import { PackedPicture, readPicture } from '../../lib/records/picture.js';
import { prepareQuestions, prepareSftRows } from '../../lib/study/cells/prepared-rows.js';

const folder = mkdtempSync(path.join(os.tmpdir(), 'row-forms-'));
after(() => rmSync(folder, { recursive: true }));
const at = (...names: string[]) => path.join(folder, ...names);

/** A picture of one value. */
const picture = (value: number): RgbImage => ({ width: 2, height: 2, data: new Uint8Array(12).fill(value) });
before(async () => {
  for (const [name, value] of [
    ['a.png', 1],
    ['b.png', 2],
  ] as const)
    writeFileSync(at(name), await encodePng(picture(value)));
});

const writeJson = (name: string, rows: unknown) => {
  writeFileSync(at(name), JSON.stringify(rows));
  return { file: at(name) };
};

test('conversations: the user’s text is the whole prompt, the answer as it stands or rationale and answer in tags', async () => {
  const source = writeJson('conversations.json', [
    {
      messages: [
        { role: 'user', content: '<image>\nWhat is it?' },
        { role: 'assistant', content: 'A cat.' },
      ],
      images: ['a.png'],
    },
    {
      conversations: [
        { from: 'human', value: '<image><image>Which is darker?' },
        { from: 'gpt', value: '<think>\nlook.\n</think>\n<answer>\nthe first\n</answer>' },
      ],
      image: ['a.png', 'b.png'],
      system: 'Be brief.',
      source: 'mine',
    },
    {
      id: 'own',
      messages: [
        { role: 'system', content: 'Be kind.' },
        { role: 'user', content: 'Hello' },
        { role: 'assistant', content: 'Hello!' },
      ],
    },
  ]);
  const rows = await readRows(source);
  assert.deepEqual(rows.records, [
    { id: '1', image: ['a.png'], problem: 'What is it?', answer: 'A cat.' },
    {
      ...{ id: '2', image: ['a.png', 'b.png'], problem: 'Which is darker?', answer: 'the first', cot: 'look.' },
      ...{ system: 'Be brief.', source: 'mine' },
    },
    { id: 'own', image: [], problem: 'Hello', answer: 'Hello!', system: 'Be kind.' },
  ]);
  assert.deepEqual(rows.files, [[at('a.png')], [at('a.png'), at('b.png')], []]);
  assert.deepEqual(
    prepareSftRows(rows, 'answer').map(({ system, prompt, completion }) => [system, prompt, completion]),
    [
      [undefined, 'What is it?', 'A cat.'],
      ['Be brief.', 'Which is darker?', 'the first'],
      ['Be kind.', 'Hello', 'Hello!'],
    ],
  );
  assert.equal(prepareQuestions(rows, 'think')[0]!.prompt, 'What is it?');
  const [, tagged] = rows.records;
  const second = { records: [tagged!], files: [rows.files[1]!], conversations: true };
  assert.equal(
    prepareSftRows(second, 'cot')[0]!.completion,
    '<think>\nlook.\n</think>\n<answer>\nthe first\n</answer>',
  );
});

test('a conversation that is not one question and one answer, or holds sound or films, is a bad row', async () => {
  const turn = (role: string, content: unknown) => ({ role, content });
  const source = writeJson('bad.json', [
    { messages: [turn('user', '<audio>What?'), turn('assistant', 'x')], audios: ['a.wav'] },
    { messages: [turn('user', 'a'), turn('assistant', 'b'), turn('user', 'c'), turn('assistant', 'd')] },
    { messages: [turn('user', 'What is <image>?'), turn('assistant', 'x')], images: ['a.png'] },
    { messages: [turn('user', '<image>What?'), turn('assistant', 'x')], images: ['a.png', 'b.png'] },
    { messages: [turn('tool', 'x')] },
    { messages: 'hello' },
    { messages: [turn('user', 3), turn('assistant', 'x')] },
  ]);
  await assert.rejects(readRows(source), ({ message }: Error) => {
    for (const expected of [
      /row 1, field 'messages': holds <audio>; the kit's models see pictures alone/,
      /row 2, field 'messages': has the turns user, assistant, user, assistant; the kit trains on one question/,
      /row 3, field 'messages': has <image> within its text/,
      /row 4, field 'messages': has 1 times <image>, but the row names 2 pictures/,
      /row 5, field 'messages': turn 1 is of "tool"; the kit knows system, user, human, assistant, gpt/,
      /row 6, field 'messages': is not a list of turns/,
      /row 7, field 'messages': turn 1 holds no text/,
    ])
      assert.match(message, expected);
    return true;
  });
  const mixed = writeJson('mixed.json', [
    { messages: [turn('user', 'a'), turn('assistant', 'b')] },
    { id: 'x', problem: 'a', answer: 'b' },
  ]);
  await assert.rejects(readRows(mixed), /1 of 2 rows are conversations \(ShareGPT\), the others are not/);
});

/** The schema of rows whose pictures are structs of bytes and path, as `datasets` writes them. */
const string = { type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' } as const;
const PICTURES: SchemaElement[] = [
  { name: 'root', num_children: 5 },
  { name: 'id', type: 'INT64', repetition_type: 'OPTIONAL' },
  { name: 'image', repetition_type: 'OPTIONAL', num_children: 2 },
  { name: 'bytes', type: 'BYTE_ARRAY', repetition_type: 'OPTIONAL' },
  { name: 'path', ...string },
  { name: 'problem', ...string },
  { name: 'answer', ...string },
  { name: 'level', type: 'INT32', repetition_type: 'OPTIONAL' },
];

test('Parquet: pictures by bytes are read when they are needed, those by path as files; numbers are numbers', async () => {
  const bytes = new Uint8Array(await encodePng(picture(7)));
  const columnData = [
    { name: 'id', data: [1n, 2n, 3n] },
    { name: 'image', data: [{ bytes, path: null }, { bytes: null, path: 'b.png' }, null] },
    { name: 'problem', data: ['What?', 'Which?', 'Why?'] },
    { name: 'answer', data: ['x', 'y', 'z'] },
    { name: 'level', data: [4, 5, null] },
  ];
  const buffer = parquetWriteBuffer({ columnData, schema: PICTURES, rowGroupSize: 2, statistics: false });
  writeFileSync(at('rows.parquet'), new Uint8Array(buffer));
  const { records, files } = await readRows({ file: at('rows.parquet') });
  const name = `${at('rows.parquet')}, row 1, image 1`;
  assert.deepEqual(records, [
    { id: '1', image: [name], problem: 'What?', answer: 'x', level: 4 },
    { id: '2', image: ['b.png'], problem: 'Which?', answer: 'y', level: 5 },
    { id: '3', image: [], problem: 'Why?', answer: 'z' },
  ]);
  const [[packed], [file]] = files as [[PackedPicture], [string], []];
  assert.ok(packed instanceof PackedPicture);
  assert.deepEqual(await readPicture(packed), picture(7));
  assert.deepEqual(await readPicture(file), picture(2));
  writeFileSync(at('broken.parquet'), 'no parquet');
  await assert.rejects(readRows({ file: at('broken.parquet') }), /cannot read .*broken\.parquet as Parquet/);
});

test('a folder of pictures with metadata, as JSON Lines or CSV', async () => {
  mkdirSync(at('shapes', 'train'), { recursive: true });
  writeFileSync(at('shapes', 'train', 'c.png'), await encodePng(picture(3)));
  const rows = [
    { file_name: 'c.png', problem: 'What, exactly?', answer: 'black', shape: 'circle' },
    { file_names: ['c.png', 'c.png'], problem: 'Which?', answer: '2' },
  ];
  const metadata = at('shapes', 'train', 'metadata.jsonl');
  writeFileSync(metadata, rows.map((row) => JSON.stringify(row)).join('\n'));
  const read = await readRows({ file: at('shapes', 'train') });
  const file = at('shapes', 'train', 'c.png');
  assert.deepEqual(read.files, [[file], [file, file]]);
  assert.deepEqual(read.records[0], {
    ...{ id: '1', image: ['c.png'], problem: 'What, exactly?', answer: 'black', shape: 'circle' },
  });
  await assert.rejects(
    readRows({ file: at('shapes') }),
    /shapes has parts with rows of their own; name one of them: .*train/,
  );
  rmSync(metadata);
  await assert.rejects(readRows({ file: at('shapes', 'train') }), /train holds none of metadata\.jsonl, metadata\.csv/);
  writeFileSync(
    at('shapes', 'train', 'metadata.csv'),
    'file_name,problem,answer,cot\nc.png,"What, exactly?",07,\n,"Why?",z,because\n',
  );
  assert.deepEqual((await readRows({ file: at('shapes', 'train') })).records, [
    { id: '1', image: ['c.png'], problem: 'What, exactly?', answer: '07' },
    { id: '2', image: [], problem: 'Why?', answer: 'z', cot: 'because' },
  ]);
});
