/** Models by id, from a hub of this test's own that speaks the endpoints used, over real HTTP. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import path from 'node:path';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { startEngine } from '../../lib/engine/backend.js';
import { fetchModelFolder } from '../../lib/model/hub.js';
import { cachedModel } from '../../lib/model/hub-cache.js';
import { addAdapters, LORA_DEFAULTS } from '../../lib/model/lora.js';
import { disposeModel, loadModel, saveModel } from '../../lib/model/model.js';
import { repositoryRoot } from '../../lib/study/workspace.js';

const COMMIT = `${'c0ffee'.repeat(6)}c0ff`;
const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-hub-'));
const nano = path.join(repositoryRoot(), 'data', 'nano');

/** The repository: the nano model, its weights stored with LFS, and what nobody asks for. */
const files = new Map<string, Buffer>([
  ...readdirSync(nano).map((name): [string, Buffer] => [name, readFileSync(path.join(nano, name))]),
  ['README.md', Buffer.from('# nano')],
  ['pytorch_model.bin', Buffer.alloc(10)],
]);
const isLarge = (name: string) => /\.(safetensors|bin)$/.test(name);
const sha = (kind: string, ...parts: (string | Buffer)[]) =>
  parts.reduce((hash, part) => hash.update(part), createHash(kind)).digest('hex');

/** What the hub does wrong, and what it was asked. */
let faults: { cutAfter?: number; corrupt?: string };
let requests: { url: string; range?: string; token?: string }[];

function answer(request: IncomingMessage, response: ServerResponse): void {
  const { authorization: token, range } = request.headers;
  const url = request.url!;
  requests.push({ url, range, token });
  const json = (status: number, body: unknown) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  const repo = /^(?:\/api\/models)?\/(kit\/\w+)\//.exec(url)?.[1];
  if (repo === 'kit/gated' && token !== 'Bearer hf_good') return void json(401, { error: 'Access is restricted' });
  if (repo !== 'kit/nano' && repo !== 'kit/gated') return void json(404, { error: 'Repository not found' });
  const revision = /\/revision\/(\w+)\?/.exec(url)?.[1];
  if (revision !== undefined)
    return void (revision === 'main' || revision === COMMIT
      ? json(200, {
          _id: '1',
          id: repo,
          sha: COMMIT,
          private: false,
          downloads: 0,
          likes: 0,
          gated: false,
          lastModified: 0,
        })
      : json(404, { error: 'Revision not found' }));
  if (url.includes(`/tree/${COMMIT}`)) {
    const entries = [...files].map(([name, data]) => ({
      type: 'file',
      path: name,
      size: data.length,
      oid: sha('sha1', `blob ${data.length}\0`, data),
      ...(isLarge(name) ? { lfs: { oid: sha('sha256', data), size: data.length, pointerSize: 130 } } : {}),
    }));
    return void json(200, [{ type: 'directory', path: 'onnx', size: 0, oid: '0' }, ...entries]);
  }
  const name = new RegExp(`/resolve/${COMMIT}/(.+)$`).exec(url)?.[1];
  const data = name === undefined ? undefined : files.get(name);
  if (!data) return void json(404, { error: 'Entry not found' });
  send(name!, name === faults.corrupt ? Buffer.alloc(data.length) : data, range, response);
}

function send(name: string, data: Buffer, range: string | undefined, response: ServerResponse): void {
  const match = /^bytes=(\d+)-(\d*)$/.exec(range ?? '');
  const from = Number(match?.[1] ?? 0);
  const to = match?.[2] ? Number(match[2]) : data.length - 1;
  const part = data.subarray(from, to + 1);
  response.writeHead(match ? 206 : 200, {
    etag: `"${sha('sha256', data)}"`,
    'content-length': part.length,
    ...(match ? { 'content-range': `bytes ${from}-${to}/${data.length}` } : {}),
  });
  if (faults.cutAfter === undefined || !isLarge(name) || part.length <= faults.cutAfter) return void response.end(part);
  // The connection breaks off in the middle of a body.
  response.write(part.subarray(0, faults.cutAfter), () => setTimeout(() => response.destroy(), 20));
}

const server = createServer(answer);
let endpoint = '';
const variables = [
  ...['HF_ENDPOINT', 'HF_HOME', 'HF_HUB_CACHE', 'HUGGINGFACE_HUB_CACHE', 'HF_HUB_OFFLINE'],
  ...['HF_TOKEN', 'HUGGING_FACE_HUB_TOKEN', 'HF_TOKEN_PATH', 'HF_HUB_DISABLE_IMPLICIT_TOKEN'],
  ...['http_proxy', 'https_proxy', 'all_proxy', 'no_proxy'].flatMap((name) => [name, name.toUpperCase()]),
];
const outside = Object.fromEntries(variables.map((name) => [name, process.env[name]]));
let homes = 0;

before(async () => {
  await startEngine();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(() => {
  server.close();
  server.closeAllConnections();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  for (const name of variables) delete process.env[name];
  process.env.HF_ENDPOINT = `${endpoint}/`;
  process.env.HF_HOME = path.join(folder, `home-${homes++}`);
  faults = {};
  requests = [];
});
afterEach(() => {
  for (const name of variables) delete process.env[name];
  for (const [name, value] of Object.entries(outside)) if (value !== undefined) process.env[name] = value;
});

const storage = () => path.join(process.env.HF_HOME!, 'hub', 'models--kit--nano');
const partials = () => readdirSync(path.join(storage(), 'blobs')).filter((name) => name.endsWith('.incomplete'));

test('a model comes into the cache in its usual layout, loads by its id, and is not fetched again', async () => {
  const seen: [number, number][] = [];
  const downloaded = await fetchModelFolder('kit/nano', { onProgress: (done, total) => seen.push([done, total]) });
  assert.equal(downloaded, path.join(storage(), 'snapshots', COMMIT));
  assert.equal(readFileSync(path.join(storage(), 'refs', 'main'), 'utf8'), COMMIT);
  // Weights in other formats and prose stay where they are.
  assert.equal(existsSync(path.join(downloaded, 'pytorch_model.bin')), false);
  assert.equal(existsSync(path.join(downloaded, 'README.md')), false);
  const weights = files.get('model.safetensors')!;
  assert.deepEqual(readFileSync(path.join(downloaded, 'model.safetensors')), weights);
  assert.ok(existsSync(path.join(storage(), 'blobs', sha('sha256', weights))));
  const [done, total] = seen.at(-1)!;
  assert.equal(done, total);
  assert.ok(total > weights.length);
  const model = loadModel('kit/nano');
  assert.equal(model.folder, downloaded);
  disposeModel(model);

  requests = [];
  assert.equal(await fetchModelFolder('kit/nano'), downloaded);
  assert.ok(
    requests.every(({ url }) => url.startsWith('/api/')),
    'a file was fetched twice',
  );
  requests = [];
  assert.equal(await fetchModelFolder(`kit/nano@${COMMIT}`), downloaded);
  assert.deepEqual(requests, [], 'a commit cannot change, so that nothing is to be asked');
});

test('a folder wins over an id of the same name, without a request', async () => {
  const here = process.cwd();
  mkdirSync(path.join(folder, 'kit', 'nano'), { recursive: true });
  process.chdir(folder);
  try {
    assert.equal(await fetchModelFolder('kit/nano'), 'kit/nano');
    assert.deepEqual(requests, []);
  } finally {
    process.chdir(here);
    rmSync(path.join(folder, 'kit'), { recursive: true });
  }
});

test('a transfer that breaks off goes on where it stopped, within a call and in the next', async () => {
  const weights = files.get('model.safetensors')!;
  // 5 MB in pieces of at most 2: three transfers.
  faults = { cutAfter: 2_000_000 };
  const downloaded = await fetchModelFolder('kit/nano');
  assert.deepEqual(readFileSync(path.join(downloaded, 'model.safetensors')), weights);
  const starts = requests.flatMap(({ url, range }) =>
    url.endsWith('model.safetensors') && range !== 'bytes=0-0' ? [Number(/=(\d+)-/.exec(range ?? '=0-')![1])] : [],
  );
  assert.ok(starts.length > 2 && starts[0] === 0, `${starts}`);
  // What was on its way when the connection broke is lost, no more.
  assert.ok(
    starts.slice(1).every((start, i) => start > starts[i]! + 1_000_000),
    `${starts}`,
  );

  // Now not a byte comes through: an error, and the next call goes on with what an earlier one left.
  process.env.HF_HOME = path.join(folder, `home-${homes++}`);
  faults = { cutAfter: 0 };
  await assert.rejects(
    fetchModelFolder('kit/nano'),
    /model\.safetensors was interrupted at 0 of \d+ bytes .*goes on from there/,
  );
  assert.equal(cachedModel('kit/nano'), undefined);
  writeFileSync(path.join(storage(), 'blobs', `${sha('sha256', weights)}.incomplete`), weights.subarray(0, 1_000_000));
  faults = {};
  requests = [];
  const again = await fetchModelFolder('kit/nano');
  assert.deepEqual(readFileSync(path.join(again, 'model.safetensors')), weights);
  assert.ok(requests.some(({ range }) => range?.startsWith('bytes=1000000-')));
});

test('two who fetch the same model at once both have it whole; what a killed process left is taken over', async () => {
  const weights = files.get('model.safetensors')!;
  const blob = path.join(storage(), 'blobs', sha('sha256', weights));
  mkdirSync(path.dirname(blob), { recursive: true });
  const ended = spawnSync(process.execPath, ['--version']).pid;
  writeFileSync(`${blob}.${hostname()}-${ended}-1.0.incomplete`, weights.subarray(0, 1_000_000));
  const folders = await Promise.all([fetchModelFolder('kit/nano'), fetchModelFolder('kit/nano')]);
  assert.equal(folders[0], folders[1]);
  assert.deepEqual(readFileSync(path.join(folders[0]!, 'model.safetensors')), weights);
  assert.deepEqual(partials(), []);
  assert.ok(requests.some(({ range }) => range?.startsWith('bytes=1000000-')));
});

test('a file with another checksum than the hub says is removed, large or small', async () => {
  for (const corrupt of ['model.safetensors', 'config.json']) {
    process.env.HF_HOME = path.join(folder, `home-${homes++}`);
    faults = { corrupt };
    await assert.rejects(
      fetchModelFolder('kit/nano'),
      new RegExp(`${corrupt.replace('.', '\\.')} of kit/nano arrived damaged`),
    );
    assert.deepEqual(partials(), []);
    assert.equal(cachedModel('kit/nano'), undefined);
    faults = {};
    await fetchModelFolder('kit/nano');
  }
});

test('offline, only the cache counts; without a network, the cache is taken too', async (t) => {
  process.env.HF_HUB_OFFLINE = '1';
  await assert.rejects(fetchModelFolder('kit/nano'), /kit\/nano is not in the cache .*HF_HUB_OFFLINE forbids/);
  assert.deepEqual(requests, []);
  delete process.env.HF_HUB_OFFLINE;
  const downloaded = await fetchModelFolder('kit/nano');
  process.env.HF_HUB_OFFLINE = 'TRUE';
  requests = [];
  assert.equal(await fetchModelFolder('kit/nano'), downloaded);
  assert.deepEqual(requests, []);
  delete process.env.HF_HUB_OFFLINE;

  // Port 1 of this machine refuses connections.
  process.env.HF_ENDPOINT = 'http://127.0.0.1:1';
  const warn = t.mock.method(console, 'warn', () => {});
  assert.equal(await fetchModelFolder('kit/nano'), downloaded);
  assert.match(String(warn.mock.calls[0]!.arguments[0]), /cannot be reached; taking kit\/nano as it is in the cache/);
  await assert.rejects(fetchModelFolder('kit/other'), /127\.0\.0\.1:1 cannot be reached .*HF_ENDPOINT/);
});

test('unknown, private and misspelt models, each with what to do', async () => {
  await assert.rejects(
    fetchModelFolder('kit/nothing'),
    /no folder 'kit\/nothing', and .*\/kit\/nothing does not exist, or has no revision 'main'/,
  );
  await assert.rejects(fetchModelFolder('kit/nano@v9'), /has no revision 'v9'/);
  await assert.rejects(fetchModelFolder('kit/gated'), /is private or gated: .* set HF_TOKEN/);
  process.env.HF_TOKEN = 'hf_good';
  await fetchModelFolder('kit/gated');
  assert.throws(() => loadModel('kit/nothing'), /no folder 'kit\/nothing', nor is it a model in the hub's cache/);
  for (const name of ['runs/my-sft/final', 'nano', '../kit/nano', 'kit/nano@../../x'])
    await assert.rejects(fetchModelFolder(name), /there is no folder '.*', nor is it the id of a model/);
});

test('a stored login opens a gated model, in its place or where HF_TOKEN_PATH says, unless it is turned off', async () => {
  mkdirSync(process.env.HF_HOME!, { recursive: true });
  const stored = path.join(process.env.HF_HOME!, 'token');
  writeFileSync(stored, 'hf_good\n');
  process.env.HF_HUB_DISABLE_IMPLICIT_TOKEN = '1';
  await assert.rejects(
    fetchModelFolder('kit/gated'),
    /set HF_TOKEN, or log in with 'hf auth login', which writes .*token/,
  );
  delete process.env.HF_HUB_DISABLE_IMPLICIT_TOKEN;
  await fetchModelFolder('kit/gated');
  assert.ok(requests.slice(1).every(({ token }) => token === 'Bearer hf_good'));
  // The variable comes first, as in the field's own client.
  process.env.HF_TOKEN = 'hf_bad';
  await assert.rejects(fetchModelFolder('kit/gated@v9'), /private or gated/);
  delete process.env.HF_TOKEN;
  process.env.HF_TOKEN_PATH = path.join(folder, 'nothing');
  await assert.rejects(fetchModelFolder('kit/gated@v9'), /private or gated/);
});

test('a model comes through the proxy, from a host that only the proxy knows', async () => {
  const asked: string[] = [];
  const proxy = createServer((request, response) => {
    asked.push(request.url!);
    request.url = request.url!.replace('http://hub.invalid', '');
    answer(request, response);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  process.env.HF_ENDPOINT = 'http://hub.invalid';
  process.env.HTTP_PROXY = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  faults = { cutAfter: 100_000 };
  const downloaded = await fetchModelFolder('kit/nano');
  proxy.close();
  assert.deepEqual(readFileSync(path.join(downloaded, 'model.safetensors')), files.get('model.safetensors'));
  assert.ok(asked.length > files.size - 2 && asked.every((url) => url.startsWith('http://hub.invalid/')));
});

test("an adapter's base model comes along by its id", async () => {
  const adapter = path.join(folder, 'adapter');
  const model = loadModel(nano);
  addAdapters(model.parameters, { ...LORA_DEFAULTS, rank: 1, targetModules: 'q_proj' });
  saveModel(model, adapter);
  disposeModel(model);
  const file = path.join(adapter, 'adapter_config.json');
  const config = JSON.parse(readFileSync(file, 'utf8'));
  writeFileSync(file, JSON.stringify({ ...config, base_model_name_or_path: 'kit/nano' }));
  assert.throws(() => loadModel(adapter), /base model 'kit\/nano' is neither a folder nor in the cache/);
  assert.equal(await fetchModelFolder(adapter), adapter);
  const adapted = loadModel(adapter);
  assert.equal(adapted.folder, cachedModel('kit/nano'));
  // Saved again it names its base by id and commit, which other machines know, as this one's cache they do not.
  saveModel(adapted, path.join(folder, 'again'));
  disposeModel(adapted);
  const again = JSON.parse(readFileSync(path.join(folder, 'again', 'adapter_config.json'), 'utf8'));
  assert.deepEqual([again.base_model_name_or_path, again.revision], ['kit/nano', COMMIT]);
  disposeModel(loadModel(path.join(folder, 'again')));
});
