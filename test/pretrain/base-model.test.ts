/** Pretraining: what its rows hold and leave out, and that a run goes on elsewhere as if it had not been stopped. */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { checkpointOfWidth } from '../../lib/bench/inputs.js';
import { startEngine } from '../../lib/engine/backend.js';
import { Random } from '../../lib/engine/random.js';
import { disposeModel, loadModel } from '../../lib/model/model.js';
import { pretrainBaseModel } from '../../lib/pretrain/base-model.js';
import { examinationItems } from '../../lib/pretrain/examination.js';
import { type LessonKind, LOOKS, lessonRow, SOURCES } from '../../lib/pretrain/lessons/curriculum.js';
import { newNanoModel } from '../../lib/pretrain/nano-model.js';
import { type BaseModelRecipe, FIRST_RECIPE, lastRecipe } from '../../lib/pretrain/recipe.js';
import { pretrainingRows } from '../../lib/pretrain/rows.js';
import { heldScenes, openAlbum, pretrainingFingerprints } from '../../lib/pretrain/scenes.js';
import { drawTestRows, sceneFingerprintOf } from '../../lib/study/data/draw-rows.js';
import { QUICK } from '../../lib/study/profile.js';
import { writeTarget } from '../../lib/tasks/prompts.js';
import { recordPrompt, TASK_NAMES, TASKS, testSetsOf } from '../../lib/tasks/tasks.js';
import { TrainingStopped } from '../../lib/train/loop.js';
import { trainAndTestDomains } from '../support/domains.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-pretrain-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const few = Object.fromEntries(SOURCES.map(({ name }) => [name, 40])) as BaseModelRecipe['scenes'];
const phase = FIRST_RECIPE.phases[0]!;
const small: BaseModelRecipe = {
  ...FIRST_RECIPE,
  phases: [
    { ...phase, steps: 3, rows: { counting: 2, structure: 0, pair: 0, change: 0, transformed: 0, school: 0 } },
    { ...phase, steps: 1, rows: { counting: 1, structure: 0, pair: 0, change: 0, transformed: 0, school: 1 } },
  ],
  scenes: few,
  examination: { every: 4, items: 1 },
};

test('the tokenizer spells no word of pretraining or of the three tasks in letters', async () => {
  await startEngine();
  const { model } = newNanoModel(1);
  const { tokenizer } = model;
  const texts = TASK_NAMES.flatMap((task) =>
    trainAndTestDomains(task).flatMap((domain) => {
      const random = new Random(1, `test/base-model/${domain}`);
      const rows = Array.from({ length: 40 }, () => TASKS[task].sample(domain, 'x', random));
      return rows.flatMap((row) => [
        recordPrompt(row, 'think'),
        recordPrompt(row, 'direct'),
        writeTarget(row.cot, row.answer),
      ]);
    }),
  );
  const rows = pretrainingRows({ ...FIRST_RECIPE, scenes: few }, model, new Set())(0).flat();
  assert.equal(rows.length, 32);
  const taught = rows.flatMap((row) => row.conversations.flatMap(({ question, answer }) => [...question, ...answer]));
  for (const id of [...texts.flatMap((text) => tokenizer.encodePlain(text)), ...taught]) {
    const piece = tokenizer.decode([id]);
    // x, a and the letters of choices are words.
    assert.ok(!/^ ?[A-Za-z]$/.test(piece) || /^ ?[xaABCD]$/.test(piece), `'${piece}' is a letter`);
  }
  disposeModel(model);
});

test('a step’s rows follow from recipe and step, whatever was drawn before; change is shown in no pair', () => {
  const { model } = newNanoModel(1);
  const rowsOfEach = { counting: 2, structure: 2, pair: 3, change: 2, transformed: 0, school: 1 };
  const recipe = { ...FIRST_RECIPE, scenes: few, phases: [{ ...phase, steps: 4, rows: rowsOfEach }] };
  const fresh = pretrainingRows(recipe, model, new Set());
  const used = pretrainingRows(recipe, model, new Set());
  for (let step = 0; step < 3; step++) used(step);
  const rows = fresh(3);
  assert.deepEqual(rows, used(3));
  assert.deepEqual(
    rows.map((batch) => [batch.length, batch[0]!.images.length]),
    [
      [2, 1],
      [2, 1],
      [3, 2],
      [2, 2],
      [1, 0],
    ],
  );
  const asked = rows.map((batch) =>
    batch.flatMap((row) => row.conversations.map(({ question }) => model.tokenizer.decode(question))),
  );
  const aboutChange = asked.map(
    (questions) => questions.filter((question) => question.includes('What has changed')).length,
  );
  assert.deepEqual(aboutChange.slice(0, 3), [0, 0, 0]);
  assert.ok(aboutChange[3]! >= 2);
  disposeModel(model);
});

test('a row of an unknown kind is refused with the kinds that there are', () => {
  const album = openAlbum({ ...FIRST_RECIPE, scenes: few }, new Set());
  assert.throws(
    () => lessonRow('geography' as LessonKind, new Random(1), album, phase.mix),
    /no rows of kind 'geography'; choose counting, structure, pair, change, transformed, school/,
  );
});

test('worked solutions re-derive; where tags are asked for, most answers are hasty', () => {
  const { model } = newNanoModel(1);
  const { tokenizer } = model;
  const rows = { counting: 12, structure: 12, pair: 0, change: 0, transformed: 6, school: 0 };
  const mix = { ...phase.mix, worked: 1, workedInTags: 0.2 };
  const recipe = { ...FIRST_RECIPE, scenes: few, phases: [{ ...phase, steps: 6, rows, mix }] };
  const rowsOf = pretrainingRows(recipe, model, new Set());
  const plain = (tokens: readonly number[]) => tokenizer.decode(tokens).replaceAll(/<\|im_\w+\|>(assistant)?\n?/g, '');
  const count = { worked: 0, tagged: 0, workedInTags: 0 };
  for (let step = 0; step < 6; step++) {
    rowsOf(step).forEach((batch, kind) => {
      const task = TASKS[(['counting', 'structure', 'transformation'] as const)[kind]!];
      for (const { question, answer } of batch.flatMap(({ conversations }) => conversations)) {
        const [asked, said] = [plain(question), plain(answer)];
        const problem = asked.split(' Output the thinking process')[0]!;
        if (/ Output the thinking process\.$/.test(asked)) {
          count.worked++;
          assert.ok('answer' in task.rederive(said, problem), `${asked} ${said}`);
        } else if (/ in <think> <\/think> /.test(asked)) {
          count.tagged++;
          const thought = /^<think>\n(.*)\n<\/think>/.exec(said)?.[1];
          const derived = thought === undefined ? undefined : task.rederive(thought, problem);
          if (derived && 'answer' in derived) count.workedInTags++;
        }
      }
    });
  }
  // A worked solution a row, 30 rows a step.
  assert.equal(count.worked, 180);
  // As many in tags, and the short questions with tags of phase 1: 0.2 of 180 are worked, +- 3 standard deviations of 5.4.
  assert.ok(count.tagged > 180 && count.workedInTags > 19 && count.workedInTags < 53, JSON.stringify(count));
  disposeModel(model);
});

test('no scene of a test set is shown, in any task; a scene that is held is drawn anew', () => {
  const held = heldScenes();
  for (const task of TASK_NAMES) {
    const tests = Object.values(drawTestRows({ ...QUICK, testItems: 148 }, task, new Set())).flat();
    assert.equal(tests.length, 148 * testSetsOf(task).length);
    assert.ok(tests.every((row) => held.has(sceneFingerprintOf(row))));
  }
  const shown = pretrainingFingerprints({ ...small, scenes: { ...few, textbook: 1500, exercise: 1500 } }, held);
  assert.equal(shown.filter((scene) => held.has(scene)).length, 0);
  // Had nothing been held, some would have been shown: figures of simple families come again.
  const careless = pretrainingFingerprints({ ...small, scenes: { ...few, textbook: 1500, exercise: 1500 } }, new Set());
  assert.ok(careless.some((scene) => held.has(scene)));
  assert.ok(shown.length > 3000 * 0.8 + 4 * 38, `${shown.length} scenes`);
});

test('every look is examined by captions and short questions about scenes of its own', () => {
  const items = examinationItems(3);
  assert.equal(items.length, Object.keys(LOOKS).length * 2 * 3);
  for (const item of items) {
    assert.equal(item.images.length, ['center', 'left', 'right'].includes(item.look) ? 2 : 1);
    assert.ok(item.answer.length > 0 && item.question.length > 0);
  }
  assert.equal(new Set(items.map((item) => item.fingerprint)).size, items.length / 2);
});

test('stopped, copied to another place and gone on there: the same metrics and the same model, which loads', async () => {
  const whole = await pretrainBaseModel(path.join(folder, 'whole'), small);
  const controller = new AbortController();
  const half = path.join(folder, 'half');
  const onStep = (done: number) => {
    if (done === 2) controller.abort();
  };
  await assert.rejects(pretrainBaseModel(half, small, { signal: controller.signal, onStep }), TrainingStopped);
  const moved = path.join(folder, 'moved');
  cpSync(half, moved, { recursive: true });
  rmSync(half, { recursive: true });
  const final = await pretrainBaseModel(moved, small);
  assert.equal(final, path.join(moved, 'final'));
  for (const name of ['../metrics.jsonl', 'model.safetensors', 'pretraining-scenes.txt', 'tokenizer.json']) {
    assert.deepEqual(readFileSync(path.join(final, name)), readFileSync(path.join(whole, name)), name);
  }
  const last = JSON.parse(readFileSync(path.join(final, 'pretraining.json'), 'utf8')).last;
  for (const look of Object.keys(LOOKS)) {
    assert.ok(last[`eval_caption/${look}`] >= 0 && last[`eval_short/${look}`] >= 0, look);
  }
  const model = loadModel(final);
  assert.equal(model.tokenizer.decode(model.tokenizer.encodePlain('change_color(0,red)')), 'change_color(0,red)');
  disposeModel(model);
});

test('a base model goes on from another: its weights, its scenes and its record stay', async () => {
  const first = await pretrainBaseModel(path.join(folder, 'first'), small);
  const last = { ...small, seed: 7, phases: [small.phases[0]!] };
  const still = { ...last, phases: [{ ...last.phases[0]!, schedule: { ...phase.schedule, learningRate: 0 } }] };
  const final = await pretrainBaseModel(path.join(folder, 'second'), still, { start: first });
  // At a learning rate of 0 the weights are those that it started from.
  assert.deepEqual(
    readFileSync(path.join(final, 'model.safetensors')),
    readFileSync(path.join(first, 'model.safetensors')),
  );
  const scenes = (checkpoint: string) =>
    readFileSync(path.join(checkpoint, 'pretraining-scenes.txt'), 'utf8').trim().split('\n');
  const items = examinationItems(still.examination.items);
  const held = new Set([...heldScenes(), ...items.map(({ fingerprint }) => fingerprint)]);
  const own = pretrainingFingerprints(still, held);
  assert.deepEqual(scenes(final), [...new Set([...scenes(first), ...own])].sort());
  const record = JSON.parse(readFileSync(path.join(final, 'pretraining.json'), 'utf8'));
  assert.deepEqual([record.recipe.seed, record.start.recipe.seed], [7, small.seed]);
  const wide = checkpointOfWidth(folder, 256);
  const foreign = pretrainBaseModel(path.join(folder, 'third'), still, { start: wide });
  await assert.rejects(
    foreign,
    /is no base model of this pretraining, whose tensor '.+' is \[.*128.*\]; there it is \[.*256.*\]/,
  );
  // Another start is another run.
  await assert.rejects(pretrainBaseModel(path.join(folder, 'second'), still), /holds a run of another configuration/);
});

test('the last phases of all levels differ in nothing but how many answers in tags are worked out', () => {
  const { model } = newNanoModel(1);
  const answersOf = (level: 'never' | '1-in-7') => {
    const recipe = { ...lastRecipe(level), scenes: few };
    const rowsOf = pretrainingRows(recipe, model, new Set());
    return [0, 1].flatMap((step) =>
      rowsOf(step).flatMap((batch) =>
        batch.flatMap(({ conversations }) =>
          conversations.map(({ question, answer }) => [
            model.tokenizer.decode(question),
            model.tokenizer.decode(answer),
          ]),
        ),
      ),
    );
  };
  const [never, often] = [answersOf('never'), answersOf('1-in-7')];
  assert.deepEqual(
    never.map(([question]) => question),
    often.map(([question]) => question),
  );
  const changed = never.filter(([, answer], i) => answer !== often[i]![1]);
  // 24 answers in tags a step (8 + 6 + 10), of which one in seven is worked out: 6.9 of 48, +- 3 standard deviations of 2.4.
  assert.ok(changed.length > 0 && changed.length <= 14, `${changed.length} changed`);
  assert.ok(changed.every(([question]) => question!.includes('<think>')));
  disposeModel(model);
});
