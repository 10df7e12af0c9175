/**
 * Asks a language model behind an OpenAI-compatible address (vLLM, SGLang, Ollama, a hosted one): several questions at a time, with
 * retries, and with a cache on disk, so that the same question is paid once.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { writeFileAtomic } from '../engine/atomic-write.js';

/** Where and how questions are asked. */
export interface ChatSettings {
  /** The address of the interface, such as `http://localhost:8000/v1`; `/chat/completions` is added. */
  url: string;
  /** The name of the model there. */
  model: string;
  /** The sampling temperature. Default: 0. */
  temperature?: number;
  /** The longest reply in tokens. Default: 512. */
  maxTokens?: number;
  /** Questions that are open at once. Default: 8. */
  concurrency?: number;
  /** How often a question is asked again after a failure that may pass (no connection, 408, 429, 5xx). Default: 3. */
  retries?: number;
  /** The longest time of a question in seconds, all tries and their pauses together. Default: 50, below a run's `rewardTimeLimit`. */
  timeLimit?: number;
  /** The folder of the cache. Default: no cache. */
  cache?: string;
  /** The variable of the environment that holds the key. It is sent if it is set; no error and no cache holds it. Default: OPENAI_API_KEY. */
  keyVariable?: string;
}

/** A message of a chat, in the form of the interface. */
export interface ChatMessage {
  role: 'system' | 'user';
  content: string | readonly ChatPart[];
}

/** A piece of a message: a text, or a picture as a data URL. */
export type ChatPart = { type: 'text'; text: string } | { type: 'image_url'; image_url: { url: string } };

/** What came back. */
export interface ChatReply {
  text: string;
  /** Tokens that were paid; 0 if the reply was in the cache, or if the server does not count. */
  promptTokens: number;
  completionTokens: number;
  /** Whether nothing was asked. */
  cached: boolean;
}

const DEFAULTS = {
  temperature: 0,
  maxTokens: 512,
  concurrency: 8,
  retries: 3,
  timeLimit: 50,
  keyVariable: 'OPENAI_API_KEY',
};
/** The first pause before a question is asked again, in ms; each next one is twice as long, up to the longest. */
const [FIRST_PAUSE, LONGEST_PAUSE] = [500, 8_000];
/** So much of a server's error is shown, in characters. */
const SHOWN = 200;

/** A failure that may pass. */
class PassingFailure extends Error {
  /** @param retryAfter the pause that the server asks for, in ms */
  constructor(
    message: string,
    readonly retryAfter = 0,
  ) {
    super(message);
  }
}

export class ChatClient {
  private readonly settings: Required<Omit<ChatSettings, 'cache'>> & Pick<ChatSettings, 'cache'>;
  private readonly endpoint: string;
  /** Questions of the same content are asked once, also while the first is open. */
  private readonly open = new Map<string, Promise<ChatReply>>();
  private running = 0;
  private queue: { begin: () => void }[] = [];

  /** @throws Error naming a setting that is impossible */
  constructor(settings: ChatSettings) {
    this.settings = { ...DEFAULTS, ...settings };
    const { url, concurrency, retries, timeLimit } = this.settings;
    if (!/^https?:\/\/[^\s]+$/.test(url))
      throw new Error(`judge: url must begin with http:// or https://, got '${url}'`);
    if (!Number.isInteger(concurrency) || concurrency < 1)
      throw new Error(`judge: concurrency must be a whole number of 1 or more, got ${concurrency}`);
    if (!Number.isInteger(retries) || retries < 0)
      throw new Error(`judge: retries must be a whole number of 0 or more, got ${retries}`);
    if (!(timeLimit > 0)) throw new Error(`judge: timeLimit must be above 0, in seconds, got ${timeLimit}`);
    this.endpoint = `${url.replace(/\/+$/, '')}/chat/completions`;
  }

  /**
   * The reply to some messages.
   *
   * @throws Error saying what failed, and how often it was tried, when there is no reply within the limits
   */
  async ask(messages: readonly ChatMessage[], signal?: AbortSignal): Promise<ChatReply> {
    const { model, temperature, maxTokens } = this.settings;
    const body = JSON.stringify({ model, messages, temperature, max_tokens: maxTokens });
    const key = createHash('sha256').update(`${this.endpoint}\n${body}`).digest('hex');
    const known = this.readCache(key);
    if (known !== undefined) return { text: known, promptTokens: 0, completionTokens: 0, cached: true };
    const first = this.open.get(key);
    if (first) return { ...(await first), promptTokens: 0, completionTokens: 0, cached: true };
    const asked = this.request(key, body, signal).finally(() => this.open.delete(key));
    this.open.set(key, asked);
    return asked;
  }

  private async request(key: string, body: string, signal?: AbortSignal): Promise<ChatReply> {
    const limit = AbortSignal.timeout(this.settings.timeLimit * 1000);
    const ended = signal ? AbortSignal.any([limit, signal]) : limit;
    await this.enter(ended);
    try {
      const reply = await this.tryUntil(body, ended);
      this.writeCache(key, reply.text);
      return reply;
    } finally {
      this.leave();
    }
  }

  /** Waits until fewer questions are open than may be. @throws Error when the time is over before that */
  private async enter(ended: AbortSignal): Promise<void> {
    if (this.running < this.settings.concurrency) {
      this.running++;
      return;
    }
    const turn = { begin: () => {} };
    this.queue.push(turn);
    await new Promise<void>((resolve, reject) => {
      turn.begin = resolve;
      const giveUp = () => {
        this.queue = this.queue.filter((other) => other !== turn);
        reject(this.endedError(0, undefined));
      };
      if (ended.aborted) giveUp();
      ended.addEventListener('abort', giveUp, { once: true });
    });
  }

  /** Gives the place to the question that has waited longest. */
  private leave(): void {
    const next = this.queue.shift();
    if (next) next.begin();
    else this.running--;
  }

  private async tryUntil(body: string, ended: AbortSignal): Promise<ChatReply> {
    let last: Error | undefined;
    for (let attempt = 0; attempt <= this.settings.retries; attempt++) {
      if (attempt > 0) {
        const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (attempt - 1)) * (0.5 + Math.random() / 2);
        await sleep(Math.max(pause, (last as PassingFailure).retryAfter), ended);
      }
      if (ended.aborted) throw this.endedError(attempt, last);
      try {
        return await this.send(body, ended);
      } catch (error) {
        if (ended.aborted) throw this.endedError(attempt + 1, last);
        if (!(error instanceof PassingFailure)) throw error;
        last = error;
      }
    }
    throw new Error(`${last!.message}, asked ${this.settings.retries + 1} times`);
  }

  private endedError(tries: number, last: Error | undefined): Error {
    const why = last ? ` (${last.message})` : '';
    return new Error(`no reply of ${this.endpoint} within ${this.settings.timeLimit} s, asked ${tries} times${why}`);
  }

  private async send(body: string, signal: AbortSignal): Promise<ChatReply> {
    const secret = process.env[this.settings.keyVariable];
    const headers = { 'content-type': 'application/json', ...(secret ? { authorization: `Bearer ${secret}` } : {}) };
    let response: Response;
    let text: string;
    try {
      response = await fetch(this.endpoint, { method: 'POST', headers, body, signal });
      text = await response.text();
    } catch (error) {
      const cause = (error as Error).cause as Error | undefined;
      throw new PassingFailure(`no connection to ${this.endpoint} (${cause?.message || (error as Error).message})`);
    }
    if (!response.ok) {
      const problem = `${this.endpoint} answered ${response.status}: ${text.slice(0, SHOWN)}`;
      const mayPass = response.status === 408 || response.status === 429 || response.status >= 500;
      throw mayPass
        ? new PassingFailure(problem, 1000 * (Number(response.headers.get('retry-after')) || 0))
        : new Error(problem);
    }
    return readReply(text, this.endpoint);
  }

  private cacheFile(key: string): string | undefined {
    const { cache } = this.settings;
    return cache === undefined ? undefined : path.join(cache, key.slice(0, 2), `${key}.json`);
  }

  /** The reply of the cache; undefined if there is none, or if its file is damaged, in which case the question is asked again. */
  private readCache(key: string): string | undefined {
    const file = this.cacheFile(key);
    if (file === undefined || !existsSync(file)) return undefined;
    try {
      const { reply } = JSON.parse(readFileSync(file, 'utf8')) as { reply: unknown };
      return typeof reply === 'string' ? reply : undefined;
    } catch {
      return undefined;
    }
  }

  private writeCache(key: string, reply: string): void {
    const file = this.cacheFile(key);
    if (file !== undefined) writeFileAtomic(file, `${JSON.stringify({ model: this.settings.model, reply })}\n`);
  }
}

/** @throws Error when a server's answer holds no reply */
function readReply(text: string, endpoint: string): ChatReply {
  const none = new Error(`${endpoint} answered without a reply: ${text.slice(0, SHOWN)}`);
  try {
    const { choices, usage } = JSON.parse(text) as {
      choices: { message: { content: unknown } }[];
      usage?: { prompt_tokens?: number; completion_tokens?: number };
    };
    const content = choices[0]!.message.content;
    if (typeof content !== 'string') throw none;
    const [promptTokens, completionTokens] = [usage?.prompt_tokens ?? 0, usage?.completion_tokens ?? 0];
    return { text: content, promptTokens, completionTokens, cached: false };
  } catch {
    throw none;
  }
}

/** Waits for so many ms, or until the signal is aborted. */
async function sleep(ms: number, ended: AbortSignal): Promise<void> {
  if (ended.aborted) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    ended.addEventListener(
      'abort',
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
