/** Evaluation during training: what is measured, on which rows, and what a cell and its plot make of it. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { startEngine } from '../../../lib/engine/backend.js';
import type { EvaluationItem } from '../../../lib/evaluate/evaluate.js';
import { disposeModel, loadModel, type Model } from '../../../lib/model/model.js';
import { formatReward } from '../../../lib/rewards/format.js';
import { scoreAnswer } from '../../../lib/rewards/score-answer.js';
import type { SftCell } from '../../../lib/study/cells/cell.js';
import { cellFolder } from '../../../lib/study/cells/cell-identity.js';
import { encodeQuestions } from '../../../lib/study/cells/encode-rows.js';
import { prepareQuestions } from '../../../lib/study/cells/prepared-rows.js';
import { openCellRun, runCell } from '../../../lib/study/cells/run-cell.js';
import { scheduleValidation } from '../../../lib/study/cells/validation.js';
import { validationRows, validationSettings } from '../../../lib/study/cells/validation-rows.js';
import { curateTrainingRows } from '../../../lib/study/data/curate-rows.js';
import { writeStudyData } from '../../../lib/study/data/data-folder.js';
import {
  pretrainingScenes,
  sampleTestRows,
  sampleTrainingRows,
  sceneFingerprintOf,
} from '../../../lib/study/data/draw-rows.js';
import { type LoadedRows, loadRows } from '../../../lib/study/data/load-rows.js';
import { stageOneCell } from '../../../lib/study/design/paradigms.js';
import { openStudy } from '../../../lib/study/workspace.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-validation-'));
const study = openStudy('tiny', folder);
const settings = validationSettings(study, 'counting', {
  items: 4,
  samples: 2,
  maxNewTokens: 8,
  temperature: 1,
  topP: 1,
  topK: 0,
});
let model: Model;

/** The rows as items that ask for tags; their pictures are held, so that the prompts are there. */
const itemsOf = (rows: LoadedRows) => encodeQuestions(model, prepareQuestions(rows, 'think')) as EvaluationItem[];

before(async () => {
  await startEngine();
  const tests = sampleTestRows(study, 'counting');
  await writeStudyData(study, curateTrainingRows(study, sampleTrainingRows(study, 'counting'), tests).kept, tests);
  model = loadModel(study.base);
});
after(() => {
  disposeModel(model);
  rmSync(folder, { recursive: true, force: true });
});

test('held-out rows show scenes that no set holds, nor pretraining; they are the same each time', async () => {
  const { records, images } = validationRows(study, 'counting', 12);
  const scenes = records.map(sceneFingerprintOf);
  const known = pretrainingScenes(study);
  for (const set of ['train', 'id', 'ood'] as const) {
    for (const record of (await loadRows(study, set, 'counting')).records) known.add(sceneFingerprintOf(record));
  }
  assert.ok(known.size > 48 + 16);
  assert.deepEqual(
    scenes.filter((scene) => known.has(scene)),
    [],
  );
  assert.equal(new Set(scenes).size, 12);
  assert.equal(images.length, 12);
  assert.deepEqual(validationRows(study, 'counting', 3).records, records.slice(0, 3));
});

test('accuracy is greedy, pass@k and reward are of the samples, each by its own function', async () => {
  const items = itemsOf(validationRows(study, 'counting', 4));
  // Right is whatever holds the letter e; the reward is the length, and does not apply to the first item.
  const score = (text: string) => (text.includes('e') ? 1 : 0);
  const asked: string[] = [];
  const rewards = [
    {
      name: 'length',
      weight: 2,
      reward: ({ completion, row }: { completion: string; row: { answer: string } }) => {
        asked.push(completion);
        return row.answer === items[0]!.row.answer ? null : completion.length;
      },
    },
  ];
  const evaluate = scheduleValidation({ model, items, settings, rewards, score })!;
  assert.equal(evaluate.every, 10);
  const { metrics, score: best } = await evaluate.measure(model.parameters, 10);

  const draw = (temperature: number, completions: number) =>
    model.generator
      .generate(
        model.parameters,
        items.map((item) => item.prompt),
        { ...settings, temperature, completions, seed: 0 },
        items.map((item) => `validation/${item.id}`),
      )
      .map((group) => group.map(({ tokens, ended }) => model.tokenizer.decode(ended ? tokens.slice(0, -1) : tokens)));
  const mean = (values: number[]) => values.reduce((a, b) => a + b) / values.length;
  const greedy = draw(0, 1).flat();
  const samples = draw(1, 2);
  assert.deepEqual(asked, samples.flat());
  assert.equal(metrics.accuracy, mean(greedy.map(score)));
  assert.equal(best, metrics.accuracy);
  assert.equal(metrics.format, mean(greedy.map((text) => formatReward({ completion: text }))));
  assert.equal(metrics['pass@1'], mean(samples.flat().map(score)));
  assert.equal(metrics['pass@2'], mean(samples.map((group) => (group.some((text) => score(text) === 1) ? 1 : 0))));
  const applies = samples.filter((_, i) => items[i]!.row.answer !== items[0]!.row.answer).flat();
  assert.ok(applies.length > 0 && applies.length < 8, 'the answers of the items do not differ; choose another seed');
  assert.equal(metrics['rewards/length/mean'], mean(applies.map((text) => text.length)));
  assert.equal(metrics['rewards/length/nulls'], 8 - applies.length);
  // Weight 2; a completion to which no reward applies does not count, as in training.
  assert.equal(metrics.reward, 2 * mean(applies.map((text) => text.length)));
});

test('a reward that is no number is named with the row and the completion', async () => {
  const items = itemsOf(validationRows(study, 'counting', 1));
  const rewards = [{ name: 'unsure', weight: 1, reward: () => Number.NaN }];
  const { measure } = scheduleValidation({ model, items, settings, rewards, score: scoreAnswer })!;
  await assert.rejects(
    async () => measure(model.parameters, 10),
    new RegExp(
      `the reward 'unsure' must return a finite number, a boolean or null, but returned NaN for row '${items[0]!.id}'`,
    ),
  );
});

test('what is measured is the parameters handed over, the same each time, and leaves no tensors', async () => {
  const items = itemsOf(validationRows(study, 'counting', 4));
  const rewards = [
    { name: 'length', weight: 1, reward: ({ completion }: { completion: string }) => completion.length },
  ];
  const { measure } = scheduleValidation({ model, items, settings, rewards, score: scoreAnswer })!;
  const first = await measure(model.parameters, 10);
  const before = tf.memory().numTensors;
  assert.deepEqual(await measure(model.parameters, 20), first);
  assert.equal(tf.memory().numTensors, before);
  const name = 'model.norm.weight';
  const other = { ...model.parameters, [name]: tf.zerosLike(model.parameters[name]!) };
  assert.notDeepEqual(await measure(other, 30), first);
  other[name]!.dispose();
});

test('0 is never; impossible settings and an empty set are named', () => {
  const items = itemsOf(validationRows(study, 'counting', 1));
  const attempt = (changes: object) => () =>
    scheduleValidation({ model, items, settings: { ...settings, ...changes }, score: scoreAnswer });
  assert.equal(attempt({ evaluateEvery: 0 })(), undefined);
  assert.throws(attempt({ evaluateEvery: -1 }), /evaluateEvery must be a whole number of 0 or more/);
  assert.throws(attempt({ samples: 0 }), /samples must be a whole number of 1 or more/);
  assert.throws(attempt({ samples: 1e9 }), /validation: samples may be at most 10000/);
  assert.throws(attempt({ sample: 1 } as never), /validation: there is no setting 'sample'; did you mean 'samples'\?/);
  assert.throws(attempt({ temperature: 0 }), /temperature 0 makes all samples/);
  assert.throws(() => scheduleValidation({ model, items: [], settings, score: scoreAnswer }), /no held-out items/);
});

test('a cell with validation logs it, keeps its best checkpoint as a model, and is another run than one without', async () => {
  const cell: SftCell = stageOneCell(study, 'counting');
  const validated = { ...cell, validation: { ...settings, evaluateEvery: 1 } };
  assert.notEqual(cellFolder(study, validated), cellFolder(study, cell));
  const result = await runCell(study, validated);
  const run = openCellRun(study, validated);
  const scores = run.metrics().map((row) => row.eval_accuracy!);
  assert.equal(scores.length, 2, '16 rows in batches of 8, once');
  assert.ok(scores.every((score) => score >= 0 && score <= 1));
  const step = scores[1]! > scores[0]! ? 2 : 1;
  assert.deepEqual([result.best?.step, result.best?.score], [step, Math.max(...scores)]);
  assert.deepEqual(run.bestCheckpoint()?.step, step);
  assert.ok(existsSync(path.join(folder, result.best!.checkpoint, 'model.safetensors')));
  disposeModel(loadModel(path.join(folder, result.best!.checkpoint)));
  const weights = (checkpoint: string) => readFileSync(path.join(folder, checkpoint, 'model.safetensors'));
  assert.equal(weights(result.best!.checkpoint).equals(weights(result.checkpoint)), step === 2);
});
