/** How often a model works a question out: the share among draws, and the probability of the right solution, against other ways to compute them. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startEngine } from '../../../lib/engine/backend.js';
import { completionText, disposeModel, encodePrompt, loadModel, type Model } from '../../../lib/model/model.js';
import type { RgbImage } from '../../../lib/records/image.js';
import { solvedRows } from '../../../lib/study/cells/cell-rows.js';
import { type ReadingSettings, readWorkedOut, type SolvedRow } from '../../../lib/study/cells/reading.js';
import type { Study } from '../../../lib/study/workspace.js';
import { openStudy } from '../../../lib/study/workspace.js';
import { isWorkedOut } from '../../../lib/tasks/worked-out.js';
import { tinyStudy } from '../../support/tiny-study.js';

let study: Study;
let remove: () => void;
let model: Model;
let rows: SolvedRow[];
before(async () => {
  await startEngine();
  ({ study, remove } = await tinyStudy('reading'));
  // The shipped model, which ends what it writes.
  model = loadModel(openStudy('tiny').base);
  rows = await solvedRows(study, 'counting', [16, 28]);
});
after(() => {
  disposeModel(model);
  remove();
});

/** The whole distribution at temperature 1. */
const WHOLE = { temperature: 1, topK: 0, topP: 1, minP: 0, maxNewTokens: 88 };
const settings: ReadingSettings = { rows: [16, 28], completions: 8, maxNewTokens: 88 };
const promptOf = ({ question }: SolvedRow) =>
  encodePrompt(model, question.pictures as readonly RgbImage[], question.prompt, question.system);

test('the share is that of the completions that the model draws; the same again, whatever the batch', async () => {
  const reading = await readWorkedOut(model, 'counting', rows, settings);
  const groups = rows.map((row) =>
    model.generator
      .generate(model.parameters, [promptOf(row)], { ...WHOLE, completions: 8, seed: 0 }, [
        `reading/${row.question.id}`,
      ])[0]!
      .map((completion) => completionText(model, completion)),
  );
  const workedOut = groups.flat().filter((text) => isWorkedOut('counting', text, '')).length;
  assert.deepEqual([reading.workedOut, reading.drawn, reading.questions], [workedOut, 96, 12]);
});

test('the probability of a solution is the one that it was drawn with; the mean is over questions, with its error', async () => {
  // A completion that the model draws stands for the solution: sampling says how probable each of its tokens was.
  const draw = (row: SolvedRow) =>
    model.generator
      .generate(model.parameters, [promptOf(row)], { ...WHOLE, completions: 8, seed: 3 }, ['solution'])[0]!
      .find(({ ended }) => ended)!;
  const drawn = rows.slice(0, 2).map((row) => ({ row, completion: draw(row) }));
  const solved = drawn.map(({ row, completion }) => ({ ...row, solution: completionText(model, completion) }));
  const [p, q] = drawn.map(({ completion }) =>
    Math.exp(completion.logProbs.reduce((sum, value) => sum + value, 0)),
  ) as [number, number];
  const one = await readWorkedOut(model, 'counting', solved.slice(0, 1), settings);
  assert.ok(Math.abs(one.solutionProbability / p - 1) < 1e-3, `${one.solutionProbability} and ${p}`);
  assert.equal(one.solutionError, undefined);
  const both = await readWorkedOut(model, 'counting', solved, settings);
  assert.ok(Math.abs(both.solutionProbability / ((p + q) / 2) - 1) < 1e-3);
  // Of two numbers the standard deviation is |p - q| / sqrt 2, and the error of their mean |p - q| / 2.
  assert.ok(Math.abs(both.solutionError! / (Math.abs(p - q) / 2) - 1) < 1e-2);
});

test('a reading of more rows than there are is refused', async () => {
  await assert.rejects(
    solvedRows(study, 'counting', [40, 60]),
    /asks for training rows 40 to 60 of counting, but the data/,
  );
});
