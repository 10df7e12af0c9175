/** A client of a Jupyter kernel: it starts one as its kernel file says, runs cells and hears all that is said. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHmac, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Dealer, Subscriber } from 'zeromq';

/** A message on the kernel's public channel. */
export interface Said {
  type: string;
  /** The id of the request that it belongs to. */
  parent: string;
  content: {
    execution_state?: string;
    name?: string;
    text?: string;
    data?: { [type: string]: string };
    transient?: { display_id?: string };
  };
}

/** A cell that was asked for. */
export interface AskedCell {
  id: string;
  /** Resolves at its end with the status of its reply: `ok` or `error`. */
  ended: Promise<string>;
}

const SESSION = randomUUID();
const KEY = randomUUID();

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function write(type: string, content: object): { id: string; frames: string[] } {
  const id = randomUUID();
  const header = {
    msg_id: id,
    msg_type: type,
    session: SESSION,
    username: 'test',
    date: new Date().toISOString(),
    version: '5.3',
  };
  const parts = [header, {}, {}, content].map((part) => JSON.stringify(part));
  const signature = createHmac('sha256', KEY).update(parts.join('')).digest('hex');
  return { id, frames: ['<IDS|MSG>', signature, ...parts] };
}

function read(frames: readonly Buffer[]): Said {
  const start = frames.findIndex((frame) => frame.toString() === '<IDS|MSG>');
  const [header, parent, , content] = frames.slice(start + 2).map((frame) => JSON.parse(frame.toString()) as object);
  return {
    type: (header as { msg_type: string }).msg_type,
    parent: (parent as { msg_id: string }).msg_id,
    content: content as Said['content'],
  };
}

export class KernelClient {
  /** All that the kernel said in public, in order. */
  readonly said: Said[] = [];
  private readonly replies = new Map<string, (content: Said['content'] & { status?: string }) => void>();

  private constructor(
    private readonly child: ChildProcess,
    private readonly folder: string,
    private readonly shell: Dealer,
    private readonly control: Dealer,
    private readonly iopub: Subscriber,
  ) {}

  /**
   * Starts a kernel and waits until it answers.
   *
   * @param line as in a kernel file, with `{connection_file}`
   * @param cwd in which cells look for packages
   */
  static async start(line: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}): Promise<KernelClient> {
    const folder = mkdtempSync(path.join(tmpdir(), 'kernel-'));
    const names = ['shell_port', 'iopub_port', 'stdin_port', 'control_port', 'hb_port'];
    const ports: { [name: string]: number } = {};
    for (const name of names) ports[name] = await freePort();
    const file = path.join(folder, 'connection.json');
    const connection = { ...ports, ip: '127.0.0.1', key: KEY, transport: 'tcp', signature_scheme: 'hmac-sha256' };
    writeFileSync(file, JSON.stringify({ ...connection, kernel_name: 'tslab' }));
    const [program, ...args] = line.map((part) => part.replace('{connection_file}', file));
    const child = spawn(program!, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    const [shell, control, iopub] = [new Dealer(), new Dealer(), new Subscriber()];
    shell.connect(`tcp://127.0.0.1:${ports.shell_port}`);
    control.connect(`tcp://127.0.0.1:${ports.control_port}`);
    iopub.connect(`tcp://127.0.0.1:${ports.iopub_port}`);
    iopub.subscribe();
    const client = new KernelClient(child, folder, shell, control, iopub);
    void client.listen();
    await client.firstAnswer();
    // Public messages of a moment ago may have gone before the subscription reached the kernel.
    await client.until(async () => {
      await client.request('kernel_info_request', {});
      return client.said.length > 0;
    }, 'a public message');
    return client;
  }

  /** Waits for the kernel's first answer. @throws Error, and ends the kernel, after two minutes or when it has ended */
  private async firstAnswer(): Promise<void> {
    const answer = this.request('kernel_info_request', {}).then(() => 'answered');
    const ended = new Promise<string>((resolve) =>
      this.child.once('exit', (code) => resolve(`ended with code ${code}`)),
    );
    const late = new Promise<string>((resolve) => setTimeout(resolve, 120_000, 'does not answer').unref());
    const outcome = await Promise.race([answer, ended, late]);
    if (outcome === 'answered') return;
    this.child.kill('SIGKILL');
    for (const socket of [this.shell, this.control, this.iopub]) socket.close();
    throw new Error(`the kernel ${outcome}`);
  }

  private async listen(): Promise<void> {
    const answers = async (socket: Dealer) => {
      for await (const frames of socket) {
        const { parent, content } = read(frames);
        this.replies.get(parent)?.(content);
      }
    };
    void answers(this.shell);
    void answers(this.control);
    for await (const frames of this.iopub) this.said.push(read(frames));
  }

  private send(socket: Dealer, type: string, content: object): { id: string; reply: Promise<{ status?: string }> } {
    const { id, frames } = write(type, content);
    const reply = new Promise<{ status?: string }>((resolve) => this.replies.set(id, resolve));
    void socket.send(frames);
    return { id, reply };
  }

  /** Asks something, such as `complete_request`, and waits for the answer. */
  async request(type: string, content: object): Promise<object> {
    return this.send(this.shell, type, content).reply;
  }

  /** Asks for a cell to be run, and does not wait for it. */
  start(code: string): AskedCell {
    const content = { code, silent: false, store_history: true, user_expressions: {}, allow_stdin: false };
    const { id, reply } = this.send(this.shell, 'execute_request', content);
    return { id, ended: reply.then(({ status }) => status ?? '') };
  }

  /** Runs a cell to its end. */
  async run(code: string): Promise<{ status: string; stdout: string; stderr: string }> {
    const { id, ended } = this.start(code);
    const status = await ended;
    await this.until(() => this.status(id) === 'idle', 'the end of a cell');
    if (status !== 'ok') await this.pauseAfterError();
    return { status, stdout: this.text(id, 'stdout'), stderr: this.text(id, 'stderr') };
  }

  /** tslab drops what it is asked within 200 ms of an error: the cells behind it in a run of all. */
  async pauseAfterError(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 400));
  }

  /** Interrupts as Jupyter does: with a message on the control channel. */
  async interrupt(): Promise<void> {
    await this.send(this.control, 'interrupt_request', {}).reply;
  }

  /** What a cell wrote to a stream. */
  text(cell: string, stream: 'stdout' | 'stderr'): string {
    const own = this.said.filter(
      ({ type, parent, content }) => type === 'stream' && parent === cell && content.name === stream,
    );
    return own.map(({ content }) => content.text).join('');
  }

  /** The status that the kernel said last, of one request or of any: what Jupyter shows. */
  status(request?: string): string | undefined {
    const own = this.said.filter(
      ({ type, parent }) => type === 'status' && (request === undefined || parent === request),
    );
    return own.at(-1)?.content.execution_state;
  }

  /** Waits for something that the kernel says. @throws Error after a minute */
  async until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
    for (let i = 0; i < 1200; i++) {
      if (await holds()) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`waited a minute for ${what}; the kernel said last: ${JSON.stringify(this.said.slice(-5))}`);
  }

  /** Ends the kernel as Jupyter does: it is asked, and killed if it has not gone in ten seconds. Says whether it went by itself. */
  async stop(): Promise<boolean> {
    const ended = new Promise((resolve) => this.child.once('exit', resolve));
    this.send(this.control, 'shutdown_request', { restart: false });
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 10_000);
    await ended;
    clearTimeout(timer);
    for (const socket of [this.shell, this.control, this.iopub]) socket.close();
    rmSync(this.folder, { recursive: true, force: true });
    return this.child.signalCode === null;
  }
}
