/** Talks to a worker process of the benchmark, which gets a request a line and answers with a line. */
import { spawn } from 'node:child_process';
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

/** What `spawn` takes for the options of a process that is talked to. */
export function spawnOptions({ env, seconds }: ProcessOptions) {
  return { env, ...(seconds === undefined ? {} : { timeout: Math.max(1, Math.ceil(1000 * seconds)) }) };
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
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors = (errors + chunk.toString()).slice(-2000);
  });
  const waiting: ((line: string | undefined) => void)[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => waiting.shift()?.(line));
  child.on('error', (error) => {
    errors = error.message;
  });
  child.on('close', () => {
    for (const answer of waiting.splice(0)) answer(undefined);
  });
  const nextLine = () => new Promise<string | undefined>((resolve) => waiting.push(resolve));
  const hello = await nextLine();
  if (hello === undefined)
    throw new Error(`${program} ${args[0]} ended: ${errors.trim().split('\n').slice(-3).join(' ')}`);
  return {
    hello: JSON.parse(hello) as Hello,
    async ask(request) {
      const reply = nextLine();
      child.stdin.write(`${JSON.stringify(request)}\n`);
      const line = await reply;
      return line === undefined
        ? { error: `the process ended: ${errors.trim().split('\n').at(-1) ?? ''}`, peakMegabytes: 0 }
        : (JSON.parse(line) as BenchAnswer);
    },
    close() {
      child.stdin.end();
      child.kill();
    },
  };
}
