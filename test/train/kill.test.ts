/**
 * Runs that are killed by SIGKILL again and again, in start-up, rollout, update, evaluation and in the middle of writing
 * files: after each kill every file is readable, and the finished run is, byte for byte, one that was never killed.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { parquetReadObjects } from 'hyparquet';
import { Random } from '../../lib/engine/random.js';
import { readSafetensors } from '../../lib/model/safetensors.js';
import { readEvents } from '../support/event-file.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-kill-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const PROGRAM = ['--import', 'tsx', path.join(__dirname, '../support/killed-run.ts')];

/** More than the lives that are cut short get done. */
const STEPS = 27;

/** Where a life of the run ends; `start` and `training` by the clock, in milliseconds from there. */
type Moment = ['start' | 'training' | 'rollout' | 'update' | 'evaluation' | 'file' | 'checkpoint' | 'final', number];

/** The latest moment of each kind: a few steps, or a checkpoint or two, after the start of a life. */
const LATEST: { [where in Moment[0]]: number } = {
  start: 1000,
  training: 1500,
  rollout: 12,
  update: 3,
  evaluation: 2,
  file: 90,
  checkpoint: 120,
  final: 60,
};

/** Random moments, so many of each kind, in random order. */
function moments(seed: number, counts: { [where in Moment[0]]?: number }): Moment[] {
  const random = new Random(seed, 'kills');
  const all = Object.entries(counts).flatMap(([where, count]) =>
    Array.from({ length: count }, (): Moment => {
      const latest = LATEST[where as Moment[0]];
      return [where as Moment[0], 1 + Math.floor(random.uniform() * latest)];
    }),
  );
  return random.shuffle(all);
}

/** One life of the run: the signal that ended it, or null where it finished. */
function live(place: string, evaluation: string, moment?: Moment): Promise<NodeJS.Signals | null> {
  const byClock = moment !== undefined && (moment[0] === 'start' || moment[0] === 'training');
  const killArguments = moment && !byClock ? moment.map(String) : [];
  const child = spawn(process.execPath, [...PROGRAM, place, evaluation, String(STEPS), ...killArguments], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (text) => {
    said += text;
  });
  const killLater = () => setTimeout(() => child.kill('SIGKILL'), moment![1]);
  if (byClock && moment[0] === 'start') killLater();
  child.stdout.once('data', () => {
    if (byClock && moment[0] === 'training') killLater();
  });
  return new Promise((resolve, reject) => {
    child.on('close', (code, signal) => {
      if (code !== null && code !== 0) reject(new Error(`the run failed with ${code}: ${said}`));
      else resolve(signal);
    });
  });
}

function filesOf(place: string): string[] {
  if (!existsSync(place)) return [];
  return readdirSync(place, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== '.lock')
    .map((entry) => path.relative(place, path.join(entry.parentPath, entry.name)))
    .sort();
}

/** What a kill leaves under the name of something half-written is no part of the run. */
const isPartial = (name: string) => name.split(path.sep).some((part) => part.endsWith('.partial'));

/** Reads every file of a run; the rows of each JSON Lines file, without a last line that was torn. */
async function readAll(place: string): Promise<{ [name: string]: { step: number }[] }> {
  const lines: { [name: string]: { step: number }[] } = {};
  for (const name of filesOf(place).filter((each) => !isPartial(each))) {
    const file = path.join(place, name);
    const bytes = readFileSync(file);
    if (name.endsWith('.jsonl')) {
      const whole = bytes.toString().split('\n').slice(0, -1);
      lines[name] = whole.map((line) => JSON.parse(line));
    } else if (name.endsWith('.json')) JSON.parse(bytes.toString());
    else if (name.endsWith('.safetensors')) assert.ok([...readSafetensors(file)].length > 0);
    else if (name.endsWith('.parquet')) {
      const rows = await parquetReadObjects({ file: new Uint8Array(bytes).buffer });
      if (name.includes('pictures_')) assert.ok(rows.length > 0, name);
      else assert.equal(rows.length, 6, '2 prompts, 3 completions each');
    } else if (name.includes('tfevents')) eventSteps(file);
    else assert.fail(`what is ${name}?`);
  }
  const steps = (lines['metrics.jsonl'] ?? []).map((row) => row.step);
  assert.deepEqual(
    steps,
    [...steps.keys()].map((i) => i + 1),
    'each step is logged once, in order',
  );
  return lines;
}

/** The steps of an event file: each once, in order. */
function eventSteps(file: string): number[] {
  const steps = readEvents(file).flatMap(({ step, scalars }) => (scalars ? [step] : []));
  assert.deepEqual(
    steps,
    steps.map((_, i) => i + 1),
  );
  return steps;
}

/** What must be the same: all but times and the places where the run started. */
function repeatable(place: string): { [name: string]: string } {
  const names = filesOf(place).filter(
    (name) => !/^(run|timing|result)\.json/.test(name) && !name.startsWith('tensorboard'),
  );
  return Object.fromEntries(names.map((name) => [name, readFileSync(path.join(place, name)).toString('base64')]));
}

async function killAndCompare(evaluation: 'on' | 'off', plan: Moment[]): Promise<void> {
  const [whole, killed] = ['whole', 'killed'].map((name) => path.join(folder, `${name} ${evaluation}`)) as [
    string,
    string,
  ];
  assert.equal(await live(whole, evaluation), null);
  for (const [i, moment] of plan.entries()) {
    const signal = await live(killed, evaluation, moment);
    assert.equal(signal, 'SIGKILL', `the run was over before kill ${i + 1} of ${plan.length}, at ${moment.join(' ')}`);
    try {
      await readAll(killed);
    } catch (error) {
      throw new Error(`after kill ${i + 1}, at ${moment.join(' ')}: ${(error as Error).message}`, { cause: error });
    }
  }
  assert.equal(await live(killed, evaluation), null);
  const lines = await readAll(killed);
  assert.equal(lines['metrics.jsonl']?.length, STEPS);
  assert.equal(lines['timing.jsonl']?.length, STEPS);
  assert.equal(filesOf(killed).filter((name) => /completions_\d+\.parquet$/.test(name)).length, STEPS);
  assert.deepEqual(filesOf(killed).filter(isPartial), []);
  const [events, ...others] = readdirSync(path.join(killed, 'tensorboard'));
  assert.deepEqual(others, []);
  assert.equal(eventSteps(path.join(killed, 'tensorboard', events!)).length, STEPS);
  const [expected, found] = [repeatable(whole), repeatable(killed)];
  assert.deepEqual(Object.keys(found), Object.keys(expected));
  for (const name of ['metrics.jsonl', 'final/model.safetensors']) assert.ok(name in expected, name);
  for (const [name, content] of Object.entries(expected)) assert.ok(found[name] === content, `${name} differs`);
}

test('evaluated as it trains, and killed 20 times; not evaluated, and killed 4 times: the same runs in the end', async () => {
  const evaluated = { start: 4, training: 1, rollout: 3, update: 2, evaluation: 2, file: 4, checkpoint: 3 };
  await Promise.all([
    killAndCompare('on', [...moments(1, evaluated), ...moments(1, { final: 1 })]),
    killAndCompare('off', moments(2, { rollout: 1, update: 1, file: 1, checkpoint: 1 })),
  ]);
});
