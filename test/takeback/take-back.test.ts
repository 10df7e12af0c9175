/** Logs of TRL (real ones), ms-swift and verl (by their own logger code; the scripts beside this file made them) as run directories. */
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { closeFigureBrowser } from '../../lib/plots/export.js';
import { attachLive } from '../../lib/plots/live/attach-live.js';
import { readRollouts } from '../../lib/plots/rollouts/rollout-data.js';
import { writeRollouts } from '../../lib/plots/rollouts/write-rollouts.js';
import { runCurves } from '../../lib/plots/run-curves.js';
import { examineFolder } from '../../lib/study/cells/examine-folder.js';
import { takeBack } from '../../lib/takeback/take-back.js';
import { RunDirectory } from '../../lib/train/run-directory.js';
import { runStateText } from '../../lib/train/run-state.js';

const FIXTURES = path.join(__dirname, 'fixtures');
const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-takeback-'));
after(async () => {
  await closeFigureBrowser();
  rmSync(folder, { recursive: true, force: true });
});

const out = (name: string) => path.join(folder, 'runs', name);
const fixture = (...parts: string[]) => path.join(FIXTURES, ...parts);

/** A copy of a fixture, to spoil. */
function copyOf(name: string, as: string): string {
  const copy = path.join(folder, as);
  cpSync(fixture(name), copy, { recursive: true });
  return copy;
}

const near = (actual: number, expected: number, within = 1e-6) =>
  assert.ok(Math.abs(actual - expected) <= within, `${actual} is not ${expected}`);

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

test('TRL: its metrics by our names, its times, its settings, and every completion with its rewards', async () => {
  const taken = await takeBack([fixture('trl-grpo')], out('trl'));
  assert.equal(taken.trainer, 'trl');
  assert.deepEqual([taken.logged, taken.steps, taken.completions], [3, 3, 24]);
  assert.deepEqual(taken.keptNames, ['clip_ratio/high_max', 'clip_ratio/low_min']);
  const run = RunDirectory.read(out('trl'));
  // The digits of trainer_state.json, which has more of them than the event file.
  const state = JSON.parse(readFileSync(fixture('trl-grpo', 'checkpoint-3', 'trainer_state.json'), 'utf8'));
  for (const [i, row] of run.metrics().entries()) {
    const { step_time, ...logged } = state.log_history[i];
    assert.deepEqual(Object.fromEntries(Object.entries(row).sort()), Object.fromEntries(Object.entries(logged).sort()));
    assert.equal(run.timedMetrics()[i]!.step_time, step_time);
    assert.ok(run.timedMetrics()[i]!.time! > 1.7e9, 'the event file has the time');
  }
  const { settings } = run.configuration as { settings: { args: { num_generations: number; beta: number } } };
  assert.deepEqual([settings.args.num_generations, settings.args.beta], [4, 0.04]);
  const logged = run.metrics().map(({ reward }) => reward!);
  for (const step of [1, 2, 3]) {
    const rows = await run.readCompletions(step);
    // 1 x answer_reward + 0.5 x length_reward, which applies to every second completion.
    for (const { rewards, reward } of rows)
      near(reward!, rewards.answer_reward! + 0.5 * (rewards.length_reward ?? 0), 1e-12);
    assert.deepEqual(
      rows.map(({ rewards }) => rewards.length_reward === null),
      [false, true, false, true, false, true, false, true],
    );
    near(mean(rows.map(({ reward }) => reward!)), logged[step - 1]!);
    assert.deepEqual(
      rows.map(({ id }) => id === rows[0]!.id),
      [true, true, true, true, false, false, false, false],
    );
    assert.match(rows[0]!.prompt, /^user\n<image>How many things are there\? There are at most \d\.$/);
    assert.match(rows[0]!.solution, /^[1-4]$/);
    assert.deepEqual([rows[0]!.tokens, rows[0]!.ended], [null, null]);
  }
});

test('what the kit does with runs works on it: curves, live plot, rollouts, the doctor', async () => {
  const place = out('trl');
  const figure = runCurves({ trl: RunDirectory.read(place) });
  const titles = JSON.stringify(figure.layout.annotations ?? figure.layout);
  for (const name of ['answer_reward', 'length_reward', 'kl']) assert.ok(titles.includes(name), name);
  const texts: string[] = [];
  await attachLive(place, {}, ({ data }) => void texts.push(String(data['text/plain'])));
  assert.match(texts.at(-2)!, /^trl 3\/3 {2}reward 0\.25 /);
  assert.equal(texts.at(-1), 'the run finished after 3 steps');
  const { rewardNames, prompts, completions } = await readRollouts(RunDirectory.read(place));
  assert.deepEqual(rewardNames, ['answer_reward', 'length_reward']);
  assert.equal(completions.length, 24);
  assert.equal(completions.filter(({ cut }) => cut).length, 0, 'nobody knows which were cut');
  assert.ok(prompts.length >= 4);
  assert.equal((await writeRollouts(place)).completions, 24);
  // The doctor does not ask for steps that the other trainer did not log, and changes nothing.
  const findings = await examineFolder(place);
  assert.deepEqual(
    findings.filter(({ state }) => state === 'unsound'),
    [],
  );
  writeFileSync(path.join(place, 'completions', 'completions_00002.parquet'), 'torn');
  const unsound = (await examineFolder(place)).filter(({ state }) => state === 'unsound');
  assert.deepEqual(
    unsound.map(({ part }) => part),
    ['completions'],
  );
  assert.match(unsound[0]!.remedy!, /takeback/);
});

test('taken back again, a run is brought up to date; anything else in its place stays', async () => {
  const source = copyOf('trl-grpo', 'growing');
  const place = out('growing');
  const state = path.join(source, 'checkpoint-3', 'trainer_state.json');
  const whole = JSON.parse(readFileSync(state, 'utf8'));
  rmSync(path.join(source, 'tensorboard'), { recursive: true });
  rmSync(path.join(source, 'completions', 'completions_00003.parquet'));
  writeFileSync(state, JSON.stringify({ ...whole, log_history: whole.log_history.slice(0, 2) }));
  const first = await takeBack([source], place);
  assert.deepEqual([first.logged, first.steps, first.completions], [2, 3, 16]);
  assert.equal(
    runStateText(RunDirectory.read(place)),
    'was taken back after step 2 of 3; take it back again for the rest',
  );
  writeFileSync(path.join(place, 'notes.txt'), 'mine');
  writeFileSync(state, JSON.stringify(whole));
  const second = await takeBack([source], place);
  assert.deepEqual([second.logged, second.completions], [3, 16]);
  assert.deepEqual(
    RunDirectory.read(place)
      .metrics()
      .map(({ step }) => step),
    [1, 2, 3],
  );
  assert.equal(readFileSync(path.join(place, 'notes.txt'), 'utf8'), 'mine');
  await assert.rejects(takeBack([fixture('trl-grpo')], place), /holds another run; choose another folder for --out/);
  const other = out('other');
  RunDirectory.open(other, { kind: 'grpo' });
  await assert.rejects(takeBack([source], other), /holds another run/);
  const strange = out('strange');
  mkdirSync(strange);
  writeFileSync(path.join(strange, 'thesis.tex'), '');
  await assert.rejects(takeBack([source], strange), /is not empty \(it holds thesis\.tex\)/);
});

test('ms-swift: logging.jsonl with its evaluation, completions.jsonl, args.json without its secrets', async () => {
  const taken = await takeBack([fixture('ms-swift')], out('swift'));
  assert.deepEqual([taken.trainer, taken.logged, taken.steps, taken.completions], ['ms-swift', 3, 6, 12]);
  assert.equal(taken.base, 'Qwen/Qwen2.5-VL-7B-Instruct');
  assert.deepEqual(taken.columnsLeftOut, ['entropy']);
  const run = RunDirectory.read(out('swift'));
  const rows = run.metrics();
  assert.deepEqual(
    rows.map(({ step, entropy, kl }) => [step, entropy, kl]),
    [
      [2, 0.75, 0.004],
      [4, 0.75, 0.008],
      [6, 0.75, 0.012],
    ],
  );
  assert.equal(rows[2]!.eval_mean_token_accuracy, 0.625);
  assert.ok(!Object.keys(rows[2]!).some((name) => /time|memory|speed|train_/.test(name)));
  // 60 seconds for two steps.
  assert.deepEqual(
    run.timedMetrics().map((row) => row.step_time),
    [30, 30, 30],
  );
  assert.equal(run.timedMetrics()[2]!.eval_runtime, 2.5);
  const [first, second] = await run.readCompletions(4);
  // 1 x 1 + 0.5 x 1; of the second, Format was NaN, which stands for null.
  assert.deepEqual([first!.reward, first!.advantage, first!.solution], [1.5, 0.7, '2']);
  assert.deepEqual(second!.rewards, { AccuracyReward: 0, Format: null });
  assert.doesNotMatch(readFileSync(path.join(out('swift'), 'run.json'), 'utf8'), /s3cret/);
  const { page } = await writeRollouts(out('swift'));
  assert.doesNotMatch(readFileSync(page, 'utf8'), /<script>alert/);
});

test('verl: the file logger and the console say the same; the rollouts give the rewards one by one', async () => {
  const places = ['logs', 'rollouts', '.hydra'].map((name) => fixture('verl', name));
  const taken = await takeBack(places, out('verl'));
  assert.deepEqual([taken.trainer, taken.logged, taken.completions], ['verl', 3, 8]);
  assert.equal(taken.base, 'Qwen/Qwen2.5-VL-7B-Instruct');
  assert.deepEqual(taken.notFinite, { 'actor/ppo_kl': 1 });
  assert.deepEqual(taken.columnsLeftOut, ['acc_note']);
  const run = RunDirectory.read(out('verl'));
  const [before, first, second] = run.timedMetrics();
  assert.deepEqual(before, { step: 0, 'val-core/counting/acc/mean@1': 0.125 });
  const { reward, loss, kl, entropy, grad_norm, learning_rate, step_time } = second!;
  assert.deepEqual([reward, loss, kl, entropy, grad_norm, learning_rate], [0.5, -0.018, 0.002, 0.75, 1, 1e-6]);
  assert.equal(step_time, 4);
  assert.equal(second!['completions/mean_length'], 12.5);
  assert.equal(second!['completions/clipped_ratio'], 0.125);
  assert.equal(first!['actor/ppo_kl'], undefined);
  assert.equal(second!['actor/ppo_kl'], 0.0002);
  // Two of four completions; of format_reward two of the three that it applies to.
  near(second!['rewards/accuracy_reward/mean']!, 0.5);
  near(second!['rewards/format_reward/mean']!, 2 / 3);
  const rows = await run.readCompletions(2);
  assert.deepEqual(
    rows.map((row) => [row.reward, row.solution, row.rewards.format_reward, row.advantage]),
    [
      [1.5, '2', 1, null],
      [0, '2', 0, null],
      [1.5, '3', 1, null],
      [0.5, '3', null, null],
    ],
  );
  assert.equal((await readRollouts(run)).prompts.length, 2);
  assert.doesNotMatch(readFileSync(path.join(out('verl'), 'run.json'), 'utf8'), /s3cret/);
  await takeBack([fixture('verl', 'console', 'train.log'), fixture('verl', 'rollouts')], out('console'));
  assert.deepEqual(RunDirectory.read(out('console')).timedMetrics(), run.timedMetrics());
  // The charts are those that tell how a run is doing, not the sixty names of verl.
  const titles = JSON.stringify(runCurves({ verl: run }).layout);
  assert.ok(titles.includes('accuracy_reward'));
  assert.ok(!/timing_s|perf|critic/.test(titles));
});

test('a folder that the kit has handed over: its rewards and weights, the ids of its rows, the log of each start', async () => {
  const handed = path.join(folder, 'for-trl');
  const record = {
    ...{ format: 1, to: 'trl', model: { repo: 'Qwen/Qwen2-VL-2B-Instruct', revision: 'main' } },
    rewards: [
      { name: 'length_reward', weight: 2 },
      { name: 'answer_reward', weight: 1 },
    ],
  };
  cpSync(fixture('trl-grpo'), path.join(handed, 'out', 'grpo'), { recursive: true });
  writeFileSync(path.join(handed, 'experiment.json'), JSON.stringify(record));
  rmSync(path.join(handed, 'out', 'grpo', 'tensorboard'), { recursive: true });
  const taken = await takeBack([path.join(handed, 'out', 'grpo')], out('handed'));
  assert.equal(taken.base, 'Qwen/Qwen2-VL-2B-Instruct');
  for (const { reward, rewards } of await RunDirectory.read(out('handed')).readCompletions(1))
    near(reward!, rewards.answer_reward! + 2 * (rewards.length_reward ?? 0), 1e-12);
  const verl = path.join(folder, 'for-verl', 'out', 'grpo');
  mkdirSync(path.join(verl, 'completions'), { recursive: true });
  writeFileSync(
    path.join(verl, 'log-20261130-100000.jsonl'),
    '{"step":1,"data":{"actor/loss":1}}\n{"step":2,"data":{"actor/loss":2}}\n',
  );
  writeFileSync(path.join(verl, 'log-20261130-110000.jsonl'), '{"step":2,"data":{"actor/loss":3}}\n');
  const rollout = { input: 'a', output: 'b', gts: '1', score: 1, step: 2, 'rewards/accuracy_reward': 1 };
  const other = { ...rollout, score: 0, 'rewards/accuracy_reward': 0 };
  const text = JSON.stringify({ ...rollout, 'rewards/accuracy_reward': null }).replace(':null', ':NaN');
  writeFileSync(
    path.join(verl, 'completions', '2.jsonl'),
    `${JSON.stringify(rollout)}\n${JSON.stringify(other)}\n${text}\n`,
  );
  await takeBack([verl], out('for-verl'));
  assert.deepEqual(RunDirectory.read(out('for-verl')).metrics(), [
    { step: 1, loss: 1 },
    { step: 2, loss: 3, 'rewards/accuracy_reward/mean': 0.5 },
  ]);
  const rows = await RunDirectory.read(out('for-verl')).readCompletions(2);
  assert.deepEqual(
    rows.map(({ rewards }) => rewards),
    [{ accuracy_reward: 1 }, { accuracy_reward: 0 }, { accuracy_reward: null }],
  );
});

test('what cannot be taken back is an error that names the file and what to do, and nothing is written', async () => {
  const place = out('broken');
  const refused = async (places: readonly string[], expected: RegExp) => {
    await assert.rejects(takeBack(places, place), expected);
    assert.ok(!existsSync(place), 'something was written');
  };
  await refused([path.join(folder, 'nowhere')], /there is no .*nowhere; name the folder/);
  const empty = path.join(folder, 'empty');
  mkdirSync(empty);
  await refused([empty], /holds no log of another trainer: no trainer_state\.json.*name the folder/);
  await refused([fixture('peft-sft'), fixture('trl-grpo')], /holds 2 runs: .*peft-sft.*trl-grpo; name the one/);
  const spoil = (as: string, file: string, content: string) => {
    const copy = copyOf('trl-grpo', as);
    writeFileSync(path.join(copy, file), content);
    return copy;
  };
  const state = path.join('checkpoint-3', 'trainer_state.json');
  await refused([spoil('cut', state, '{"log_history": [')], /trainer_state\.json is no JSON .*: copy it anew/);
  await refused([spoil('list', state, '[]')], /has no log_history, so it is none of transformers'/);
  await refused(
    [spoil('stepless', state, '{"log_history": [{"loss": 1}]}')],
    /entry 1 of log_history has no step \(\{"loss":1\}\)/,
  );
  const table = path.join('completions', 'completions_00002.parquet');
  await refused([spoil('parquet', table, 'PAR1')], /cannot read .*completions_00002\.parquet as Parquet/);
  const events = path.join('tensorboard', 'events.out.tfevents.1.host.1.0');
  await refused([spoil('events', events, 'x'.repeat(40))], /is damaged at byte 0, or is no event file/);
  const young = copyOf('trl-grpo', 'young');
  rmSync(path.join(young, 'tensorboard'), { recursive: true });
  writeFileSync(path.join(young, state), '{"log_history": []}');
  await refused([young], /has logged no step yet/);
  const swift = copyOf('ms-swift', 'swift-spoilt');
  const log = path.join(swift, 'v0-20260901-101112', 'logging.jsonl');
  writeFileSync(log, `${readFileSync(log, 'utf8').split('\n')[0]}\n{"loss": 1}\n`);
  await refused([swift], /logging\.jsonl, line 2 does not say its step/);
  const verl = copyOf('verl', 'verl-spoilt');
  writeFileSync(path.join(verl, 'rollouts', '2.jsonl'), '{"input": "a", "output": "b", "score": 1}\n{"input"\n');
  await refused([verl], /2\.jsonl, line 2 is no JSON/);
});

test('a log that is still being written: the line or record at its end is left out', async () => {
  const source = copyOf('trl-grpo', 'torn');
  rmSync(path.join(source, 'checkpoint-3'), { recursive: true });
  const events = path.join(source, 'tensorboard', 'events.out.tfevents.1.host.1.0');
  // The numbers of the last step stand before those of the whole run.
  truncateSync(events, readFileSync(events).length - 5);
  const taken = await takeBack([source], out('torn'));
  assert.deepEqual([taken.trainer, taken.logged], ['trl', 3]);
  const verl = copyOf('verl', 'verl-torn');
  const log = path.join(verl, 'logs', 'counting.jsonl');
  truncateSync(log, readFileSync(log).length - 30);
  assert.equal((await takeBack([path.join(verl, 'logs')], out('verl-torn'))).logged, 2);
});
