/** The knob's results from finished cells: curves over draws, gains, draws to a share of them, and what is said of each. */
import assert from 'node:assert/strict';
import { appendFileSync, cpSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { writeFileAtomic } from '../../../lib/engine/atomic-write.js';
import { summarize } from '../../../lib/evaluate/evaluate.js';
import { wilsonInterval } from '../../../lib/evaluate/interval.js';
import type { BaseCell, Cell, GrpoCell } from '../../../lib/study/cells/cell.js';
import { evaluationFile, readingFile } from '../../../lib/study/cells/cell-identity.js';
import { openCellRun } from '../../../lib/study/cells/run-cell.js';
import {
  type KnobDrawer,
  knobBase,
  knobCotSft,
  knobGrpo,
  knobStageOne,
  readingSettings,
} from '../../../lib/study/design/knob.js';
import { WHOLE_STUDY } from '../../../lib/study/design/study-grid.js';
import type { KnobLevel } from '../../../lib/study/knob-settings.js';
import { TINY } from '../../../lib/study/profile.js';
import { computeResults } from '../../../lib/study/results/compute-results.js';
import { drawsText, levelText, workedOutText } from '../../../lib/study/results/knob-wording.js';
import { readResults, resultsFile, writeResults } from '../../../lib/study/results/results.js';
import { studyResultsText } from '../../../lib/study/results/results-text.js';
import { openStudy, repositoryRoot, type Study } from '../../../lib/study/workspace.js';
import { tinyStudy } from '../../support/tiny-study.js';

let study: Study;
let remove: () => void;
const [never, seventh] = TINY.knob!.levels as [KnobLevel, KnobLevel];
before(async () => {
  ({ study, remove } = await tinyStudy('knob'));
  const bases = Object.fromEntries(
    [never, seventh].map(({ name }) => {
      const folder = path.join(study.folder, 'bases', name);
      cpSync(study.base, folder, { recursive: true });
      return [name, folder];
    }),
  );
  // The base model '1-in-7' is the study's own; 'never' is another.
  appendFileSync(path.join(bases.never!, 'config.json'), ' ');
  study = { ...study, bases };
});
after(() => remove());

const selection = { ...WHOLE_STUDY, parts: ['knob'] } as const;
const results = () => computeResults(study, selection);

/** A finished run of four steps of 2 x 4 completions, measured at 0, 2 and 4 of them: so many of 4 items right, in domain and out. */
function finish(cell: GrpoCell, ...right: [id: number, ood: number][]) {
  const run = openCellRun(study, cell);
  const point = ([id, ood]: [number, number]) => ({ 'eval_accuracy/id': id / 4, 'eval_accuracy/ood': ood / 4 });
  run.writeStartEvaluation(point(right[0]!));
  for (let step = 1; step <= 4; step++)
    run.append('metrics.jsonl', [{ step, reward: 0, ...(step % 2 === 0 ? point(right[step / 2]!) : {}) }]);
  run.finish({ checkpoint: '', trainingRows: 1, wallSeconds: 1, tokens: 1, seed: 1, steps: 4 });
}

function read(cell: Cell | BaseCell, workedOut: number, solutionProbability: number) {
  const reading = { workedOut, drawn: 8, solutionProbability, questions: 4 };
  writeFileAtomic(readingFile(study, cell, readingSettings(study, 'counting')), JSON.stringify(reading));
}

const grpo = (paradigm: KnobDrawer, level = never) => knobGrpo(study, paradigm, level, 'counting', 1);

test('before anything is done there is no knob, and all of its cells are missing; a study without one has none', () => {
  assert.equal(results().knob, undefined);
  assert.equal(results().missing.length, 10);
  assert.equal(computeResults({ ...study, bases: {} }, selection).missing.length, 10, 'the base models are not there');
});

test('readings, curves over draws, CoT-SFT on the items of the curves', () => {
  read(knobBase(never, 'counting'), 0, 2.5e-9);
  read(knobBase(seventh, 'counting'), 2, 0.125);
  finish(grpo('reason-rft-zero'), [1, 1], [1, 0], [1, 0]);
  const cell = knobCotSft(study, never, 'counting', 1);
  for (const set of ['id', 'ood'] as const) {
    // Of 8 items the curve has 0, 2, 4 and 6; of these 0 and 2 are right.
    const items = Array.from({ length: 8 }, (_, i) => ({
      ...{ id: `${set}-${i}`, family: 'f', solution: '3', score: Number(i < 3), correct: i < 3 },
      ...{ completion: '', formatted: true, tokens: 9, ended: true },
    }));
    writeFileAtomic(evaluationFile(study, cell, set, 'think'), JSON.stringify(summarize(items)));
  }
  const knob = results().knob!;
  assert.deepEqual(
    knob.readings.map(({ level, model, workedOut, drawn, interval }) => [level, model, workedOut, drawn, interval]),
    [
      ['never', 'base', 0, 8, wilsonInterval(0, 8)],
      ['1-in-7', 'base', 2, 8, wilsonInterval(2, 8)],
    ],
  );
  assert.deepEqual(
    knob.curves.map(({ level, paradigm, seeds, points }) => [level, paradigm, seeds, points.map(({ draws }) => draws)]),
    [['never', 'reason-rft-zero', [1], [0, 32, 64]]],
  );
  const { accuracy } = knob.curves[0]!.points[1]!;
  assert.deepEqual([accuracy.id!.mean, accuracy.ood!.mean, accuracy.id!.items], [0.25, 0, 4]);
  assert.deepEqual(
    knob.cotSft.map((row) => [row.level, row.testSet, row.accuracy.mean, row.accuracy.items]),
    [
      ['never', 'id', 0.5, 4],
      ['never', 'ood', 0.5, 4],
    ],
  );
  // The one run gains nothing, so that there are no shares of a gain.
  assert.deepEqual([knob.gains, knob.draws], [[], []]);
});

test('the gain of a task is from the mean of its base models to the end of its best run; draws are to the first point there', () => {
  finish(grpo('reason-rft'), [2, 2], [2, 2], [4, 3]);
  finish(grpo('reason-rft-zero', seventh), [1, 1], [3, 3], [3, 2]);
  finish(grpo('reason-rft', seventh), [3, 1], [4, 3], [4, 2]);
  read(knobStageOne(study, never, 'counting', 1), 4, 0.25);
  const { knob } = results();
  // From 1/4, the mean of 1/4 and 1/4, to 4/4: half is 5/8, nine tenths 0.925.
  assert.deepEqual(knob!.gains, [{ task: 'counting', from: 0.25, to: 1, half: 0.625, most: 0.925 }]);
  assert.deepEqual(
    knob!.draws.map(({ level, paradigm, half, most, budget }) => [level, paradigm, half, most, budget]),
    [
      ['never', 'reason-rft-zero', null, null, 64],
      ['never', 'reason-rft', 64, 64, 64],
      ['1-in-7', 'reason-rft-zero', 32, null, 64],
      ['1-in-7', 'reason-rft', 0, 32, 64],
    ],
  );
  const [first, second] = knob!.findings.map(({ text }) => text) as [string, string];
  assert.equal(
    first,
    'Visual counting, never worked out in pretraining: the base model works out none of 8 completions, at most 32.4 %; the right ' +
      'solution has a probability of 2.5e-9. After stage 1 it works out 4 of 8 completions, 50.0 % [21.5 %, 78.5 %]; the right solution has a ' +
      'probability of 0.25. Reason-RFT-Zero does not reach half of the gain (62.5 %) within 64 completions. Reason-RFT reaches half of the ' +
      'gain (62.5 %) within 64 completions, and nine tenths (92.5 %) within 64 completions. CoT-SFT, which draws none, has 50.0 % [15.0, 85.0] ' +
      'in domain.',
  );
  assert.match(second, /Reason-RFT reaches half of the gain \(62\.5 %\) before its first completion, and nine tenths/);
});

test('what is written is read again and printed; results without a knob, as the first edition has them, are read too', () => {
  const written = results();
  writeResults(study, written);
  assert.deepEqual(readResults(study), JSON.parse(JSON.stringify(written)));
  for (const { text } of written.knob!.findings) assert.ok(studyResultsText(written).includes(`knob: ${text}`));
  const spoiled = { ...written, knob: { ...written.knob!, curves: [{ ...written.knob!.curves[0]!, task: 'mazes' }] } };
  writeFileAtomic(resultsFile(study), JSON.stringify(spoiled));
  assert.throws(() => readResults(study), /curves\[0\]\.task is 'mazes'/);
  rmSync(resultsFile(study));
  const shipped = openStudy('standard', path.join(repositoryRoot(), 'data', 'results', 'standard'));
  assert.equal(readResults(shipped).profile, 'standard');
  assert.ok(readFileSync(resultsFile(shipped), 'utf8').length > 0);
});

test('numbers in words', () => {
  assert.deepEqual(['never', '1-in-7', '1-in-10000'].map(levelText), ['never', '1 in 7', '1 in 10,000']);
  assert.equal(
    workedOutText({ workedOut: 3, drawn: 4000, interval: [0.00025, 0.0022] }),
    '3 of 4,000 completions, 0.075 % [0.025 %, 0.22 %]',
  );
  assert.deepEqual(
    [drawsText(null, 6400), drawsText(0, 6400), drawsText(1280, 6400)],
    ['not within 6,400 completions', 'before its first completion', 'within 1,280 completions'],
  );
});
