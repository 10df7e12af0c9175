/** A sweep over rows, rewards and settings of one's own: its cells, what makes them stale, its course, its table and its figures. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { sweepCurves, sweepFigure } from '../../../lib/plots/study/sweep-figures.js';
import { writePng } from '../../../lib/records/image.js';
import type { OwnCell } from '../../../lib/study/cells/own-cell.js';
import { type Sweep, sweepCells } from '../../../lib/study/design/sweep.js';
import { sweep } from '../../../lib/study/results/sweep.js';
import { readJobFile, writeJobFile } from '../../../lib/study/running/job-file.js';
import { planSweep } from '../../../lib/study/running/sweep-jobs.js';
import { runHere } from '../../support/command-line.js';
import { writeColourRows } from '../../support/own-rows.js';
import { writeShallowModel } from '../../support/shallow-model.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-sweep-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const place = (...names: string[]) => path.join(folder, ...names);

let definition: Sweep;
before(async () => {
  const [data, heldOut, tests] = await Promise.all([
    writeColourRows(folder, 'train', 6),
    writeColourRows(folder, 'held-out', 3),
    writeColourRows(folder, 'test', 4),
  ]);
  writeFileSync(
    place('mine.ts'),
    'export async function brevity({ completion }: { completion: string }) { return 1 / (1 + completion.length); }\n',
  );
  const size = { steps: 2, promptsPerStep: 2, promptsPerMicroBatch: 2, maxNewTokens: 6 };
  const cell: OwnCell = {
    ...{ kind: 'grpo', data, prompt: '{{ problem }} One word.', rewards: `accuracy,${place('mine.ts')}#brevity=0.5` },
    ...{ start: writeShallowModel(place('base')), settings: { ...size, schedule: { learningRate: 1e-4 } } },
    ...{ validation: { data: heldOut, evaluateEvery: 2, samples: 2 }, test: { colours: { data: tests } } },
  };
  definition = { out: place('sweep'), cell, over: { beta: [0, 0.04], completions: [2, 4] }, seeds: [1, 2] };
});

const folders = async (changed: Partial<Sweep> = {}) =>
  (await planSweep({ ...definition, ...changed })).jobs.map((job) => path.basename(job.folder));

test('the grid has every combination with every seed; settings, fields and adapters can vary', () => {
  assert.deepEqual(
    sweepCells(definition).map(({ name }) => name),
    ['beta 0, completions 2', 'beta 0, completions 4', 'beta 0.04, completions 2', 'beta 0.04, completions 4'].flatMap(
      (label) => [`${label}/seed 1`, `${label}/seed 2`],
    ),
  );
  const over = {
    'schedule.learningRate': [1e-5],
    prompt: { short: '{{ problem }}', long: '{{ problem }} Think first.' },
    'lora.rank': [4],
  };
  const cells = sweepCells({ ...definition, over, seeds: [7] });
  assert.deepEqual(
    cells.map(({ name, cell }) => [name, cell.prompt, cell.lora?.rank, cell.settings?.schedule, cell.settings?.seed]),
    [
      [
        'schedule.learningRate 0.00001, prompt short, lora.rank 4/seed 7',
        '{{ problem }}',
        4,
        { learningRate: 1e-5 },
        7,
      ],
      [
        ...['schedule.learningRate 0.00001, prompt long, lora.rank 4/seed 7', '{{ problem }} Think first.'],
        ...[4, { learningRate: 1e-5 }, 7],
      ],
    ],
  );
});

test('a name that does not exist is refused with the nearest right one, wherever it stands', async () => {
  const cases: [object, RegExp][] = [
    [{ over: { betta: [0] } }, /sweep, over: there is no setting 'betta'; did you mean 'beta'\?/],
    [{ over: { 'schedule.learningrate': [0] } }, /did you mean 'schedule\.learningRate'\?/],
    [{ over: { beta: [] } }, /beta has no values/],
    [{ over: { beta: [0, 0] } }, /beta has the value 0 twice/],
    [{ over: { seed: [1] } }, /seeds stand in 'seeds'/],
    [{ seeds: [1, 1] }, /seeds must be whole numbers, each of them once; got 1/],
    [{ seds: [1] }, /there is no field 'seds'; did you mean 'seeds'\?/],
    [{ cell: { ...definition.cell, promt: 'x' } }, /cell: there is no field 'promt'; did you mean 'prompt'\?/],
    [{ cell: { ...definition.cell, target: 'cot' } }, /there is no field 'target'/],
  ];
  for (const [changed, message] of cases)
    assert.throws(() => sweepCells({ ...definition, ...changed } as Sweep), message);
  const settings = { ...definition.cell.settings, bta: 1 } as object;
  await assert.rejects(
    planSweep({ ...definition, cell: { ...definition.cell, settings } as OwnCell }),
    /there is no setting 'bta'; did you mean 'beta'\?/,
  );
});

test('rows, pictures, prompt, rewards’ files, settings and start make other cells', async () => {
  const original = await folders();
  assert.equal(new Set(original).size, 8);
  assert.deepEqual(await folders(), original);
  const isOther = async (what: string, changed: Partial<Sweep> = {}) => {
    const now = await folders(changed);
    assert.ok(
      now.every((name) => !original.includes(name)),
      what,
    );
  };
  const { cell } = definition;
  await isOther('the prompt', { cell: { ...cell, prompt: '{{ problem }} Two words.' } });
  await isOther('the weight of a reward', {
    cell: { ...cell, rewards: `accuracy,${place('mine.ts')}#brevity=0.6` } as OwnCell,
  });
  await isOther('a setting', { cell: { ...cell, settings: { ...cell.settings, steps: 3 } } as OwnCell });
  await isOther('the adapters', { over: { ...definition.over, 'lora.rank': [2] } });
  const restoring = async (file: string, text: string | Uint8Array, what: string) => {
    const before = readFileSync(file);
    if (typeof text === 'string') writeFileSync(file, text);
    else await writePng(file, { width: 32, height: 32, data: text });
    await isOther(what);
    writeFileSync(file, before);
  };
  await restoring(cell.data, readFileSync(cell.data, 'utf8').replace('"answer":"red"', '"answer":"blue"'), 'a row');
  await restoring(place('images', 'train-0.png'), new Uint8Array(32 * 32 * 3), 'a picture');
  await restoring(place('images', 'held-out-0.png'), new Uint8Array(32 * 32 * 3), 'a held-out picture');
  await restoring(place('mine.ts'), readFileSync(place('mine.ts'), 'utf8').replace('1 /', '2 /'), 'a file of a reward');
  const tokenizer = place('base', 'tokenizer_config.json');
  await restoring(tokenizer, `${readFileSync(tokenizer, 'utf8')}\n`, 'a file of the start');
  assert.deepEqual(await folders(), original);
});

test('a job is planned again from its file in another process', async () => {
  const { jobs } = await planSweep(definition);
  const file = writeJobFile(jobs[3]!).at(-1)!;
  const again = await readJobFile(file);
  assert.deepEqual([again.folder, again.name, again.steps], [jobs[3]!.folder, jobs[3]!.name, 2]);
  rmSync(path.dirname(file), { recursive: true });
});

test('interrupted it goes on where it was; its outcome is a table with intervals, a figure and curves', async () => {
  const stop = new AbortController();
  const first = await sweep(definition, { signal: stop.signal, onDone: () => stop.abort() });
  assert.equal(first.report.interrupted, true);
  assert.equal(first.rows.length, 1);
  assert.equal(first.missing.length, 7);

  const trained: string[] = [];
  const { rows, missing, report, files } = await sweep(definition, { onDone: ({ name }) => trained.push(name) });
  assert.deepEqual([trained.length, missing, report.failed], [7, [], []]);
  assert.deepEqual(
    rows.map(({ label, seeds }) => [label, seeds]),
    [
      ['beta 0, completions 2', [1, 2]],
      ['beta 0, completions 4', [1, 2]],
      ['beta 0.04, completions 2', [1, 2]],
      ['beta 0.04, completions 4', [1, 2]],
    ],
  );
  for (const row of rows) {
    const { accuracy, difference } = row.tests.colours!;
    assert.deepEqual([accuracy.perSeed.length, accuracy.items, row.heldOut!.items], [2, 4, 3]);
    assert.equal(difference === undefined, row === rows[0]);
    assert.ok(row.last.reward! >= 0 && row.last['rewards/brevity/mean']! > 0);
    assert.equal(row.last.kl !== undefined, row.values.beta === '0.04', 'the KL is there where there is a reference');
  }
  const json = JSON.parse(readFileSync(files.json, 'utf8')) as { rows: { runs: string[] }[] };
  for (const run of json.rows.flatMap((row) => row.runs)) assert.ok(existsSync(place('sweep', run, 'result.json')));
  const table = readFileSync(files.markdown, 'utf8').split('\n');
  assert.match(
    table[0]!,
    /^\| beta \| completions \| seeds \| colours, % \| colours, from the first \| held out, % \| reward \|/,
  );
  assert.match(table[2]!, /^\| 0 \| 2 \| 1, 2 \| \d+\.\d \[\d+\.\d, \d+\.\d\] \| {2}\|/);
  assert.match(table[5]!, /^\| 0\.04 \| 4 \| 1, 2 \| .* \| [+-]\d+\.\d \[[+-]\d+\.\d, [+-]\d+\.\d\] \|/);

  const forest = JSON.stringify(sweepFigure({ rows }));
  for (const { label } of rows) assert.ok(forest.includes(label), label);
  const curves = sweepCurves({ rows }).data as { name?: string; y: number[] }[];
  const [, rewards] = curves.filter(({ name }) => name === rows[1]!.label || name === `${rows[1]!.label}, each step`);
  assert.equal(rewards!.y.length, 2);
});

test('the command lists the cells, takes what is done, and refuses an unknown name with exit code 2', async () => {
  writeFileSync(place('sweep.json'), JSON.stringify(definition));
  const listed = await runHere(['sweep', '--config', place('sweep.json'), '--workers', '0', '--list']);
  assert.deepEqual(listed, { status: 0, stderr: '' });
  const run = await runHere(['sweep', '--config', place('sweep.json'), '--workers', '0']);
  assert.equal(run.status, 0, run.stderr);
  for (const name of ['sweep.png', 'sweep.svg', 'sweep.html', 'curves.png'])
    assert.ok(existsSync(place('sweep', 'figures', name)), name);
  writeFileSync(place('slip.json'), JSON.stringify({ ...definition, over: { betta: [1] } }));
  const slip = await runHere(['sweep', '--config', place('slip.json')]);
  assert.equal(slip.status, 2);
  assert.match(slip.stderr, /did you mean 'beta'\?/);
});
