/** The folder for TRL as it is written: rows, rewards that run from it, configuration, scripts; and nothing where something is wrong. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { parse } from 'yaml';
import { writeParquetTable } from '../../lib/data/parquet-table.js';
import { streamFileAtomic } from '../../lib/engine/atomic-write.js';
import { type HandOverOptions, handOver } from '../../lib/handover/hand-over.js';
import { LORA_DEFAULTS } from '../../lib/model/lora.js';
import { readRows } from '../../lib/records/open-rows.js';
import { VENV_PYTHON } from '../../lib/setup/layout.js';
import { shippedModel } from '../../lib/study/workspace.js';
import { grpoSettings, sftSettings } from '../../lib/train/settings.js';
import { REWARD_TOKEN, startServer, writeOwnRewards } from '../support/handed-over.js';
import { writeColourRows } from '../support/own-rows.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-handover-'));
const at = (...names: string[]) => path.join(folder, ...names);
let options: Omit<HandOverOptions, 'out'>;

before(async () => {
  const data = await writeColourRows(folder, 'train', 6);
  // The held-out rows have their pictures in the file itself.
  await writeColourRows(folder, 'held-out', 3);
  const packed = await packedRows();
  options = {
    ...{ to: 'trl', data, model: shippedModel(), rewards: writeOwnRewards(folder) },
    grpo: grpoSettings({ steps: 5, promptsPerStep: 3, completions: 4, temperatureInLoss: true, rewardTimeLimit: 7 }),
    stageOne: { data, settings: sftSettings({ batchSize: 2 }) },
    heldOut: { data: packed, evaluateEvery: 2 },
    ...{
      prompt: '{{ problem }} Say it in a word.',
      system: 'You look at {{ image[0] }}.',
      pixels: { maxPixels: 4096 },
    },
  };
});
after(() => rmSync(folder, { recursive: true }));

/** The rows of the held-out file as rows of our own, their pictures in bytes. */
async function packedRows(): Promise<string> {
  const file = at('held-out.parquet');
  const { records } = await readRows({ file: at('held-out.jsonl') });
  const rows = async function* () {
    for (const { id, image, problem, answer } of records)
      yield { id, problem, answer, images: [{ bytes: readFileSync(at('images', image[0]!)), path: '' }] };
  };
  const columns = { id: 'text', problem: 'text', answer: 'text', images: 'pictures' } as const;
  await streamFileAtomic(file, (write) => writeParquetTable(write, columns, rows()));
  return file;
}

const readTable = async (file: string) => parquetReadObjects({ file: await asyncBufferFromFile(file), utf8: false });

test('the folder stands alone: rows with pictures and prompts, configuration, model, scripts', async () => {
  const out = at('whole');
  const written = await handOver({ ...options, out });
  assert.deepEqual(written, { folder: out, rows: 6, stageOneRows: 6, heldOutRows: 3 });
  const [first] = await readTable(path.join(out, 'data', 'train.parquet'));
  const bytes = readFileSync(at('images', 'train-0.png'));
  assert.deepEqual(first, {
    ...{ id: 'train-0', answer: 'red' },
    prompt: [
      { role: 'system', content: 'You look at train-0.png.' },
      { role: 'user', content: 'Which colour is the square? Say it in a word.' },
    ],
    images: [{ bytes: new Uint8Array(bytes), path: 'train-0.png' }],
  });
  const [example] = await readTable(path.join(out, 'data', 'sft.parquet'));
  assert.deepEqual(example!.completion, [
    { role: 'assistant', content: '<think>\nIt is red.\n</think>\n<answer>\nred\n</answer>' },
  ]);
  assert.equal((await readTable(path.join(out, 'data', 'held-out.parquet'))).length, 3);
  const json = (name: string) => JSON.parse(readFileSync(path.join(out, name), 'utf8'));
  const grpo = json('config/grpo.json');
  assert.deepEqual(
    [grpo.model, grpo.pixels, grpo.lora, grpo.precision, grpo.held_out, grpo.stage_one],
    [{ folder: 'model' }, { max_pixels: 4096 }, null, 'bfloat16', true, true],
  );
  // 3 prompts of 4 completions an update, one prompt at once; 2 of our steps between evaluations.
  assert.deepEqual([grpo.completions_per_update, grpo.completions_at_once, grpo.options.eval_steps], [12, 4, 2]);
  assert.deepEqual(
    grpo.rewards,
    [
      ['accuracy_reward', 1],
      ['format_reward', 0.5],
      ['brevity', 0.2],
      ['agreement', 0.25],
    ].map(([name, weight]) => ({ name, weight })),
  );
  assert.deepEqual([json('config/sft.json').freeze_vision, json('config/sft.json').batch_size], [true, 2]);
  const record = json('experiment.json');
  assert.deepEqual([record.to, record.grpo, record.prompt], ['trl', options.grpo, options.prompt]);
  assert.deepEqual(readdirSync(path.join(out, 'model')).sort(), readdirSync(shippedModel()).sort());
  // 12 completions: 6 processes of 2 on a node; 2 examples: 2 of them.
  assert.match(
    readFileSync(path.join(out, 'launch', 'eight-gpus.sh'), 'utf8'),
    /sft\) processes=2 ;;\n {2}grpo\) processes=6 ;;/,
  );
  const accelerate = parse(readFileSync(path.join(out, 'config', 'two-nodes.yaml'), 'utf8'));
  assert.deepEqual([accelerate.num_machines, accelerate.deepspeed_config.zero_stage], [2, 3]);
  for (const name of readdirSync(path.join(out, 'launch'))) {
    const checked = spawnSync('sh', ['-n', path.join(out, 'launch', name)], { encoding: 'utf8' });
    assert.equal(checked.status, 0, checked.stderr);
  }
  const page = readFileSync(path.join(out, 'README.md'), 'utf8');
  assert.match(page, /sh launch\/cpu\.sh grpo --stop-after 3/);
  // TRL moves the weights through an engine of vLLM's, which has to be asked for, and sends pictures to an address of its own.
  const serve =
    /VLLM_SERVER_DEV_MODE=1 vllm serve MODEL --weight-transfer-config '\{"backend": "nccl"\}' \\\n {2}--logprobs-mode processed_logprobs --enable-scale-out/;
  assert.match(page, serve);
  assert.ok(page.split(/\s+/).length < 900, `${page.split(/\s+/).length} words are more than a page`);
});

test('the reward server runs from the folder, after the rows and rewards that it came from are gone', async () => {
  const own = at('elsewhere');
  mkdirSync(own);
  const data = await writeColourRows(own, 'train', 3);
  const out = at('served');
  await handOver({ ...options, data, rewards: writeOwnRewards(own), out });
  rmSync(own, { recursive: true });
  const server = await startServer(out);
  try {
    const response = await fetch(`${server.url}/score`, {
      ...{ method: 'POST', headers: { authorization: `Bearer ${REWARD_TOKEN}` } },
      body: JSON.stringify({
        ids: ['train-0', 'train-0', 'held-out-1'],
        completions: ['red', 'a b c d e f g', 'blue'],
      }),
    });
    const { rewards, sums } = (await response.json()) as { rewards: object; sums: number[] };
    // brevity: 1 / (1 + 1 word), none for 7 words. agreement: one of two, one of two, one of one.
    assert.deepEqual(rewards, {
      ...{ accuracy_reward: [1, 0, 1], format_reward: [0, 0, 0] },
      ...{ brevity: [0.5, null, 0.5], agreement: [0.5, 0.5, 1] },
    });
    assert.deepEqual(sums, [1 + 0.1 + 0.125, 0.125, 1 + 0.1 + 0.25]);
  } finally {
    await server.end('SIGTERM');
  }
  // The server's rows have their pictures, whether these had names or stood in a file.
  const { records, files } = await readRows({ file: path.join(out, 'rewards', 'rows.jsonl') });
  assert.deepEqual(
    records.map(({ id }) => id),
    ['train-0', 'train-1', 'train-2', 'held-out-0', 'held-out-1', 'held-out-2'],
  );
  assert.ok(files.flat().every((file) => existsSync(file as string)));
  assert.deepEqual([records[0]!.image, records[3]!.image], [['train-0.png'], ['row-1-1.png']]);
  assert.match(
    readFileSync(path.join(out, 'rewards', 'serve.sh'), 'utf8'),
    /--reward-time-limit 7 --on-reward-error stop/,
  );
  const texts = readdirSync(out, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /\.(sh|py|md|json|ya?ml|txt)$/.test(name),
  );
  for (const name of texts) {
    const text = readFileSync(path.join(out, name), 'utf8');
    assert.ok(
      !text.includes(REWARD_TOKEN) && !text.includes(folder),
      `${name} holds a token, or a path of this machine`,
    );
  }
});

test('a model of the hub is named and not fetched; adapters go without DeepSpeed', async () => {
  const out = at('hub');
  const { stageOne: _, heldOut: __, ...alone } = options;
  await handOver({ ...alone, model: 'some/model@v1', lora: LORA_DEFAULTS, precision: 'float32', out });
  const grpo = JSON.parse(readFileSync(path.join(out, 'config', 'grpo.json'), 'utf8'));
  assert.deepEqual([grpo.model, grpo.lora.r, grpo.stage_one], [{ repo: 'some/model', revision: 'v1' }, 16, false]);
  const accelerate = parse(readFileSync(path.join(out, 'config', 'eight-gpus.yaml'), 'utf8'));
  assert.deepEqual([accelerate.distributed_type, accelerate.mixed_precision], ['MULTI_GPU', 'no']);
  for (const name of ['model', 'train_sft.py', 'config/sft.json', 'data/sft.parquet', 'data/held-out.parquet'])
    assert.ok(!existsSync(path.join(out, name)), name);
});

test('the page names the packages that own rewards import, which are not copied', async () => {
  for (const name of ['tiny', 'late']) {
    mkdirSync(at('mine', 'node_modules', name), { recursive: true });
    writeFileSync(at('mine', 'node_modules', name, 'index.js'), 'exports.one = 1;\n');
  }
  const code =
    "import { one } from 'tiny';\nexport const packed = async () => (await import('late/index.js')).one - one;\n";
  writeFileSync(at('mine', 'packed.ts'), code);
  const { stageOne: _, heldOut: __, ...alone } = options;
  await handOver({ ...alone, rewards: at('mine', 'packed.ts'), out: at('packages') });
  const page = readFileSync(at('packages', 'README.md'), 'utf8');
  assert.match(page, /Your rewards import `late`, `tiny`: install these in `rewards\/code` first\./);
  assert.deepEqual(readdirSync(at('packages', 'rewards', 'code')), ['packed.ts']);
});

test('where something is wrong it is named, and nothing is written', async () => {
  writeFileSync(at('images', 'broken.png'), 'no picture');
  const row = { id: 'x', image: 'broken.png', problem: '?', answer: 'red', cot: '' };
  writeFileSync(at('broken.jsonl'), `${JSON.stringify(row)}\n`);
  const twice = { ...options.heldOut!, data: options.data };
  writeFileSync(at('mine', 'columns.ts'), 'export const text = () => 1;\n');
  mkdirSync(at('taken'));
  writeFileSync(at('taken', 'file'), '');
  const three = { ...options.grpo, promptsPerStep: 1 };
  const wrong: [changes: object, message: RegExp][] = [
    [
      { grpo: { ...options.grpo, resamplingRounds: 3 } },
      /TRL cannot train with these settings:\ngrpo: resamplingRounds 3/,
    ],
    [{ data: at('broken.jsonl'), grpo: three }, /row 'x', picture 1: .*broken\.png/],
    [{ data: at('none.jsonl') }, /there is no such file/],
    [{ heldOut: twice }, /6 held-out rows have the ids of rows that are trained on, among them 'train-0'/],
    [{ rewards: 'accuracy,none' }, /there is no reward 'none'/],
    [{ rewards: `accuracy,${at('mine', 'columns.ts')}#text` }, /TRL writes a column 'text' of its own/],
    [{ model: at('nowhere') }, /there is no folder .*nor is it the id of a model/],
    [{ to: 'tlr' }, /tlr/],
    [{ prompt: '{{ shape }}' }, /shape/],
    [{ precision: 'float16' }, /precision must be bfloat16 or float32, got 'float16'/],
    [{ out: at('taken') }, /taken is there already and is not an empty folder/],
  ];
  const before = readdirSync(folder).sort();
  for (const [changes, message] of wrong)
    await assert.rejects(handOver({ ...options, out: at('wrong'), ...changes } as HandOverOptions), message);
  assert.deepEqual(readdirSync(folder).sort(), before);
  assert.deepEqual(readdirSync(at('taken')), ['file']);
  mkdirSync(at('empty'));
  await handOver({ ...options, out: at('empty') });
  assert.ok(existsSync(at('empty', 'README.md')));
});

test('the scripts in Python are sound for the oldest Python that the kit takes', () => {
  const code = 'import ast, sys\nfor name in sys.argv[1:]: ast.parse(open(name).read(), feature_version=(3, 10))';
  const files = ['reward_client.py', 'trl/common.py', 'trl/train_sft.py', 'trl/train_grpo.py'];
  const checked = spawnSync(
    VENV_PYTHON,
    ['-c', code, ...files.map((name) => path.join(__dirname, '../../lib/handover', name))],
    {
      encoding: 'utf8',
    },
  );
  assert.equal(checked.status, 0, checked.stderr);
});
