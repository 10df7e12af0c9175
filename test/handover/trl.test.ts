/**
 * TRL itself on a folder as it was written, by the commands of its page: what it logs as rewards is what the kit's functions give for the
 * very completions that it drew, and without the reward server it ends. It runs where TRL is installed, in the environment of
 * `npm run bench`.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { startEngine } from '../../lib/engine/backend.js';
import { handOver } from '../../lib/handover/hand-over.js';
import { disposeModel, loadModel } from '../../lib/model/model.js';
import { runCurves } from '../../lib/plots/run-curves.js';
import { readRows } from '../../lib/records/open-rows.js';
import type { RewardInput } from '../../lib/rewards/reward.js';
import { type ListedReward, parseRewardList } from '../../lib/rewards/reward-list.js';
import { sftExamples } from '../../lib/study/cells/own-examples.js';
import { openStudy, shippedModel } from '../../lib/study/workspace.js';
import { takeBack } from '../../lib/takeback/take-back.js';
import { RunDirectory } from '../../lib/train/run-directory.js';
import { grpoSettings, sftSettings } from '../../lib/train/settings.js';
import { trainSft } from '../../lib/train/sft.js';
import { REWARD_TOKEN, type StartedServer, startServer, writeOwnRewards } from '../support/handed-over.js';
import { installedPeers } from '../support/installed-peers.js';
import { writeTinyData } from '../support/tiny-study.js';

const python = installedPeers();
const options = {
  skip: python ? false : 'TRL is not installed; `npm run bench` installs it',
};
const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-trl-'));
const out = path.join(folder, 'for-trl');
const data = path.join(folder, 'rows', 'rows.jsonl');
const sft = sftSettings({ batchSize: 16, examplesPerMicroBatch: 4, schedule: { warmupSteps: 0 } });
/** Pictures of 64 x 64 become 48 x 48. */
const PIXELS = { minPixels: 1024, maxPixels: 2304 };
let rewards: ListedReward[];

before(async () => {
  if (!python) return;
  const study = openStudy('tiny', path.join(folder, 'study'));
  await writeTinyData(study);
  const counting = path.join(study.folder, 'data', 'counting');
  mkdirSync(path.dirname(data));
  const lines = readFileSync(path.join(counting, 'train.jsonl'), 'utf8').split('\n').slice(0, 16);
  writeFileSync(data, `${lines.join('\n')}\n`);
  const heldOut = path.join(folder, 'rows', 'held-out.jsonl');
  const held = readFileSync(path.join(counting, 'test-id.jsonl'), 'utf8').split('\n').slice(0, 2);
  writeFileSync(heldOut, `${held.join('\n')}\n`);
  const list = writeOwnRewards(folder);
  rewards = parseRewardList(list);
  const source = { file: data, images: path.join(counting, 'images') };
  await handOver({
    ...{ to: 'trl', out, data: source, model: shippedModel(), rewards: list, precision: 'float32', pixels: PIXELS },
    grpo: grpoSettings({
      ...{ steps: 4, promptsPerStep: 4, completions: 4, promptsPerMicroBatch: 4, maxNewTokens: 24 },
      ...{ temperatureInLoss: true, schedule: { learningRate: 1e-4 } },
    }),
    stageOne: { data: source, settings: sft },
    heldOut: { data: { file: heldOut, images: source.images }, evaluateEvery: 2, samples: 2 },
  });
});
after(() => rmSync(folder, { recursive: true, force: true }));

interface Ended {
  code: number | null;
  text: string;
}

/** Runs a command of the page in the folder. @param onText is called with what it has written so far */
async function run(command: string, url: string, env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const child = spawn('sh', ['-c', command], {
    cwd: out,
    env: {
      ...process.env,
      ...{ PATH: `${path.dirname(python!)}${path.delimiter}${process.env.PATH}`, OMP_NUM_THREADS: '1' },
      ...{ HF_HOME: path.join(folder, 'hf'), HF_HUB_OFFLINE: '1', PYTHONDONTWRITEBYTECODE: '1' },
      ...{ REASON_RFT_REWARD_URL: url, REASON_RFT_REWARD_TOKEN: REWARD_TOKEN, ...env },
    },
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (piece: Buffer) => {
      text += piece;
    });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, text };
}

/** A command of the page that stands in the folder. */
function commandOf(pattern: RegExp): string {
  return pattern.exec(readFileSync(path.join(out, 'README.md'), 'utf8'))![0];
}

/** The lines of TRL's log that are steps. */
function logOf(name: string): { [metric: string]: number }[] {
  const file = path.join(out, 'out', name, 'trainer_state.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { log_history: { [metric: string]: number }[] }).log_history;
}

/** A completion as TRL wrote it down: its row's id, its text, its rewards. */
type Logged = { [column: string]: unknown } & { id: string; text: string; completion: { content: string }[] };

async function completionsOf(name: string): Promise<Logged[][]> {
  const at = path.join(out, 'out', name, 'completions');
  const files = existsSync(at) ? readdirSync(at).sort() : [];
  return Promise.all(
    files.map(async (file) => {
      const rows = await parquetReadObjects({ file: await asyncBufferFromFile(path.join(at, file)) });
      return rows as Logged[];
    }),
  );
}

/** The texts of each row's completions. */
function groupsOf(logged: readonly Logged[]): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const { id, text } of logged) groups.set(id, [...(groups.get(id) ?? []), text]);
  return groups;
}

/** What the kit's own functions give for the completions of a step. */
async function ownScores(logged: readonly Logged[]): Promise<{ [reward: string]: (number | null)[] }> {
  const rows = new Map(
    (await readRows({ file: path.join(out, 'rewards', 'rows.jsonl') })).records.map((row) => [row.id, row]),
  );
  const groups = groupsOf(logged);
  const scores = rewards.map(async ({ name, reward }) => {
    if (typeof reward !== 'function') throw new Error(`${name} is asked one by one here`);
    const values = logged.map(async ({ id, text }) => {
      const group = groups.get(id)!;
      const given = await reward({ completion: text, row: rows.get(id)!, group } as unknown as RewardInput);
      return typeof given === 'object' && given !== null ? (given.reward as number | null) : (given as number | null);
    });
    return [name, await Promise.all(values)] as const;
  });
  return Object.fromEntries(await Promise.all(scores));
}

/** A reward as TRL writes it down, in float32; pandas writes NaN, which stands for our null, as null or as NaN. */
function logged32(value: unknown): number | null {
  return value === null || Number.isNaN(value) ? null : Math.fround(value as number);
}

test('three steps of GRPO by the command of the page: TRL logs the rewards of the kit', options, async (context) => {
  const server = await startServer(out);
  try {
    const command = commandOf(/^sh launch\/cpu\.sh grpo --stop-after 3.*$/m);
    const { code, text } = await run(`${command} --start model`, server.url);
    assert.equal(code, 0, text);
  } finally {
    await server.end('SIGTERM');
  }
  const steps = await completionsOf('try');
  assert.equal(steps.length, 3);
  const history = logOf('try').filter(({ reward }) => reward !== undefined);
  assert.equal(history.length, 3);
  const seen = new Map<string, Set<unknown>>();
  for (const [i, step] of steps.entries()) {
    assert.equal(step.length, 4 * 4);
    assert.ok([...groupsOf(step).values()].every((group) => group.length === 4));
    const own = await ownScores(step);
    for (const { name } of rewards) {
      const values = own[name]!.map((value) => (value === null ? null : Math.fround(value)));
      assert.deepEqual(
        step.map((row) => logged32(row[name])),
        values,
        `step ${i + 1}, ${name}`,
      );
      seen.set(name, new Set([...(seen.get(name) ?? []), ...values]));
      const known = own[name]!.filter((value) => value !== null);
      const mean = known.reduce((a, b) => a + b, 0) / known.length;
      assert.ok(Math.abs(history[i]![`rewards/${name}/mean`]! - mean) < 1e-6, `${name} of step ${i + 1}`);
      assert.equal(history[i]![`rewards/${name}/nulls`], 16 - known.length);
    }
    // The text that the rewards read is the completion that TRL logged.
    for (const { text, completion } of step) assert.equal(text, completion[0]!.content);
    const sums = step.map((_, k) => rewards.reduce((sum, { name, weight }) => sum + weight * (own[name]![k] ?? 0), 0));
    assert.ok(Math.abs(history[i]!.reward! - sums.reduce((a, b) => a + b, 0) / 16) < 1e-6);
  }
  assert.ok(
    history.every((metrics) => 'rewards/brevity/words' in metrics),
    'what a reward logs itself',
  );
  const evaluated = logOf('try').filter((metrics) => 'eval_reward' in metrics);
  assert.deepEqual(
    evaluated.map(({ step }) => step),
    [2],
  );
  for (const [name, values] of seen) assert.ok(values.size > 1, `${name} told no completions apart: a weak test`);
  assert.ok(seen.get('brevity')!.has(null), 'no completion was left out: a weak test');
  context.diagnostic(`${steps.flat().length} completions, ${rewards.length} rewards`);
  assert.ok(existsSync(path.join(out, 'out', 'try', 'final', 'model.safetensors')));
  // Taken back it is a run of the kit: the same completions under their rows' ids, the same sums, and curves.
  const taken = await takeBack([path.join(out, 'out', 'try')], path.join(folder, 'back'));
  assert.deepEqual([taken.logged, taken.completions], [3, 48]);
  assert.equal(taken.checkpoint?.folder, path.join(out, 'out', 'try', 'final'));
  const back = RunDirectory.read(taken.run);
  for (const [i, step] of steps.entries()) {
    const rows = await back.readCompletions(i + 1);
    assert.deepEqual(
      rows.map(({ id, completion }) => [id, completion]),
      step.map(({ id, text }) => [id, text]),
    );
    const mean = rows.reduce((sum, { reward }) => sum + reward!, 0) / rows.length;
    assert.ok(Math.abs(back.metrics()[i]!.reward! - mean) < 1e-6);
  }
  assert.ok(JSON.stringify(runCurves({ back }).layout).includes('brevity'));
});

test(
  'a reward server that is killed within a step ends TRL with a clear error, and no reward is made up',
  options,
  async () => {
    // The reward that waits is asked in the second step; the test kills its server then.
    const marker = path.join(folder, 'asked');
    const own = path.join(out, 'rewards', 'code', 'mine', 'rewards.ts');
    const source = readFileSync(own, 'utf8');
    writeFileSync(
      own,
      `import { writeFileSync } from 'node:fs';\n${source.replace(
        'export async function brevity({ completion }: { completion: string }) {',
        `export async function brevity({ completion, step }: { completion: string; step: number }) {
  if (step === 2) {
    writeFileSync(${JSON.stringify(marker)}, '');
    await new Promise((resolve) => setTimeout(resolve, 30_000));
  }`,
      )}`,
    );
    let server: StartedServer | undefined;
    try {
      server = await startServer(out);
      // Two devices, so that the one that asks has to tell the other.
      const onTwo =
        'accelerate launch --cpu --num_processes 2 --num_machines 1 --mixed_precision no --dynamo_backend no';
      const training = run(`${onTwo} train_grpo.py --start model --out out/killed`, server.url, {
        REASON_RFT_REWARD_PATIENCE: '2',
      });
      let isOver = false;
      void training.finally(() => {
        isOver = true;
      });
      while (!existsSync(marker) && !isOver) await new Promise((resolve) => setTimeout(resolve, 100));
      await server.end('SIGKILL');
      const { code, text } = await training;
      assert.ok(existsSync(marker), text);
      assert.notEqual(code, 0);
      assert.match(
        text,
        /RewardServerError: the reward server at .* is gone: .*No reward of this step is known.*sh rewards\/serve\.sh/s,
      );
    } finally {
      await server?.end('SIGKILL');
      writeFileSync(own, source);
    }
    // The step before has its rewards; the broken one has left no completions and no checkpoint.
    const steps = await completionsOf('killed');
    assert.equal(steps.length, 1);
    const scores = await ownScores(steps[0]!);
    for (const { name } of rewards)
      assert.deepEqual(
        steps[0]!.map((row) => logged32(row[name])),
        scores[name]!.map((value) => (value === null ? null : Math.fround(value))),
        name,
      );
    assert.ok(!existsSync(path.join(out, 'out', 'killed', 'final')));
  },
);

test('the first update of stage 1 has the loss of ours on the same rows', options, async (context) => {
  const { code, text } = await run('sh launch/cpu.sh sft --stop-after 1', '');
  assert.equal(code, 0, text);
  const [first] = logOf('sft');
  await startEngine();
  const model = loadModel(shippedModel(), PIXELS);
  const rows = await readRows({ file: data, images: path.join(folder, 'study', 'data', 'counting', 'images') });
  const run_ = RunDirectory.open(path.join(folder, 'own-sft'), {});
  const examples = await sftExamples(model, rows, { target: 'cot' });
  await trainSft({ model, examples, settings: { ...sft, epochs: 1 }, run: run_ });
  disposeModel(model);
  const [own] = run_.metrics();
  context.diagnostic(`TRL ${first!.loss}, here ${own!.loss}; gradient ${first!.grad_norm} and ${own!.grad_norm}`);
  // The processors of both resize pictures with rounding of their own.
  assert.ok(Math.abs(first!.loss! - own!.loss!) < 2e-3 * own!.loss!, `TRL ${first!.loss}, here ${own!.loss}`);
  assert.equal(first!.learning_rate, own!.learning_rate);
});
