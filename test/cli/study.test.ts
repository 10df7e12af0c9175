/** `reason-rft study` and `reason-rft cell` as processes: a cell alone has the numbers that it has in the grid; failures are listed. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import type { Cell } from '../../lib/study/cells/cell.js';
import { openCellRun } from '../../lib/study/cells/run-cell.js';
import { studyGrid } from '../../lib/study/design/study-grid.js';
import { openStudy } from '../../lib/study/workspace.js';
import { runHere, runProcess } from '../support/command-line.js';
import { writeTinyData } from '../support/tiny-study.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-study-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a command on a folder of runs of its own. Steps run eagerly, as building their graphs takes longer than they do. */
function run(runs: string, ...args: string[]) {
  return runProcess(args, { REASON_RFT_RUNS: path.join(folder, runs), REASON_RFT_EAGER: '1' });
}

test('wrong usage is answered with what is possible, exit code 2', async () => {
  for (const [args, message] of [
    [['study', '--profile', 'tiny', '--part', 'all'], /there is no part 'all'; choose paradigms, efficiency/],
    [['cell', '--profile', 'tiny', '--name', 'x'], /has no cell 'x'; study --list --profile tiny has the names/],
  ] as const) {
    const { status, stderr } = await runHere(args);
    assert.equal(status, 2);
    assert.match(stderr, message);
  }
});

test('a cell alone, in an empty folder, has the numbers of the grid’s; a cell that fails is listed, exit code 1', async () => {
  const name = 'counting/stage 1/seed 1';
  const alone = run('alone', 'cell', '--profile', 'tiny', '--name', name, '--json');
  assert.equal(alone.status, 0, alone.stderr);
  const { measures, folder: trained } = JSON.parse(alone.stdout);
  assert.deepEqual(
    measures.map(({ set, count }: { set: string; count: number }) => [set, count]),
    [
      ['id', 8],
      ['ood', 8],
    ],
  );

  // A first go in which another machine is said to train the cell.
  const study = openStudy('tiny', path.join(folder, 'grid', 'tiny'));
  await writeTinyData(study);
  const asked = ['study', '--profile', 'tiny', '--only', `^${name}$`, '--workers', '0'];
  const cell = openCellRun(study, studyGrid(study).find((cell) => cell.name === name)!.cell as Cell);
  const lock = path.join(cell.folder, '.lock');
  writeFileSync(lock, JSON.stringify({ host: 'elsewhere', pid: 1, began: null, since: 'noon', job: null }));
  const failed = run('grid', ...asked);
  assert.equal(failed.status, 1, failed.stderr);
  assert.match(failed.stdout, /^0 cells done, 1 failed, 0 not run/m);
  assert.match(failed.stdout, /^failed: counting\/stage 1\/seed 1\n.*trained in by process 1 on elsewhere/m);
  assert.ok(failed.stdout.includes(`log: ${path.join(cell.folder, 'log.txt')}`));
  rmSync(lock);
  const done = run('grid', ...asked, '--json');
  assert.equal(done.status, 0, done.stderr);
  assert.deepEqual(JSON.parse(done.stdout).done, [name]);
  assert.match(done.stderr, /^\[1\/1\] counting\/stage 1\/seed 1: id \d+\.\d %, ood \d+\.\d %; \d+ s$/m);

  assert.equal(path.basename(cell.folder), path.basename(trained));
  const files = readdirSync(trained).filter((file) => /^(metrics\.jsonl|evaluation-.*)$/.test(file));
  assert.equal(files.length, 3);
  for (const file of files)
    assert.equal(
      readFileSync(path.join(cell.folder, file), 'utf8'),
      readFileSync(path.join(trained, file), 'utf8'),
      file,
    );
});
