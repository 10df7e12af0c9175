/** The released dataset: small files in its format are read, checked and converted. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import sharp from 'sharp';
import { convertReleased, RELEASED_FORMS } from '../../lib/data/released/convert.js';
import { releasedRows, releasedSet, releasedSets, stageRows } from '../../lib/data/released/dataset.js';
import { readPromptFile, writeReleasedPrompt } from '../../lib/data/released/prompts.js';
import { readReleased, validateReleased } from '../../lib/data/released/read.js';
import { readRecords } from '../../lib/records/records.js';
import { problemText, type RowProblem } from '../../lib/records/row-problem.js';
import { loadRecords } from '../../lib/study/data/load-rows.js';
import { TASK_NAMES, taskNamed } from '../../lib/tasks/tasks.js';
import { collect } from '../support/collect.js';

const dataset = path.join(__dirname, 'fixtures', 'released');
const folder = mkdtempSync(path.join(os.tmpdir(), 'released-'));
after(() => rmSync(folder, { recursive: true }));
const out = (name: string) => path.join(folder, name);
const think = ' Output the thinking process in <think> </think> and final answer (number) in <answer> </answer> tags.';

const rejected = (problem: RowProblem) => assert.fail(problemText(problem));

/** A copy of the dataset in which the rows of a file are others. */
function withRows(
  name: string,
  rows: unknown,
  task: 'counting' | 'transformation' = 'counting',
  set = 'train',
): string {
  const copy = out(name);
  cpSync(dataset, copy, { recursive: true });
  const text = typeof rows === 'string' ? rows : JSON.stringify(rows);
  writeFileSync(path.join(copy, (releasedRows(task).files as { [set: string]: string })[set]!), text);
  return copy;
}

const row = (id: string, fields: object = {}) => ({
  id,
  image: 'CLEVR_train_00000.png',
  problem: 'How many?',
  answer: '2',
  cot: 'objects: 2.',
  ...fields,
});

test('every file of the layout is found and sound', async () => {
  const sets = releasedSets(dataset);
  assert.equal(sets.length, 3 + 3 + 4);
  const counts = await Promise.all(sets.map(async (set) => [set.task, set.set, await validateReleased(set)] as const));
  assert.deepEqual(
    counts.map(([task, set, { sound, problems }]) => [task, set, sound, problems]),
    [
      ['counting', 'train', 6, []],
      ['counting', 'id', 2, []],
      ['counting', 'ood', 2, []],
      ['structure', 'train', 3, []],
      ['structure', 'id', 2, []],
      ['structure', 'ood', 1, []],
      ['transformation', 'train', 2, []],
      ['transformation', 'id', 1, []],
      ['transformation', 'ood-left', 1, []],
      ['transformation', 'ood-right', 1, []],
    ],
  );
});

test('rows as they are read: images below images/, test rows without rationale', async () => {
  const first = async (task: string, set: string) =>
    (await collect(readReleased(releasedSet(dataset, task, set), () => {})))[0];
  assert.deepEqual(await first('transformation', 'train'), {
    row: 1,
    record: {
      id: 'train-418840',
      image: ['train_images/img_418840-init.C.png', 'train_images/img_418840-fin.C.png'],
      problem:
        "The attributes of the initial objects are: [('0', 'cube', 'small', 'blue', 'metal'), ('1', 'sphere', 'large', 'brown', 'glass')].",
      answer: 'change_shape(0, sphere), change_color(1, gray)',
      cot: '0 shape: cube to sphere. change_shape(0,sphere). 1 color: brown to gray. change_color(1,gray).',
    },
  });
  const tested = await first('counting', 'ood');
  assert.equal(tested!.record.image, 'test_images/superCLEVR_new_00000.png');
  assert.equal(tested!.record.cot, '');
});

test('an error about an unknown task, set or folder names those that there are', () => {
  assert.throws(() => releasedSet(dataset, 'maths', 'train'), /no task 'maths'; choose counting, structure, transf/);
  assert.throws(
    () => releasedSet(dataset, 'counting', 'ood-left'),
    /counting has no set 'ood-left'; choose train, id, ood/,
  );
  assert.throws(() => releasedSet(folder, 'counting', 'id'), /there is no .*Visual-Counting-id-test-1k\.json/);
  assert.throws(() => releasedSets(folder), /holds no file of any task/);
  for (const ask of [
    releasedRows,
    (task: string) => stageRows(task, 'two'),
    (task: string) => releasedSets(dataset, task),
  ])
    assert.throws(() => ask('maths'), /no task 'maths'; choose counting, structure, transformation/);
});

test('what a run cannot read or show, validate refuses: a cut JPEG, other formats, a line of pixels', async () => {
  const pixels = { create: { width: 300, height: 300, channels: 3, background: 'red' } } as const;
  const jpeg = await sharp(pixels).jpeg().toBuffer();
  const pictures: [name: string, content: Buffer | string, RegExp][] = [
    ['cut.jpg', jpeg.subarray(0, jpeg.length / 2), /cut\.jpg: not an image that can be read/],
    ['vector.png', '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"></svg>', /it is SVG/],
    ['new.png', await sharp(pixels).avif().toBuffer(), /it is AVIF\); convert it to PNG or JPEG/],
    ['old.png', Buffer.concat([Buffer.from('BM'), Buffer.alloc(60)]), /it is BMP\); convert it/],
    ['plain.png', 'P3 1 1 255 7 7 7\n', /it is PPM\); convert it/],
    [
      'line.png',
      await sharp(pixels).resize(300, 1, { fit: 'fill' }).png().toBuffer(),
      /line\.png: an image of 300 x 1 is too narrow/,
    ],
    ['whole.jpg', jpeg, /^$/],
  ];
  const rows = pictures.map(([image], i) => row(String(i + 1), { image }));
  const folder = withRows(
    'unreadable',
    JSON.stringify([...rows, row('8', { image: 'whole.jpg', problem: 'Hear <audio>.' })]),
  );
  for (const [name, content] of pictures) writeFileSync(path.join(folder, 'images', 'train_images', name), content);
  const set = releasedSet(folder, 'counting', 'train');
  const { sound, problems } = await validateReleased(set);
  assert.equal(sound, 1);
  assert.deepEqual(
    problems.map(({ row, field }) => `${row} ${field}`),
    [...[1, 2, 3, 4, 5, 6].map((number) => `${number} image`), '8 problem'],
  );
  pictures.slice(0, 6).forEach(([, , reason], i) => {
    assert.match(problems[i]!.reason, reason);
  });
  assert.equal(problems[6]!.reason, 'holds <audio>');
});

test('a linked folder of pictures is sound for validate and for the records that are made of it, under names in either Unicode form', async () => {
  const name = 'größe.png';
  const folder = withRows(
    'linked',
    JSON.stringify([row('1', { image: `CLEVR_train_00000.png` }), row('2', { image: name.normalize('NFC') })]),
  );
  const pictures = path.join(folder, 'images', 'train_images');
  const disk = out('disk');
  renameSync(pictures, disk);
  symlinkSync(disk, pictures);
  cpSync(path.join(disk, 'CLEVR_train_00000.png'), path.join(disk, name.normalize('NFD')));
  const set = releasedSet(folder, 'counting', 'train');
  assert.deepEqual(await validateReleased(set), { sound: 2, problems: [] });
  await convertReleased(set, 'records', path.join(folder, 'rows.jsonl'));
  // As `sft` reads them.
  const { images } = await loadRecords(path.join(folder, 'rows.jsonl'), set.imageRoot);
  assert.equal(images.length, 2);
  writeFileSync(path.join(disk, 'CLEVR_train_00000.png'), 'no image');
  await assert.rejects(
    loadRecords(path.join(folder, 'rows.jsonl'), set.imageRoot),
    /rows\.jsonl, row '1', field 'image': .*CLEVR_train_00000\.png: not an image that can be read/,
  );
});

test('every bad row is reported at once, with file, row, field and reason', async () => {
  writeFileSync(out('secret.png'), '');
  const { cot: _, ...rationaleless } = row('4');
  const bad = withRows(
    'bad',
    `[${[
      ...[row('1'), { ...row('2'), answer: 2 }, { ...row('3'), problem: undefined }, rationaleless],
      ...[row('5', { cot: ' \n' }), row('6', { cot: '<think>objects: 2.</think>' }), row('1')],
      ...[row('8', { answer: 'two' }), row('9', { image: 'gone.png' }), row('10', { image: '../../../secret.png' })],
      ...[row('11', { image: 'broken.png' }), row('12', { image: ['CLEVR_train_00000.png', 'CLEVR_train_00001.png'] })],
      ...[row('13', { task: 'maths' }), row('14', { problem: 'How many in <image>?' })],
      ...[row('15', { cot: 'two<|im_end|>' }), 7],
    ]
      .map((entry) => JSON.stringify(entry))
      .join(',\n')}, {"id": 17,}, ${JSON.stringify(row('18'))}]`,
  );
  writeFileSync(path.join(bad, 'images', 'train_images', 'broken.png'), 'no image');
  const set = releasedSet(bad, 'counting', 'train');
  const { sound, problems } = await validateReleased(set);
  assert.equal(sound, 2);
  const expected: [number, string, RegExp][] = [
    [2, 'answer', /^is not a string, but a number$/],
    [3, 'problem', /^is missing$/],
    [4, 'cot', /^is missing$/],
    [5, 'cot', /^is empty$/],
    [6, 'cot', /^holds <think>$/],
    [7, 'id', /^'1' is also the id of row 1$/],
    [8, 'answer', /^'two' is not a whole number$/],
    [9, 'image', /^there is no file .*train_images.gone\.png$/],
    [10, 'image', /^'..\/..\/..\/secret\.png' lies outside .*train_images$/],
    [11, 'image', /^.*broken\.png: not an image that can be read/],
    [12, 'image', /^names 2 files; the task shows 1$/],
    [13, 'task', /^'maths' is not counting/],
    [14, 'problem', /^holds <image>$/],
    [15, 'cot', /^holds <\|im_end\|>$/],
    [16, 'whole row', /expected object/],
    [17, 'whole row', /^not JSON/],
  ];
  assert.deepEqual(
    problems.map(({ row, field }) => [row, field]),
    expected.map(([row, field]) => [row, field]),
  );
  expected.forEach(([, , reason], i) => {
    assert.match(problems[i]!.reason, reason);
  });
  assert.equal(problemText(problems[0]!), `${set.file}, row 2, field 'answer': is not a string, but a number`);
});

test('one bad row stops the conversion before anything is written, or is left out and reported', async () => {
  const set = releasedSet(withRows('one-bad', [row('1'), row('2', { answer: '' }), row('3')]), 'counting', 'train');
  const target = path.join(folder, 'written', 'a.json');
  mkdirSync(path.dirname(target));
  await assert.rejects(
    convertReleased(set, 'rl', target),
    /cannot write .*a\.json: 1 problem in the records of .*A3-.*\.json:\n.*row 2, field 'answer': is empty/,
  );
  for (const form of RELEASED_FORMS) await assert.rejects(convertReleased(set, form, target), /1 problem in/, form);
  assert.deepEqual(readdirSync(path.dirname(target)), []);
  const { written, problems } = await convertReleased(set, 'rl', target, { skipBad: true });
  assert.deepEqual([written, problems.map((problem) => problem.row)], [2, [2]]);
  assert.deepEqual(
    JSON.parse(readFileSync(target, 'utf8')).map(({ id }: { id: string }) => id),
    ['1', '3'],
  );
  // A bad row that is not asked for stops nothing.
  assert.equal((await convertReleased(set, 'rl', target, { rows: [2, 3] })).written, 1);
});

test('what an answer of each task is', () => {
  for (const [task, sound, bad] of [
    ['counting', ['0', '12'], ['-1', '6.0', 'six', '']],
    ['structure', ['A', 'D', '12', '-0.5', '.5', '3.'], ['E', 'a', 'A.', '5 cm', '1/2', '']],
    [
      'transformation',
      [
        'change_size(1, small)',
        "change_color(0,'red'), change_shape(2, cube)",
        '["change_material(1,glass)", "change_position(10, behind_left)"]',
      ],
      [
        'none',
        'change_size(1, tiny)',
        'change_form(1, cube)',
        'change_size(x, small)',
        'change_size(1, small) or not',
        'change_size(1, small) '.repeat(5),
      ],
    ],
  ] as const) {
    for (const answer of sound) assert.equal(releasedRows(task).answerFault(answer), undefined, answer);
    for (const answer of bad) assert.notEqual(releasedRows(task).answerFault(answer), undefined, answer);
  }
});

test('geometry rows of the released evaluation may carry their question without its instruction', async () => {
  const rows = [
    { id: '1', image: 'CLEVR_test_00000.png', problem: 'Q? <answer>', problem_no_prompt: 'Q?', answer: '2' },
  ];
  const set = releasedSet(withRows('unprompted', rows, 'counting', 'id'), 'counting', 'id');
  const [only] = await collect(readReleased(set, rejected));
  assert.equal(only!.record.problem, 'Q?');
});

test('ANS-SFT and CoT-SFT conversations, RL rows', async () => {
  const convert = async (task: string, form: 'ans-sft' | 'cot-sft' | 'rl') => {
    await convertReleased(releasedSet(dataset, task, 'train'), form, out('rows.json'));
    return JSON.parse(readFileSync(out('rows.json'), 'utf8'));
  };
  const [answer] = await convert('counting', 'ans-sft');
  assert.deepEqual(answer, {
    id: 'clevr-math-train-0',
    image: ['train_images/CLEVR_train_00000.png'],
    messages: [
      { role: 'user', content: '<image>Add 3 purple spheres. How many objects exist?' },
      { role: 'assistant', content: '8' },
    ],
  });
  const [reasoned] = await convert('counting', 'cot-sft');
  assert.deepEqual(reasoned.messages, [
    { role: 'user', content: `<image>Add 3 purple spheres. How many objects exist?${think}` },
    { role: 'assistant', content: '<think>\nobjects: 5. 5 + 3 = 8.\n</think>\n<answer>\n8\n</answer>' },
  ]);
  const [pair] = await convert('transformation', 'ans-sft');
  assert.match(
    pair.messages[0].content,
    /^<image><image>Two images .*change_size\(object_id, value\).*'glass'\)\]\.$/s,
  );
  assert.equal(pair.messages[1].content, 'change_shape(0, sphere), change_color(1, gray)');
  assert.deepEqual((await convert('counting', 'rl'))[0], {
    id: 'clevr-math-train-0',
    image: 'train_images/CLEVR_train_00000.png',
    problem: 'Add 3 purple spheres. How many objects exist?',
    solution: '8',
  });
  // The answer stays, as it chooses the prompt of the released trainer.
  assert.deepEqual(Object.keys((await convert('structure', 'rl'))[0]), [
    'id',
    'image',
    'problem',
    'solution',
    'answer',
  ]);
});

test('the kit’s own records: read by its reader, put by its prompts', async () => {
  for (const task of TASK_NAMES) {
    const set = releasedSet(dataset, task, 'train');
    const { written } = await convertReleased(set, 'records', out(`${task}.jsonl`));
    const records = readRecords(out(`${task}.jsonl`), set.imageRoot);
    assert.equal(records.length, written);
    const [read] = await collect(readReleased(set, rejected));
    assert.equal(
      taskNamed(task).writePrompt(records[0]!, 'think'),
      writeReleasedPrompt(task, read!.record, 'think'),
      'one wording in training here and in the files for others',
    );
  }
  const family = (task: string) => readRecords(out(`${task}.jsonl`), path.join(dataset, 'images')).map((r) => r.family);
  assert.deepEqual(family('structure'), ['choice', 'number', 'choice']);
  assert.deepEqual(family('transformation'), ['level-2', 'level-3']);
});

test('Parquet for TRL: messages, and images as structs of bytes and path', async () => {
  const set = releasedSet(dataset, 'transformation', 'train');
  for (const embed of [false, true]) {
    await convertReleased(set, 'trl', out('rows.parquet'), { embed });
    const file = await asyncBufferFromFile(out('rows.parquet'));
    const [first] = await parquetReadObjects({ file, utf8: false });
    const { problem } = (await collect(readReleased(set, rejected)))[0]!.record;
    assert.deepEqual(Object.keys(first!), ['id', 'prompt', 'images', 'solution']);
    assert.equal(first!.prompt.length, 1);
    assert.equal(first!.prompt[0].role, 'user');
    assert.ok(first!.prompt[0].content.includes(problem));
    assert.match(first!.prompt[0].content, /<answer> <\/answer> tags\.$/);
    const [initial] = first!.images;
    const image = path.join(dataset, 'images', 'train_images', 'img_418840-init.C.png');
    if (embed) assert.deepEqual(Buffer.from(initial.bytes), readFileSync(image));
    else assert.equal(initial.bytes ?? null, null);
    assert.equal(initial.path, embed ? 'train_images/img_418840-init.C.png' : image);
    // By this `datasets` knows the structs for images.
    const { key_value_metadata } = await parquetMetadataAsync(file);
    const { features } = JSON.parse(key_value_metadata!.find(({ key }) => key === 'huggingface')!.value!).info;
    assert.deepEqual(features.images, [{ _type: 'Image' }]);
  }
});

test('the stages of the paper: structure perception is trained whole in stage 2', () => {
  assert.deepEqual(stageRows('counting', 'one'), [0, 1600]);
  assert.deepEqual(stageRows('counting', 'two'), [1600, Number.POSITIVE_INFINITY]);
  assert.deepEqual(stageRows('structure', 'two'), [0, Number.POSITIVE_INFINITY]);
});

test('the authors’ prompts are read from their file as text', async () => {
  const file = out('prompts.py');
  writeFileSync(
    file,
    [
      'import os; os.abort()',
      "PROMPT_SPATIAL_TRANSFORMATION_COT_SFT = '''Rules: 'func(object_id, value)'.  \r\n\r\n{Problem} Tags.\r\n'''\r",
      'PROMPT_STRUCTURE_PERCEPTION_CHOICE_COT_SFT = "{Question} A \\"letter\\".\\nTags."',
      'PROMPT_STRUCTURE_PERCEPTION_NON_CHOICE_COT_SFT = "{Question} A number."',
      'PROMPT_VISUAL_COUNTING_ANS_SFT = "no place"',
    ].join('\n'),
  );
  const write = readPromptFile(file);
  const row = { problem: 'P? $& {Problem}', answer: 'A' };
  assert.equal(
    write('transformation', row, 'think'),
    "Rules: 'func(object_id, value)'.  \n\nP? $& {Problem} Tags.\n",
    'Python reads Windows line ends as one character',
  );
  assert.equal(write('structure', row, 'think'), 'P? $& {Problem} A "letter".\nTags.');
  assert.equal(write('structure', { ...row, answer: 'AB' }, 'think'), 'P? $& {Problem} A number.');
  assert.throws(() => write('counting', row, 'think'), /prompts\.py holds no PROMPT_VISUAL_COUNTING_COT_SFT/);
  assert.throws(() => write('counting', row, 'bare'), /PROMPT_VISUAL_COUNTING_ANS_SFT must hold \{Problem\}/);
  writeFileSync(file, 'nothing');
  assert.throws(() => readPromptFile(file), /prompts\.py holds no prompt/);
  const set = releasedSet(dataset, 'transformation', 'train');
  await convertReleased(set, 'cot-sft', out('prompted.jsonl'), { prompts: write });
  const [line] = readFileSync(out('prompted.jsonl'), 'utf8').split('\n');
  assert.match(JSON.parse(line!).messages[0].content, /^<image><image>Rules: .*\n\nThe attributes .* Tags\.\n$/);
});

test('test sets hold no rationales to train on', async () => {
  const set = releasedSet(dataset, 'counting', 'id');
  await assert.rejects(convertReleased(set, 'cot-sft', out('none.json')), /holds no rationales/);
  assert.ok(!existsSync(out('none.json')));
});

test('100,000 rows are read, checked and converted within 300 MB', { skip: process.platform !== 'linux' }, () => {
  const rows = Array.from({ length: 100_000 }, (_, i) =>
    JSON.stringify(
      row(`clevr-math-train-${i}`, { image: `CLEVR_train_0000${i % 6}.png`, cot: 'objects: 2. '.repeat(30) }),
      null,
      4,
    ),
  );
  const large = withRows('large', `[\n${rows.join(',\n')}\n]\n`);
  const script = `
    const { releasedSet } = require('./lib/data/released/dataset.ts');
    const { convertReleased } = require('./lib/data/released/convert.ts');
    const set = releasedSet(process.argv[1], 'counting', 'train');
    (async () => {
      const counts = [];
      for (const [form, out] of [['cot-sft', '/large.json'], ['trl', '/large.parquet']])
        counts.push((await convertReleased(set, form, process.argv[2] + out)).written);
      console.log(JSON.stringify([counts, /VmHWM:\\s+(\\d+)/.exec(require('fs').readFileSync('/proc/self/status', 'utf8'))[1]]));
    })();`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', '-e', script, large, folder], {
    encoding: 'utf8',
  });
  assert.notEqual(stdout, '', stderr);
  const [counts, kilobytes] = JSON.parse(stdout);
  assert.deepEqual(counts, [100_000, 100_000]);
  assert.ok(Number(kilobytes) < 300_000, `${kilobytes} kB`);
});
