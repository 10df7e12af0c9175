/** `validate` and `convert` as a user meets them, and what is converted on its way through training and evaluation. */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { repositoryRoot } from '../../lib/study/workspace.js';
import { runHere, runProcess } from '../support/command-line.js';
import { writeShallowModel } from '../support/shallow-model.js';

const root = repositoryRoot();
const dataset = path.join(root, 'test', 'data', 'fixtures', 'released');
const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-released-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const out = (name: string) => path.join(folder, name);

test('released rows are converted, trained on and evaluated on', () => {
  const convert = (set: string) => {
    const form = ['--set', set, '--form', 'records', '--out', out(`${set}.jsonl`)];
    return runProcess(['convert', '--from', dataset, '--task', 'counting', ...form, '--json']);
  };
  const { status, stdout, stderr } = convert('train');
  assert.equal(status, 0, stderr);
  const images = path.join(dataset, 'images');
  assert.deepEqual(JSON.parse(stdout), { file: out('train.jsonl'), rows: 6, images, problems: [] });
  assert.equal(convert('id').status, 0);
  const start = ['--model', writeShallowModel(out('base')), '--images', images, '--json'];
  const settings = ['--out', out('run'), '--epochs=1', '--batchSize=6'];
  const trained = runProcess(['sft', '--data', out('train.jsonl'), ...start, ...settings]);
  assert.equal(trained.status, 0, trained.stderr);
  const metrics = readFileSync(path.join(out('run'), 'metrics.jsonl'), 'utf8').trim();
  assert.equal(metrics.split('\n').length, 1);
  const { checkpoint } = JSON.parse(trained.stdout);
  const items = ['--data', out('id.jsonl'), '--images', images, '--scorer', 'released', '--json'];
  const evaluated = runProcess(['evaluate', '--model', checkpoint, ...items]);
  assert.equal(evaluated.status, 0, evaluated.stderr);
  const result = JSON.parse(evaluated.stdout);
  assert.equal(result.count, 2);
  assert.deepEqual(
    result.items.map(({ id }: { id: string }) => id),
    ['clevr-math-test-0', 'clevr-math-test-1'],
  );
});

test('bad rows: exit code 1, each of them named, nothing written', () => {
  cpSync(dataset, out('bad'), { recursive: true });
  const file = path.join(out('bad'), 'train_jsons', 'A3-Visual-Counting-train-35k-cot.json');
  const rows = JSON.parse(readFileSync(file, 'utf8'));
  rows[1].answer = 'two';
  rows[4].image = 'gone.png';
  writeFileSync(file, JSON.stringify(rows));
  const validated = runProcess(['validate', '--from', out('bad'), '--json']);
  assert.equal(validated.status, 1, validated.stderr);
  const { files, problems } = JSON.parse(validated.stdout);
  assert.equal(files.length, 10);
  assert.deepEqual(problems[0], { file, row: 2, field: 'answer', reason: "'two' is not a whole number" });
  assert.deepEqual([problems.length, problems[1].row, problems[1].field], [2, 5, 'image']);
  const args = ['convert', '--from', out('bad'), '--task', 'counting', '--form', 'rl', '--out', out('rl.json')];
  const converted = runProcess(args);
  assert.equal(converted.status, 1);
  assert.match(converted.stderr, /row 2, field 'answer'.*row 5, field 'image'/s);
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.includes('rl.json')),
    [],
  );
});

test('wrong usage: exit code 2', async () => {
  const convert = (...args: string[]) =>
    runHere(['convert', '--from', dataset, '--form', 'rl', '--out', out('x.json'), ...args]);
  const unknown = await convert('--task', 'maths');
  assert.equal(unknown.status, 2);
  assert.match(unknown.stderr, /no task 'maths'; choose counting, structure, transformation/);
  const range = await convert('--task', 'counting', '--rows', '3:3');
  assert.equal(range.status, 2);
  assert.match(range.stderr, /--rows must be two whole numbers that rise/);
});
