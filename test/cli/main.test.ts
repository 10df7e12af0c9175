/** The command line as a user meets it: arguments, streams, an exit code, and the files that are left. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { curateTrainingRows } from '../../lib/study/data/curate-rows.js';
import { dataFolder, writeStudyData } from '../../lib/study/data/data-folder.js';
import { sampleTestRows, sampleTrainingRows } from '../../lib/study/data/draw-rows.js';
import { openStudy } from '../../lib/study/workspace.js';
import { PROGRAM, runHere, runProcess } from '../support/command-line.js';
import { writeShallowModel } from '../support/shallow-model.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-cli-'));
const study = openStudy('tiny', folder);
const base = path.join(folder, 'base');
const data = path.join(dataFolder(study, 'counting'), 'train.jsonl');
const grpo = '--steps 4 --promptsPerStep 2 --completions 2 --promptsPerMicroBatch 2 --maxNewTokens 8'.split(' ');

before(async () => {
  writeShallowModel(base);
  const tests = sampleTestRows(study, 'counting');
  await writeStudyData(study, curateTrainingRows(study, sampleTrainingRows(study, 'counting'), tests).kept, tests);
});
after(() => rmSync(folder, { recursive: true, force: true }));

const out = (name: string) => path.join(folder, name);

test('an unknown setting is named with those that exist, exit code 2, nothing written', () => {
  const { status, stderr } = runProcess(['grpo', '--data', data, '--out', out('unknown'), '--stepz', '3']);
  assert.equal(status, 2);
  assert.match(
    stderr,
    /there is no setting 'stepz'; did you mean 'steps'\? The settings are .*promptsPerStep.*schedule\.learningRate/,
  );
  assert.ok(!existsSync(out('unknown')));
});

test('an impossible value and a configuration of the wrong kind are refused the same way', async () => {
  const file = out('config.json');
  writeFileSync(file, JSON.stringify({ schedule: { learningRate: 'fast' } }));
  const wrongKind = await runHere(['sft', '--data', data, '--out', out('bad'), '--config', file]);
  assert.equal(wrongKind.status, 2);
  assert.match(wrongKind.stderr, /config\.json: 'schedule\.learningRate' must be a number/);
  const impossible = await runHere(['grpo', '--data', data, '--out', out('bad'), '--completions', '1']);
  assert.equal(impossible.status, 2);
  assert.match(impossible.stderr, /group size/);
  assert.ok(!existsSync(out('bad')));
});

test('a setting beyond its bound is refused by name, with the bound, from a file as from the command line', async () => {
  const file = out('boundless.json');
  for (const [command, json, message] of [
    ['sft', '{"epochs": 1e999}', /boundless\.json: epochs may be at most 10000, got Infinity/],
    ['sft', '{"batchSize": 1e300}', /batchSize may be at most 100000, got 1e\+300/],
    ['sft', '{"schedule": {"learningRate": 1e300}}', /schedule\.learningRate may be at most 1000000000, got/],
    ['grpo', '{"completions": 1e9}', /completions may be at most 10000, got 1000000000/],
    ['grpo', '{"seed": 1e300}', /seed may be at most 9007199254740991, got/],
  ] as const) {
    writeFileSync(file, json);
    const { status, stderr } = await runHere([command, '--data', data, '--out', out('boundless'), '--config', file]);
    assert.equal(status, 2, json);
    assert.match(stderr, message);
  }
  const typed = await runHere(['sft', '--data', data, '--out', out('boundless'), '--batchSize', '1e300']);
  assert.match(typed.stderr, /command line: batchSize may be at most 100000/);
  assert.ok(!existsSync(out('boundless')));
});

test('a malformed record is named by file and row, exit code 1, nothing written', () => {
  const file = path.join(path.dirname(data), 'broken.jsonl');
  const lines = readFileSync(data, 'utf8').split('\n');
  lines[2] = '{"id": "x", "problem": 5}';
  lines[4] = 'not json';
  writeFileSync(file, lines.join('\n'));
  const { status, stderr } = runProcess(['sft', '--data', file, '--out', out('broken')]);
  assert.equal(status, 1);
  assert.match(stderr, /broken\.jsonl.*row 3.*problem/s);
  assert.match(stderr, /row 5/);
  assert.ok(!existsSync(out('broken')));
});

test('a truncated checkpoint is named, nothing written', async () => {
  cpSync(base, out('cut'), { recursive: true });
  truncateSync(path.join(out('cut'), 'model.safetensors'), 100_000);
  const { status, stderr } = await runHere(['sft', '--data', data, '--model', out('cut'), '--out', out('from-cut')]);
  assert.equal(status, 1);
  assert.match(stderr, /model\.safetensors/);
  assert.ok(!existsSync(out('from-cut')));
});

test('a header that claims more than the file holds is refused, nothing written', async () => {
  cpSync(base, out('hostile'), { recursive: true });
  const header = Buffer.alloc(16);
  header.writeBigUInt64LE(2n ** 40n);
  writeFileSync(path.join(out('hostile'), 'model.safetensors'), header);
  const { status, stderr } = await runHere([
    'sft',
    '--data',
    data,
    '--model',
    out('hostile'),
    '--out',
    out('from-hostile'),
  ]);
  assert.equal(status, 1);
  assert.match(stderr, /model\.safetensors.*header claims 1099511627776 bytes/);
  assert.ok(!existsSync(out('from-hostile')));
});

test('a missing image is named with the row that shows it, nothing written', async () => {
  const file = path.join(path.dirname(data), 'imageless.jsonl');
  const lines = readFileSync(data, 'utf8').split('\n').slice(0, 2);
  lines[1] = JSON.stringify({ ...JSON.parse(lines[1]!), image: 'gone.png' });
  writeFileSync(file, lines.join('\n'));
  const { status, stderr } = await runHere(['sft', '--data', file, '--out', out('imageless')]);
  assert.equal(status, 1);
  assert.match(stderr, /imageless\.jsonl, row 2, field 'image': there is no file .*gone\.png/);
  assert.ok(!existsSync(out('imageless')));
});

test('a disk that takes no more leaves no half checkpoint, and the run ends once there is room', () => {
  const file = path.join(path.dirname(data), 'few.jsonl');
  writeFileSync(file, readFileSync(data, 'utf8').split('\n').slice(0, 8).join('\n'));
  const args = ['sft', '--data', file, '--model', base, '--out', out('full'), '--epochs=1', '--batchSize=8'];
  // The weights take 3 MB; 2,000 blocks are 1 or 2 MB, as the shell counts them.
  const limited = spawnSync('sh', ['-c', 'ulimit -f 2000; exec "$@"', 'sh', process.execPath, ...PROGRAM, ...args], {
    encoding: 'utf8',
  });
  assert.equal(limited.status, 1);
  assert.match(limited.stderr, /cannot write .*model\.safetensors/);
  assert.deepEqual(readdirSync(out('full')).sort(), [
    'code.json',
    'metrics.jsonl',
    'run.json',
    'tensorboard',
    'timing.jsonl',
    // One step is all warm-up.
    'warnings.jsonl',
  ]);
  const { status, stderr } = runProcess(args);
  assert.equal(status, 0, stderr);
  assert.ok(existsSync(path.join(out('full'), 'final', 'model.safetensors')));
});

test('the finished run of a folder is not served to other pictures or another image processor: what changed is named', async () => {
  const file = path.join(path.dirname(data), 'few.jsonl');
  const settings = ['--out', out('full'), '--epochs=1', '--batchSize=8'];
  const images = path.join(path.dirname(data), 'other images');
  cpSync(path.join(path.dirname(data), 'images'), images, { recursive: true });
  const shown = readFileSync(file, 'utf8').split('\n').slice(0, 2);
  const [one, other] = shown.map((line) => path.join(images, `${JSON.parse(line).id}.png`));
  cpSync(other!, one!);
  const pictures = await runHere(['sft', '--data', file, '--model', base, '--images', images, ...settings]);
  assert.equal(pictures.status, 1);
  assert.match(pictures.stderr, /full holds a run of another configuration \(other pictures\); choose another folder/);

  cpSync(base, out('processor'), { recursive: true });
  const processor = path.join(out('processor'), 'preprocessor_config.json');
  writeFileSync(processor, JSON.stringify({ ...JSON.parse(readFileSync(processor, 'utf8')), image_std: [1, 1, 1] }));
  const processed = await runHere(['sft', '--data', file, '--model', out('processor'), ...settings]);
  assert.equal(processed.status, 1);
  assert.match(processed.stderr, /another configuration \(other checkpoint\.preprocessor_config\.json\)/);
  const again = await runHere(['sft', '--data', file, '--model', base, ...settings]);
  assert.equal(again.status, 0, again.stderr);
});

test('adapters from the command line: trained in both phases, generated with, merged into a checkpoint that says the same', async () => {
  const file = path.join(path.dirname(data), 'few.jsonl');
  writeFileSync(file, readFileSync(data, 'utf8').split('\n').slice(0, 8).join('\n'));
  const lora = ['--lora-rank', '2', '--lora-modules', 'q_proj,v_proj,qkv'];
  const rate = ['--schedule.learningRate', '0.1', '--schedule.warmupSteps', '0'];
  const settings = ['--epochs=1', '--batchSize=8', '--freezeVision', 'false', ...rate];
  const sft = runProcess(['sft', '--data', file, '--model', base, '--out', out('lora-sft'), ...settings, ...lora]);
  assert.equal(sft.status, 0, sft.stderr);
  assert.deepEqual(readdirSync(path.join(out('lora-sft'), 'final')).sort(), [
    'README.md',
    'adapter_config.json',
    'adapter_model.safetensors',
  ]);
  const start = ['--model', path.join(out('lora-sft'), 'final')];
  const stage2 = runProcess(['grpo', '--data', file, '--out', out('lora-grpo'), ...start, ...grpo]);
  assert.equal(stage2.status, 0, stage2.stderr);
  // Nothing has moved yet when the first step measures its KL to the checkpoint that the run starts from.
  const [step] = readFileSync(path.join(out('lora-grpo'), 'metrics.jsonl'), 'utf8').split('\n');
  assert.ok(Math.abs(JSON.parse(step!).kl) < 1e-6, step);
  const adapters = path.join(out('lora-grpo'), 'final');
  const merged = runProcess(['merge', '--model', adapters, '--out', out('merged')]);
  assert.equal(merged.status, 0, merged.stderr);
  const image = path.join(path.dirname(data), 'images', readdirSync(path.join(path.dirname(data), 'images'))[0]!);
  const logitsOf = (model: string): number[] => {
    const asked = ['--image', image, '--prompt', 'how many', '--greedy', '--max-new-tokens', '4', '--json'];
    const { status, stdout, stderr } = runProcess(['generate', '--model', model, ...asked]);
    assert.equal(status, 0, stderr);
    return JSON.parse(stdout).logits_last;
  };
  const [adapted, whole] = [logitsOf(adapters), logitsOf(out('merged'))];
  assert.ok(Math.max(...adapted.map((x, i) => Math.abs(x - whole[i]!))) < 1e-4);
  const again = await runHere(['merge', '--model', adapters, '--out', out('merged')]);
  assert.equal(again.status, 2);
  assert.match(again.stderr, /exists already/);
});

test('a run folder that another process trains in is refused, and left as it is', async () => {
  const lock = path.join(out('locked'), '.lock');
  mkdirSync(out('locked'));
  const holder = { host: hostname(), pid: process.ppid, began: null, since: 'noon', job: null };
  writeFileSync(lock, JSON.stringify(holder));
  const { status, stderr } = await runHere(['sft', '--data', data, '--model', base, '--out', out('locked')]);
  assert.equal(status, 1);
  assert.match(stderr, new RegExp(`locked is being trained in by process ${process.ppid} on .*; wait until it ends`));
  assert.deepEqual(readdirSync(out('locked')), ['.lock']);
});

test('--dtype is part of what a run is known by where it changes numbers: bfloat16 is, auto and float32 are one', () => {
  const file = path.join(path.dirname(data), 'fewer.jsonl');
  writeFileSync(file, readFileSync(data, 'utf8').split('\n').slice(0, 2).join('\n'));
  const sft = (name: string, dtype: string) => {
    const settings = ['--epochs=1', '--batchSize=2', '--lora-rank', '2', '--lora-modules', 'q_proj'];
    return runProcess(['sft', '--data', file, '--model', base, '--out', out(name), '--dtype', dtype, ...settings]);
  };
  for (const [name, dtype] of [
    ['dtype-auto', 'auto'],
    ['dtype-auto', 'float32'],
    ['dtype-bfloat16', 'bfloat16'],
  ] as const) {
    const { status, stderr } = sft(name, dtype);
    assert.equal(status, 0, stderr);
  }
  const other = sft('dtype-auto', 'bfloat16');
  assert.notEqual(other.status, 0);
  assert.match(other.stderr, /dtype/);
  const loss = (name: string) => JSON.parse(readFileSync(path.join(out(name), 'metrics.jsonl'), 'utf8')).loss;
  assert.notEqual(loss('dtype-auto'), loss('dtype-bfloat16'), 'the base of a float32 checkpoint was rounded');
});

test('--max-pixels bounds the picture that a model sees, and is part of what a run is known by', async () => {
  const image = path.join(path.dirname(data), 'images', readdirSync(path.join(path.dirname(data), 'images'))[0]!);
  const gridOf = (...bounds: string[]) => {
    const asked = ['--model', base, '--image', image, '--prompt', 'how many', '--greedy', '--max-new-tokens', '1'];
    const { status, stdout, stderr } = runProcess(['generate', ...asked, ...bounds, '--json']);
    assert.equal(status, 0, stderr);
    return JSON.parse(stdout).image_grid_thw[0];
  };
  // Patches have 8 x 8 pixels, so 1,024 are 4 x 4 patches; the checkpoint's own bounds are 4,096 and 6,400.
  assert.deepEqual(gridOf('--min-pixels', '1024', '--max-pixels', '1024'), [1, 4, 4]);
  const file = path.join(path.dirname(data), 'fewer.jsonl');
  writeFileSync(file, readFileSync(data, 'utf8').split('\n').slice(0, 2).join('\n'));
  const settings = ['--epochs=1', '--batchSize=2', '--lora-rank', '2', '--lora-modules', 'q_proj'];
  const sft = (...bounds: string[]) =>
    runHere(['sft', '--data', file, '--model', base, '--out', out('pixels'), ...settings, ...bounds]);
  const trained = await sft('--max-pixels', '4096');
  assert.equal(trained.status, 0, trained.stderr);
  const other = await sft();
  assert.notEqual(other.status, 0);
  assert.match(other.stderr, /maxPixels was 4096, now not set/);
});

test('wrong usage of any command exits with 2 and says what is possible', async () => {
  const cases: [string[], RegExp][] = [
    [['curate', '--task', 'chess'], /no task 'chess'; choose counting, structure, transformation/],
    [['evaluate', '--data', data, '--task', 'structure'], /records of task counting, not of structure/],
    [['curate', '--task', 'counting', '--profile', 'huge'], /choose quick, standard, tiny/],
    [['curate', '--task', 'counting', '--profile', 'tiny', '--skip-bad'], /--skip-bad is for the profile paper/],
    [['curate'], /required option '--task <name>' not specified/],
    [['generate', '--prompt', 'x', '--style', 'think'], /name the task with --task/],
    [['generate', '--prompt', 'x', '--top-p', '0'], /topP must be above 0/],
    [['generate', '--prompt', 'x', '--max-pixels', 'many'], /--max-pixels must be a whole number of 1 or more/],
    [
      ['evaluate', '--data', data, '--min-pixels', '9', '--max-pixels', '8'],
      /--min-pixels 9 is more than --max-pixels 8/,
    ],
    [['evaluate', '--data', data, '--max-new-tokens', '0'], /--max-new-tokens must be a whole number of 1 or more/],
    [['grpo', '--data', data, '--out', out('usage'), '--rewards', 'format_reward='], /weight of format_reward/],
    [
      ['grpo', '--data', data, '--out', out('usage'), '--rewards', 'format_reward,accuracy_reward,format_reward=2'],
      /the list of rewards names format_reward twice/,
    ],
    [['sft', '--data', data, '--out', out('usage\uFFFD')], /'.*usage\uFFFD' holds a byte that is no UTF-8/],
    [
      ['evaluate', '--data', data, '--max-new-tokens', '1e12'],
      /--max-new-tokens may be at most 1000000, got 1000000000000/,
    ],
    [
      ['grpo', '--data', data, '--out', out('usage'), '--preset', 'ppo'],
      /no preset 'ppo'; choose nano, reason-rft or trl/,
    ],
    [['sft', '--data', data, '--out', out('usage'), '--preset', 'trl'], /choose nano or reason-rft/],
    [['sft', '--data', data, '--out', out('usage'), '--lora-rank', '2', '--lora-alpha', 'x'], /alpha must be a number/],
    [['sft', '--data', data, '--out', out('usage'), '--dtype', 'half'], /--dtype must be auto, float32 or bfloat16/],
    [['generate', '--prompt', 'x', '--dtype', 'int8'], /--dtype must be auto, float32 or bfloat16/],
    [['evaluate', '--data', data, '--dtype', 'f32'], /--dtype must be auto, float32 or bfloat16/],
    [['merge', '--model', base, '--out', out('usage')], /holds no adapter_config\.json/],
  ];
  for (const [args, message] of cases) {
    const { status, stderr } = await runHere(args);
    assert.equal(status, 2, args.join(' '));
    assert.match(stderr, message);
  }
  assert.ok(!existsSync(out('usage')));
});

test('evaluate says the share of completions that were cut, in text and JSON, and warns of many', () => {
  const file = path.join(path.dirname(data), 'two.jsonl');
  writeFileSync(file, readFileSync(data, 'utf8').split('\n').slice(0, 2).join('\n'));
  const asked = ['evaluate', '--data', file, '--model', base, '--max-new-tokens', '1'];
  const text = runProcess(asked);
  assert.equal(text.status, 0, text.stderr);
  assert.match(text.stdout, /; 100\.0 % cut at 1 tokens/);
  assert.match(text.stderr, /warning: 100\.0 % of the completions were cut at 1 tokens.*raise --max-new-tokens/);
  assert.equal(JSON.parse(runProcess([...asked, '--json']).stdout).cut, 1);
});

test('a picture that cannot be read is refused before any work, though pictures are decoded when they are needed', async () => {
  const file = path.join(path.dirname(data), 'unreadable.jsonl');
  const [row] = readFileSync(data, 'utf8').split('\n');
  writeFileSync(path.join(path.dirname(data), 'images', 'unreadable.png'), 'no picture');
  writeFileSync(file, JSON.stringify({ ...JSON.parse(row!), image: 'unreadable.png' }));
  for (const command of [['evaluate'], ['sft', '--out', out('unreadable')]]) {
    const { status, stderr } = await runHere([...command, '--data', file, '--model', base]);
    assert.equal(status, 1);
    assert.match(stderr, /unreadable\.png: not an image that can be read/);
  }
  assert.ok(!existsSync(out('unreadable')));
});

test('generate prints one JSON object: ids, grid, positions, logits, text', () => {
  const image = path.join(
    path.dirname(data),
    'images',
    `${JSON.parse(readFileSync(data, 'utf8').split('\n')[0]!).id}.png`,
  );
  const args = [
    '--image',
    image,
    '--prompt',
    'How many objects are there?',
    '--greedy',
    '--max-new-tokens',
    '4',
    '--json',
  ];
  const { status, stdout } = runProcess(['generate', ...args]);
  assert.equal(status, 0);
  const result = JSON.parse(stdout);
  assert.deepEqual(result.image_grid_thw, [[1, 8, 8]]);
  assert.equal(result.position_ids.length, 3);
  assert.equal(result.position_ids[0].length, result.input_ids.length);
  assert.equal(result.output_ids[0], result.logits_last.indexOf(Math.max(...result.logits_last)));
  assert.equal(typeof result.text, 'string');
});

test('evaluation while training: held-out records are needed, and must be held out', async () => {
  const few = (name: string, from: number, to: number) => {
    const file = path.join(path.dirname(data), `${name}.jsonl`);
    writeFileSync(file, readFileSync(data, 'utf8').split('\n').slice(from, to).join('\n'));
    return file;
  };
  const start = ['grpo', '--model', base, '--data', few('trained', 0, 8), '--out', out('validated'), ...grpo];
  const args = [...start, '--evaluate-every', '2'];
  const without = await runHere(args);
  assert.equal(without.status, 2);
  assert.match(without.stderr, /give them with --validation FILE/);
  const leaking = await runHere([...args, '--validation', few('leaking', 7, 10)]);
  assert.equal(leaking.status, 2);
  assert.match(leaking.stderr, /not held out: 1 of its records are trained on, among them 'counting-train-/);
  assert.ok(!existsSync(out('validated')));

  const held = ['--validation', few('held', 8, 12), '--validation-samples', '2', '--checkpoint-every', '1'];
  const { status, stdout, stderr } = runProcess([...args, ...held, '--json']);
  assert.equal(status, 0, stderr);
  assert.match(stderr, /accuracy \d\.\d{3} after step 4/);
  const rows = readFileSync(path.join(out('validated'), 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  for (const name of ['eval_accuracy', 'eval_format', 'eval_pass@2', 'eval_reward']) {
    assert.deepEqual(
      rows.map((row) => typeof row[name]),
      ['undefined', 'number', 'undefined', 'number'],
      name,
    );
  }
  const { best } = JSON.parse(stdout);
  // Of the checkpoints after 1, 2 and 3 steps, and after the last where it is the best, the newest two stay.
  const kept = best.step === 4 ? ['step-000003', 'step-000004'] : ['step-000002', 'step-000003'];
  assert.deepEqual(readdirSync(path.join(out('validated'), 'checkpoints')).sort(), ['best.json', ...kept]);
  assert.equal(best.score, Math.max(rows[1].eval_accuracy, rows[3].eval_accuracy));
  assert.ok(existsSync(path.join(best.checkpoint, 'model.safetensors')));
});

test('an interrupted run exits with 130, one whose terminal was closed with 129; it goes on, and ends as one that was not', async () => {
  const args = (name: string) => ['grpo', '--model', base, '--data', data, '--out', out(name), ...grpo];
  const whole = runProcess(args('whole'));
  assert.equal(whole.status, 0, whole.stderr);
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGHUP', 129],
  ] as const) {
    const child = spawn(process.execPath, [...PROGRAM, ...args(signal)], { stdio: ['ignore', 'ignore', 'pipe'] });
    const metrics = path.join(out(signal), 'metrics.jsonl');
    while (!existsSync(metrics) && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 5));
    if (signal === 'SIGHUP') child.stderr.destroy();
    child.kill(signal);
    assert.equal(await new Promise((resolve) => child.on('exit', resolve)), code);
    assert.ok(!existsSync(path.join(out(signal), 'final')));
    const [checkpoint] = readdirSync(path.join(out(signal), 'checkpoints'));
    assert.match(checkpoint!, /^step-00000[1-3]$/);
  }
  assert.equal(runProcess(args('SIGHUP')).status, 0);
  for (const name of ['metrics.jsonl', 'completions/completions_00003.parquet', 'final/model.safetensors']) {
    assert.deepEqual(readFileSync(path.join(out('SIGHUP'), name)), readFileSync(path.join(out('whole'), name)), name);
  }
  const other = runProcess([...args('whole'), '--beta', '0']);
  assert.equal(other.status, 1);
  assert.match(other.stderr, /another configuration/);
});

test('report says what makes the results that it draws, and writes nothing without them', () => {
  const { status, stderr } = runProcess(['report', '--profile', 'tiny'], { REASON_RFT_RUNS: out('none') });
  assert.equal(status, 1);
  assert.match(stderr, /results\.json does not exist yet: run 'npx reason-rft results --profile tiny' first/);
  assert.ok(!existsSync(out('none')));
});

test('a reader that closes the output, as head does, ends a command quietly', async () => {
  const child = spawn(process.execPath, [...PROGRAM, '--help'], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  let said = '';
  child.stderr.on('data', (piece) => {
    said += piece;
  });
  assert.equal(await new Promise((resolve) => child.on('close', resolve)), 0);
  assert.equal(said, '');
});
