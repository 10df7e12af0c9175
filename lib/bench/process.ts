/** Talks to a worker process of the benchmark, which gets a request a line and answers with a line. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { BenchAnswer, BenchRequest, LearnRequest } from './workload.js';

export interface Worker<Hello> {
  /** What the worker says of itself when it is ready. */
  hello: Hello;
  /** Sends a request and waits for the answer; where the process ends, the answer is an error. */
  ask(request: BenchRequest | LearnRequest): Promise<BenchAnswer>;
  close(): void;
}

/** How a process is run. */
export interface ProcessOptions {
  /** Default: this process's environment. */
  env?: NodeJS.ProcessEnv;
  /** Seconds after which it is ended. Default: never. */
  seconds?: number;
}

/**
 * What `spawn` takes for the options of a process that is talked to. When its time is over it is killed: a trainer that hears a gentler
 * signal would finish its step first.
 */
export function spawnOptions({ env, seconds }: ProcessOptions) {
  const limit = seconds === undefined ? {} : { timeout: Math.max(1, Math.ceil(1000 * seconds)) };
  return { env, ...limit, killSignal: 'SIGKILL' as const };
}

/** So much of what a process writes to stderr is kept. */
const KEPT = 2000;

/** Keeps the end of what a process writes to stderr, and says in words why the process ended. */
export class EndWatch {
  private errors = '';
  private readonly began = performance.now();

  constructor(
    child: ChildProcess,
    private readonly seconds: number | undefined,
  ) {
    child.stderr?.on('data', (chunk: Buffer) => this.note(chunk.toString()));
    child.on('error', (error) => this.note(`\n${error.message}`));
    // Writing to a process that has just ended is no fault of its own: that it ended is said.
    child.stdin?.on('error', () => {});
  }

  /** Adds what else is known of an end. */
  note(text: string): void {
    this.errors = (this.errors + text).slice(-KEPT);
  }

  /** The last lines of stderr, and where a signal ended the process, which one, or that its time was over. */
  reason(signal: NodeJS.Signals | null, lines = 1): string {
    const last = this.errors.trim().split('\n').slice(-lines).join(' ');
    if (signal === null) return last || 'it said nothing';
    const elapsed = (performance.now() - this.began) / 1000;
    const timeOver = this.seconds !== undefined && elapsed >= this.seconds;
    const end = timeOver ? `the time was over after ${elapsed.toFixed(0)} s` : `ended by ${signal}`;
    return last ? `${end}: ${last}` : end;
  }
}

/**
 * Starts a program that writes one JSON line when it is ready and one for each line that it reads.
 *
 * @throws Error with the last lines of the program's stderr, where it ends before it is ready
 */
export async function startWorker<Hello>(
  program: string,
  args: readonly string[],
  options: ProcessOptions = {},
): Promise<Worker<Hello>> {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], ...spawnOptions(options) });
  const watch = new EndWatch(child, options.seconds);
  const waiting: ((line: string | undefined) => void)[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => waiting.shift()?.(line));
  let end: { signal: NodeJS.Signals | null } | undefined;
  child.on('close', (_, signal) => {
    end = { signal };
    for (const answer of waiting.splice(0)) answer(undefined);
  });
  const nextLine = () =>
    new Promise<string | undefined>((resolve) => {
      if (end) resolve(undefined);
      else waiting.push(resolve);
    });
  const why = (lines: number) => watch.reason(end?.signal ?? null, lines);
  const hello = await nextLine();
  if (hello === undefined) throw new Error(`${program} ${args[0]} ended: ${why(3)}`);
  return {
    hello: JSON.parse(hello) as Hello,
    async ask(request) {
      const reply = nextLine();
      child.stdin.write(`${JSON.stringify(request)}\n`);
      const line = await reply;
      return line === undefined
        ? { error: `the process ended: ${why(1)}`, peakMegabytes: 0 }
        : (JSON.parse(line) as BenchAnswer);
    },
    close() {
      child.stdin.end();
      child.kill();
    },
  };
}
