/** TensorBoard's own reader reads what a run leaves; where TensorBoard is not installed, the one that comes with TensorFlow does. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { VENV_PYTHON } from '../../lib/setup/layout.js';
import { RunDirectory } from '../../lib/train/run-directory.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-tensorboard-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Prints `[step, tag, value]` of every scalar of an event folder, as JSON. */
const READER = `
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

test('the scalars of a run, by the steps that every other file of it has', {
  skip: !existsSync(VENV_PYTHON),
}, async () => {
  const run = RunDirectory.open(path.join(folder, 'run'), {});
  const log = await run.startLog(0, 2);
  log.write(1, { reward: 0.5, 'rewards/brevity/mean': 0.25 }, { step_time: 2 });
  log.write(2, { reward: 0.75, 'rewards/brevity/mean': 0.5, eval_accuracy: 1 }, { step_time: 4 });
  const { stdout, stderr } = spawnSync(VENV_PYTHON, ['-c', READER, path.join(run.folder, 'tensorboard')], {
    encoding: 'utf8',
    env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3' },
  });
  assert.notEqual(stdout, '', stderr);
  assert.deepEqual(JSON.parse(stdout), [
    [1, 'train/reward', 0.5],
    [1, 'train/rewards/brevity/mean', 0.25],
    [1, 'train/step_time', 2],
    [2, 'eval/accuracy', 1],
    [2, 'train/reward', 0.75],
    [2, 'train/rewards/brevity/mean', 0.5],
    [2, 'train/step_time', 4],
  ]);
});
