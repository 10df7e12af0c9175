/** The client in Python against real servers: the rewards' own numbers, patience, and no number that nobody gave. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { kitReward } from '../../lib/rewards/reward-list.js';
import { type RewardServer, serveRewards } from '../../lib/serve/reward-server.js';
import { rowsById } from '../../lib/serve/score-request.js';
import { VENV_PYTHON } from '../../lib/setup/layout.js';
import { repositoryRoot } from '../../lib/study/workspace.js';
import { type NamedReward, REWARD_DEFAULTS } from '../../lib/train/named-reward.js';
import { dataRow } from '../support/data-row.js';

const TOKEN = 'a token of sixteen or more';
const CLIENT = path.join(repositoryRoot(), 'lib', 'handover');
const WEIGHTS = { accuracy_reward: 1, group_size: 0.5 };

/** How many requests the server has scored: the reward is asked once for each. */
let requests = 0;
const rewards: NamedReward[] = [
  kitReward('accuracy_reward'),
  {
    ...{ name: 'group_size', weight: 0.5 },
    reward: {
      batch: (inputs) => {
        requests++;
        return inputs.map(({ group, completion }) => (completion === 'skip' ? null : group.length));
      },
    },
  },
];
let server: RewardServer;

before(async () => {
  const rows = rowsById({ records: [dataRow('r1', '3'), dataRow('r2', '4')], files: [[], []] });
  server = await serveRewards({ rewards, rows, settings: REWARD_DEFAULTS, token: TOKEN, host: '127.0.0.1', port: 0 });
});
after(() => server.close());

/** What the client has said beside its answers. */
let said = '';

/** An answer of the client: what `score` gives, the rows that `check` counts, or an error. */
type Answer = number | { [field: string]: unknown };

/** Runs the client. @param env variables of the environment; it has no others of the kit */
async function ask(
  calls: readonly (object | 'check')[],
  {
    url = server.address,
    env = { REASON_RFT_REWARD_TOKEN: TOKEN, REASON_RFT_REWARD_PATIENCE: '20' } as NodeJS.ProcessEnv,
    rewards = WEIGHTS as { [name: string]: number },
    largest = null as number | null,
  } = {},
): Promise<Answer[]> {
  const script = path.join(__dirname, 'ask_rewards.py');
  const child = spawn(VENV_PYTHON, ['-B', script], {
    env: { ...process.env, http_proxy: 'http://127.0.0.1:9', ...env },
  });
  child.stdin.end(JSON.stringify({ client: CLIENT, server: { rewards, url }, largest, calls }));
  let [text, errors] = ['', ''];
  child.stdout.on('data', (piece: Buffer) => {
    text += piece;
  });
  child.stderr.on('data', (piece: Buffer) => {
    errors += piece;
  });
  const code = await new Promise((resolve) => child.once('close', resolve));
  assert.equal(code, 0, errors);
  said = errors;
  return JSON.parse(text) as Answer[];
}

/** A server that answers with these, one after the other, and the last one ever after. */
async function scripted(
  answers: readonly ((response: ServerResponse) => void)[],
): Promise<{ url: string; server: Server; asked: () => number }> {
  let asked = 0;
  const server = createServer((request, response) => {
    request.resume();
    request.once('end', () => answers[Math.min(asked++, answers.length - 1)]!(response));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server, asked: () => asked };
}

const json =
  (content: unknown, status = 200) =>
  (response: ServerResponse) => {
    response
      .writeHead(status, { 'content-type': 'application/json' })
      .end(typeof content === 'string' ? content : JSON.stringify(content));
  };
const QUESTION = { ids: ['r1', 'r1'], completions: ['3', 'skip'] };
const GOOD = { rewards: { accuracy_reward: [1, 0], group_size: [2, null] }, sums: [2, 0], metrics: {}, errors: [] };

test('the client gives the numbers of the rewards in order, null as None, and asks once for the same question', async () => {
  const question = { ids: ['r1', 'r2', 'r1'], completions: ['3', 'skip', '<answer>3</answer>'] };
  requests = 0;
  const [rows, first, again, other] = await ask(['check', question, question, { ...question, step: 2 }]);
  assert.equal(rows, 2);
  // 1 + 0.5 x 2, 0, 1 + 0.5 x 2: null adds nothing.
  const expected = { accuracy_reward: [1, 0, 1], group_size: [2, null, 2] };
  assert.deepEqual([(first as { rewards: unknown }).rewards, (first as { sums: unknown }).sums], [expected, [2, 0, 2]]);
  assert.equal((first as { metrics: { [name: string]: number } }).metrics['rewards/group_size/nulls'], 1);
  assert.deepEqual([again, (other as { rewards: unknown }).rewards], [first, expected]);
  assert.equal(requests, 2, 'the question, and the same of another step');
});

test('a step that is too large is asked in several requests of whole groups', async () => {
  const ids = Array.from({ length: 12 }, (_, i) => (i % 2 === 0 ? 'r1' : 'r2'));
  const completions = ids.map((_, i) => (i === 3 ? 'skip' : `${i}`.padStart(40)));
  requests = 0;
  const [answer] = (await ask([{ ids, completions, tokens: ids.map(() => 1) }], { largest: 400 })) as [typeof GOOD];
  assert.equal(requests, 2, 'one for each row');
  assert.deepEqual(
    answer.rewards.group_size,
    ids.map((_, i) => (i === 3 ? null : 6)),
  );
  assert.equal((answer.metrics as { [name: string]: number })['rewards/group_size/nulls'], 1);
});

test('a server that is busy, or gone for a moment, is asked again', async () => {
  const busy = json({ error: { field: 'server', message: 'busy' } }, 503);
  const cut = (response: ServerResponse) => void response.socket!.destroy();
  const half = (response: ServerResponse) => {
    response.writeHead(200, { 'content-length': '1000' }).write('{"rewards": ');
    setTimeout(() => response.socket!.destroy(), 20);
  };
  const { url, server, asked } = await scripted([busy, cut, half, json(GOOD)]);
  try {
    const [answer] = await ask([QUESTION], { url });
    assert.deepEqual([(answer as typeof GOOD).rewards, asked()], [GOOD.rewards, 4]);
  } finally {
    server.close();
  }
});

test('a server that is gone is an error that says what to do, and no reward', async () => {
  const { url, server } = await scripted([json(GOOD)]);
  await new Promise((resolve) => server.close(resolve));
  const env = { REASON_RFT_REWARD_TOKEN: TOKEN, REASON_RFT_REWARD_PATIENCE: '1' };
  const [answer] = await ask([QUESTION], { url, env });
  const { error } = answer as { error: string };
  assert.match(
    error,
    /^RewardServerError: the reward server at http:.* is gone: .*refused.*attempts.*sh rewards\/serve\.sh/s,
  );
  // It does not wait for ever for an answer either.
  const silent = await scripted([() => {}]);
  try {
    const waits = { ...env, REASON_RFT_REWARD_TIMEOUT: '0.5' };
    const [late] = await ask([QUESTION], { url: silent.url, env: waits });
    assert.match((late as { error: string }).error, /is gone: .*timed out/);
    assert.ok(silent.asked() >= 1);
  } finally {
    silent.server.closeAllConnections();
    silent.server.close();
  }
});

test('what is no number of each completion is an error, never a reward', async () => {
  const wrong: [what: string, content: unknown, message: RegExp][] = [
    [
      'a list that is too short',
      { ...GOOD, rewards: { ...GOOD.rewards, group_size: [2] } },
      /gave \[2\] as group_size of 2/,
    ],
    [
      'a reward that is missing',
      { ...GOOD, rewards: { accuracy_reward: [1, 0] } },
      /asked for were \['accuracy_reward', 'group_size'\]/,
    ],
    ['a reward too many', { ...GOOD, rewards: { ...GOOD.rewards, more: [1, 1] } }, /answered with the rewards/],
    [
      'a text',
      { ...GOOD, rewards: { ...GOOD.rewards, accuracy_reward: ['1', 0] } },
      /gave 1 as a number of accuracy_reward/,
    ],
    ['a truth value', { ...GOOD, sums: [true, 0] }, /gave True as a number of sums/],
    ['no finite number', JSON.stringify(GOOD).replace('[1,0]', '[1,NaN]'), /gave nan as a number/],
    ['no JSON', '<html>', /no JSON: .*html/],
    ['no object', '[]', /which is no object/],
  ];
  for (const [what, content, message] of wrong) {
    const { url, server } = await scripted([json(content)]);
    const [answer] = await ask([QUESTION], { url });
    server.close();
    assert.match((answer as { error: string }).error, message, what);
  }
});

test('a failure that counts as null is said, with its reason', async () => {
  const failure = { reward: 'group_size', index: 1, message: "reward 'group_size' failed (out of memory)" };
  const { url, server } = await scripted([json({ ...GOOD, errors: [failure] })]);
  const [answer] = await ask([QUESTION], { url });
  server.close();
  assert.deepEqual([(answer as typeof GOOD).rewards, (answer as typeof GOOD).errors], [GOOD.rewards, [failure]]);
  assert.match(
    said,
    /^Failures of rewards that count as null: 1\. The first: reward 'group_size' failed \(out of memory\)$/m,
  );
  await ask([QUESTION]);
  assert.equal(said, '');
});

test('a refusal is told at once in the words of the server', async () => {
  const [unknown] = await ask([{ ids: ['r9'], completions: ['3'] }]);
  assert.match((unknown as { error: string }).error, /refused \/score \(status 400\): .*the server has no row 'r9'/);
  const [token] = await ask(['check'], { env: { REASON_RFT_REWARD_TOKEN: `${TOKEN}x` } });
  assert.match(
    (token as { error: string }).error,
    /refused \/health \(status 401\): .*must be the token of this server/,
  );
  const [none] = await ask(['check'], { env: { REASON_RFT_REWARD_TOKEN: '' } });
  assert.match((none as { error: string }).error, /REASON_RFT_REWARD_TOKEN is not set/);
  const [others] = await ask(['check'], { rewards: { accuracy_reward: 1, group_size: 1 } });
  assert.match((others as { error: string }).error, /start the server that belongs to this folder/);
  const [uneven] = await ask([{ ids: ['r1'], completions: ['3', '4'] }]);
  assert.match((uneven as { error: string }).error, /there are 1 ids for 2 completions/);
  const moved = await scripted([(response) => response.writeHead(302, { location: server.address }).end()]);
  const [redirect] = await ask(['check'], { url: moved.url });
  moved.server.close();
  assert.match((redirect as { error: string }).error, /refused \/health \(status 302\)/);
});
