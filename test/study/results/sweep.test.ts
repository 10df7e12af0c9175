/** A sweep over rows, rewards and settings of one's own: its cells, what makes them stale, its course, its table and its figures. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, mock, test } from 'node:test';
import { stringify } from 'yaml';
import type { Evaluation } from '../../../lib/evaluate/evaluate.js';
import { sweepCurves, sweepFigure } from '../../../lib/plots/study/sweep-figures.js';
import { writePng } from '../../../lib/records/image.js';
import type { OwnCell } from '../../../lib/study/cells/own-cell.js';
import { type Sweep, sweepCells } from '../../../lib/study/design/sweep.js';
import { sweep } from '../../../lib/study/results/sweep.js';
import type { SweepRow } from '../../../lib/study/results/sweep-results.js';
import { readJobFile, writeJobFile } from '../../../lib/study/running/job-file.js';
import { planSweep, type SweepJob } from '../../../lib/study/running/sweep-jobs.js';
import { PROGRAM, runHere, runProcess } from '../../support/command-line.js';
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

/** The evaluation of a run's only test set. */
const evaluationIn = (run: string) => {
  const file = readdirSync(run).find((name) => name.startsWith('evaluation-'))!;
  return JSON.parse(readFileSync(path.join(run, file), 'utf8')) as Evaluation;
};

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

test('a scorer of one’s own is part of validation and tests, by its file; cells that differ in tests alone share a run', async () => {
  const scorer = (name: string) => `${place('score.ts')}#${name}`;
  const file = (text: string) => writeFileSync(place('score.ts'), text);
  file('export const always = () => 1;\nexport const never = () => 0;\n');
  const { validation: _, ...untested } = definition.cell;
  const over = { scorer: { kit: 'kit', symbolic: 'symbolic', always: scorer('always'), never: scorer('never') } };
  const planned = await planSweep({ ...definition, cell: untested as OwnCell, over, seeds: [1] });
  assert.deepEqual([planned.jobs.length, planned.jobs[0]!.ready.tests.length], [1, 4]);
  const again = await readJobFile(writeJobFile(planned.jobs[0]!).at(-1)!);
  assert.deepEqual(
    (again as SweepJob).ready.tests.map((one) => one.file),
    planned.cells.map(({ tests }) => tests[0]!.file),
  );
  rmSync(planned.jobs[0]!.folder, { recursive: true });

  const own = async (changed: object = {}) => {
    const plan = await planSweep({
      ...definition,
      cell: { ...definition.cell, ...changed } as OwnCell,
      over: {},
      seeds: [1],
    });
    return [plan.jobs[0]!.folder, path.basename(plan.cells[0]!.tests[0]!.file)];
  };
  const [kit, always, never] = [
    await own(),
    await own({ scorer: scorer('always') }),
    await own({ scorer: scorer('never') }),
  ];
  file('export const always = () => true;\nexport const never = () => 0;\n');
  const changed = await own({ scorer: scorer('always') });
  for (const at of [0, 1]) assert.equal(new Set([kit, always, never, changed].map((names) => names[at])).size, 4);
  await assert.rejects(own({ scorer: 'kitt' }), /scorer must be kit, symbolic, released or a file of your own/);
});

test('type of weights and bounds of pixels make other cells where they change numbers', async () => {
  const one = async (changed: object = {}) => {
    const cell = { ...definition.cell, ...changed } as OwnCell;
    const { jobs } = await planSweep({ ...definition, cell, over: {}, seeds: [1] });
    return { folder: jobs[0]!.folder, load: jobs[0]!.ready.load };
  };
  const plain = await one();
  assert.deepEqual(await one({ dtype: 'float32' }), { folder: plain.folder, load: { dtype: 'float32' } });
  const others = [await one({ dtype: 'bfloat16' }), await one({ maxPixels: 4096 }), await one({ minPixels: 6272 })];
  assert.equal(new Set([plain, ...others].map(({ folder }) => folder)).size, 4);
  assert.deepEqual(
    others.map(({ load }) => load),
    [{ dtype: 'bfloat16' }, { maxPixels: 4096 }, { minPixels: 6272 }],
  );
  await assert.rejects(one({ dtype: 'float8' }), /cell: dtype must be auto, float32, bfloat16, got "float8"/);
  await assert.rejects(one({ minPixels: 9, maxPixels: 4 }), /minPixels 9 is more than maxPixels 4/);
  await assert.rejects(one({ maxPixels: 'many' }), /maxPixels must be a whole number of 1 or more, got "many"/);
});

test('a start may be the id of a model in the hub’s cache', async () => {
  const commit = 'a'.repeat(40);
  const storage = place('hub', 'models--kit--colours');
  cpSync(place('base'), path.join(storage, 'snapshots', commit), { recursive: true });
  mkdirSync(path.join(storage, 'refs'));
  writeFileSync(path.join(storage, 'refs', 'main'), commit);
  const before = process.env.HF_HUB_CACHE;
  process.env.HF_HUB_CACHE = place('hub');
  try {
    const cell = { ...definition.cell, start: 'kit/colours' } as OwnCell;
    const [planned] = (await planSweep({ ...definition, cell })).jobs;
    assert.equal(planned!.ready.base, path.join(storage, 'snapshots', commit));
    assert.ok((await folders()).includes(path.basename(planned!.folder)), 'the same files are the same start');
    const absent = { ...definition.cell, start: 'kit/unknown' } as OwnCell;
    await assert.rejects(
      planSweep({ ...definition, cell: absent }),
      /start: there is no folder 'kit\/unknown', nor is it the id of a model in the hub's cache/,
    );
  } finally {
    if (before === undefined) delete process.env.HF_HUB_CACHE;
    else process.env.HF_HUB_CACHE = before;
  }
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
  // Nobody listens, so that it prints itself how far it is.
  const said: string[] = [];
  const log = mock.method(console, 'log', (text: string) => {
    said.push(text);
    if (text.includes(' done in ')) stop.abort();
  });
  const first = await sweep(definition, { signal: stop.signal });
  log.mock.restore();
  assert.equal(said[0], 'sweep: 8 cells');
  assert.match(said.at(-1)!, /^sweep 1\/8: beta 0, completions 2\/seed 1 done in \d+ s$/);
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
    const ended = row.runs.flatMap((run) => evaluationIn(run).items.map((item) => item.ended));
    assert.equal(row.tests.colours!.cut, ended.filter((did) => !did).length / 8);
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
  const said = [
    /beta 0, completions 2\/seed 1: settings: preset \w+ \(.*\); the cell: steps 2, promptsPerStep 2, .*maxNewTokens 6/,
    /the first prompt \(row 'train-0', 1 picture\):\n {2}\| Which colour is the square\? One word\.\n/,
  ];
  for (const message of said) assert.match(run.stderr, message);
  const { rows } = JSON.parse(readFileSync(place('sweep', 'sweep.json'), 'utf8')) as { rows: SweepRow[] };
  const cut = rows.filter(({ tests }) => tests.colours!.cut > 0.05);
  const warnings = run.stderr.match(/ % of the completions of .* on colours were cut at the limit of tokens/g) ?? [];
  assert.deepEqual([cut.length, warnings.length], [4, 4], 'six tokens cut every completion of the untrained model');
  for (const name of ['sweep.png', 'sweep.svg', 'sweep.html', 'curves.png'])
    assert.ok(existsSync(place('sweep', 'figures', name)), name);
  writeFileSync(place('slip.json'), JSON.stringify({ ...definition, over: { betta: [1] } }));
  const slip = await runHere(['sweep', '--config', place('slip.json')]);
  assert.equal(slip.status, 2);
  assert.match(slip.stderr, /did you mean 'beta'\?/);
});

test('YAML says the same as JSON; a mistake in it is named by file and line', async () => {
  for (const name of ['sweep.yaml', 'sweep.yml']) writeFileSync(place(name), stringify(definition));
  const list = (name: string) => ['sweep', '--config', place(name), '--workers', '0', '--list', '--json'];
  assert.deepEqual(await runHere(list('sweep.yaml')), { status: 0, stderr: '' });
  const listed = JSON.parse(runProcess(list('sweep.yml')).stdout) as { name: string; folder: string }[];
  const { jobs } = await planSweep(definition);
  assert.deepEqual(
    listed.map(({ name, folder }) => [name, folder]),
    jobs.map(({ name, folder }) => [name, folder]),
  );
  const cases: [text: string, message: RegExp][] = [
    ['out: runs\ncell:\n  kind: grpo\n   data: x\n', /cannot read .*slip\.yaml: line 3, column 9: /],
    ['out: runs\nout: other\n', /slip\.yaml: line 2, column 1: Map keys must be unique/],
    ['- out\n', /slip\.yaml does not hold a YAML mapping/],
  ];
  for (const [text, message] of cases) {
    writeFileSync(place('slip.yaml'), text);
    const { status, stderr } = await runHere(['sweep', '--config', place('slip.yaml')]);
    assert.equal(status, 2);
    assert.match(stderr, message);
  }
});

test('SIGTERM stops a sweep at the end of a step, with exit code 143', async () => {
  const cell = { ...definition.cell, settings: { ...definition.cell.settings, steps: 400 } };
  writeFileSync(place('long.json'), JSON.stringify({ out: place('long'), cell, seeds: [1, 2] }));
  const args = ['sweep', '--config', place('long.json'), '--workers', '0'];
  const child = spawn(process.execPath, [...PROGRAM, ...args], { stdio: 'ignore' });
  const hasBegun = () =>
    existsSync(place('long')) &&
    readdirSync(place('long'), { recursive: true }).some((name) => String(name).endsWith('metrics.jsonl'));
  while (!hasBegun() && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 20));
  child.kill('SIGTERM');
  assert.equal(await new Promise((resolve) => child.on('exit', resolve)), 143);
  const { missing } = JSON.parse(readFileSync(place('long', 'sweep.json'), 'utf8')) as { missing: string[] };
  assert.deepEqual(missing, ['the cell/seed 1', 'the cell/seed 2']);
});
