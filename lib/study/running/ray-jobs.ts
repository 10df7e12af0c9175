/**
 * A client of Ray's jobs interface, which its dashboard serves over HTTP (docs.ray.io, "Ray Jobs REST API"; seen with 2.60). It submits
 * a command, asks how that is doing, fetches what it printed and stops it. A cluster that asks for a token gets that of `RAY_AUTH_TOKEN`.
 */
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { text as readText } from 'node:stream/consumers';
import { z } from 'zod';

const STATUSES = ['PENDING', 'RUNNING', 'STOPPED', 'SUCCEEDED', 'FAILED'] as const;

const submitted = z.object({ submission_id: z.string() });
const details = z.object({ status: z.enum(STATUSES), message: z.string().nullish() });
const logs = z.object({ logs: z.string() });
const stopped = z.object({ stopped: z.boolean() });
const version = z.object({ ray_version: z.string() });
const node = z.object({ state: z.string(), resources_total: z.record(z.string(), z.number()).nullish() });
const nodes = z.object({ data: z.object({ result: z.object({ result: z.array(node) }) }) });

/** What the cluster is asked to run. */
export interface RayRequest {
  /** A line for the shell of the node that runs it. */
  entrypoint: string;
  /** Unique in the cluster. */
  submission_id: string;
  entrypoint_num_cpus: number;
  entrypoint_num_gpus: number;
  runtime_env: { env_vars: { [name: string]: string } };
  metadata: { [name: string]: string };
}

/** What one node of a cluster has, whether it is free or not. */
export interface RayNode {
  cpus: number;
  gpus: number;
}

/** The state of a job: PENDING until its resources are free; STOPPED, SUCCEEDED or FAILED at its end. `message` says more. */
export type RayDetails = z.infer<typeof details>;

export class RayJobs {
  /** @param address of the dashboard, such as `http://127.0.0.1:8265` */
  constructor(readonly address: string) {
    if (!/^https?:\/\//.test(address) || !URL.canParse(address))
      throw new Error(`Ray's address must be that of its dashboard, such as http://127.0.0.1:8265; got '${address}'`);
  }

  /** Asks for the version of Ray; a cheap way to know that it is there. */
  async version(): Promise<string> {
    return (await this.ask('GET', '/api/version', version)).ray_version;
  }

  /** Asks for the nodes that are up (docs.ray.io, "State API"). */
  async nodes(): Promise<RayNode[]> {
    const { data } = await this.ask('GET', '/api/v0/nodes?limit=10000', nodes);
    return data.result.result
      .filter(({ state }) => state === 'ALIVE')
      .map(({ resources_total: total }) => ({ cpus: total?.CPU ?? 0, gpus: total?.GPU ?? 0 }));
  }

  /** Submits a job, and returns the id that Ray knows it by. */
  async submit(request: RayRequest): Promise<string> {
    return (await this.ask('POST', '/api/jobs/', submitted, request)).submission_id;
  }

  /** Asks for the state of a job. */
  details(id: string): Promise<RayDetails> {
    return this.ask('GET', `/api/jobs/${encodeURIComponent(id)}`, details);
  }

  /** Fetches all that the job has printed so far. */
  async logs(id: string): Promise<string> {
    return (await this.ask('GET', `/api/jobs/${encodeURIComponent(id)}/logs`, logs)).logs;
  }

  /** Asks the job to end; false where it has ended already. */
  async stop(id: string): Promise<boolean> {
    return (await this.ask('POST', `/api/jobs/${encodeURIComponent(id)}/stop`, stopped)).stopped;
  }

  /** @throws Error with the request and what came back, where that is not what the interface promises */
  private async ask<T>(method: string, place: string, schema: z.ZodType<T>, body?: object): Promise<T> {
    const url = new URL(place, this.address);
    const { status, text } = await send(method, url, body).catch((error: NodeJS.ErrnoException) => {
      const reason = error.message || error.code;
      throw new Error(
        `no Ray dashboard answers at ${this.address} (${reason}); is the cluster up, and is that its address?`,
      );
    });
    // Ray answers an error with a Python traceback, whose last line says what was wrong.
    if (status !== 200) throw new Error(`Ray refused ${method} ${url} (${status}): ${text.trim().split('\n').at(-1)}`);
    try {
      return schema.parse(JSON.parse(text));
    } catch {
      throw new Error(`${method} ${url} was not answered as Ray's jobs interface answers: ${text.slice(0, 200)}`);
    }
  }
}

/** Milliseconds until an answer must come; after a submission the head node first starts an agent. */
const TIMEOUT = 60_000;

/** Sends a request. Node's own `fetch` will not do: it sends a header that only browsers send, and Ray refuses browsers. */
async function send(method: string, url: URL, body?: object): Promise<{ status: number; text: string }> {
  const token = process.env.RAY_AUTH_TOKEN;
  const headers = {
    ...(body ? { 'content-type': 'application/json' } : {}),
    ...(token ? { authorization: `Bearer ${token}` } : {}),
  };
  const request = (url.protocol === 'https:' ? https : http).request(url, { method, headers, timeout: TIMEOUT });
  request.on('timeout', () => request.destroy(new Error(`no answer in ${TIMEOUT / 1000} s`)));
  request.end(body && JSON.stringify(body));
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  return { status: response.statusCode!, text: await readText(response) };
}
