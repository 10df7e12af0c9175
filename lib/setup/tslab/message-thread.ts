/**
 * The thread that sends a kernel's outputs and hears its interrupts. A training step computes on the main thread, for a minute where the
 * model is large, and nothing of what that thread would send or hear gets through before the step ends. This one is free: it says how
 * long the step has been computing, and that an interrupt was heard.
 */
import { createHmac, randomUUID } from 'node:crypto';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { Publisher, Router } from 'zeromq';

/** What Jupyter's connection file says, of which the thread reads this. */
export interface Connection {
  transport: string;
  ip: string;
  key: string;
  iopub_port: number;
  control_port: number;
}

/** The request that a cell was started with; what is shown under the cell names it. */
export interface RunningCell {
  identity: Uint8Array[];
  header: { session: string; username: string; msg_id: string };
}

export type ToThread =
  | { kind: 'send'; socket: 'iopub' | 'control'; frames: (Uint8Array | string)[] }
  | { kind: 'cell'; running: RunningCell | undefined }
  | { kind: 'close' };

export type FromThread = { kind: 'bound' } | { kind: 'interrupt' } | { kind: 'control'; frames: Uint8Array[] };

/** Seconds of computing without a pause after which a line says so. */
const QUIET_SECONDS = Number(process.env.REASON_RFT_QUIET_SECONDS ?? 10);
/** Milliseconds in which a cell that can end at once does so after an interrupt. */
const PROMPT_MS = 400;
const DELIMITER = '<IDS|MSG>';

/** The line under the running cell, which is there only while there is something to say. */
class CellLine {
  private readonly id = randomUUID();
  private shown: string | undefined;

  constructor(
    private readonly cell: RunningCell,
    private readonly show: (cell: RunningCell, id: string, text: string, update: boolean) => void,
  ) {}

  set(text: string): void {
    if (text === (this.shown ?? '')) return;
    this.show(this.cell, this.id, text, this.shown !== undefined);
    this.shown = text;
  }
}

async function serve(main: MessagePort, connection: Connection, pulse: BigInt64Array): Promise<void> {
  const iopub = new Publisher();
  const control = new Router();
  const address = (port: number) => `${connection.transport}://${connection.ip}:${port}`;
  await Promise.all([iopub.bind(address(connection.iopub_port)), control.bind(address(connection.control_port))]);
  const sockets = { iopub, control };
  let sending = Promise.resolve();
  const send = (socket: 'iopub' | 'control', frames: (Uint8Array | string)[]) => {
    const buffers = frames.map((frame) => (typeof frame === 'string' ? frame : Buffer.from(frame)));
    sending = sending.then(() => sockets[socket].send(buffers)).catch((error) => console.error(error));
  };
  const sign = (parts: readonly string[]) => createHmac('sha256', connection.key).update(parts.join('')).digest('hex');
  const message = (identity: Uint8Array[], type: string, parent: object, content: object) => {
    const { session, username } = parent as RunningCell['header'];
    const header = {
      version: '5.3',
      date: new Date().toISOString(),
      session,
      username,
      msg_type: type,
      msg_id: randomUUID(),
    };
    const parts = [header, parent, {}, content].map((part) => JSON.stringify(part));
    return [...identity, DELIMITER, sign(parts), ...parts];
  };
  const showLine = (cell: RunningCell, id: string, text: string, update: boolean) => {
    const content = { data: { 'text/plain': text }, metadata: {}, transient: { display_id: id } };
    send('iopub', message(cell.identity, update ? 'update_display_data' : 'display_data', cell.header, content));
  };

  let line: CellLine | undefined;
  let running: RunningCell | undefined;
  let interrupted = false;
  const quietSeconds = () => (Date.now() - Number(Atomics.load(pulse, 0))) / 1000;
  const timer = setInterval(() => {
    const quiet = quietSeconds();
    if (interrupted) return;
    line?.set(quiet < QUIET_SECONDS ? '' : `computing without a pause for ${Math.floor(quiet / 5) * 5} s`);
  }, 1000);

  main.on('message', (note: ToThread) => {
    if (note.kind === 'send') send(note.socket, note.frames);
    else if (note.kind === 'cell') {
      if (note.running?.header.msg_id === running?.header.msg_id) return;
      line?.set('');
      running = note.running;
      interrupted = false;
      line = running && new CellLine(running, showLine);
    } else {
      clearInterval(timer);
      void sending.then(() => {
        iopub.close();
        control.close();
        main.close();
      });
    }
  });
  main.postMessage({ kind: 'bound' } satisfies FromThread);

  const interrupt = () => {
    const interruptedLine = line;
    // Node breaks a computation in the cell's own code at the signal, which Windows has not.
    if (process.platform === 'win32') main.postMessage({ kind: 'interrupt' } satisfies FromThread);
    else process.kill(process.pid, 'SIGINT');
    setTimeout(() => {
      if (line === undefined || line !== interruptedLine) return;
      interrupted = true;
      line.set(
        'interrupted: the cell ends in good order (a training step is finished first, and leaves a checkpoint); a second interrupt does not wait',
      );
    }, PROMPT_MS);
  };
  for await (const frames of control) {
    const start = frames.findIndex((frame) => frame.toString() === DELIMITER);
    const parts = frames.slice(start + 2).map((frame) => frame.toString());
    const header = JSON.parse(parts[0]!) as { msg_type: string };
    if (header.msg_type !== 'interrupt_request') {
      main.postMessage({ kind: 'control', frames } satisfies FromThread);
      continue;
    }
    // Whoever cannot sign may not interrupt; tslab checks all other messages.
    if (frames[start + 1]?.toString() !== sign(parts.slice(0, 4))) continue;
    interrupt();
    send('control', message(frames.slice(0, start), 'interrupt_reply', header, { status: 'ok' }));
  }
}

const { connection, pulse } = workerData as { connection: Connection; pulse: BigInt64Array };
void serve(parentPort!, connection, pulse);
