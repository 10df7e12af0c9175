/** The reward server over real sockets: the numbers of the rewards themselves, refusals that name the field, and a clean end. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { RewardInput } from '../../lib/rewards/reward.js';
import { kitReward } from '../../lib/rewards/reward-list.js';
import { type RewardServer, serveRewards } from '../../lib/serve/reward-server.js';
import { rowsById } from '../../lib/serve/score-request.js';
import { type NamedReward, REWARD_DEFAULTS } from '../../lib/train/named-reward.js';
import { PROGRAM } from '../support/command-line.js';
import { dataRow } from '../support/data-row.js';

const TOKEN = 'a token of sixteen or more';
const rows = rowsById({ records: [dataRow('r1', '3'), { ...dataRow('r2', 'B'), kind: 'choice' }], files: [[], []] });

/** Waits until it is let go, for requests that are open at the end. */
let letGo: () => void = () => {};
const rewards: NamedReward[] = [
  kitReward('accuracy_reward'),
  {
    name: 'choice',
    weight: 0.5,
    reward: async ({ row, group }) => {
      if (row.kind !== 'choice') return null;
      return { reward: group.length, metrics: { group: group.length } };
    },
  },
];
let server: RewardServer;

before(async () => {
  server = await serveRewards({ rewards, rows, settings: REWARD_DEFAULTS, token: TOKEN, host: '127.0.0.1', port: 0 });
});
after(() => server.close());

async function post(body: unknown, { at = server, token = TOKEN, to = '/score' } = {}) {
  const response = await fetch(`${at.address}${to}`, {
    ...{ method: 'POST', headers: { authorization: `Bearer ${token}` } },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  // biome-ignore lint/suspicious/noExplicitAny: the answer of a server
  return { status: response.status, content: (await response.json()) as any };
}

/** Runs some work with a server of other rewards. */
async function withServer<T>(changes: object, work: (server: RewardServer) => Promise<T>): Promise<T> {
  const defaults = { rewards, rows, settings: REWARD_DEFAULTS, token: TOKEN, host: '127.0.0.1', port: 0 };
  const other = await serveRewards({ ...defaults, ...changes });
  try {
    return await work(other);
  } finally {
    await other.close();
  }
}

test('ids and completions give the numbers of each reward in order, and their weighted sums', async () => {
  const completions = ['<answer>3</answer>', '<answer>B</answer>', '4', 'A'];
  const { status, content } = await post({ ids: ['r1', 'r2', 'r1', 'r2'], completions });
  assert.equal(status, 200);
  assert.deepEqual(content.rewards, { accuracy_reward: [1, 1, 0, 0], choice: [null, 2, null, 2] });
  // 1, 1 + 0.5 x 2, 0, 0.5 x 2: null is left out.
  assert.deepEqual(content.sums, [1, 2, 0, 1]);
  assert.deepEqual([content.metrics['rewards/choice/group'], content.metrics['rewards/choice/nulls']], [2, 2]);
  assert.deepEqual(content.errors, []);
});

test('whole rows do as well, and no completions have no numbers', async () => {
  const { content } = await post({ rows: [{ id: 'x', answer: '7', kind: 'choice' }], completions: ['7'] });
  assert.deepEqual(content.rewards, { accuracy_reward: [1], choice: [1] });
  const none = await post({ ids: [], completions: [] });
  assert.deepEqual([none.status, none.content.rewards], [200, { accuracy_reward: [], choice: [] }]);
});

test('a bad request names the field and leaves the server up', async () => {
  const [ids, completions] = [['r1'], ['3']];
  const bad: [body: unknown, status: number, field: string, message: RegExp][] = [
    ['{"ids": [', 400, 'body', /is no JSON/],
    ['[]', 400, 'body', /must be a JSON object/],
    [{ ids }, 400, 'completions', /must be a list, each entry a text/],
    [{ ids, completions: [3] }, 400, 'completions[0]', /must be a text/],
    [{ completions }, 400, 'ids', /give either 'ids'.* or whole 'rows'/],
    [{ ids: ['r1', 'r9'], completions: ['3', '3'] }, 400, 'ids[1]', /the server has no row 'r9'; it has 2 rows/],
    [{ ids: ['r1', 'r1'], completions }, 400, 'ids', /has 2 entries, and there are 1 completions/],
    [{ rows: [{ id: 'x' }], completions }, 400, 'rows[0]', /the texts 'id' and 'answer'/],
    [{ ids, completions, tokens: [1.5] }, 400, 'tokens[0]', /a whole number of 0 or more/],
    [{ ids, completions, cut: ['no'] }, 400, 'cut[0]', /true or false/],
    [{ ids, completions, step: -1 }, 400, 'step', /a whole number of 0 or more/],
    [{ ids, completions, solutions: [] }, 400, 'solutions', /is no field of a request; the fields are ids, rows/],
  ];
  for (const [body, status, field, message] of bad) {
    const answer = await post(body);
    assert.deepEqual([answer.status, answer.content.error.field], [status, field]);
    assert.match(answer.content.error.message, message);
  }
  assert.equal((await post({ ids, completions }, { to: '/scores' })).status, 404);
  assert.equal((await post('x'.repeat(64 * 2 ** 20 + 1))).status, 413);
  assert.equal((await post({ ids, completions })).status, 200);
});

test('without the token nothing is told, and a token in the address is none', async () => {
  for (const token of ['', 'wrong', `${TOKEN}x`]) {
    const { status, content } = await post({ ids: ['r1'], completions: ['3'] }, { token });
    assert.deepEqual([status, content.error.field], [401, 'authorization']);
  }
  assert.equal((await fetch(`${server.address}/health?token=${encodeURIComponent(TOKEN)}`)).status, 401);
  const health = await fetch(`${server.address}/health`, { headers: { authorization: `Bearer ${TOKEN}` } });
  assert.deepEqual(await health.json(), {
    ...{ status: 'ok', rows: 2 },
    rewards: [
      { name: 'accuracy_reward', weight: 1 },
      { name: 'choice', weight: 0.5 },
    ],
  });
  await assert.rejects(
    withServer({ token: 'short' }, async () => {}),
    /the token must have 16 characters or more, got 5/,
  );
});

test('a reward that reads what was not sent fails the request, and does not compute with it', async () => {
  const reward = ({ tokens, cut }: RewardInput) => (cut ? 0 : 1 / tokens);
  await withServer({ rewards: [{ name: 'brevity', weight: 1, reward }] }, async (at) => {
    const missing = await post({ ids: ['r1'], completions: ['3'], cut: [false] }, { at });
    assert.deepEqual([missing.status, missing.content.error.field], [422, 'rewards']);
    assert.match(
      missing.content.error.message,
      /'brevity' failed \(it reads 'tokens', and the request has no 'tokens'\)/,
    );
    const sent = await post({ ids: ['r1'], completions: ['3'], cut: [false], tokens: [4] }, { at });
    assert.deepEqual(sent.content.sums, [0.25]);
  });
});

test('a failure is an error of the request; if asked for, a null that is named', async () => {
  const failing = {
    name: 'failing',
    weight: 1,
    reward: ({ completion }: RewardInput) => (completion === '3' ? 1 : Number.NaN),
  };
  const body = { ids: ['r1', 'r1'], completions: ['3', '4'] };
  await withServer({ rewards: [failing] }, async (at) => {
    const { status, content } = await post(body, { at });
    assert.equal(status, 422);
    assert.match(
      content.error.message,
      /'failing' must return a finite number, .* returned NaN for row 'r1' and the completion "4"/,
    );
  });
  await withServer({ rewards: [failing], settings: { ...REWARD_DEFAULTS, onRewardError: 'null' } }, async (at) => {
    const { content } = await post(body, { at });
    assert.deepEqual(
      [content.rewards.failing, content.sums],
      [
        [1, null],
        [1, null],
      ],
    );
    assert.deepEqual([content.errors.length, content.errors[0].index, content.errors[0].reward], [1, 1, 'failing']);
  });
});

test('a server that ends answers what is open and takes nothing more', async () => {
  const waiting = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  let asked = () => {};
  const begun = new Promise<void>((resolve) => {
    asked = resolve;
  });
  const reward = async () => {
    asked();
    await waiting;
    return 1;
  };
  const slow = await serveRewards({
    ...{ rewards: [{ name: 'slow', weight: 1, reward }], rows, settings: REWARD_DEFAULTS },
    ...{ token: TOKEN, host: '127.0.0.1', port: 0 },
  });
  const open = post({ ids: ['r1'], completions: ['3'] }, { at: slow });
  await begun;
  const closed = slow.close();
  await assert.rejects(post({ ids: ['r1'], completions: ['3'] }, { at: slow }));
  letGo();
  assert.deepEqual((await open).content.sums, [1]);
  await closed;
});

test('an address that is taken is named', async () => {
  const port = Number(new URL(server.address).port);
  await assert.rejects(
    withServer({ port }, async () => {}),
    /127\.0\.0\.1:\d+ is taken; choose another port/,
  );
});

test('the command serves until SIGTERM, also with a connection that is idle, and exits with 0', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-serve-'));
  try {
    const row = { id: 'row-1', image: [], problem: 'How many?', answer: '3' };
    writeFileSync(path.join(folder, 'rows.jsonl'), `${JSON.stringify(row)}\n`);
    writeFileSync(path.join(folder, 'mine.ts'), 'export const half = async (): Promise<number> => 0.5;\n');
    const data = [
      '--data',
      path.join(folder, 'rows.jsonl'),
      '--rewards',
      `accuracy,${path.join(folder, 'mine.ts')}#half=2`,
    ];
    const child = spawn(process.execPath, [...PROGRAM, 'serve-rewards', ...data, '--port', '0', '--json'], {
      env: { ...process.env, REASON_RFT_REWARD_TOKEN: TOKEN },
    });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    const line = await new Promise<string>((resolve) => child.stdout.once('data', (piece) => resolve(String(piece))));
    const { address, rows: count } = JSON.parse(line) as { address: string; rows: number };
    assert.equal(count, 1);
    const at = { address, close: async () => {} };
    const { content } = await post({ ids: ['row-1'], completions: ['3'] }, { at });
    assert.deepEqual([content.rewards, content.sums], [{ accuracy_reward: [1], half: [0.5] }, [2]]);
    const idle = connect(Number(new URL(address).port), '127.0.0.1');
    await new Promise((resolve) => idle.once('connect', resolve));
    child.kill('SIGTERM');
    assert.equal(await ended, 0);
    idle.destroy();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
