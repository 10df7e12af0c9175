/** The folders for verl and ms-swift as they are written, without these: rows, options, scripts; and nothing where something is wrong. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { type HandOverOptions, handOver } from '../../lib/handover/hand-over.js';
import { LORA_DEFAULTS } from '../../lib/model/lora.js';
import { VENV_PYTHON } from '../../lib/setup/layout.js';
import { shippedModel } from '../../lib/study/workspace.js';
import { grpoSettings, sftSettings } from '../../lib/train/settings.js';
import { REWARD_TOKEN } from '../support/handed-over.js';
import { writeColourRows } from '../support/own-rows.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-others-'));
const at = (...names: string[]) => path.join(folder, ...names);
const SETTINGS = { steps: 5, promptsPerStep: 3, completions: 4, temperatureInLoss: true } as const;
let options: Omit<HandOverOptions, 'out' | 'to'>;

before(async () => {
  const data = await writeColourRows(folder, 'train', 6);
  const heldOut = await writeColourRows(folder, 'held-out', 3);
  // A checkpoint with the patches and the token that ms-swift knows; nothing here reads its weights.
  cpSync(shippedModel(), at('wide'), { recursive: true });
  const config = at('wide', 'config.json');
  writeFileSync(
    config,
    readFileSync(config, 'utf8')
      .replace('"patch_size": 8', '"patch_size": 14')
      .replace('"image_token_id": 671', '"image_token_id": 151655'),
  );
  options = {
    ...{ data, model: at('wide'), rewards: 'accuracy,format=0.5' },
    grpo: grpoSettings({ ...SETTINGS, schedule: { decay: 'cosine' } }),
    stageOne: { data, settings: sftSettings({ batchSize: 2 }) },
    heldOut: { data: heldOut, evaluateEvery: 2 },
    ...{ system: 'You look.', pixels: { maxPixels: 50_176 } },
  };
});
after(() => rmSync(folder, { recursive: true }));

const readTable = async (file: string) => parquetReadObjects({ file: await asyncBufferFromFile(file), utf8: false });

/** Runs a script of a folder. */
function run(program: string, args: readonly string[], cwd: string) {
  const env = { ...process.env, REASON_RFT_REWARD_TOKEN: REWARD_TOKEN, PATH: process.env.PATH };
  return spawnSync(program, args, { cwd, env, encoding: 'utf8' });
}

/** Every script of Python and of the shell is at least one, no text has a gap or a place of this machine, and the page is one. */
function checkScripts(out: string): void {
  const files = readdirSync(out, { recursive: true, encoding: 'utf8' });
  for (const file of files.filter((name) => name.endsWith('.sh')))
    assert.equal(run('sh', ['-n', file], out).stderr, '', file);
  const python = files.filter((name) => name.endsWith('.py'));
  const compile = 'import sys; [compile(open(name).read(), name, "exec") for name in sys.argv[1:]]';
  assert.equal(run(VENV_PYTHON, ['-c', compile, ...python], out).stderr, '');
  for (const file of files.filter((name) => /\.(md|json|sh|txt|yaml)$/.test(name) && !/^(model|rewards)/.test(name))) {
    const text = readFileSync(path.join(out, file), 'utf8');
    assert.doesNotMatch(text, /undefined|NaN|\[object/, file);
    assert.ok(!text.includes(folder), `${file} names a place of this machine`);
    assert.ok(!text.includes(REWARD_TOKEN), file);
  }
  const words = readFileSync(path.join(out, 'README.md'), 'utf8').split(/\s+/).length;
  assert.ok(words < 900, `${words} words are more than a page`);
}

const MARKED = '<image>Which colour is the square? Output the thinking process in <think> </think> and final answer in';

test('the folder for verl stands alone', async () => {
  const out = at('verl');
  const written = await handOver({ ...options, to: 'verl', out });
  assert.deepEqual(written, { folder: out, rows: 6, stageOneRows: 6, heldOutRows: 3 });
  const [first] = await readTable(path.join(out, 'data', 'train.parquet'));
  const { prompt, images, ...others } = first as { prompt: { content: string }[]; images: { bytes: Uint8Array }[] };
  assert.deepEqual(others, {
    data_source: 'reason-rft',
    reward_model: { style: 'rule', ground_truth: 'red' },
    extra_info: { id: 'train-0', index: 0, split: 'train' },
  });
  assert.deepEqual(prompt[0], { role: 'system', content: 'You look.' });
  assert.ok(prompt[1]!.content.startsWith(MARKED));
  assert.deepEqual(Buffer.from(images[0]!.bytes), readFileSync(at('images', 'train-0.png')));
  checkScripts(out);
  const config = JSON.parse(readFileSync(path.join(out, 'config', 'grpo.json'), 'utf8')) as {
    options: { [name: string]: unknown };
  };
  // No tokenizer makes more of the longest prompt: its texts have some 130 bytes, the template 64 tokens at most, the picture 4 and 2.
  assert.equal(config.options['data.max_prompt_length'], 256);
  assert.equal(config.options['+data.mm_processor_kwargs.max_pixels'], 50_176);
  // Stage 1 is TRL's, and starts from the same copy of the checkpoint.
  const sft = JSON.parse(readFileSync(path.join(out, 'stage-one', 'config', 'sft.json'), 'utf8')) as { model: object };
  assert.deepEqual(sft.model, { folder: '../model' });
  assert.ok(existsSync(path.join(out, 'stage-one', '..', 'model', 'model.safetensors')));
});

test("verl's starter shares an update evenly, and says what comes first", () => {
  const out = at('verl');
  const print = (...args: string[]) => run(VENV_PYTHON, ['-B', 'train.py', '--print', ...args], out);
  assert.match(print().stderr, /stage-one.*is not there: train stage 1 first/);
  const lines = print('--start', 'model', '--gpus', '3', 'trainer.save_freq=50').stdout.split('\n');
  // 12 completions on 3 GPUs are 4 of each, which is one prompt.
  assert.ok(lines.includes('actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu=4'));
  assert.ok(lines.includes('trainer.n_gpus_per_node=3'));
  assert.equal(lines.at(-2), 'trainer.save_freq=50');
  assert.match(print('--start', 'model', '--gpus', '5').stderr, /12 completions, which 5 GPUs cannot share evenly/);
  // Six of eight share 12 evenly, and so do six on each of two nodes.
  assert.match(readFileSync(path.join(out, 'launch', 'eight-gpus.sh'), 'utf8'), /train\.py --gpus 6 "\$@"/);
  assert.match(readFileSync(path.join(out, 'launch', 'two-nodes.sh'), 'utf8'), /train\.py --gpus 6 --nodes 2 "\$@"/);
  assert.match(run('sh', ['launch/one-gpu.sh', 'ppo'], out).stderr, /name the phase: sft or grpo/);
});

test('the folder for ms-swift stands alone', async () => {
  const out = at('ms-swift');
  await handOver({ ...options, to: 'ms-swift', out, lora: { ...LORA_DEFAULTS } });
  const [first] = await readTable(path.join(out, 'data', 'train.parquet'));
  const { messages, images, ...others } = first as { messages: { content: string }[]; images: unknown[] };
  assert.deepEqual(others, { id: 'train-0', split: 'train', solution: 'red' });
  assert.deepEqual([messages.length, images.length], [2, 1]);
  assert.ok(messages[1]!.content.startsWith(MARKED));
  const [example] = await readTable(path.join(out, 'data', 'sft.parquet'));
  assert.deepEqual((example as { messages: object[] }).messages.at(-1), {
    role: 'assistant',
    content: '<think>\nIt is red.\n</think>\n<answer>\nred\n</answer>',
  });
  checkScripts(out);
  const config = JSON.parse(readFileSync(path.join(out, 'config', 'sft.json'), 'utf8')) as {
    options: { [name: string]: unknown };
    environment: object;
  };
  const { tuner_type, torch_dtype, lora_dtype, target_regex, bf16 } = config.options;
  // Stage 1 leaves the tower as it is, so that no adapter is in it.
  assert.deepEqual([tuner_type, torch_dtype, lora_dtype, bf16], ['lora', 'bfloat16', 'float32', true]);
  assert.match(String(target_regex), /^\(\?!\.\*visual\)/);
  assert.deepEqual(config.environment, { MAX_PIXELS: '50176' });
  // The page names no package without a version: each stands in a file.
  const packages = readFileSync(path.join(out, 'requirements-vllm.txt'), 'utf8').trim().split('\n');
  assert.ok(
    packages.every((line) => /^[\w-]+==[\d.]+$/.test(line)) && packages.some((line) => line.startsWith('vllm==')),
  );
  assert.match(
    readFileSync(path.join(out, 'README.md'), 'utf8'),
    /install `requirements-vllm\.txt` in place of the other/,
  );
});

test('a model of the hub is fetched where it is trained, and its family is not asked for', async () => {
  const hub = { ...options, model: 'some/model@v1', stageOne: undefined, heldOut: undefined };
  await handOver({ ...hub, to: 'verl', out: at('verl-hub') });
  await handOver({ ...hub, to: 'ms-swift', out: at('swift-hub') });
  const fetch = 'hf download some/model --revision v1 --local-dir';
  assert.ok(readFileSync(at('verl-hub', 'README.md'), 'utf8').includes(`${fetch} model`));
  const verl = run(VENV_PYTHON, ['-B', 'train.py', '--print'], at('verl-hub'));
  assert.ok(verl.stderr.includes(fetch), verl.stderr);
  const swift = run(VENV_PYTHON, ['-B', 'train.py', 'grpo', '--print'], at('swift-hub'));
  const wanted = ['--model', 'some/model', '--model_revision', 'v1', '--use_hf', 'true'];
  assert.deepEqual(swift.stdout.split('\n').slice(0, 6), wanted);
  assert.equal(existsSync(at('swift-hub', 'launch', 'cpu.sh')), true);
});

test("ms-swift's starter names the checkpoint's family and its system turn, and shares an update evenly", () => {
  const out = at('ms-swift');
  const words = (...args: string[]) => run(VENV_PYTHON, ['-B', 'train.py', ...args, '--print'], out);
  assert.match(words('grpo').stderr, /out\/sft\/final is not there: train stage 1 first/);
  const line = words('grpo', '--start', 'model', '--gpus', '3', '--use_vllm', 'true').stdout.split('\n');
  const after = (name: string) => line[line.indexOf(name) + 1];
  assert.deepEqual([after('--model_type'), after('--template')], ['qwen2_vl', 'qwen2_vl']);
  // The nano model's own template has no system turn, and ms-swift's would have one.
  assert.equal(after('--system'), '');
  // 12 completions on 3 GPUs are 4 of each: one prompt at once, and no accumulation.
  assert.deepEqual([after('--per_device_train_batch_size'), after('--gradient_accumulation_steps')], ['4', '1']);
  assert.equal(after('--use_vllm'), 'true');
  // An option without a value keeps ms-swift's own; a list is several words.
  assert.ok(!line.includes('--delta') && !line.includes('null'));
  const rewards = line.slice(line.indexOf('--reward_funcs') + 1, line.indexOf('--reward_weights'));
  assert.deepEqual(rewards, ['kit_accuracy_reward', 'kit_format_reward']);
  assert.equal(
    words('sft', '--start', 'model').stdout.split('\n')[1],
    words('grpo', '--start', 'model').stdout.split('\n')[1],
  );
});

test("ms-swift's processes see one GPU each: those that are named, or the first ones", () => {
  const visible = (gpus: number, asked?: string) => {
    const program = `
import os, sys, train
os.environ.pop("CUDA_VISIBLE_DEVICES", None)
os.environ.update(CUDA_VISIBLE_DEVICES=sys.argv[2]) if len(sys.argv) > 2 else None
arguments = train.parser.parse_args(["grpo", "--gpus", sys.argv[1]])
print(train.environment({"environment": {}}, arguments, "model")["CUDA_VISIBLE_DEVICES"])`;
    const { stdout, stderr } = run(
      VENV_PYTHON,
      ['-B', '-c', program, `${gpus}`, ...(asked ? [asked] : [])],
      at('ms-swift'),
    );
    return stdout.trim() || stderr.trim();
  };
  assert.deepEqual([visible(0), visible(0, '3'), visible(1), visible(6)], ['', '', '0', '0,1,2,3,4,5']);
  assert.deepEqual([visible(1, '3'), visible(2, '4,5,6')], ['3', '4,5']);
  assert.match(
    visible(4, '4,5'),
    /CUDA_VISIBLE_DEVICES names 2 GPUs, and 4 are to train; name as many, or leave it unset/,
  );
});

test('what is wrong is said by row, setting or checkpoint, and nothing is written', async () => {
  const bad = at('marked.jsonl');
  writeFileSync(bad, `${JSON.stringify({ id: 'a', problem: 'What does <image> mean?', answer: 'x' })}\n`);
  const grpo = grpoSettings({ ...SETTINGS, promptsPerStep: 1, schedule: { decay: 'cosine' } });
  const plain = { ...options, grpo, stageOne: undefined, heldOut: undefined };
  const cases: [to: 'verl' | 'ms-swift', changes: Partial<HandOverOptions>, message: RegExp][] = [
    ['verl', { data: bad }, /row 'a': its prompt has the text '<image>'/],
    ['ms-swift', { data: bad }, /row 'a': its prompt has the text '<image>'/],
    [
      'ms-swift',
      { model: shippedModel() },
      /has patch_size 8, and ms-swift holds to those of the published checkpoints, 14 or 16/,
    ],
    ['verl', { grpo: grpoSettings(SETTINGS) }, /grpo: schedule .*cosine/],
  ];
  for (const [to, changes, message] of cases)
    await assert.rejects(handOver({ ...plain, ...changes, to, out: at('none') }), message);
  assert.equal(existsSync(at('none')), false);
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.includes('partial') || name.startsWith('.')),
    [],
  );
});
