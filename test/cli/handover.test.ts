/** The hand-over by the command line: presets, settings of both phases, refusals by name with exit code 2 and nothing written. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { QUICK } from '../../lib/study/profile.js';
import { grpoSettings, sftSettings } from '../../lib/train/settings.js';
import { runHere } from '../support/command-line.js';
import { writeColourRows } from '../support/own-rows.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-cli-handover-'));
const at = (name: string) => path.join(folder, name);
let data: string;
let heldOut: string;

before(async () => {
  data = await writeColourRows(folder, 'train', 20);
  heldOut = await writeColourRows(folder, 'held-out', 2);
});
after(() => rmSync(folder, { recursive: true }));

/** Runs the command. An option among `more` takes the place of the one that all calls have. */
function handOver(name: string, ...more: string[]) {
  const usual = [
    ['--to', 'trl'],
    ['--rewards', 'accuracy'],
  ].filter(([option]) => !more.includes(option!));
  return runHere(['handover', ...usual.flat(), '--data', data, '--out', at(name), ...more]);
}
const record = (name: string) => JSON.parse(readFileSync(path.join(at(name), 'experiment.json'), 'utf8'));

test('a model of the hub has the settings of the paper, with those that the options change, in both phases', async () => {
  const { status, stderr } = await handOver(
    'hub',
    ...['--model', 'some/model', '--temperatureInLoss', 'true', '--schedule.learningRate', '2e-6'],
    ...['--sft-data', data, '--sft.epochs', '2', '--target', 'answer', '--system', 'Look.'],
    ...['--validation', heldOut, '--evaluate-every', '5', '--max-pixels', '50176', '--precision', 'float32'],
  );
  assert.equal(status, 0, stderr);
  const { grpo, stageOne, heldOut: held, system, precision, pixels, model } = record('hub');
  // 20 rows by 14 prompts a step are one pass in 2 steps.
  assert.deepEqual(grpo, grpoSettings({ steps: 2, temperatureInLoss: true, schedule: { learningRate: 2e-6 } }));
  assert.deepEqual([stageOne.settings, stageOne.target, stageOne.rows], [sftSettings({ epochs: 2 }), 'answer', 20]);
  assert.deepEqual([held, system], [{ rows: 2, evaluateEvery: 5, samples: 4 }, 'Look.']);
  assert.deepEqual([precision, pixels, model.repo], ['float32', { maxPixels: 50176 }, 'some/model']);
  assert.match(stderr, /GRPO: settings: preset reason-rft .*schedule\.learningRate 0\.000002; steps 2, one pass/);
  assert.match(stderr, /stage 1: settings: preset reason-rft .*epochs 2/);
});

test('the shipped model has its own settings, and adapters if asked', async () => {
  const { status, stderr } = await handOver('nano', '--promptsPerStep', '8', '--lora-rank', '4');
  assert.equal(status, 0, stderr);
  assert.deepEqual(record('nano').grpo, { ...QUICK.grpo, promptsPerStep: 8 });
  assert.deepEqual([record('nano').lora.rank, record('nano').lora.alpha], [4, 8]);
});

test('wrong usage is named, ends with 2, and writes nothing', async () => {
  const wrong: [args: string[], message: RegExp][] = [
    [['--to', 'none'], /there is no trainer 'none'; choose trl, verl, ms-swift/],
    [['--preset', 'reason-rft'], /grpo: temperatureInLoss false: .*--temperatureInLoss true/],
    [['--preset', 'none'], /there is no preset 'none'/],
    [['--promptsPerStep', '8', '--bta', '0'], /beta/],
    [['--sft.epochs', '2'], /settings of stage 1 do nothing without its rows: name them with --sft-data/],
    [['--sft-data', data, '--sft.epoch', '2'], /epochs/],
    [['--target', 'both'], /--target must be answer or cot/],
    [['--validation', heldOut], /--validation FILE and --evaluate-every N go together/],
    [['--rewards', 'none'], /there is no reward 'none'/],
    [['--prompt', 'the same'], /is the same for every row/],
  ];
  for (const [args, message] of wrong) {
    const { status, stderr } = await handOver('wrong', ...args);
    assert.deepEqual([status, message.test(stderr)], [2, true], `${args.join(' ')}: ${stderr}`);
    assert.ok(!existsSync(at('wrong')), args.join(' '));
  }
});
