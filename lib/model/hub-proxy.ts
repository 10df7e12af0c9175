/**
 * Requests to the hub through the proxy that the environment names, as the field's own client makes them: `HTTPS_PROXY`, `HTTP_PROXY`,
 * `ALL_PROXY` and `NO_PROXY`, in small letters or capitals. Node's own `fetch` does not read them in all the releases that the kit runs on.
 */
import http from 'node:http';
import https from 'node:https';
import { isIP, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import tls from 'node:tls';

/** As many as `fetch` follows. */
const MOST_REDIRECTS = 20;

type Environment = { readonly [name: string]: string | undefined };

/**
 * The proxy for an address, or undefined where none is named or `NO_PROXY` excepts its host. A name in `NO_PROXY` excepts the host and
 * all below it, with a port only that one; `*` excepts all.
 *
 * @throws Error when the proxy is none that speaks HTTP
 */
export function proxyOf(address: URL, environment: Environment = process.env): URL | undefined {
  // Small letters come first, as in Python and curl.
  const variable = (name: string) => environment[name] || environment[name.toUpperCase()];
  const scheme = address.protocol.slice(0, -1);
  const named = variable(`${scheme}_proxy`) ?? variable('all_proxy');
  if (!named || isExcepted(address, variable('no_proxy') ?? '')) return undefined;
  const proxy = URL.canParse(named) && named.includes('://') ? new URL(named) : new URL(`http://${named}`);
  if (proxy.protocol !== 'http:' && proxy.protocol !== 'https:')
    throw new Error(
      `the proxy ${proxy.protocol}//${proxy.host} is not one that the kit can use: name one that begins with http:// or https://`,
    );
  return proxy;
}

function isExcepted({ hostname, port, protocol }: URL, list: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '').toLowerCase();
  return list.split(',').some((entry) => {
    const [, name = '', only] =
      /^(?:\w+:\/\/)?(\[.*\]|[^:]*|.*:.*:.*?)(?::(\d+))?$/.exec(entry.trim().toLowerCase()) ?? [];
    if (name === '') return false;
    if (name === '*') return true;
    if (only !== undefined && only !== (port || (protocol === 'https:' ? '443' : '80'))) return false;
    const bare = name.replace(/^\[|\]$/g, '').replace(/^\*?\./, '');
    return host === bare || (!isIP(host) && host.endsWith(`.${bare}`));
  });
}

/**
 * `fetch` for reading, through the environment's proxy where there is one for the address.
 *
 * @throws TypeError `fetch failed` with its cause, as `fetch` does, when no answer comes
 */
export const fetchThroughProxy: typeof fetch = async (input, init = {}) => {
  let address = new URL(input instanceof Request ? input.url : input);
  if (!proxyOf(address)) return fetch(input, init);
  const method = init.method ?? 'GET';
  if (method !== 'GET' && method !== 'HEAD')
    throw new Error(`${method} through a proxy is not needed to fetch a model`);
  const headers = new Headers(init.headers);
  for (let hop = 0; hop <= MOST_REDIRECTS; hop++) {
    const proxy = proxyOf(address);
    // A redirect may lead to a host that is excepted.
    if (!proxy) return fetch(address, { ...init, headers });
    const answer = await send(address, proxy, method, headers, init.signal ?? undefined);
    const target = answer.headers.location;
    if (!target || ![301, 302, 303, 307, 308].includes(answer.statusCode!) || init.redirect === 'manual')
      return toResponse(answer, address, method);
    answer.resume();
    const next = new URL(target, address);
    // Another server does not get the login of this one.
    if (next.origin !== address.origin) headers.delete('authorization');
    address = next;
  }
  throw new TypeError('fetch failed', { cause: new Error(`more than ${MOST_REDIRECTS} redirects`) });
};

/** Sends a request and gives the answer, whose body is still to be read. */
async function send(
  address: URL,
  proxy: URL,
  method: string,
  headers: Headers,
  signal: AbortSignal | undefined,
): Promise<http.IncomingMessage> {
  const options = { method, headers: { ...Object.fromEntries(headers), host: address.host }, signal };
  try {
    if (address.protocol === 'http:')
      return await answerOf(
        requestTo(proxy, { ...options, path: address.href, headers: { ...options.headers, ...loginOf(proxy) } }),
      );
    const tunnel = await openTunnel(address, proxy, signal);
    const host = address.hostname.replace(/^\[|\]$/g, '');
    const createConnection = () => tls.connect({ socket: tunnel, ...(isIP(host) ? {} : { servername: host }), host });
    return await answerOf(
      https.request({ ...options, host, path: address.pathname + address.search, createConnection }),
    );
  } catch (error) {
    throw new TypeError('fetch failed', { cause: error });
  }
}

/** A connection through the proxy to the address's host. @throws Error when the proxy refuses */
async function openTunnel(address: URL, proxy: URL, signal: AbortSignal | undefined): Promise<Socket> {
  const target = `${address.hostname}:${address.port || 443}`;
  const headers = { host: target, ...loginOf(proxy) };
  const request = requestTo(proxy, { method: 'CONNECT', path: target, headers, signal });
  const [answer, socket] = await new Promise<[http.IncomingMessage, Socket]>((resolve, reject) => {
    request.once('connect', (response: http.IncomingMessage, connection: Socket) => resolve([response, connection]));
    request.once('error', reject);
    request.end();
  });
  if (answer.statusCode === 200) return socket;
  socket.destroy();
  throw new Error(
    `the proxy ${proxy.host} refuses to connect to ${target}: ${answer.statusCode} ${answer.statusMessage}`,
  );
}

function requestTo(proxy: URL, options: http.RequestOptions): http.ClientRequest {
  const { request } = proxy.protocol === 'https:' ? https : http;
  const port = proxy.port || (proxy.protocol === 'https:' ? 443 : 80);
  return request({ ...options, host: proxy.hostname.replace(/^\[|\]$/g, ''), port, agent: false });
}

/** The header that carries the name and password of the proxy's address, if it has any. */
function loginOf({ username, password }: URL): { 'proxy-authorization'?: string } {
  if (username === '') return {};
  const login = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { 'proxy-authorization': `Basic ${Buffer.from(login).toString('base64')}` };
}

function answerOf(request: http.ClientRequest): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.once('response', resolve);
    request.once('error', reject);
    request.end();
  });
}

function toResponse(answer: http.IncomingMessage, address: URL, method: string): Response {
  const headers = new Headers();
  for (const [name, values] of Object.entries(answer.headersDistinct))
    for (const value of values ?? []) headers.append(name, value);
  const status = answer.statusCode!;
  const isEmpty = method === 'HEAD' || status === 204 || status === 304;
  if (isEmpty) answer.resume();
  const body = isEmpty ? null : (Readable.toWeb(answer) as ReadableStream<Uint8Array> as BodyInit);
  const response = new Response(body, { status, statusText: answer.statusMessage, headers });
  // `Response` has no parameter for it.
  return Object.defineProperty(response, 'url', { value: address.href });
}
