/** Cells that start from another base model than the study's: known by its contents, trained from it, and the study's own under whatever name. */
import assert from 'node:assert/strict';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { listCells } from '../../../lib/cli/grid-report.js';
import { readSafetensors, writeSafetensors } from '../../../lib/model/safetensors.js';
import type { GrpoCell } from '../../../lib/study/cells/cell.js';
import { cellFolder, evaluationFile, readingFile } from '../../../lib/study/cells/cell-identity.js';
import { examineFolder } from '../../../lib/study/cells/examine-folder.js';
import { evaluateCell, finishedCell, measureReading, runCell } from '../../../lib/study/cells/run-cell.js';
import { pretrainingScenes } from '../../../lib/study/data/draw-rows.js';
import { KNOB_DRAWERS, knobBase, knobGrpo, knobStageOne, readingSettings } from '../../../lib/study/design/knob.js';
import { paradigmCell } from '../../../lib/study/design/paradigms.js';
import { studyGrid, WHOLE_STUDY } from '../../../lib/study/design/study-grid.js';
import type { KnobLevel } from '../../../lib/study/knob-settings.js';
import { TINY } from '../../../lib/study/profile.js';
import { computeResults } from '../../../lib/study/results/compute-results.js';
import { planJobs } from '../../../lib/study/running/grid-jobs.js';
import { runGrid } from '../../../lib/study/running/runner.js';
import type { Study } from '../../../lib/study/workspace.js';
import { tinyGrpo, tinySft, tinyStudy } from '../../support/tiny-study.js';

let study: Study;
let remove: () => void;
before(async () => {
  ({ study, remove } = await tinyStudy('bases'));
  const [same, other] = ['1-in-7', 'never'].map((name) => path.join(study.folder, name));
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
  study = { ...study, bases: { '1-in-7': same!, never: other! } };
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
  assert.deepEqual(places('1-in-7'), places());
  places('never').forEach((place, i) => {
    assert.notEqual(place, places()[i]);
  });
  const grid = [
    { name: 'own', cell: sft, evaluations: [] },
    { name: 'same', cell: { ...sft, base: '1-in-7' }, evaluations: [] },
    { name: 'other', cell: { ...sft, base: 'never' }, evaluations: [] },
    { name: 'base', cell: { kind: 'base', task: 'counting' }, evaluations: [] },
    { name: 'other base', cell: { kind: 'base', task: 'counting', base: 'never' }, evaluations: [] },
  ] as const;
  assert.deepEqual(
    planJobs(study, grid).map(({ name }) => name),
    ['own = same', 'other', 'base', 'other base'],
  );
});

test('a base model that is not there: its cells are not finished, and a run of one is refused by name', async () => {
  const cell = { ...tinySft(study), base: '1-in-3' };
  assert.equal(finishedCell(study, cell), undefined);
  await assert.rejects(
    runCell(study, cell),
    /base model '1-in-3', which is not in data\/bases; there are 1-in-7, never/,
  );
  const twice: GrpoCell = { ...tinyGrpo(study, { ...tinySft(study), base: 'never' }), base: '1-in-7' };
  assert.throws(
    () => cellFolder(study, twice),
    /'base' names 1-in-7, but the base model is that of the cell in 'start'/,
  );
  const listed = listCells(study, [
    { name: 'lacks', cell, evaluations: [] },
    { name: 'own', cell: tinySft(study), evaluations: [] },
  ]);
  assert.deepEqual(
    listed.map(({ name, state, folder }) => [name, state, folder === undefined]),
    [
      ['own', 'to do', false],
      ['lacks', 'to do', true],
    ],
  );
});

test('test sets keep off the scenes of every base model of the study', () => {
  const file = path.join(study.bases!.never!, 'pretraining-scenes.txt');
  const scenes = readFileSync(file, 'utf8');
  const own = pretrainingScenes({ ...study, bases: {} });
  assert.deepEqual(pretrainingScenes(study), own);
  try {
    writeFileSync(file, `${scenes.trim()}\nblocks-ffff\n`);
    assert.ok(pretrainingScenes(study).has('blocks-ffff') && !own.has('blocks-ffff'));
    const without = { ...study.profile, knob: undefined } as Study['profile'];
    assert.deepEqual(
      pretrainingScenes({ ...study, profile: without }),
      own,
      'a study without the knob does not use it',
    );
  } finally {
    writeFileSync(file, scenes);
  }
});

test('the knob of a tiny study, whole: nothing is trained twice, and a cell alone has the same numbers as in it', async () => {
  const grid = studyGrid(study, { ...WHOLE_STUDY, parts: ['knob'] });
  const own = { name: 'cot-sft of the study', cell: paradigmCell(study, 'cot-sft', 'counting', 1), evaluations: [] };
  const outcome = await runGrid(study, [own, ...grid]);
  assert.deepEqual(outcome.failed, []);
  assert.equal(outcome.done.length, 10);
  assert.ok(outcome.done.includes('cot-sft of the study = counting/knob/1-in-7/cot-sft/seed 1'));
  const [never] = TINY.knob!.levels;
  const start = knobStageOne(study, never!, 'counting', 1);
  const card = readFileSync(path.join(cellFolder(study, start), 'final', 'README.md'), 'utf8');
  assert.match(card, /^---\nbase_model: never\n/);
  const examined = await examineFolder(cellFolder(study, knobGrpo(study, 'reason-rft', never!, 'counting', 1)));
  assert.deepEqual(
    examined.filter(({ state }) => state === 'unsound'),
    [],
  );
  const results = computeResults(study, { ...WHOLE_STUDY, parts: ['knob'] });
  assert.deepEqual([results.missing, results.leakage[0]!.pretrainedScenes], [[], 0]);
  const { readings, curves, cotSft } = results.knob!;
  assert.deepEqual([readings.length, curves.length, cotSft.length], [2 * 2, 2 * 2, 2 * 2]);
  // 4 steps of 2 prompts and 4 completions, measured at 0, 2 and 4.
  for (const { points } of curves)
    assert.deepEqual(
      points.map(({ draws }) => draws),
      [0, 32, 64, 128, 256, 320, 640, 960],
    );

  // Another folder: cells alone, and the base model under another name.
  const { study: fresh, remove: removeFresh } = await tinyStudy('bases-alone');
  try {
    const alone = { ...fresh, base: study.base, bases: { renamed: study.bases!.never! } };
    const renamed = { name: 'renamed', share: 0, seeds: [1] };
    for (const paradigm of KNOB_DRAWERS) {
      const cell = knobGrpo(study, paradigm, never!, 'counting', 1);
      const other = knobGrpo(alone, paradigm, renamed, 'counting', 1);
      await runCell(alone, other);
      assert.equal(path.basename(cellFolder(alone, other)), path.basename(cellFolder(study, cell)));
      for (const file of ['metrics.jsonl', 'start-evaluation.json']) {
        const numbers = (of: Study, run: GrpoCell) => readFileSync(path.join(cellFolder(of, run), file), 'utf8');
        assert.equal(numbers(alone, other), numbers(study, cell), `${paradigm}, ${file}`);
      }
    }
    const reading = readingSettings(study, 'counting');
    const read = (of: Study, base: KnobLevel) => measureReading(of, knobBase(base, 'counting'), reading);
    assert.deepEqual(await read(alone, renamed), await read(study, never!));
    const tested = (of: Study, base: string) =>
      evaluateCell(of, { kind: 'base', task: 'counting', base }, 'id', 'think');
    assert.deepEqual(await tested(alone, 'renamed'), await tested(study, 'never'));
  } finally {
    removeFresh();
  }
});
