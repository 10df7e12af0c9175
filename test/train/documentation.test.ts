/** The tables of lib/train/README.md name every option, with its default, and every metric that a run logs. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { settingNames } from '../../lib/cli/settings.js';
import { startEngine } from '../../lib/engine/backend.js';
import { LORA_DEFAULTS } from '../../lib/model/lora.js';
import { disposeModel } from '../../lib/model/model.js';
import { scoreAnswer } from '../../lib/rewards/score-answer.js';
import { curveMetric } from '../../lib/study/cells/learning-curve.js';
import { scheduleValidation } from '../../lib/study/cells/validation.js';
import { validationSettings } from '../../lib/study/cells/validation-rows.js';
import { QUICK } from '../../lib/study/profile.js';
import { openStudy } from '../../lib/study/workspace.js';
import { trainGrpo } from '../../lib/train/grpo.js';
import { type GrpoSettings, REASON_RFT_GRPO, TRL_GRPO } from '../../lib/train/grpo-settings.js';
import { RunDirectory } from '../../lib/train/run-directory.js';
import { REASON_RFT_SFT, trainSft } from '../../lib/train/sft.js';
import { tinyExamples, tinyPolicy } from '../support/tiny-policy.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-documentation-'));
const text = readFileSync(path.join(__dirname, '../../lib/train/README.md'), 'utf8');

/** The rows of the table under a heading, as lists of cells without their back-ticks. */
function rows(heading: string): string[][] {
  const section = text.split(/^## /m).find((each) => each.startsWith(heading))!;
  return [...section.matchAll(/^\| `(.*?)` \|(.*)\|$/gm)].map((match) => [
    match[1]!,
    ...match[2]!.split(' | ').map((cell) => cell.trim()),
  ]);
}

before(async () => {
  await startEngine();
});
after(() => rmSync(folder, { recursive: true, force: true }));

test('every option of GRPO and of SFT has its row, and no row is left over', () => {
  const names = (heading: string) =>
    rows(heading)
      .map(([name]) => name)
      .sort();
  assert.deepEqual(names('Options of GRPO'), settingNames(QUICK.grpo).sort());
  assert.deepEqual(names('Options of SFT'), settingNames(QUICK.cotSft).sort());
  const evaluation = validationSettings(openStudy('quick'), 'counting');
  assert.deepEqual(names('Options of evaluation'), settingNames(evaluation).sort());
});

test('the defaults of GRPO that the table states are those of the presets', () => {
  const value = (preset: object, name: string) =>
    name.split('.').reduce<unknown>((object, key) => (object as { [key: string]: unknown })[key], preset);
  for (const [name, , stated] of rows('Options of GRPO')) {
    if (name === 'steps') continue;
    const [own, trl = own] = stated!.replace(')', '').split(' (trl: ');
    const written = (preset: object) => String(value(preset, name!)).replace('0.000001', '1e-6');
    assert.equal(own, written(REASON_RFT_GRPO), name);
    assert.equal(trl, written(TRL_GRPO), name);
  }
});

test('the defaults of SFT that the table states are those of the preset', () => {
  for (const [name, , stated] of rows('Options of SFT')) {
    const path = name!.split('.');
    const value = path.reduce<unknown>((object, key) => (object as { [key: string]: unknown })[key], REASON_RFT_SFT);
    assert.equal(stated, String(value).replace('0.00001', '1e-5'), name);
  }
});

test('every option of LoRA has its row, with its default', () => {
  const table = rows('Options of LoRA').map(([name, , stated]) => [name, stated]);
  const settings = Object.entries(LORA_DEFAULTS).map(([name, value]) => [name, String(value)]);
  assert.deepEqual(table, settings);
});

test('the table of TRL’s options has each of its own and each that it changes, and no others', () => {
  // Written by make_grpo_fixtures.py from GRPOConfig itself.
  const file = path.join(__dirname, '../parity/fixtures/trl-options.json');
  const { trl, own, changed } = JSON.parse(readFileSync(file, 'utf8')) as { [list: string]: string[] };
  const section = text.split(/^## /m).find((each) => each.startsWith("TRL's options and ours"))!;
  assert.ok(section.includes(`(${String(trl).replace(/\.0$/, '')})`), `the section is about another TRL than ${trl}`);
  const lines = section
    .split('| TRL | here |')[1]!
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| no option'));
  const cells = lines.map((line) => line.slice(2).split(' | ') as [string, string]);
  const names = cells.flatMap(([cell]) => [...cell.matchAll(/`([\w*]+)`/g)].map((match) => match[1]!));
  const covers = (name: string, option: string) => new RegExp(`^${name.replace('*', '.*')}$`).test(option);
  const options = [...own!, ...changed!];
  assert.ok(options.length > 60);
  assert.deepEqual(
    options.filter((option) => !names.some((name) => covers(name, option))),
    [],
    'of TRL, not in the table',
  );
  assert.deepEqual(
    names.filter((name) => !options.some((option) => covers(name, option))),
    [],
    'in the table, not of TRL',
  );
});

test('every metric that runs log has its row', async () => {
  const settings: GrpoSettings = {
    ...REASON_RFT_GRPO,
    steps: 1,
    promptsPerStep: 2,
    completions: 2,
    maxNewTokens: 8,
    resamplingRounds: 1,
  };
  const logged = new Set<string>();
  const items = tinyExamples(2).map((example) => ({ ...example, family: 'count' }));
  const heldOut = validationSettings(openStudy('quick'), 'counting', { evaluateEvery: 1, samples: 2, maxNewTokens: 8 });
  const model = tinyPolicy();
  for (const lossType of ['grpo', 'cispo'] as const) {
    const run = RunDirectory.open(path.join(folder, lossType), {});
    const shortReward = ({ completion }: { completion: string }) => ({
      reward: -completion.length,
      metrics: { characters: completion.length },
    });
    const rewards = [{ name: 'short', weight: 1, reward: shortReward }];
    const epsilonHigh = lossType === 'cispo' ? 5 : 0.2;
    await trainGrpo({
      model,
      examples: tinyExamples(6),
      rewards,
      settings: { ...settings, lossType, epsilonHigh },
      run,
      evaluate: scheduleValidation({ model, items, settings: heldOut, rewards, score: scoreAnswer }),
    });
    for (const name of Object.keys(run.metrics()[0]!))
      logged.add(name.replace('/short/', '/{name}/').replace('characters', '{metric}').replace('pass@2', 'pass@k'));
    for (const name of Object.keys(run.rows<object>('timing.jsonl')[0]!)) logged.add(name);
  }
  const run = RunDirectory.open(path.join(folder, 'sft'), {});
  const examples = tinyExamples(2).map(({ prompt }) => ({ prompt, completion: [7, 31] }));
  await trainSft({ model, examples, settings: { ...QUICK.cotSft, epochs: 1, batchSize: 2 }, run });
  for (const name of Object.keys(run.metrics()[0]!)) logged.add(name);
  // A curve asks a model that reads text; learning-curve.test.ts trains one and finds this name in its metrics.
  logged.add(`eval_${curveMetric('{set}')}`);
  disposeModel(model);
  logged.delete('step');
  const documented = new Set(rows('Metrics').map(([name]) => name!));
  assert.deepEqual(
    [...logged].filter((name) => !documented.has(name)),
    [],
    'logged, not in the table',
  );
  assert.deepEqual(
    [...documented].filter((name) => !logged.has(name)),
    [],
    'in the table, never logged',
  );
});

test('each promise of a run folder names a test that exists', () => {
  const promises = [...text.matchAll(/`([\w/-]+\.test\.ts)`: ([^;|]+?)(?=;| \|)/g)];
  assert.ok(promises.length >= 25);
  for (const [, file, name] of promises) {
    const source = readFileSync(path.join(__dirname, '..', file!), 'utf8');
    assert.ok(source.includes(`test('${name}`), `${file} has no test '${name}'`);
  }
});
