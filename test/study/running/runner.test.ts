/** Grids: every run once and in order, failures listed, the same numbers in this process, in processes and after a kill. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { Cell } from '../../../lib/study/cells/cell.js';
import { cellFolder } from '../../../lib/study/cells/cell-identity.js';
import type { GridCell } from '../../../lib/study/design/grid.js';
import { planJobs } from '../../../lib/study/running/grid-jobs.js';
import { readJobFile, writeJobFile } from '../../../lib/study/running/job-file.js';
import { jobState } from '../../../lib/study/running/job-state.js';
import { runJobsInProcesses } from '../../../lib/study/running/processes.js';
import type { GridProgress } from '../../../lib/study/running/progress.js';
import { runGrid } from '../../../lib/study/running/runner.js';
import type { Study } from '../../../lib/study/workspace.js';
import { tinyGrpo, tinySft, tinyStudy } from '../../support/tiny-study.js';

let here: Study;
let there: Study;
const removals: (() => void)[] = [];
before(async () => {
  for (const name of ['here', 'there']) {
    const { study, remove } = await tinyStudy(name);
    removals.push(remove);
    if (name === 'here') here = study;
    else there = study;
  }
});
after(() => {
  for (const remove of removals) remove();
});

const evaluations = [{ set: 'id', style: 'think' }] as const;

/** A base model, a start cell that two others share, one of these of impossible settings, one that starts from such a one. */
function grid(study: Study): GridCell[] {
  const start = tinySft(study);
  const long = tinyGrpo(study, start, 16);
  const beyond = { ...start, rows: [0, 4000] as [number, number] };
  const settings = { ...long.settings, completions: 1 };
  return [
    { name: 'long', cell: long, evaluations: [] },
    { name: 'start', cell: start, evaluations: [] },
    { name: 'zero-shot', cell: { kind: 'base', task: 'counting' }, evaluations },
    { name: 'impossible', cell: { ...long, settings }, evaluations },
    { name: 'from beyond', cell: tinyGrpo(study, beyond), evaluations },
    { name: 'the same start', cell: { ...start }, evaluations: [] },
  ];
}

const GOOD = ['long', 'start = the same start', 'zero-shot'];

/** The files of a cell that hold numbers, by name. */
function numbers(study: Study, cell: Cell): { [file: string]: string } {
  const folder = cellFolder(study, cell);
  const files = readdirSync(folder).filter((name) => /^(metrics\.jsonl|evaluation-.*)$/.test(name));
  return Object.fromEntries(files.map((name) => [name, readFileSync(path.join(folder, name), 'utf8')]));
}

test('cells that share a run are one job, which comes after its start; a start that is not listed is a job too', () => {
  const jobs = planJobs(here, grid(here));
  assert.deepEqual(
    jobs.map(({ name, after, evaluations }) => [name, after?.name, evaluations.length]),
    [
      ['start = the same start', undefined, 0],
      ['long', 'start = the same start', 0],
      ['zero-shot', undefined, 1],
      ['impossible', 'start = the same start', 1],
      ['from beyond (start)', undefined, 0],
      ['from beyond', 'from beyond (start)', 1],
    ],
  );
  const cell = tinySft(here);
  assert.throws(
    () => planJobs(here, [{ name: 'a', cell, evaluations: [] }, ...grid(here), { name: 'a', cell, evaluations: [] }]),
    /two cells of the grid are named 'a'/,
  );
});

test('cells that fail are listed with their log, what starts from them is not run, the rest is done; done is done', async () => {
  const progress: GridProgress[] = [];
  const first = await runGrid(here, grid(here), { onProgress: (moment) => progress.push(moment) });
  assert.deepEqual([...first.done].sort(), GOOD);
  assert.deepEqual(
    first.failed.map(({ name }) => name),
    ['impossible', 'from beyond (start)'],
  );
  assert.match(first.failed[0]!.error, /group size/);
  assert.match(readFileSync(first.failed[0]!.log, 'utf8'), /^\S+Z impossible\nError: .*group size/);
  assert.match(first.failed[1]!.error, /asks for training rows 0 to 4000, but the data holds fewer/);
  assert.deepEqual(first.skipped, [{ name: 'from beyond', start: 'from beyond (start)' }]);
  assert.equal(first.interrupted, false);
  const last = progress.at(-1)!;
  assert.deepEqual([last.done, last.failed, last.total, last.running], [3, 3, 6, []]);
  assert.deepEqual(last.left, { seconds: 0, atLeast: false });
  assert.ok(progress.some(({ left }) => left.seconds > 0));

  const tried: string[] = [];
  const again = await runGrid(here, grid(here), { onDone: ({ name }) => tried.push(name) });
  assert.deepEqual([[...again.done].sort(), tried], [GOOD, []]);
  assert.equal(again.failed.length, 2);
});

test('a process refuses a cell that is another since the grid was begun: by its code, or its rows', async () => {
  const [job] = planJobs(here, grid(here));
  const file = writeJobFile({ ...job!, folder: job!.folder.replace(/.{8}$/, '00000000') }).at(-1)!;
  await assert.rejects(
    readJobFile(file),
    /code or data changed since the grid was begun: this is sft-\w+-\w+ now, and was sft-\w+-00000000/,
  );
});

test('in processes: the same numbers to the byte, after one was killed and the rest was stopped', async () => {
  const cells = grid(there).filter(({ name }) => ['long', 'start'].includes(name));
  const long = cellFolder(there, cells[0]!.cell as Cell);
  const steps = () => {
    const file = path.join(long, 'metrics.jsonl');
    return existsSync(file) ? readFileSync(file, 'utf8').split('\n').length - 1 : 0;
  };
  const when = (moment: () => boolean, act: () => void) => {
    const timer = setInterval(() => {
      if (!moment()) return;
      clearInterval(timer);
      act();
    }, 10);
    return () => clearInterval(timer);
  };
  const pid = () => (JSON.parse(readFileSync(path.join(long, '.lock'), 'utf8')) as { pid: number }).pid;
  const runJob = runJobsInProcesses(2);
  const kill = when(
    () => steps() >= 1,
    () => process.kill(pid(), 'SIGKILL'),
  );
  const killed = await runGrid(there, cells, { runJob, parallel: 2 });
  kill();
  assert.deepEqual(
    killed.failed.map(({ name }) => name),
    ['long'],
  );
  assert.match(killed.failed[0]!.error, /the process was ended by SIGKILL/);
  assert.ok(existsSync(path.join(long, '.lock')), 'a kill leaves the lock');

  const controller = new AbortController();
  const stop = when(
    () => steps() >= 2,
    () => controller.abort(),
  );
  const stopped = await runGrid(there, cells, { runJob, signal: controller.signal });
  stop();
  assert.deepEqual([stopped.interrupted, stopped.failed, [...stopped.done].sort()], [true, [], ['start']]);
  assert.equal(jobState(there, cells[0]!).state, 'begun');

  const finished = await runGrid(there, cells, { runJob });
  assert.deepEqual([[...finished.done].sort(), finished.failed, finished.interrupted], [['long', 'start'], [], false]);
  for (const { name, cell, evaluations } of cells) {
    const trained = numbers(there, cell as Cell);
    assert.equal(Object.keys(trained).length, 1 + evaluations.length, name);
    assert.deepEqual(trained, numbers(here, cell as Cell), name);
  }
});
