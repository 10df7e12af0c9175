/** The judge against a server of the test's own: verdicts, retries, limits, the cache, and failures that are nulls and never scores. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { type JudgeSettings, judgeReward, readVerdict } from '../../lib/rewards/judge.js';
import type { RewardInput } from '../../lib/rewards/reward.js';
import { REWARD_DEFAULTS } from '../../lib/train/named-reward.js';
import { rewardMetrics, type ScoredCompletion, scoreCompletions } from '../../lib/train/score-completions.js';
import { dataRow } from '../support/data-row.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-judge-'));
let url = '';
/** What the server does with a request; each test sets its own. */
let answer: (body: { messages: { content: unknown }[] }, response: ServerResponse, request: IncomingMessage) => unknown;
let requests = 0;

const server = createServer((request, response) => {
  let text = '';
  request.on('data', (piece) => {
    text += piece;
  });
  request.on('end', () => {
    requests++;
    void answer(JSON.parse(text), response, request);
  });
});

/** Sends a reply as such servers do, with 10 tokens asked and 4 answered. */
function reply(response: ServerResponse, content: string): void {
  const usage = { prompt_tokens: 10, completion_tokens: 4 };
  response.end(JSON.stringify({ choices: [{ message: { role: 'assistant', content } }], usage }));
}

function refuse(response: ServerResponse, status: number): void {
  response.writeHead(status).end('{"error": "busy"}');
}

before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/`;
});
after(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

const settings = (changes: Partial<JudgeSettings> = {}): JudgeSettings => ({
  url,
  model: 'judge-7b',
  prompt: ({ completion, row }) => `Expected ${row.answer}. Answer: <<<${completion}>>>`,
  pattern: /score: (\d+)/i,
  range: [0, 10],
  retries: 1,
  ...changes,
});

/** Asks a judge about completions in one group. */
async function judge(completions: readonly string[], changes: Partial<JudgeSettings> = {}) {
  requests = 0;
  const inputs = completions.map(
    (completion): ScoredCompletion => ({
      ...{ completion, row: dataRow('r1', '3'), prompt: 'p', group: completions, tokens: 2, cut: false, step: 0 },
      ...{ randomKey: completion, images: async () => [{ width: 1, height: 1, data: new Uint8Array([255, 0, 0]) }] },
    }),
  );
  const rewards = [{ name: 'judge', weight: 1, reward: judgeReward(settings(changes)) }];
  const [scores] = await scoreCompletions(rewards, inputs, REWARD_DEFAULTS);
  return { values: scores!.values, errors: scores!.errors, metrics: rewardMetrics(scores!), requests };
}

test('the verdict of a reply becomes a score; tokens and cost are counted; the key is sent', async () => {
  process.env.TEST_JUDGE_KEY = 'secret';
  const seen: unknown[] = [];
  answer = (body, response, request) => {
    seen.push(request.headers.authorization, request.url, body);
    reply(response, 'It said "score: 2" first. Score: 7');
  };
  const { values, metrics, requests } = await judge(['3'], {
    ...{ system: 'Be fair.', keyVariable: 'TEST_JUDGE_KEY', price: { prompt: 2, completion: 5 }, maxTokens: 64 },
  });
  assert.deepEqual(values, [0.7]);
  assert.equal(requests, 1);
  assert.deepEqual(seen, [
    'Bearer secret',
    '/v1/chat/completions',
    {
      model: 'judge-7b',
      messages: [
        { role: 'system', content: 'Be fair.' },
        { role: 'user', content: 'Expected 3. Answer: <<<3>>>' },
      ],
      temperature: 0,
      max_tokens: 64,
    },
  ]);
  assert.equal(metrics['rewards/judge/prompt_tokens'], 10);
  assert.equal(metrics['rewards/judge/completion_tokens'], 4);
  // (2 x 10 + 5 x 4) / 1e6
  assert.equal(metrics['rewards/judge/cost'], 40 / 1e6);
});

test('the judge is shown the pictures of the row if it asks for them', async () => {
  let content: unknown;
  answer = (body, response) => {
    content = body.messages.at(-1)!.content;
    reply(response, 'score: 10');
  };
  assert.deepEqual((await judge(['3'], { pictures: true })).values, [1]);
  const [picture, text] = content as [{ image_url: { url: string } }, { text: string }];
  assert.match(picture.image_url.url, /^data:image\/png;base64,iVBOR/);
  assert.equal(text.text, 'Expected 3. Answer: <<<3>>>');
});

test('a failure that may pass is asked again; then it is null, counted and said, and the others keep their scores', async () => {
  let refused = 0;
  answer = (body, response) => {
    const text = String(body.messages[0]!.content);
    if (text.includes('<<<once>>>') && refused++ === 0) refuse(response, 503);
    else if (text.includes('<<<never>>>')) refuse(response, 429);
    else reply(response, 'score: 5');
  };
  const { values, errors, metrics, requests } = await judge(['well', 'once', 'never']);
  assert.deepEqual(values, [0.5, 0.5, null]);
  assert.equal(requests, 1 + 2 + 2);
  assert.match(
    errors[2]!,
    /'judge' failed \(.*answered 429: \{"error": "busy"\}, asked 2 times\) for row 'r1' and the completion "never"/,
  );
  assert.equal(metrics['rewards/judge/errors'], 1);
  assert.equal(metrics['rewards/judge/nulls'], 1);
  // 0.5 and 0.5: the failure is no zero.
  assert.equal(metrics['rewards/judge/mean'], 0.5);
});

test('what will not pass is not asked again: a bad request, no chat in the answer, a reply without a verdict', async () => {
  for (const [act, message] of [
    [(response: ServerResponse) => refuse(response, 400), /answered 400: \{"error": "busy"\}/],
    [(response: ServerResponse) => response.end('<html>'), /answered without a reply: <html>/],
    [(response: ServerResponse) => response.end('{"choices": []}'), /answered without a reply/],
    [
      (response: ServerResponse) => reply(response, 'Well done.'),
      /holds no verdict \(\/score: \(\\d\+\)\/i\): "Well done\."/,
    ],
    [(response: ServerResponse) => reply(response, 'score: 11'), /verdict '11' is no number from 0 to 10/],
  ] as const) {
    answer = (_, response) => act(response);
    const { values, errors, requests } = await judge(['3']);
    assert.deepEqual([values, requests], [[null], 1]);
    assert.match(errors[0]!, message);
  }
});

test('no server, and a server that never answers', async () => {
  const nobody = await judge(['3'], { url: 'http://127.0.0.1:9', retries: 0 });
  assert.match(nobody.errors[0]!, /no connection to http:\/\/127\.0\.0\.1:9\/chat\/completions \(.*\), asked 1 times/);
  answer = () => {};
  const silent = await judge(['3', '4', '5'], { timeLimit: 0.2, concurrency: 1 });
  assert.deepEqual(silent.values, [null, null, null]);
  for (const error of silent.errors) assert.match(error!, /no reply of http.* within 0\.2 s, asked [01] times/);
});

test('no more questions are open at once than the setting says', async () => {
  let [open, most] = [0, 0];
  answer = async (body, response) => {
    // The last question of the test before may come in late.
    if (!String(body.messages[0]!.content).includes('answer ')) return;
    most = Math.max(most, ++open);
    await new Promise((resolve) => setTimeout(resolve, 5));
    open--;
    reply(response, 'score: 1');
  };
  const texts = Array.from({ length: 12 }, (_, i) => `answer ${i}`);
  const { values } = await judge(texts, { concurrency: 3 });
  assert.deepEqual(
    values,
    texts.map(() => 0.1),
  );
  assert.ok(most <= 3, `${most} at once`);
});

test('the same question is paid once: within a step, and from the cache by another judge; another question is another one', async () => {
  const cache = path.join(folder, 'cache');
  answer = (body, response) =>
    reply(response, String(body.messages[0]!.content).includes('<<<3>>>') ? 'score: 9' : 'score: 1');
  const first = await judge(['3', '3', '4'], { cache });
  assert.deepEqual([first.values, first.requests], [[0.9, 0.9, 0.1], 2]);
  assert.equal(first.metrics['rewards/judge/cached'], 1 / 3);
  const again = await judge(['3', '4'], { cache });
  assert.deepEqual([again.values, again.requests], [[0.9, 0.1], 0]);
  assert.equal(again.metrics['rewards/judge/prompt_tokens'], 0);
  // A cached reply is read anew: another pattern finds what it asks for in it.
  assert.deepEqual((await judge(['3'], { cache, range: [0, 9] })).values, [1]);
  assert.equal((await judge(['3'], { cache, model: 'judge-72b' })).requests, 1);
  assert.equal((await judge(['3'], { cache, system: 'Be strict.' })).requests, 1);
  const files = readdirSync(cache, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.json'));
  assert.equal(files.length, 4);
  for (const file of files) {
    assert.doesNotMatch(readFileSync(path.join(cache, file), 'utf8'), /secret/);
    writeFileSync(path.join(cache, file), '{"reply": 7');
  }
  assert.equal((await judge(['3'], { cache })).requests, 1, 'a damaged file is asked for again');
});

test('a failure is not cached', async () => {
  const cache = path.join(folder, 'failures');
  answer = (_, response) => refuse(response, 400);
  assert.deepEqual((await judge(['3'], { cache })).values, [null]);
  answer = (_, response) => reply(response, 'score: 10');
  assert.deepEqual((await judge(['3'], { cache })).values, [1]);
});

test('verdicts in words and numbers, worked by hand', () => {
  const words = { pattern: /verdict: (\w+)/, verdicts: { yes: 1, no: 0, partly: 0.5 } };
  assert.equal(readVerdict('verdict: no ... verdict: Yes', words), 1);
  assert.equal(readVerdict('verdict: partly', words), 0.5);
  assert.throws(() => readVerdict('verdict: perhaps', words), /verdict 'perhaps' is no number from 0 to 1/);
  // 4 of 1 to 5: (4 - 1) / (5 - 1).
  assert.equal(readVerdict('4', { pattern: /(\d)/, range: [1, 5] }), 0.75);
});

test('impossible settings are named', () => {
  const make = (changes: object) => () => judgeReward(settings(changes));
  assert.throws(make({ url: 'localhost:8000' }), /url must begin with http:\/\/ or https:\/\/, got 'localhost:8000'/);
  assert.throws(make({ concurrency: 0 }), /concurrency must be a whole number of 1 or more/);
  assert.throws(make({ retries: -1 }), /retries must be a whole number of 0 or more/);
  assert.throws(make({ timeLimit: 0 }), /timeLimit must be above 0/);
  assert.throws(make({ range: [1, 1] }), /range must be \[least, most\], got \[1, 1\]/);
});

test('a judge that is called by hand needs no more than its prompt reads', async () => {
  answer = (_, response) => reply(response, 'score: 10');
  const output = await judgeReward(settings())({ completion: '3', row: dataRow('r', '3') } as unknown as RewardInput);
  assert.equal((output as { reward: number }).reward, 1);
});
