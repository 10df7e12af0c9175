/** Jobs on a cluster: against a server that answers as Ray's documented interface does, then on Ray itself if it is installed. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';

import { type AddressInfo, connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { chooseRunner } from '../../../lib/cli/runner-options.js';
import { installedRay, startRay } from '../../../lib/setup/ray.js';
import { cellFolder } from '../../../lib/study/cells/cell-identity.js';
import { openCellRun, runCell } from '../../../lib/study/cells/run-cell.js';
import type { GridCell } from '../../../lib/study/design/grid.js';
import { planJobs } from '../../../lib/study/running/grid-jobs.js';
import type { GridJob } from '../../../lib/study/running/job.js';
import { readJobFile } from '../../../lib/study/running/job-file.js';
import { jobLog } from '../../../lib/study/running/job-log.js';
import { countPlaces, runJobsOnRay } from '../../../lib/study/running/ray.js';
import { RayJobs, type RayRequest } from '../../../lib/study/running/ray-jobs.js';
import { runGrid } from '../../../lib/study/running/runner.js';
import type { Study } from '../../../lib/study/workspace.js';
import { runHere } from '../../support/command-line.js';
import { tinyGrpo, tinySft, tinyStudy } from '../../support/tiny-study.js';

let study: Study;
let remove: () => void;
let server: Server;
let address: string;

/** What the stand-in for Ray was asked, in order; and what it answers about the jobs, one after the other: a state a question. */
const requests: RayRequest[] = [];
const asked: string[] = [];
const tokens: (string | undefined)[] = [];
let courses: { states: string[]; logs: string; message?: string }[] = [];
/** The nodes of the stand-in. */
let nodes: object[] = [];
/** Answers with this status and text in place of an answer. */
let refusal: { status: number; text: string } | undefined;

before(async () => {
  ({ study, remove } = await tinyStudy('ray'));
  server = createServer(async (request, response) => {
    asked.push(`${request.method} ${request.url}`);
    if (request.headers['sec-fetch-mode'])
      refusal = { status: 405, text: "'POST' method not allowed for browser traffic." };
    tokens.push(request.headers.authorization);
    const answer = (value: object) => response.end(JSON.stringify(value));
    if (refusal) {
      response.statusCode = refusal.status;
      response.end(refusal.text);
      return;
    }
    const [, id, part] = /^\/api\/jobs\/([^/]+)(?:\/(\w+))?$/.exec(request.url!) ?? [];
    if (request.url === '/api/v0/nodes?limit=10000') answer({ result: true, data: { result: { result: nodes } } });
    else if (request.url === '/api/version') answer({ version: '4', ray_version: '2.60.0', ray_commit: 'x' });
    else if (request.method === 'POST' && request.url === '/api/jobs/') {
      let body = '';
      for await (const piece of request) body += piece;
      requests.push(JSON.parse(body));
      const { submission_id } = requests.at(-1)!;
      answer({ job_id: submission_id, submission_id });
    } else {
      const course = courses[requests.findIndex((request) => request.submission_id === id)]!;
      if (part === 'logs') answer({ logs: course.logs });
      else if (part === 'stop') {
        course.states = ['RUNNING', 'STOPPED'];
        answer({ stopped: true });
      } else {
        const status = course.states.length > 1 ? course.states.shift()! : course.states[0]!;
        answer({ type: 'SUBMISSION', job_id: null, submission_id: id, status, message: course.message ?? null });
      }
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(() => {
  server.close();
  remove();
});

/** A job of a cell. Of a base cell nothing is left to do, so that it is done as soon as the stand-in says so. */
function jobOf(name: string, cell: GridCell['cell']): GridJob {
  const [job] = planJobs(study, [{ name, cell, evaluations: [] }]);
  if (cell.kind === 'base') mkdirSync(job!.folder, { recursive: true });
  else openCellRun(study, cell);
  return job!;
}

/** Runs a job on the stand-in. */
async function run(job: GridJob, course: typeof courses, signal = new AbortController().signal): Promise<void> {
  requests.length = 0;
  courses = course;
  await runJobsOnRay({ address, cpus: 2, gpus: 1, retries: 1, poll: 5 })(job, signal);
}

test('a job is submitted with its resources, followed to its end, tried again where it failed; logs come back', async () => {
  const job = jobOf("it's done", { kind: 'base', task: 'counting' });
  process.env.TF_NUM_INTRAOP_THREADS = '1';
  await run(job, [
    { states: ['PENDING', 'RUNNING', 'FAILED'], logs: 'loading\nout of memory\n', message: 'exit code 1' },
    { states: ['PENDING', 'RUNNING', 'RUNNING', 'SUCCEEDED'], logs: 'all is well\n' },
  ]);
  assert.equal(requests.length, 2);
  const [first, second] = requests as [RayRequest, RayRequest];
  assert.notEqual(first.submission_id, second.submission_id);
  assert.equal(first.entrypoint_num_cpus, 2);
  assert.equal(first.entrypoint_num_gpus, 1);
  assert.deepEqual(second.metadata, { cell: "it's done", attempt: '2' });
  assert.deepEqual(second.runtime_env, {
    env_vars: { TF_NUM_INTRAOP_THREADS: '1', REASON_RFT_JOB: second.submission_id, RAY_JOB_STOP_WAIT_TIME_S: '300' },
  });
  assert.ok(first.entrypoint.endsWith(` cell --job ${path.join(job.folder, 'job.json')}`), first.entrypoint);
  const held = await readJobFile(path.join(job.folder, 'job.json'));
  assert.equal(held.name, "it's done");
  const log = readFileSync(jobLog(job), 'utf8');
  assert.match(
    log,
    /^Ray job \S+, try 1: FAILED\nloading\nout of memory\nRay job \S+, try 2: SUCCEEDED\nall is well\n$/,
  );
});

test('retries have a limit; a lock that a dead job left is freed, another stays; a result that is not there is no success', async () => {
  const job = jobOf('fails', tinySft(study));
  const failed = { states: ['FAILED'], logs: 'one\ntwo\nthree\nit broke\n', message: 'exit code 7' };
  const lock = path.join(job.folder, '.lock');
  const holder = { host: 'elsewhere', pid: 1, began: null, since: 'noon', job: 'another' };
  writeFileSync(lock, JSON.stringify(holder));
  const failure = /^Error: two\nthree\nit broke\nRay says: FAILED, exit code 7\ngiven up after 2 tries$/;
  await assert.rejects(run(job, [{ ...failed }, { ...failed }]), failure);
  assert.ok(existsSync(lock));
  // The lock of the job itself: its name is known once it is submitted, and it dies after that.
  const dying = run(job, [
    { ...failed, states: ['RUNNING', 'RUNNING', 'RUNNING', 'RUNNING', 'FAILED'] },
    { ...failed },
  ]);
  while (requests.length === 0) await sleep(1);
  writeFileSync(lock, JSON.stringify({ ...holder, job: requests[0]!.submission_id }));
  await assert.rejects(dying, failure);
  assert.ok(!existsSync(lock));
  const empty = { states: ['SUCCEEDED'], logs: '' };
  await assert.rejects(
    run(job, [empty, empty]),
    /succeeded, but .* does not hold its results; do the nodes share that/,
  );
});

test('a job that waits longer than Ray allows has not failed: it is submitted again, and no try is counted', async () => {
  const job = jobOf('waits', { kind: 'base', task: 'counting' });
  const message =
    'Job supervisor actor failed to start within 900.0 seconds. This timeout can be configured by setting the environment variable ...';
  const waited = { states: ['PENDING', 'FAILED'], logs: '', message };
  // There is one retry: three waits would be the end of it.
  await run(job, [{ ...waited }, { ...waited }, { ...waited }, { states: ['RUNNING', 'SUCCEEDED'], logs: 'well\n' }]);
  assert.deepEqual(
    requests.map(({ metadata }) => metadata.attempt),
    ['1', '1', '1', '1'],
  );
  const log = readFileSync(jobLog(job), 'utf8');
  assert.equal(log.match(/no processor became free in time; it is submitted again/g)!.length, 3);
});

test('what no node can run is refused at once; of what some can run, the places are counted', async () => {
  const ray = new RayJobs(address);
  nodes = [
    { state: 'ALIVE', resources_total: { CPU: 8, memory: 1e9 } },
    { state: 'ALIVE', resources_total: { CPU: 5, GPU: 3 } },
    { state: 'DEAD', resources_total: { CPU: 64, GPU: 8 } },
  ];
  assert.equal(await countPlaces(ray, { cpus: 2, gpus: 0 }), 4 + 2);
  assert.equal(await countPlaces(ray, { cpus: 1, gpus: 1 }), 3);
  await assert.rejects(
    countPlaces(ray, { cpus: 1, gpus: 4 }),
    /no node of the cluster at .* asks for, 1 and 4 \(--cpus, --gpus\); those of its nodes: 8 and 0, 5 and 3$/,
  );
  // A cluster that was just started has no node for some seconds.
  const up = nodes;
  nodes = [];
  setTimeout(() => {
    nodes = up;
  }, 20);
  assert.equal(await countPlaces(ray, { cpus: 2, gpus: 0 }, 5), 4 + 2);
  nodes = [];
  await assert.rejects(countPlaces(ray, { cpus: 1, gpus: 0 }, 1), /those of its nodes: none is up$/);
  nodes = up;
  const options = { workers: '9', ray: address, cpus: '2', gpus: '0', retries: '0' };
  assert.equal((await chooseRunner(options)).parallel, 6);
  assert.equal((await chooseRunner({ ...options, workers: '3' })).parallel, 3);
  nodes = nodes.slice(0, 1);
  const { status, stderr } = await runHere(['study', '--profile', 'tiny', '--ray', address, '--gpus', '1']);
  assert.equal(status, 2);
  assert.match(stderr, /no node of the cluster .* asks for, 1 and 1 /);
});

test('an interrupt stops the job on the cluster and waits for its end; it is not tried again', async () => {
  const job = jobOf('stopped', tinySft(study));
  const controller = new AbortController();
  asked.length = 0;
  setTimeout(() => controller.abort(), 40);
  await assert.rejects(
    run(job, [{ states: ['RUNNING'], logs: 'stopped after step 2' }], controller.signal),
    /Ray says: STOPPED/,
  );
  assert.equal(asked.filter((line) => /^POST .*\/stop$/.test(line)).length, 1);
  assert.equal(requests.length, 1);
});

test('an answer that is none is reported in a line: nobody there, a refusal, something else than Ray', async () => {
  const ray = new RayJobs(address);
  process.env.RAY_AUTH_TOKEN = 'secret';
  assert.equal(await ray.version(), '2.60.0');
  delete process.env.RAY_AUTH_TOKEN;
  assert.equal(tokens.at(-1), 'Bearer secret');
  assert.throws(() => new RayJobs('127.0.0.1:8265'), /must be that of its dashboard, such as http/);
  await assert.rejects(
    new RayJobs('http://127.0.0.1:9').version(),
    /no Ray dashboard answers at http:\/\/127\.0\.0\.1:9 \(/,
  );
  refusal = { status: 500, text: 'Traceback:\n  File "x.py"\nValueError: no such node\n' };
  await assert.rejects(ray.details('x'), /refused GET .*\/api\/jobs\/x \(500\): ValueError: no such node$/);
  refusal = { status: 200, text: '<html>' };
  await assert.rejects(ray.details('x'), /was not answered as Ray's jobs interface answers: <html>/);
  refusal = { status: 200, text: '{"status": "SLEEPING"}' };
  await assert.rejects(ray.details('x'), /was not answered as Ray's/);
  refusal = undefined;
});

/** The addresses under which other machines reach this one. */
function addressesOnTheNetwork(): string[] {
  const addresses = Object.values(networkInterfaces()).flatMap((ofInterface) => ofInterface ?? []);
  return addresses.filter(({ internal, family }) => !internal && family === 'IPv4').map(({ address: host }) => host);
}

async function connectTo(host: string, port: number): Promise<void> {
  const socket = connect({ host, port, timeout: 5000 });
  await once(socket, 'connect').finally(() => socket.destroy());
}

const program = installedRay();
const skip = program ? false : 'Ray is not installed: npm run ray installs it';
test('on Ray: a killed cell is tried again and ends with the numbers of this process; one that fails is listed', {
  skip,
}, async () => {
  const cluster = startRay(program!, { port: 8299, args: ['--port=6399', '--num-cpus=2'], quiet: true });
  const closed = new Promise((resolve) => cluster.on('close', resolve));
  const dashboard = 'http://127.0.0.1:8299';
  const { study: other, remove: removeOther } = await tinyStudy('ray-cluster');
  try {
    const deadline = Date.now() + 90_000;
    while (!(await new RayJobs(dashboard).version().catch(() => undefined))) {
      assert.ok(Date.now() < deadline && cluster.exitCode === null, 'Ray did not come up');
      await sleep(500);
    }
    for (const host of addressesOnTheNetwork()) await assert.rejects(connectTo(host, 6399), /ECONNREFUSED/);
    const start = tinySft(other);
    const cell = tinyGrpo(other, start, 8);
    const bad = { ...cell, settings: { ...cell.settings, completions: 1 } };
    const folder = cellFolder(other, cell);
    let killed = 0;
    const killer = setInterval(() => {
      if (killed > 0 || !existsSync(path.join(folder, 'metrics.jsonl'))) return;
      killed = (JSON.parse(readFileSync(path.join(folder, '.lock'), 'utf8')) as { pid: number }).pid;
      process.kill(killed, 'SIGKILL');
    }, 10);
    const grid: GridCell[] = [
      { name: 'start', cell: start, evaluations: [] },
      { name: 'killed once', cell, evaluations: [] },
      { name: 'impossible', cell: bad, evaluations: [] },
    ];
    const runJob = runJobsOnRay({ address: dashboard, cpus: 1, gpus: 0, retries: 1, poll: 200 });
    const report = await runGrid(other, grid, { runJob, parallel: 2 });
    clearInterval(killer);
    assert.ok(killed > 0);
    assert.deepEqual([...report.done].sort(), ['killed once', 'start']);
    assert.deepEqual(
      report.failed.map(({ name }) => name),
      ['impossible'],
    );
    assert.match(report.failed[0]!.error, /group size(.|\n)*Ray says: FAILED(.|\n)*given up after 2 tries/);
    const log = readFileSync(path.join(folder, 'log.txt'), 'utf8');
    assert.match(log, /try 1: FAILED(.|\n)*try 2: SUCCEEDED\n(.|\n)*killed once: trained/);
    await runCell(study, cell);
    const metrics = (place: string) => readFileSync(path.join(place, 'metrics.jsonl'), 'utf8');
    assert.equal(metrics(folder), metrics(cellFolder(study, cell)));
  } finally {
    cluster.kill('SIGTERM');
    await closed;
    removeOther();
  }
});
