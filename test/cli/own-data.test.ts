/** Rows and prompts of one's own on the command line, and which settings a checkpoint brings. */
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { DEFAULTS_FILE } from '../../lib/model/training-defaults.js';
import { encodePng } from '../../lib/records/image.js';
import { runHere, runProcess } from '../support/command-line.js';
import { writeShallowModel } from '../support/shallow-model.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-own-data-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const out = (name: string) => path.join(folder, name);
const [base, published, data] = [out('base'), out('published'), out('rows.jsonl')];

/** Rows as easy-VQA has them: small pictures of one colour, no task, no scene, and a column of their own. */
before(async () => {
  writeShallowModel(base);
  cpSync(base, published, { recursive: true });
  rmSync(path.join(published, DEFAULTS_FILE));
  const colours = { black: 0, grey: 128, white: 255 };
  const rows = await Promise.all(
    Object.entries(colours).map(async ([answer, value], i) => {
      const image = `${answer}.png`;
      const pixels = { width: 64, height: 64, data: new Uint8Array(64 * 64 * 3).fill(value) };
      writeFileSync(out(image), await encodePng(pixels));
      return { id: String(i), image, problem: 'What colour is it?', answer, cot: 'look.', kind: 'colour' };
    }),
  );
  writeFileSync(data, rows.map((row) => JSON.stringify(row)).join('\n'));
});

const sft = (name: string, ...more: string[]) => ['sft', '--data', data, '--out', out(name), '--model', base, ...more];

test('rows without task, scene and family train; the prompt is not counting’s, and is shown before', () => {
  const { status, stderr } = runProcess(sft('sft', '--epochs', '1'));
  assert.equal(status, 0, stderr);
  assert.match(
    stderr,
    /the first prompt \(row '0', 1 picture\):\n {2}\| What colour is it\? Output the thinking process in <think> <\/think> and final answer in <answer> <\/answer> tags\.\n/,
  );
  // The vocabulary of the nano model has none of the three colours as a word but grey.
  assert.match(
    stderr,
    /warning: the answers of \d+\.\d % of the rows hold words that this model's vocabulary splits: .*black \(6 tokens\)/,
  );
  assert.match(stderr, /settings: preset nano \(.*training_defaults\.json\); command line: epochs 1\n/);
});

test('a prompt of one’s own takes any column, with a system’s turn; another prompt is another run', () => {
  const file = out('prompt.jinja');
  writeFileSync(file, '{{ problem }} Name the {{ kind }}.\n');
  const asked = sft('asked', '--epochs', '1', '--target', 'answer', '--system', 'Be brief.');
  const trained = runProcess([...asked, '--prompt', file]);
  assert.equal(trained.status, 0, trained.stderr);
  assert.match(trained.stderr, /\n {2}system \| Be brief\.\n {2}\| What colour is it\? Name the colour\.\n/);
  writeFileSync(file, '{{ problem }} Say the {{ kind }}.');
  const other = runProcess([...asked, '--prompt', file]);
  assert.equal(other.status, 1);
  assert.match(other.stderr, /prompt was ".*Name the .*", now ".*Say the/);
  // What was trained carries the settings of the model that it came from.
  assert.ok(existsSync(path.join(out('asked'), 'final', DEFAULTS_FILE)));
});

test('a checkpoint that was trained in other words is warned of; a run’s folder in its place is told apart', async () => {
  const [run, final] = [out('asked'), path.join(out('asked'), 'final')];
  const evaluate = (...more: string[]) => runHere(['evaluate', '--data', data, '--max-new-tokens', '2', ...more]);
  const other = await evaluate('--model', final);
  assert.equal(other.status, 0, other.stderr);
  assert.match(
    other.stderr,
    /asked by the template '\{\{ problem \}\} Name the \{\{ kind \}\}\.', and this asks in the words/,
  );
  assert.match(other.stderr, /it had the system turn 'Be brief\.', and this has no system turn/);
  // Two tokens make no tags, which this prompt asks for.
  assert.match(other.stderr, /warning: 0\.0 % of the completions have the <think> and <answer> tags .* --style bare/);
  const same = await evaluate(
    ...['--model', final, '--prompt', '{{ problem }} Name the {{ kind }}.', '--system', 'Be brief.'],
  );
  assert.doesNotMatch(same.stderr, /the run that trained|<answer> tags/);
  const grpo = ['grpo', '--data', data, '--out', out('from-asked'), '--evaluate-every', '1'];
  const refused = await runHere([...grpo, '--model', final, '--validation', out('nothing.jsonl')]);
  assert.match(refused.stderr, /the run that trained .*final asked by the template/);
  for (const command of [
    ['evaluate', '--data', data],
    ['grpo', '--data', data, '--out', out('from-asked')],
  ]) {
    const { status, stderr } = await runHere([...command, '--model', run]);
    assert.equal(status, 2);
    assert.match(stderr, /asked' is not a checkpoint, but holds one: name .*asked\/final/);
  }
  assert.ok(!existsSync(out('from-asked')));
});

test('an option of one value that is given twice is refused by name, one that gathers values is not', async () => {
  const twice = async (...args: string[]) => (await runHere(args)).stderr;
  assert.match(
    await twice('validate', '--data', data, '--test', 'a', '--test', 'b'),
    /--test is given twice and takes one/,
  );
  assert.match(await twice('evaluate', '--data', data, '--data=other'), /--data is given twice/);
  assert.match(await twice(...sft('twice', '--epochs', '1', '--epochs', '2')), /--epochs is given twice/);
  assert.match(await twice(...sft('twice', '--lora-rank', '1', '--lora-rank', '2')), /--lora-rank is given twice/);
  const images = await twice('generate', '--image', 'a', '--image', 'b', '--prompt', 'x', '--top-k', 'many');
  assert.match(images, /--top-k must be a whole number/);
  assert.ok(!existsSync(out('twice')));
});

test('what is wrong with all rows alike is said once', async () => {
  writeFileSync(out('lists.json'), JSON.stringify([[1], [2], [3], { id: '4' }]));
  const { status, stderr } = await runHere(['evaluate', '--data', out('lists.json'), '--model', base]);
  assert.equal(status, 1);
  const lines = stderr.split('\n').filter((line) => line.includes('lists.json'));
  assert.match(lines[0]!, /5 problems in the records of/);
  assert.match(
    lines[1]!,
    /lists\.json, rows 1 to 3, whole row: is a list; a row is an object with named columns: \{"id"/,
  );
  assert.match(lines[2]!, /row 4, field 'problem'/);
  assert.equal(lines.length, 4);
});

test('a column that no row has, a text without a place and no template are refused, and nothing is written', async () => {
  const cases: [prompt: string, status: number, message: RegExp][] = [
    [
      '{{ question }}',
      1,
      /the prompt has a place for 'question', which row '0' has not; its columns are id, problem, answer, cot, kind, image/,
    ],
    ['promt.jinja', 2, /--prompt 'promt\.jinja' is the same for every row: it is no file, none of counting/],
    ['{{ problem ', 2, /the prompt is not a template/],
  ];
  for (const [prompt, expected, message] of cases) {
    const { status, stderr } = await runHere(sft('refused', '--prompt', prompt));
    assert.equal(status, expected, stderr);
    assert.match(stderr, message);
  }
  assert.ok(!existsSync(out('refused')));
});

test('a checkpoint that brings no settings takes the paper’s, and evaluate says so', () => {
  const two = out('two.jsonl');
  writeFileSync(two, readFileSync(data, 'utf8').split('\n').slice(0, 2).join('\n'));
  const evaluate = (model: string, ...more: string[]) =>
    runProcess(['evaluate', '--data', two, '--model', model, ...more]);
  const nano = evaluate(base, '--prompt', '{{ problem }}');
  assert.equal(nano.status, 0, nano.stderr);
  assert.match(nano.stderr, /settings: at most 88 tokens a completion \(.*training_defaults\.json\); greedy/);
  assert.match(nano.stderr, /\n {2}\| What colour is it\?\n/);
  const other = evaluate(published);
  assert.equal(other.status, 0, other.stderr);
  assert.match(
    other.stderr,
    /at most 512 tokens a completion \(the paper's, as .*published brings no settings of its own\)/,
  );
});

test('GRPO from a checkpoint without settings takes the paper’s, one pass long', () => {
  const small = '--promptsPerStep 2 --completions 2 --maxNewTokens 4'.split(' ');
  const { status, stderr } = runProcess([
    ...['grpo', '--data', data, '--out', out('grpo'), '--model', published, ...small],
  ]);
  assert.equal(status, 0, stderr);
  assert.match(
    stderr,
    /settings: preset reason-rft \(the paper's, as .*\); command line: promptsPerStep 2, completions 2, maxNewTokens 4; steps 2, one pass over the rows\n/,
  );
  const { settings } = JSON.parse(readFileSync(path.join(out('grpo'), 'run.json'), 'utf8')).configuration;
  assert.deepEqual([settings.schedule.learningRate, settings.steps, settings.temperature], [1e-6, 2, 0.9]);
});
