/** Processes that the benches talk to: an end, a limit of time and a strange line are said, and hang or end nothing else. */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { watchCardMemory } from '../../lib/bench/card-memory.js';
import { startWorker } from '../../lib/bench/process.js';
import { runPhases } from '../../lib/bench/size.js';
import type { BenchRequest } from '../../lib/bench/workload.js';

const node = process.execPath;
const REQUEST = { kind: 'sft' } as BenchRequest;

test('a worker that ended after it was ready answers with the reason, each time it is asked', async () => {
  const worker = await startWorker(node, [
    '-e',
    "console.log('{}'); console.error('out of memory'); process.exitCode = 1",
  ]);
  // However often it is asked, and whether or not its end has been heard of.
  for (let i = 0; i < 3; i++) {
    const { error } = await worker.ask(REQUEST);
    assert.match(error!, /^the process ended: out of memory$/);
  }
  worker.close();
});

test('a worker that hears no signal is ended when its time is over, and that is said', async () => {
  const deaf = "process.on('SIGTERM', () => {}); console.log('{}'); setInterval(() => {}, 1000)";
  const worker = await startWorker(node, ['-e', deaf], { seconds: 2 });
  const { error } = await worker.ask(REQUEST);
  assert.match(error!, /^the process ended: the time was over after \d+ s$/);
  worker.close();
});

test('a program that cannot be started, or ends at once, is an error with its last words', async () => {
  await assert.rejects(startWorker('/no/such/program', ['x']), /no\/such\/program x ended: .*ENOENT/);
  await assert.rejects(startWorker(node, ['-e', "console.error('no driver'); process.exitCode = 1"]), /no driver/);
});

test('the phases before a failure stay; a line that is no phase is part of the reason', async () => {
  const phase = { phase: 'load', seconds: [1], cpuSeconds: [1], peakMegabytes: 1 };
  const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-phases-'));
  try {
    const script = path.join(folder, 'phases.cjs');
    writeFileSync(
      script,
      `console.log(${JSON.stringify(JSON.stringify(phase))}); console.log('CUDA is old'); process.exit(3)`,
    );
    const side = await runPhases(node, [script, 'checkpoint', 'prompt'], {});
    assert.deepEqual(side, { phases: [phase], error: 'CUDA is old' });
    writeFileSync(script, `console.log(${JSON.stringify(JSON.stringify(phase))}); setInterval(() => {}, 1000)`);
    const late = await runPhases(node, [script, 'checkpoint', 'prompt'], { seconds: 2 });
    assert.deepEqual(late.phases, [phase]);
    assert.match(late.error!, /^the time was over after \d+ s$/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('the most memory of a card while something runs; without a driver there is none', {
  skip: process.platform === 'win32',
}, async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-card-'));
  const { PATH } = process.env;
  const wait = () => new Promise((resolve) => setTimeout(resolve, 1500, 'done'));
  try {
    const program = path.join(folder, 'nvidia-smi');
    writeFileSync(program, '#!/bin/sh\necho 12\necho 3456\n');
    chmodSync(program, 0o755);
    process.env.PATH = `${folder}:${PATH}`;
    assert.deepEqual(await watchCardMemory(wait, 0.1), { result: 'done', cardMegabytes: 3456 });
    writeFileSync(program, '#!/bin/sh\necho no devices were found\nexit 6\n');
    assert.deepEqual(await watchCardMemory(wait, 0.1), { result: 'done' });
  } finally {
    process.env.PATH = PATH;
    rmSync(folder, { recursive: true, force: true });
  }
});
