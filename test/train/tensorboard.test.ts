/**
 * TensorBoard and Trackio read what a run leaves, each with its own reader. Where TensorBoard is not installed, the reader that comes with
 * TensorFlow does; the test of Trackio runs where `pip install 'trackio[tensorboard]'` was done.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { VENV_PYTHON } from '../../lib/setup/layout.js';
import { RunDirectory } from '../../lib/train/run-directory.js';
import { pythonWith } from '../support/python-with.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-tensorboard-'));
const run = path.join(folder, 'run');
before(async () => {
  const directory = RunDirectory.open(run, {});
  const log = await directory.startLog(0, 2);
  log.write(1, { reward: 0.5, 'rewards/brevity/mean': 0.25 }, { step_time: 2 });
  log.write(2, { reward: 0.75, 'rewards/brevity/mean': 0.5, eval_accuracy: 1 }, { step_time: 4 });
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** What was logged, by the tags of the field. */
const LOGGED = [
  [1, 'train/reward', 0.5],
  [1, 'train/rewards/brevity/mean', 0.25],
  [1, 'train/step_time', 2],
  [2, 'eval/accuracy', 1],
  [2, 'train/reward', 0.75],
  [2, 'train/rewards/brevity/mean', 0.5],
  [2, 'train/step_time', 4],
];

/** Prints `[step, tag, value]` of every scalar of an event folder, as JSON. */
const TENSORBOARD = `
import glob, json, os, sys
folder = sys.argv[1]
try:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    events = EventAccumulator(folder)
    events.Reload()
    rows = [[e.step, tag, e.value] for tag in events.Tags()['scalars'] for e in events.Scalars(tag)]
except ImportError:
    from tensorflow.python.summary.summary_iterator import summary_iterator
    rows = [[e.step, v.tag, v.simple_value] for file in glob.glob(os.path.join(folder, '*')) for e in summary_iterator(file)
            for v in e.summary.value]
print(json.dumps(sorted(rows)))
`;

/** Imports the runs below a folder into Trackio, and prints what that has of them then. */
const TRACKIO = `
import contextlib, json, sys
import trackio
from trackio.sqlite_storage import SQLiteStorage
with contextlib.redirect_stdout(sys.stderr):
    trackio.import_tf_events(log_dir=sys.argv[1], project='kit')
rows = []
for name in SQLiteStorage.get_runs('kit'):
    for row in SQLiteStorage.get_logs('kit', name):
        rows += [[row['step'], key, value] for key, value in row.items() if key not in ('step', 'timestamp')]
print(json.dumps([sorted(SQLiteStorage.get_runs('kit')), sorted(rows)]))
`;

function askPython(python: string, program: string, place: string): unknown {
  const env = { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3', TRACKIO_DIR: path.join(folder, 'trackio') };
  const { stdout, stderr } = spawnSync(python, ['-c', program, place], { encoding: 'utf8', env });
  assert.notEqual(stdout, '', stderr);
  return JSON.parse(stdout);
}

const tensorboard = pythonWith('tensorboard') ?? (existsSync(VENV_PYTHON) ? VENV_PYTHON : undefined);

test('TensorBoard reads the scalars of a run, by the steps that every other file of it has', {
  skip: tensorboard === undefined && 'no Python has tensorboard or tensorflow: npm start installs the latter',
}, () => {
  assert.deepEqual(askPython(tensorboard!, TENSORBOARD, path.join(run, 'tensorboard')), LOGGED);
});

const trackio = pythonWith('trackio', 'tbparse');

test('Trackio imports them with import_tf_events', {
  skip: trackio === undefined && "no Python has trackio: pip install 'trackio[tensorboard]'",
}, () => {
  assert.deepEqual(askPython(trackio!, TRACKIO, folder), [[path.join('run', 'tensorboard')], LOGGED]);
});
