/** A task of one's own, defined here and nowhere in lib: it trains, earns a reward of its own and is evaluated. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { startEngine } from '../../../lib/engine/backend.js';
import type { EncodedPrompt } from '../../../lib/model/generate.js';
import { disposeModel, loadModel, type Model } from '../../../lib/model/model.js';
import { encodePng } from '../../../lib/records/image.js';
import { readRows } from '../../../lib/records/open-rows.js';
import {
  evaluateTask,
  evaluationItems,
  grpoExamples,
  sftExamples,
  taskRewards,
} from '../../../lib/study/cells/own-examples.js';
import { QUICK } from '../../../lib/study/profile.js';
import { defineTask } from '../../../lib/tasks/define-task.js';
import { trainGrpo } from '../../../lib/train/grpo.js';
import { RunDirectory } from '../../../lib/train/run-directory.js';
import { trainSft } from '../../../lib/train/sft.js';
import { writeShallowModel } from '../../support/shallow-model.js';

const folder = mkdtempSync(path.join(tmpdir(), 'own-examples-'));
const at = (name: string) => path.join(folder, name);
let model: Model;

const COLOURS = defineTask({
  name: 'colours',
  title: 'Colours of squares',
  prompt: '{{ problem }} The square is {{ width }} pixels wide.',
  rewards: [
    'accuracy_reward',
    { name: 'width_reward', weight: 0.5, reward: async ({ row }) => (row.width === 64 ? 1 : null) },
  ],
  score: (completion, row) => completion.includes(row.answer),
  testSets: { id: { title: 'in domain', shortTitle: 'ID', file: at('test.jsonl') } },
});

before(async () => {
  await startEngine();
  model = loadModel(writeShallowModel(at('base')));
  const pixels = { width: 64, height: 64, data: new Uint8Array(64 * 64 * 3) };
  writeFileSync(at('black.png'), await encodePng(pixels));
  const row = (id: number) =>
    JSON.stringify({ id, image: 'black.png', problem: 'What colour?', answer: 'black', width: 64 });
  writeFileSync(at('train.jsonl'), [1, 2, 3, 4].map(row).join('\n'));
  writeFileSync(at('test.jsonl'), [5, 6].map(row).join('\n'));
});
after(() => {
  disposeModel(model);
  rmSync(folder, { recursive: true });
});

test('two steps of SFT, two of GRPO with a reward that waits and reads a column, and an evaluation by its own score', async () => {
  const rows = await readRows({ file: at('train.jsonl') });
  const examples = sftExamples(model, rows, { task: COLOURS, target: 'answer' });
  const first = examples[0]!.prompt;
  const { tokens } = typeof first === 'function' ? await first() : first;
  assert.match(model.tokenizer.decode([...tokens]), /What colour\? The square is 64 pixels wide\./);
  const sft = { ...QUICK.cotSft, batchSize: 2, examplesPerMicroBatch: 2 };
  const sftRun = RunDirectory.open(at('sft'), { name: 'sft' });
  await trainSft({ model, examples, settings: sft, run: sftRun });
  assert.equal(sftRun.metrics().length, 2);

  const shape = { steps: 2, promptsPerStep: 2, completions: 2, promptsPerMicroBatch: 2, maxNewTokens: 4 };
  const grpoRun = RunDirectory.open(at('grpo'), { name: 'grpo' });
  await trainGrpo({
    model,
    examples: grpoExamples(model, rows, { task: COLOURS }),
    rewards: taskRewards(COLOURS),
    settings: { ...QUICK.grpo, ...shape },
    run: grpoRun,
  });
  const [metrics] = grpoRun.metrics();
  assert.equal(metrics!['rewards/width_reward/mean'], 1);
  // Both rewards are summed: accuracy with weight 1, the width with 0.5.
  assert.equal(metrics!.reward, metrics!['rewards/accuracy_reward/mean']! + 0.5);

  const { id } = await evaluateTask(model, COLOURS, { maxNewTokens: 4 });
  assert.deepEqual(
    id.items.map((item) => [item.id, item.score]),
    id.items.map((item, i) => [`${i + 5}`, item.completion.includes('black') ? 1 : 0]),
  );
});

test('a system’s turn stands before the question, and a column that a row lacks is named', async () => {
  const rows = await readRows({ file: at('test.jsonl') });
  const [item] = evaluationItems(model, rows, { prompt: '{{ problem }}', system: 'Be brief.' });
  const { tokens } = await (item!.prompt as () => Promise<EncodedPrompt>)();
  assert.match(
    model.tokenizer.decode([...tokens]),
    /^<\|im_start\|>system\s+Be brief\.<\|im_end\|>\s+<\|im_start\|>user/,
  );
  assert.throws(
    () => grpoExamples(model, rows, { prompt: '{{ question }}' }),
    /a place for 'question', which row '5' has not/,
  );
});

test('a task whose prompt is the same for every row is refused', () => {
  assert.throws(
    () => defineTask({ name: 'x', prompt: 'Look.', rewards: [], score: () => 0, testSets: {} }),
    /the prompt of task x is the same for every row/,
  );
});
