/** What the doctor makes of the engine's probe, and the probe itself. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { judgeProbe } from '../../lib/setup/doctor.js';

const answer = (engine: object) => `${JSON.stringify(engine)}\n`;
const TENSORFLOW = { backend: 'tensorflow', version: '2.21.0' };

test('the probe’s answers and its failures, in words', () => {
  const ended = { status: 0, signal: null, stdout: '', stderr: '' };
  for (const [process, expected] of [
    [
      { stdout: `a line\n${answer({ ...TENSORFLOW, gpu: true })}` },
      { text: 'TensorFlow 2.21.0 on the GPU', computes: 'gpu' },
    ],
    [{ stdout: answer({ ...TENSORFLOW, gpu: false }) }, { text: 'TensorFlow 2.21.0 on the CPU', computes: 'cpu' }],
    [
      {
        stdout: answer({ backend: 'wasm', gpu: false, version: '4.22.0' }),
        stderr: 'engine: TensorFlow could not be loaded (no binding). Falling back to wasm, about 25 times slower',
      },
      { text: 'wasm only: TensorFlow cannot be loaded (no binding)', computes: 'wasm' },
    ],
    [
      { status: 1, stderr: 'a warning\nengine: REASON_RFT_DEVICE=gpu asks for a GPU, but none computes' },
      {
        text: 'nothing computes: engine: REASON_RFT_DEVICE=gpu asks for a GPU, but none computes',
        computes: 'nothing',
      },
    ],
    [
      { status: null, signal: 'SIGABRT', stderr: 'CUDA_ERROR_NO_BINARY_FOR_GPU' },
      {
        text: 'nothing computes: the process was ended by SIGABRT, at the latest after 120 s. CUDA_ERROR_NO_BINARY_FOR_GPU',
        computes: 'nothing',
      },
    ],
  ] as const)
    assert.deepEqual(judgeProbe({ ...ended, ...process }), expected);
});

test('the probe computes, and a GPU that is asked for and is not there is said', () => {
  const program = path.join(__dirname, '..', '..', 'lib', 'setup', 'probe-engine.ts');
  const probe = (device: string) =>
    judgeProbe(
      spawnSync(process.execPath, ['--import', 'tsx', program], {
        encoding: 'utf8',
        env: { ...process.env, REASON_RFT_DEVICE: device },
      }),
    );
  assert.match(probe('cpu').text, /^TensorFlow \S+ on the CPU$/);
  const { text, computes } = probe('gpu');
  if (computes === 'gpu') return;
  assert.equal(computes, 'nothing');
  assert.match(text, /REASON_RFT_DEVICE=gpu asks for a GPU, but/);
});
