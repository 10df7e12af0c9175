/** Requests through a proxy of this test's own: plain HTTP, a tunnel to HTTPS, redirects, and the hosts for which there is none. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { promisify } from 'node:util';
import { fetchThroughProxy, proxyOf } from '../../lib/model/hub-proxy.js';
import { repositoryRoot } from '../../lib/study/workspace.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-proxy-'));
const names = ['http_proxy', 'https_proxy', 'all_proxy', 'no_proxy'].flatMap((name) => [name, name.toUpperCase()]);
const outside = Object.fromEntries(names.map((name) => [name, process.env[name]]));

test('the proxy is that of the scheme, small letters before capitals, and none for the hosts that NO_PROXY excepts', () => {
  const proxy = (address: string, environment: { [name: string]: string }) =>
    proxyOf(new URL(address), environment)?.href;
  const hub = 'https://huggingface.co/a';
  assert.equal(proxy(hub, {}), undefined);
  assert.equal(proxy(hub, { HTTPS_PROXY: 'http://p:3128' }), 'http://p:3128/');
  assert.equal(proxy(hub, { HTTPS_PROXY: 'http://p:3128', https_proxy: 'q:8080' }), 'http://q:8080/');
  assert.equal(proxy(hub, { HTTP_PROXY: 'http://p:3128' }), undefined);
  assert.equal(proxy('http://mirror/a', { HTTP_PROXY: 'http://p:3128' }), 'http://p:3128/');
  assert.equal(proxy(hub, { ALL_PROXY: 'http://p' }), 'http://p/');
  const except = (list: string, address = hub) =>
    proxy(address, { ALL_PROXY: 'http://p', NO_PROXY: list }) === undefined;
  for (const list of ['*', 'huggingface.co', 'a.b, .huggingface.co', 'HUGGINGFACE.co:443', 'huggingface.co,x'])
    assert.ok(except(list), list);
  for (const list of ['', 'face.co', 'huggingface.co:8080', 'cdn.huggingface.co']) assert.ok(!except(list), list);
  assert.ok(except('huggingface.co', 'https://cdn.huggingface.co/a'));
  assert.ok(except('127.0.0.1', 'http://127.0.0.1:99/a') && !except('0.0.1', 'http://127.0.0.1:99/a'));
  assert.ok(except('[::1]', 'http://[::1]:99/a') && except('::1', 'http://[::1]:99/a'));
  assert.throws(
    () => proxy(hub, { ALL_PROXY: 'socks5://p:1080' }),
    /socks5:\/\/p:1080 is not one that the kit can use/,
  );
});

/** What the proxy was asked, and with which login. */
let asked: { line: string; login?: string }[] = [];
let refuse = false;
/** The host `origin.invalid`, which nobody but the proxy knows. */
const origin = http.createServer((request, response) => {
  const { authorization = 'none' } = request.headers;
  if (request.url === '/away') response.writeHead(302, { location: 'http://other.invalid/a?b=c' }).end();
  else if (request.url === '/loop') response.writeHead(302, { location: '/loop' }).end();
  else response.writeHead(200, { 'x-authorization': authorization }).end(`${request.headers.host}${request.url}`);
});
const proxy = http.createServer((request, response) => {
  asked.push({ line: `${request.method} ${request.url}`, login: request.headers['proxy-authorization'] });
  const { host, pathname, search } = new URL(request.url!);
  const { port } = origin.address() as AddressInfo;
  const { 'proxy-authorization': _, ...headers } = request.headers;
  http
    .request({ port, path: pathname + search, method: request.method, headers: { ...headers, host } }, (answer) => {
      response.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(response);
    })
    .end();
});
let securePort = 0;
proxy.on('connect', (request, socket) => {
  asked.push({ line: `${request.method} ${request.url}`, login: request.headers['proxy-authorization'] });
  if (refuse) return void socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
  const target = connect(securePort, '127.0.0.1', () => {
    socket.write('HTTP/1.1 200 OK\r\n\r\n');
    target.pipe(socket);
    socket.pipe(target);
  });
});
const listen = (server: http.Server) =>
  new Promise<number>((resolve) =>
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)),
  );

before(async () => {
  await Promise.all([listen(origin), listen(proxy)]);
});
after(() => {
  for (const server of [origin, proxy]) server.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  for (const name of names) delete process.env[name];
  asked = [];
  refuse = false;
  process.env.ALL_PROXY = `http://me:s%20cret@127.0.0.1:${(proxy.address() as AddressInfo).port}`;
});
afterEach(() => {
  for (const [name, value] of Object.entries(outside)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
});

test('plain HTTP goes to the proxy with the whole address and its login; a redirect to another server carries no login of the first', async () => {
  const headers = { authorization: 'Bearer hf_good', range: 'bytes=0-' };
  const answer = await fetchThroughProxy('http://origin.invalid/a?b=c', { headers });
  assert.deepEqual(
    [answer.status, answer.url, await answer.text()],
    [200, 'http://origin.invalid/a?b=c', 'origin.invalid/a?b=c'],
  );
  assert.equal(answer.headers.get('x-authorization'), 'Bearer hf_good');
  const moved = await fetchThroughProxy('http://origin.invalid/away', { headers });
  assert.deepEqual([moved.url, await moved.text()], ['http://other.invalid/a?b=c', 'other.invalid/a?b=c']);
  assert.equal(moved.headers.get('x-authorization'), 'none');
  const login = `Basic ${Buffer.from('me:s cret').toString('base64')}`;
  assert.deepEqual(asked, [
    { line: 'GET http://origin.invalid/a?b=c', login },
    { line: 'GET http://origin.invalid/away', login },
    { line: 'GET http://other.invalid/a?b=c', login },
  ]);
  await assert.rejects(fetchThroughProxy('http://origin.invalid/loop'), (error: TypeError) =>
    /more than 20 redirects/.test((error.cause as Error).message),
  );
});

test('an excepted host is asked directly', async () => {
  process.env.NO_PROXY = '127.0.0.1';
  const { port } = origin.address() as AddressInfo;
  assert.equal(await (await fetchThroughProxy(`http://127.0.0.1:${port}/a`)).text(), `127.0.0.1:${port}/a`);
  assert.deepEqual(asked, []);
});

test('a proxy that refuses a tunnel, or is not there, is an error of the kind that fetch has', async () => {
  refuse = true;
  await assert.rejects(fetchThroughProxy('https://secure.invalid/a'), (error: TypeError) => {
    assert.equal(error.message, 'fetch failed');
    assert.match((error.cause as Error).message, /refuses to connect to secure\.invalid:443: 403 Forbidden/);
    return true;
  });
  process.env.ALL_PROXY = 'http://127.0.0.1:1';
  await assert.rejects(fetchThroughProxy('https://secure.invalid/a'), /fetch failed/);
});

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

test('HTTPS goes through a tunnel, and the server proves who it is through it', {
  skip: hasOpenssl ? false : 'openssl, which makes the certificate, is not there',
}, async () => {
  const [key, certificate] = [path.join(folder, 'key.pem'), path.join(folder, 'certificate.pem')];
  const made = spawnSync('openssl', [
    ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', certificate, '-days', '2'],
    ...['-subj', '/CN=secure.invalid', '-addext', 'subjectAltName=DNS:secure.invalid'],
  ]);
  assert.equal(made.status, 0, String(made.stderr));
  const secure = https.createServer({ key: readFileSync(key), cert: readFileSync(certificate) }, (request, response) =>
    response.end(`secret of ${request.headers.host}${request.url}`),
  );
  securePort = await listen(secure);
  // Node reads further authorities when it starts.
  const script = path.join(folder, 'ask.cjs');
  writeFileSync(
    script,
    `const { fetchThroughProxy } = require(${JSON.stringify(path.join(repositoryRoot(), 'lib/model/hub-proxy.ts'))});
    const ask = (host) => fetchThroughProxy('https://' + host + '/a?b').then((answer) => answer.text(), ({ cause }) => cause.code);
    ask('secure.invalid').then(console.log).then(() => ask('other.invalid')).then(console.log);`,
  );
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', script], {
    cwd: repositoryRoot(),
    env: { ...process.env, NODE_EXTRA_CA_CERTS: certificate },
    timeout: 60_000,
  }).finally(() => secure.close());
  assert.deepEqual(stdout.trim().split('\n'), ['secret of secure.invalid/a?b', 'ERR_TLS_CERT_ALTNAME_INVALID']);
  assert.deepEqual(
    asked.map(({ line }) => line),
    ['CONNECT secure.invalid:443', 'CONNECT other.invalid:443'],
  );
});
