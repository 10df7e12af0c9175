/**
 * Two commands at once on the same folders, in processes of their own: each ends well or says why not, nothing is lost, and the folders
 * are then what one command after the other would have made.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { examineFolder } from '../../lib/study/cells/examine-folder.js';
import type { Outcome } from '../support/command-line.js';
import { writeMicroModel } from '../support/micro-model.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-pairs-'));
const base = path.join(folder, 'base');
const inFolder = (...names: string[]) => path.join(folder, ...names);
const data = inFolder('runs', 'tiny', 'data', 'counting');
const few = inFolder('few.jsonl');
let servers: [ChildProcess, ChildProcess];

before(async () => {
  writeMicroModel(base);
  const program = path.join(__dirname, '../support/command-server.ts');
  servers = [0, 1].map(() =>
    fork(program, { execArgv: ['--import', 'tsx'], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] }),
  ) as typeof servers;
});
after(() => {
  // A command may have left a listener that would take another signal for a wish to stop at the end of a step.
  for (const server of servers) server.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** Runs a command in one of the two processes. */
async function run(server: 0 | 1, args: readonly string[], runs = inFolder('runs')): Promise<Outcome> {
  servers[server].send({ args: [...args], env: { REASON_RFT_RUNS: runs } });
  const [outcome] = (await once(servers[server], 'message')) as [Outcome];
  return outcome;
}

const runBoth = (one: readonly string[], other: readonly string[], runs?: string) =>
  Promise.all([run(0, one, runs), run(1, other, runs)]);

const curate = ['curate', '--task', 'counting', '--profile', 'tiny'];
const study = ['study', '--profile', 'tiny', '--only', '^counting/ans-sft/2 rows/seed 1$', '--workers', '0'];
const report = ['report', '--profile', 'tiny'];
const images = ['--images', path.join(data, 'images')];
const sft = (name: string) => [
  ...['sft', '--data', few, ...images, '--model', base, '--out', inFolder(name)],
  ...['--epochs', '4', '--batchSize', '2', '--checkpoint-every', '1'],
];
const grpo = (name: string) => [
  ...[
    'grpo',
    '--data',
    few,
    ...images,
    '--model',
    base,
    '--out',
    inFolder(name),
    '--steps',
    '4',
    '--promptsPerStep',
    '2',
  ],
  ...['--completions', '2', '--promptsPerMicroBatch', '2', '--maxNewTokens', '4', '--checkpoint-every', '1'],
];

/** What a command may say that did not do its work: who is there, or what is not there yet. */
const WORDS =
  /is being trained in by process \d+ on |does not exist yet: run |holds a run of another configuration|there is no folder '/;

/** Each ends well or with a word, and one of them at least ends well. */
function checkOutcomes(outcomes: readonly Outcome[]): void {
  for (const { status, stdout, stderr } of outcomes) {
    if (status === 0) continue;
    assert.equal(status, 1, stderr);
    assert.match(stdout + stderr, WORDS);
  }
  assert.ok(outcomes.some(({ status }) => status === 0));
}

/** A folder is sound in every part, and nothing half-written is left in it or beside it. */
async function checkSound(place: string): Promise<void> {
  const findings = await examineFolder(place);
  const wrong = findings.filter(({ state, part }) => state === 'unsound' || part.endsWith('.partial'));
  assert.deepEqual(wrong, [], place);
}

/** What a run must hold, whoever trained it. */
const contents = (name: string) =>
  ['metrics.jsonl', 'final/model.safetensors'].map((file) => readFileSync(inFolder(name, file)).toString('base64'));

test('curate and curate, curate and study, on folders that are not there yet: the data is whole', async () => {
  for (const [name, other] of [
    ['runs', curate],
    ['runs of a study', study],
  ] as const) {
    const runs = inFolder(name);
    const outcomes = await runBoth(curate, other, runs);
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      [0, 0],
      outcomes.map(({ stderr }) => stderr).join(),
    );
    await checkSound(path.join(runs, 'tiny', 'data', 'counting'));
    assert.equal(readdirSync(path.join(runs, 'tiny', 'data', 'counting', 'images')).length, 48 + 8 + 8);
  }
  writeFileSync(few, readFileSync(path.join(data, 'train.jsonl'), 'utf8').split('\n').slice(0, 4).join('\n'));
});

test('sft and sft, grpo and grpo, sft and grpo, curate and sft, grpo and evaluate: one run, as if there were no other command', async () => {
  for (const [name, command] of [
    ['sft alone', sft],
    ['grpo alone', grpo],
  ] as const) {
    const { status, stderr } = await run(0, command(name));
    assert.equal(status, 0, stderr);
  }
  const evaluate = [
    'evaluate',
    '--data',
    few,
    ...images,
    '--model',
    inFolder('grpo-evaluate', 'final'),
    '--max-new-tokens',
    '2',
  ];
  for (const [name, one, other, alike] of [
    ['sft-sft', sft('sft-sft'), sft('sft-sft'), ['sft alone']],
    ['grpo-grpo', grpo('grpo-grpo'), grpo('grpo-grpo'), ['grpo alone']],
    ['sft-grpo', sft('sft-grpo'), grpo('sft-grpo'), ['sft alone', 'grpo alone']],
    ['curate-sft', curate, sft('curate-sft'), ['sft alone']],
    ['grpo-evaluate', grpo('grpo-evaluate'), evaluate, ['grpo alone']],
  ] as const) {
    checkOutcomes(await runBoth(one, other));
    await checkSound(inFolder(name));
    const found = contents(name);
    assert.ok(
      alike.some((alone) => contents(alone).every((content, i) => content === found[i])),
      `${name} is another run`,
    );
  }
  assert.equal((await run(1, evaluate)).status, 0);
  await checkSound(data);
});

test('study and study, study and report, report and report: results and figures are whole', async () => {
  checkOutcomes(await runBoth(study, study));
  assert.equal((await run(0, study)).status, 0);
  checkOutcomes(await runBoth(study, report));
  checkOutcomes(await runBoth(report, report));
  const tiny = inFolder('runs', 'tiny');
  for (const cell of readdirSync(path.join(tiny, 'cells'))) await checkSound(path.join(tiny, 'cells', cell));
  JSON.parse(readFileSync(path.join(tiny, 'results.json'), 'utf8'));
  assert.match(readFileSync(path.join(tiny, 'results.html'), 'utf8'), /<\/html>\s*$/);
  const left = readdirSync(tiny, { recursive: true, encoding: 'utf8' }).filter((name) => name.includes('.partial'));
  assert.deepEqual(left, []);
});
