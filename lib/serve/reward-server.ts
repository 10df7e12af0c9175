/**
 * The reward server: the very rewards that `trainGrpo` asks, behind HTTP, for trainers in other languages. README.md beside this file has
 * the protocol.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { weightedSum } from '../train/advantage.js';
import { checkRewards, type NamedReward, type RewardSettings } from '../train/named-reward.js';
import { rewardMetrics, scoreCompletions } from '../train/score-completions.js';
import { BadRequest, type RowsById, readScoreRequest, refuseMissing } from './score-request.js';

export interface ServerOptions {
  rewards: readonly NamedReward[];
  /** How the rewards are asked. */
  settings: RewardSettings;
  /** The rows that requests name by their ids. */
  rows: RowsById;
  /** Every request must bring it as `Authorization: Bearer TOKEN`. */
  token: string;
  host: string;
  /** 0: any that is free. */
  port: number;
}

/** A server that listens. */
export interface RewardServer {
  /** Such as `http://127.0.0.1:8771`. */
  address: string;
  /** Takes no more requests, answers those that are open, and ends. */
  close: () => Promise<void>;
}

/** The largest body of a request, in bytes. */
const LARGEST_BODY = 64 * 2 ** 20;
/** A request must have come within so many ms. */
const LONGEST_ARRIVAL = 60_000;
/** The most requests that are answered at once. */
const MOST_OPEN = 64;
/** The shortest token; a shorter one can be guessed. */
const SHORTEST_TOKEN = 16;

/** An answer: its status, and its content as JSON. */
interface Answer {
  status: number;
  content: object;
}

/**
 * Starts the server.
 *
 * @throws Error naming what is impossible: the rewards, the token, or an address that is taken
 */
export async function serveRewards(options: ServerOptions): Promise<RewardServer> {
  const { rewards, token, host, port } = options;
  checkRewards(rewards);
  if (token.length < SHORTEST_TOKEN)
    throw new Error(`the token must have ${SHORTEST_TOKEN} characters or more, got ${token.length}`);
  /** Every connection, and whether a request on it waits for its answer. */
  const connections = new Map<Socket, boolean>();
  let open = 0;
  const server = createServer(async (request, response) => {
    open++;
    connections.set(request.socket, true);
    response.once('close', () => connections.has(request.socket) && connections.set(request.socket, false));
    const answer =
      open > MOST_OPEN
        ? fault(503, 'server', `has ${MOST_OPEN} requests open; ask again later`)
        : await answerRequest(request, options);
    open--;
    send(response, answer, server.listening && answer.status < 413);
  });
  server.on('connection', (socket: Socket) => {
    connections.set(socket, false);
    socket.once('close', () => connections.delete(socket));
  });
  server.requestTimeout = LONGEST_ARRIVAL;
  server.headersTimeout = LONGEST_ARRIVAL;
  await listen(server, host, port);
  const { address, port: taken, family } = server.address() as AddressInfo;
  return {
    address: `http://${family === 'IPv6' ? `[${address}]` : address}:${taken}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        // Node's own list of idle connections lacks those that never sent anything.
        for (const [socket, waits] of connections) if (!waits) socket.destroy();
      }),
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const taken = error.code === 'EADDRINUSE';
      reject(
        new Error(
          taken
            ? `${host}:${port} is taken; choose another port`
            : `cannot listen on ${host}:${port}: ${error.message}`,
          { cause: error },
        ),
      );
    });
    server.listen(port, host, resolve);
  });
}

/** Sends an answer. @param stays whether the connection may stay: not while the server ends, nor where a body may still come */
function send(response: ServerResponse, { status, content }: Answer, stays: boolean): void {
  if (!stays) response.setHeader('connection', 'close');
  response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(content)}\n`);
}

/** Answers a request whatever happens, so that no request ends the server. */
async function answerRequest(request: IncomingMessage, options: ServerOptions): Promise<Answer> {
  try {
    if (!hasToken(request, options.token))
      return fault(401, 'authorization', 'must be the token of this server: Authorization: Bearer TOKEN');
    const [path] = (request.url ?? '').split('?');
    if (request.method === 'GET' && path === '/health') return { status: 200, content: health(options) };
    if (request.method !== 'POST' || path !== '/score')
      return fault(404, 'path', `there is no ${request.method} ${path}; there are GET /health and POST /score`);
    return await score(await readBody(request), options);
  } catch (error) {
    if (error instanceof BadRequest) return fault(error.field === 'size' ? 413 : 400, error.field, error.message);
    return fault(500, 'server', (error as Error).message);
  }
}

function fault(status: number, field: string, message: string): Answer {
  return { status, content: { error: { field, message } } };
}

/** Compares in a time that does not depend on where two tokens differ. */
function hasToken({ headers }: IncomingMessage, token: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(headers.authorization ?? ''), digest(`Bearer ${token}`));
}

function health({ rewards, rows }: ServerOptions): object {
  return { status: 'ok', rewards: rewards.map(({ name, weight }) => ({ name, weight })), rows: rows.size };
}

async function score(body: unknown, { rewards, rows, settings }: ServerOptions): Promise<Answer> {
  const { questions, missing } = readScoreRequest(body, rows);
  const guarded = rewards.map((named) => ({ ...named, reward: refuseMissing(named.reward, missing) }));
  let scores: Awaited<ReturnType<typeof scoreCompletions>>;
  try {
    scores = await scoreCompletions(guarded, questions, settings);
  } catch (error) {
    return fault(422, 'rewards', (error as Error).message);
  }
  const tables = scores.map(({ values }) => [values]);
  const [sums] = weightedSum(
    tables,
    rewards.map(({ weight }) => weight),
  );
  return {
    status: 200,
    content: {
      rewards: Object.fromEntries(scores.map(({ name, values }) => [name, values])),
      sums,
      metrics: Object.assign({}, ...scores.map(rewardMetrics)) as object,
      errors: scores.flatMap(({ name, errors }) =>
        errors.flatMap((message, index) => (message === undefined ? [] : [{ reward: name, index, message }])),
      ),
    },
  };
}

/** @throws BadRequest when the body is too large or no JSON */
async function readBody(request: IncomingMessage): Promise<unknown> {
  const bytes = await new Promise<Buffer>((resolve, reject) => {
    const pieces: Buffer[] = [];
    let size = 0;
    request.on('data', (piece: Buffer) => {
      size += piece.length;
      // What still comes is thrown away. The connection stays open for the answer.
      if (size <= LARGEST_BODY) pieces.push(piece);
      else reject(new BadRequest('size', `a request may have at most ${LARGEST_BODY} bytes`));
    });
    request.on('end', () => resolve(Buffer.concat(pieces)));
    request.on('error', reject);
  });
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw new BadRequest('body', `is no JSON (${(error as Error).message})`);
  }
}
