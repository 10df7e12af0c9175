/**
 * verl and ms-swift read their folders with their own loaders, and their rewards are those of the kit's server. It runs where these are
 * installed: npm run bench -- --trainers.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { handOver } from '../../lib/handover/hand-over.js';
import { readRows } from '../../lib/records/open-rows.js';
import { parseRewardList } from '../../lib/rewards/reward-list.js';
import { type RewardServer, serveRewards } from '../../lib/serve/reward-server.js';
import { rowsById } from '../../lib/serve/score-request.js';
import { shippedModel } from '../../lib/study/workspace.js';
import { REWARD_DEFAULTS } from '../../lib/train/named-reward.js';
import { grpoSettings, sftSettings } from '../../lib/train/settings.js';
import { installedTrainers } from '../support/installed-trainers.js';
import { writeColourRows } from '../support/own-rows.js';

const python = installedTrainers();
const skip = python === undefined && 'verl and ms-swift are not installed: npm run bench -- --trainers';
const TOKEN = 'a token of sixteen or more';
const PICTURE_TOKEN = 151_655;
type Json = { [field: string]: unknown };
const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-trainers-'));
let server: RewardServer;

/** `first` counts all that it reads into one number; `second` applies to answers alone. Neither applies to `skip`. */
const REWARDS = `
export const first = ({ completion, group, tokens, cut, step }) =>
  completion === 'skip' ? null : 1000 * step + 100 * group.length + tokens + (cut ? 0.5 : 0);
export const second = ({ completion }) => (completion.includes('<answer>') ? 1 : null);
`;

before(async () => {
  if (skip) return;
  const data = await writeColourRows(folder, 'train', 8);
  const heldOut = await writeColourRows(folder, 'held-out', 4);
  writeFileSync(path.join(folder, 'mine.mjs'), REWARDS);
  const mine = path.join(folder, 'mine.mjs');
  const rewards = `${mine}#first,${mine}#second=0.5`;
  // ms-swift knows the patches and the token of published checkpoints, and the shipped model has others. No weights are read here.
  const wide = path.join(folder, 'wide');
  cpSync(shippedModel(), wide, { recursive: true });
  const changed = (name: string, change: (json: Json) => void) => {
    const json = JSON.parse(readFileSync(path.join(wide, name), 'utf8')) as Json;
    change(json);
    writeFileSync(path.join(wide, name), JSON.stringify(json));
  };
  changed('config.json', (config) => {
    (config.vision_config as Json).patch_size = 14;
    config.image_token_id = PICTURE_TOKEN;
  });
  changed('preprocessor_config.json', (config) => {
    config.patch_size = 14;
  });
  changed('tokenizer.json', (tokenizer) => {
    const { model, added_tokens } = tokenizer as { model: { vocab: Json }; added_tokens: Json[] };
    model.vocab['<|image_pad|>'] = PICTURE_TOKEN;
    added_tokens.find(({ content }) => content === '<|image_pad|>')!.id = PICTURE_TOKEN;
  });
  for (const [to, model] of [
    ['verl', shippedModel()],
    ['ms-swift', wide],
  ] as const)
    await handOver({
      ...{ to, out: path.join(folder, to), data, model, rewards },
      heldOut: { data: heldOut, evaluateEvery: 5, samples: to === 'verl' ? 2 : 4 },
      stageOne: { data, settings: sftSettings({ batchSize: 4 }) },
      grpo: grpoSettings({
        ...{ steps: 6, promptsPerStep: 4, completions: 4, maxNewTokens: 32, temperatureInLoss: true },
        schedule: { decay: 'cosine' },
      }),
      pixels: { minPixels: 3136, maxPixels: 50_176 },
    });
  const rows = await Promise.all([data, heldOut].map((file) => readRows({ file })));
  const all = { records: rows.flatMap(({ records }) => records), files: rows.flatMap(({ files }) => files) };
  const options = { settings: REWARD_DEFAULTS, token: TOKEN, host: '127.0.0.1', port: 0 };
  server = await serveRewards({ ...options, rewards: parseRewardList(rewards), rows: rowsById(all) });
});

after(async () => {
  await server?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** What a trainer's loaders make of its folder. */
async function read<Answer>(script: string, to: string): Promise<Answer> {
  mkdirSync(path.join(folder, 'home'), { recursive: true });
  const child = spawn(python!, ['-B', path.join(__dirname, script), path.join(folder, to)], {
    cwd: path.join(folder, 'home'),
    env: {
      ...process.env,
      ...{ REASON_RFT_REWARD_TOKEN: TOKEN, REASON_RFT_REWARD_URL: server.address, REASON_RFT_REWARD_PATIENCE: '5' },
      ...{ HF_HUB_OFFLINE: '1', HF_HOME: path.join(folder, 'home'), MODELSCOPE_CACHE: path.join(folder, 'home') },
      ...{ CUDA_VISIBLE_DEVICES: '', MIN_PIXELS: '3136', MAX_PIXELS: '50176' },
    },
  });
  let [text, errors] = ['', ''];
  child.stdout.on('data', (piece: Buffer) => {
    text += piece;
  });
  child.stderr.on('data', (piece: Buffer) => {
    errors += piece;
  });
  const code = await new Promise((resolve) => child.once('close', resolve));
  assert.equal(code, 0, errors.slice(-3000));
  return JSON.parse(text.trim().split('\n').at(-1)!) as Answer;
}

/** `first` of the four completions of a group at a step; the third was cut. */
const firstOf = (tokens: readonly number[], step: number) =>
  tokens.map((count, i) => 1000 * step + 400 + count + (i === 2 ? 0.5 : 0));

test("verl reads the folder: its options, rows and pictures, and the kit's rewards of whole groups", {
  skip,
}, async () => {
  const answer = await read<{
    rows: object;
    first: object;
    prompt: string;
    sizes: number[][];
    options: object;
    rewards: { tokens: number[]; scores: number[]; seconds: string[]; evaluated: number[]; failed: string[] };
    sampler: string;
  }>('read_verl.py', 'verl');
  assert.deepEqual(answer.rows, { train: 8, 'held-out': 4 });
  assert.deepEqual(answer.first, {
    extra_info: { id: 'train-0', index: 0, split: 'train' },
    data_source: 'reason-rft',
    reward_model: { style: 'rule', ground_truth: 'red' },
  });
  assert.match(answer.prompt, /^<\|im_start\|>user\n<\|vision_start\|><\|image_pad\|><\|vision_end\|>Which colour/);
  // 32 x 32 is below verl's own least area, 56 x 56; the processor has the bounds of the hand-over.
  assert.equal(answer.sizes.length, 1);
  assert.deepEqual(answer.options, {
    ...{ n: 4, train_batch_size: 4, agg: 'seq-mean-token-mean', mode: 'vanilla', steps: 6 },
    // 16 completions on 2 GPUs are 8 of each; one prompt at once is 4.
    micro: 4,
    kl: [true, 0.04, 'low_var_kl'],
    pixels: { min_pixels: 3136, max_pixels: 50_176 },
    ...{ critic: false, reference: true },
  });
  const { tokens, scores, seconds, evaluated, failed } = answer.rewards;
  // verl's step 7; second x 0.5 where there is an answer, and nothing where it does not apply.
  const expected = firstOf(tokens, 7).map((value, i) => value + ([0, 3].includes(i) ? 0.5 : 0));
  assert.deepEqual(scores, expected);
  assert.deepEqual(seconds, ['1', 'nan', 'nan', '1']);
  // An evaluation is later than any step.
  assert.ok(evaluated.length === 2 && evaluated.every((value) => value > 1000 * 2 ** 52));
  // One completion without a reward fails its whole group, and no number comes of it.
  assert.equal(failed.length, 4);
  for (const error of failed)
    assert.match(error, /RewardServerError: no reward applies to a completion of row 'train-0'/);
  assert.match(answer.sampler, /1 groups of this step have failed/);
});

test("ms-swift reads the folder: its arguments, rows and pictures, and the kit's rewards by name", {
  skip,
}, async () => {
  const answer = await read<{
    rows: number[];
    first: { messages: object[] };
    sft: { text: string; trained: string; grid: number[][]; pictureTokens: number };
    options: object;
    rewards: { tokens: number[]; values: { first: number[]; second: (number | null)[] } };
    evaluated: { values: { first: number[] } };
    failed: string;
  }>('read_swift.py', 'ms-swift');
  assert.deepEqual(answer.rows, [8, 4]);
  const { messages, ...first } = answer.first;
  assert.deepEqual(first, { id: 'train-0', split: 'train', solution: 'red' });
  assert.equal(messages.length, 1);
  const { text, trained, grid } = answer.sft;
  assert.match(text, /^<\|im_start\|>user\n<\|vision_start\|><\|image_pad\|><\|vision_end\|>Which colour/);
  assert.match(trained, /^<think>\nIt is red\.\n<\/think>\n<answer>\nred\n<\/answer><\|im_end\|>\n?$/);
  // 32 x 32 is brought to 56 x 56, which is 3136: 4 x 4 patches of 14.
  assert.deepEqual(grid, [[1, 4, 4]]);
  // Two by two patches are a token.
  assert.equal(answer.sft.pictureTokens, 4);
  assert.deepEqual(answer.options, {
    ...{ num_generations: 4, beta: 0.04, loss_type: 'grpo', scale_rewards: 'group', reward_weights: [1, 0.5] },
    ...{ max_steps: 6, sft: [2, true, 0.1], trainer: 'GRPOConfig' },
  });
  const { tokens, values } = answer.rewards;
  // After 6 updates the step is the 7th. The fourth filled its length to the last token, and ended.
  assert.deepEqual(values, { first: firstOf(tokens, 7), second: [1, null, null, 1] });
  assert.ok(answer.evaluated.values.first.every((value) => value > 1000 * 2 ** 52));
  assert.match(answer.failed, /RewardServerError: no reward applies to a completion of row 'train-0'/);
});
