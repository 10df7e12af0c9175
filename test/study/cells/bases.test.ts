/** Cells that start from another base model than the study's: known by its contents, trained from it, and the study's own under whatever name. */
import assert from 'node:assert/strict';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { readSafetensors, writeSafetensors } from '../../../lib/model/safetensors.js';
import type { GrpoCell } from '../../../lib/study/cells/cell.js';
import { cellFolder, evaluationFile, readingFile } from '../../../lib/study/cells/cell-identity.js';
import { evaluateCell, finishedCell, measureReading, runCell } from '../../../lib/study/cells/run-cell.js';
import { pretrainingScenes } from '../../../lib/study/data/draw-rows.js';
import { planJobs } from '../../../lib/study/running/grid-jobs.js';
import { runGrid } from '../../../lib/study/running/runner.js';
import type { Study } from '../../../lib/study/workspace.js';
import { tinyGrpo, tinySft, tinyStudy } from '../../support/tiny-study.js';

let study: Study;
let remove: () => void;
before(async () => {
  ({ study, remove } = await tinyStudy('bases'));
  const [same, other] = ['same', 'other'].map((name) => path.join(study.folder, name));
  for (const folder of [same!, other!]) cpSync(study.base, folder, { recursive: true });
  const weights = path.join(other!, 'model.safetensors');
  const tensors = [...readSafetensors(weights)];
  writeSafetensors(
    weights,
    tensors.map(({ name, shape, data }) => ({
      name,
      shape,
      data: Float32Array.from(data as Float32Array, (x) => x / 2),
    })),
  );
  study = { ...study, bases: { same: same!, other: other! } };
});
after(() => remove());

const settings = { rows: [16, 20], completions: 2, maxNewTokens: 8 } as const;

test('a base model with the contents of the study’s own makes the study’s own cells, and another makes others', () => {
  const sft = tinySft(study);
  const places = (base?: string) => {
    const named = base === undefined ? {} : { base };
    const start = { ...sft, ...named };
    return [
      cellFolder(study, start),
      cellFolder(study, tinyGrpo(study, start)),
      cellFolder(study, { ...tinyGrpo(study, 'base'), ...named }),
      evaluationFile(study, { kind: 'base', task: 'counting', ...named }, 'id', 'think'),
      readingFile(study, { kind: 'base', task: 'counting', ...named }, settings),
    ];
  };
  assert.deepEqual(places('same'), places());
  places('other').forEach((place, i) => {
    assert.notEqual(place, places()[i]);
  });
  const grid = [
    { name: 'own', cell: sft, evaluations: [] },
    { name: 'same', cell: { ...sft, base: 'same' }, evaluations: [] },
    { name: 'other', cell: { ...sft, base: 'other' }, evaluations: [] },
    { name: 'base', cell: { kind: 'base', task: 'counting' }, evaluations: [] },
    { name: 'other base', cell: { kind: 'base', task: 'counting', base: 'other' }, evaluations: [] },
  ] as const;
  assert.deepEqual(
    planJobs(study, grid).map(({ name }) => name),
    ['own = same', 'other', 'base', 'other base'],
  );
});

test('a base model that is not there: its cells are not finished, and a run of one is refused by name', async () => {
  const cell = { ...tinySft(study), base: 'never' };
  assert.equal(finishedCell(study, cell), undefined);
  await assert.rejects(runCell(study, cell), /base model 'never', which is not in data\/bases; there are same, other/);
  const twice: GrpoCell = { ...tinyGrpo(study, { ...tinySft(study), base: 'other' }), base: 'same' };
  assert.throws(() => cellFolder(study, twice), /'base' names same, but the base model is that of the cell in 'start'/);
});

test('test sets keep off the scenes of every base model of the study', () => {
  const withKnob = { ...study, bases: { never: path.join(study.folder, 'other') } };
  const file = path.join(study.folder, 'other', 'pretraining-scenes.txt');
  assert.deepEqual(pretrainingScenes(withKnob), pretrainingScenes(study));
  const scenes = readFileSync(file, 'utf8');
  cpSync(file, `${file}.bak`);
  try {
    writeFileSync(file, `${scenes.trim()}\nblocks-ffff\n`);
    assert.ok(pretrainingScenes(withKnob).has('blocks-ffff') && !pretrainingScenes(study).has('blocks-ffff'));
  } finally {
    cpSync(`${file}.bak`, file);
  }
});

test('a chain of cells from another base model: trained from it, carded with its name, the same numbers alone and in a grid', async () => {
  const start = { ...tinySft(study), base: 'other' };
  const curve = { evaluateEvery: 1, items: 2 };
  const stageTwo: GrpoCell = { ...tinyGrpo(study, start), curve };
  const zero: GrpoCell = { ...tinyGrpo(study, 'base'), base: 'other', curve };
  const reading = settings;
  const outcome = await runGrid(study, [
    {
      name: 'base',
      cell: { kind: 'base', task: 'counting', base: 'other' },
      evaluations: [{ set: 'id', style: 'think' }],
      reading,
    },
    { name: 'stage 1', cell: start, evaluations: [], reading },
    { name: 'reason-rft', cell: stageTwo, evaluations: [] },
    { name: 'zero', cell: zero, evaluations: [] },
  ]);
  assert.deepEqual(outcome.failed, []);
  const card = readFileSync(path.join(cellFolder(study, start), 'final', 'README.md'), 'utf8');
  assert.match(card, /^---\nbase_model: other\n/);
  // Another folder: each cell alone, and the base models under other names.
  const { study: fresh, remove: removeFresh } = await tinyStudy('bases-alone');
  try {
    const alone = { ...fresh, base: study.base, bases: { renamed: study.bases!.other! } };
    const renamed = <C extends { base?: string }>(cell: C): C => ({ ...cell, base: 'renamed' });
    const metrics = (of: Study, cell: GrpoCell) =>
      readFileSync(path.join(cellFolder(of, cell), 'metrics.jsonl'), 'utf8');
    const pairs: [GrpoCell, GrpoCell][] = [
      [stageTwo, { ...stageTwo, start: renamed(start) }],
      [zero, renamed(zero)],
    ];
    for (const [cell, other] of pairs) {
      await runCell(alone, other);
      assert.equal(path.basename(cellFolder(alone, other)), path.basename(cellFolder(study, cell)));
      assert.equal(metrics(alone, other), metrics(study, cell));
    }
    const base = { kind: 'base', task: 'counting' } as const;
    const [here, there] = [
      { ...base, base: 'other' },
      renamed<{ kind: 'base'; task: 'counting'; base?: string }>(base),
    ];
    assert.deepEqual(await evaluateCell(alone, there, 'id', 'think'), await evaluateCell(study, here, 'id', 'think'));
    assert.deepEqual(await measureReading(alone, there, reading), await measureReading(study, here, reading));
  } finally {
    removeFresh();
  }
});
