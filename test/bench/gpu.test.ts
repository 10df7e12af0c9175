/** The script for a GPU: its plan, and its first steps tried on the CPU. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { GPU_WORKLOADS, gpuTasks, LOSS_TOLERANCE, runGpuBench, runGpuTasks } from '../../lib/bench/gpu.js';
import type { Workload } from '../../lib/bench/workload.js';
import { repositoryRoot } from '../../lib/study/workspace.js';

test('the plan: losses first, each workload on both sides, the 2B, and XLA last', () => {
  const tasks = gpuTasks(GPU_WORKLOADS, '2b', true);
  // 1 + 6 workloads x 2 sides + the 2B on 2 sides + XLA for 6 workloads and the 2B.
  assert.equal(tasks.length, 1 + 12 + 2 + 7);
  assert.equal(tasks[0]!.kind, 'losses');
  const sides = tasks.slice(1).map((task) => (task.kind === 'losses' ? '' : task.side));
  assert.deepEqual(sides.slice(0, 14), Array(7).fill(['kit', 'PyTorch']).flat());
  assert.deepEqual(sides.slice(14), Array(7).fill('kit with XLA'));
  assert.ok(gpuTasks(GPU_WORKLOADS, '2b', false).every((task) => task.kind === 'losses' || task.side !== 'PyTorch'));
});

test('without a GPU the script ends with the reason and measures nothing', async () => {
  await assert.rejects(
    runGpuBench({ root: repositoryRoot() }),
    /REASON_RFT_DEVICE=gpu asks for a GPU, but none computes/,
  );
});

test('tried on the CPU: the losses of two processes agree, a workload has its samples, a peer that fails is said', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-gpu-bench-'));
  try {
    const workload: Workload = { kind: 'sft', rows: 1, length: 160, width: 128, precision: 'float32' };
    const options = { root: repositoryRoot(), peerPython: process.execPath, device: 'cpu', folder } as const;
    const text = await runGpuTasks(options, [
      { kind: 'losses', workload },
      { kind: 'workload', workload, side: 'PyTorch' },
    ]);
    const { entries, leftOut } = JSON.parse(readFileSync(path.join(folder, 'gpu.json'), 'utf8'));
    assert.equal(entries.length, 2);
    assert.ok(
      entries[0].lossDifference <= LOSS_TOLERANCE && entries[0].error === undefined,
      JSON.stringify(entries[0]),
    );
    // The peer's Python is node here, which cannot read peers.py.
    assert.match(entries[1].error, /peers\.py/);
    assert.deepEqual(leftOut, []);
    assert.equal(entries[1].side, 'PyTorch');
    assert.match(text, /losses of sft 1 x 160, width 128, float32: largest difference/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
