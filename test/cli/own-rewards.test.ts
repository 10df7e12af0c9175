/** Rewards and scorers of one's own on the command line: trained on, logged under their names, and part of what a run is known by. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { runHere, runProcess } from '../support/command-line.js';
import { readEvents } from '../support/event-file.js';
import { writeShallowModel } from '../support/shallow-model.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-own-rewards-'));
const at = (name: string) => path.join(folder, name);

before(() => {
  writeShallowModel(at('base'));
  const rows = ['red', 'blue', 'green', 'red'].map((answer, i) => ({
    ...{ id: `row-${i}`, image: [], problem: `What colour is ball ${i}?`, answer, kind: i === 3 ? 'other' : 'colour' },
  }));
  writeFileSync(at('rows.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  writeFileSync(at('words.ts'), 'export const count = (text: string): number => text.split(" ").length;\n');
  writeFileSync(
    at('mine.ts'),
    `import { count } from './words.js';
interface Input { completion: string; row: { id: string; kind?: unknown }; tokens: number; cut: boolean }
/** Fewer tokens earn more, after a wait, for rows of one kind. */
export async function brevity({ completion, row, tokens }: Input) {
  await new Promise((resolve) => setTimeout(resolve, 1));
  if (row.kind !== 'colour') return null;
  return { reward: 1 / tokens, metrics: { words: count(completion) } };
}
/** Right if it was not cut. */
export const whole = ({ cut }: Input): boolean => !cut;
/** Half a point for anything. */
export const half = (completion: string, row: { kind?: unknown }): number => (row.kind === 'colour' ? 0.5 : 0);
export const two = (): number => 2;
`,
  );
});
after(() => rmSync(folder, { recursive: true, force: true }));

const grpo = (out: string) => [
  ...['grpo', '--data', at('rows.jsonl'), '--model', at('base'), '--out', at(out), '--rewards'],
  `format,${at('mine.ts')}#brevity=0.2`,
  ...'--steps 2 --promptsPerStep 4 --completions 2 --promptsPerMicroBatch 2 --maxNewTokens 4'.split(' '),
];

test('an own reward in TypeScript waits, leaves rows out and logs a metric; after an edit of what it imports the run is refused', async () => {
  const { status, stderr } = runProcess(grpo('run'));
  assert.equal(status, 0, stderr);
  const lines = readFileSync(at('run/metrics.jsonl'), 'utf8').trim().split('\n');
  assert.equal(lines.length, 2);
  const [row] = lines.map((line) => JSON.parse(line) as { [metric: string]: number });
  // Of 4 prompts with 2 completions each, that of one row is left out.
  assert.equal(row!['rewards/brevity/nulls'], 2);
  assert.ok(row!['rewards/brevity/mean']! > 0 && row!['rewards/brevity/words']! >= 1);
  assert.ok(
    Math.abs(row!.reward! - (row!['rewards/format_reward/mean']! + 0.2 * 0.75 * row!['rewards/brevity/mean']!)) < 1e-9,
  );
  const [events] = readdirSync(at('run/tensorboard'));
  const scalars = readEvents(at(`run/tensorboard/${events}`)).map(
    (event) => event.scalars?.['train/rewards/brevity/words'],
  );
  assert.ok(scalars.includes(Math.fround(row!['rewards/brevity/words']!)), scalars.join());

  assert.equal((await runHere(grpo('run'))).status, 0, 'the finished run is taken as it is');
  writeFileSync(at('words.ts'), 'export const count = (text: string): number => text.length;\n');
  const edited = await runHere(grpo('run'));
  assert.equal(edited.status, 1);
  assert.match(edited.stderr, /holds a run of another configuration \(other rewardFiles\.brevity\.files\.words\.ts\)/);
});

test('evaluate scores with an own scorer, and reports the means of rewards with what they left out', async () => {
  const evaluate = (scorer: string) => [
    ...['evaluate', '--data', at('rows.jsonl'), '--model', at('base'), '--max-new-tokens', '4', '--json'],
    ...['--scorer', scorer, '--rewards', `format,${at('mine.ts')}#whole,${at('mine.ts')}#brevity`],
  ];
  const { status, stdout, stderr } = runProcess(evaluate(`${at('mine.ts')}#half`));
  assert.equal(status, 0, stderr);
  const { accuracy, cut, rewards } = JSON.parse(stdout) as {
    accuracy: number;
    cut: number;
    rewards: { [metric: string]: number };
  };
  // Half a point for three rows of four.
  assert.equal(accuracy, 0.375);
  assert.equal(rewards['whole/mean'], 1 - cut);
  assert.equal(rewards['brevity/nulls'], 1);
  assert.ok(rewards['brevity/words']! >= 1);
  assert.equal(rewards['format_reward/errors'], 0);
  const two = runProcess(evaluate(`${at('mine.ts')}#two`));
  assert.equal(two.status, 1);
  assert.match(
    two.stderr,
    /the scorer must return a number from 0 to 1 or a boolean, but returned 2 for row 'row-0' and/,
  );
  const unknown = await runHere(evaluate('fair'));
  assert.equal(unknown.status, 2);
  assert.match(
    unknown.stderr,
    /--scorer must be kit, symbolic, released or a file of your own, \.\/mine\.ts#name; got 'fair'/,
  );
});

test('a missing file and a missing export are wrong usage, with what is there', async () => {
  const list = (rewards: string) =>
    runHere(['grpo', '--data', at('rows.jsonl'), '--out', at('no'), '--rewards', rewards]);
  const missing = await list(at('my.ts'));
  assert.deepEqual(
    [missing.status, /there is no file .*; its folder holds mine\.ts, words\.ts/.test(missing.stderr)],
    [2, true],
  );
  const other = await list(`${at('mine.ts')}#short`);
  assert.deepEqual([other.status, /it exports #brevity, #half, #two, #whole/.test(other.stderr)], [2, true]);
});
