/**
 * The kernel's side of Jupyter's messages: tslab's server, which here says that it is busy as long as a cell runs, and whose outputs and
 * interrupts go through a thread of their own (`message-thread.ts`).
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import type { ZmqServer } from 'tslab/dist/jupyter.js';
import { Reply, Router } from 'zeromq';
import type { CellRunner } from './cell-runner.js';
import type { Connection, FromThread, RunningCell, ToThread } from './message-thread.js';

type Message = Parameters<ZmqServer['publishStatus']>[1];
type Socket = ZmqServer['control'];

/** How often this thread says that it is not computing, in milliseconds. */
const PULSE_MS = 250;

/** Starts the server. @param connectionFile Jupyter's file of ports and of the key that signs messages */
export async function startServer(runner: CellRunner, connectionFile: string): Promise<void> {
  const tslab = require('tslab/dist/jupyter.js') as typeof import('tslab/dist/jupyter.js');
  const connection = JSON.parse(readFileSync(connectionFile, 'utf8')) as Connection;
  const pulse = new BigInt64Array(new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT));
  const beat = () => void Atomics.store(pulse, 0, BigInt(Date.now()));
  beat();
  const thread = new Worker(path.join(__dirname, `message-thread${path.extname(__filename)}`), {
    workerData: { connection, pulse },
  });
  const post = (message: ToThread) => thread.postMessage(message);

  class Server extends tslab.ZmqServer {
    /** The cells that were asked for and have not ended, the running one first. */
    private readonly waiting: Message[] = [];

    /**
     * Jupyter shows the kernel as what its last message said. tslab says `idle` after each message, such as a request for completions,
     * while a cell runs and others wait; after it this server says `busy` again.
     */
    override publishStatus(status: string, message: Message): void {
      if (message.header.msg_type === 'execute_request') {
        if (status === 'busy') this.waiting.push(message);
        else this.waiting.splice(this.waiting.indexOf(message), 1);
        post({ kind: 'cell', running: runningCell(this.waiting[0]) });
      }
      super.publishStatus(status, message);
      if (status === 'idle' && this.waiting.length > 0) super.publishStatus('busy', this.waiting[0]!);
    }
  }

  const server = new Server(new tslab.JupyterHandlerImpl(runner.executor, false), connectionFile);
  const bound = new Promise<void>((resolve, reject) => {
    thread.once('error', reject);
    thread.on('message', (message: FromThread) => {
      if (message.kind === 'bound') resolve();
      else if (message.kind === 'interrupt') process.emit('SIGINT', 'SIGINT');
      else void server.handleShellMessage(server.control, ...message.frames.map((frame) => Buffer.from(frame)));
    });
  });
  const sender = (socket: 'iopub' | 'control') =>
    ({
      send: (frames: (Buffer | string)[]) => post({ kind: 'send', socket, frames }),
      close: () => post({ kind: 'close' }),
    }) as unknown as Socket & ZmqServer['iopub'];
  const hidden = server as unknown as { bindSocket(socket: Socket, port: number): Promise<void> };
  const bindSocket = hidden.bindSocket.bind(server);
  const address = (port: number) => `${connection.transport}://${connection.ip}:${port}`;
  // What tslab made for these sockets is closed unused. The thread binds two of them. tslab would read the two others before they are
  // bound: a client that is quick, or a machine that is slow, would have it answer while the socket is still being bound, which is an
  // error that ends its reading for good.
  hidden.bindSocket = async (socket, port) => {
    const name = (['iopub', 'control', 'shell', 'hb'] as const).find((own) => server[own] === (socket as unknown));
    if (name === undefined) return bindSocket(socket, port);
    socket.close();
    if (name === 'iopub' || name === 'control') {
      Object.assign(server, { [name]: sender(name) });
      await bound;
      return;
    }
    if (name === 'shell') {
      const shell = new Router();
      Object.assign(server, { shell });
      await shell.bind(address(port));
      void hearShell(server, shell);
      return;
    }
    const heartbeat = new Reply();
    Object.assign(server, { hb: heartbeat });
    await heartbeat.bind(address(port));
    void echo(heartbeat);
  };
  const timer = setInterval(beat, PULSE_MS);
  thread.once('exit', () => clearInterval(timer));
  await server.init();
}

/** Hands each message of the shell to tslab, until the socket is closed. */
async function hearShell(server: ZmqServer, shell: Router): Promise<void> {
  for await (const frames of shell) void server.handleShellMessage(server.shell, ...frames);
}

/** Sends back what comes, by which Jupyter knows that the kernel lives, until the socket is closed. */
async function echo(heartbeat: Reply): Promise<void> {
  for await (const frames of heartbeat) await heartbeat.send(frames);
}

function runningCell(message: Message | undefined): RunningCell | undefined {
  return message && { identity: message.identity, header: message.header };
}
