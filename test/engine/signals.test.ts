/** Signals while TensorFlow computes: where oneDNN's matrix products use AVX-512, the heap does not survive a handler on their thread. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs';
import { startEngine } from '../../lib/engine/backend.js';
import { repositoryRoot } from '../../lib/study/workspace.js';

const SIGNALS = 4000;

test('a process that computes lives through thousands of signals, and gets them', async () => {
  const script = path.join(repositoryRoot(), 'test', 'support', 'generating.ts');
  const child = spawn(process.execPath, ['--import', 'tsx', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  let said = '';
  child.stdout.on('data', (text) => (said += text));
  while (!said.includes('generating') && child.exitCode === null && child.signalCode === null) await wait(20);
  for (let i = 0; i < SIGNALS && child.exitCode === null && child.signalCode === null; i++) {
    child.kill('SIGUSR2');
    await wait(1);
  }
  child.kill('SIGINT');
  assert.deepEqual(await ended, [0, null], 'a crash is a signal of its own, SIGABRT or SIGSEGV');
  assert.match(said, /signals came/);
});

test('processes that the kit starts have no signal blocked', { skip: process.platform !== 'linux' }, async () => {
  await startEngine();
  tf.tidy(() => tf.zeros([1]).dataSync());
  const { stdout } = spawnSync('grep', ['SigBlk', '/proc/self/status'], { encoding: 'utf8' });
  assert.match(stdout, /^SigBlk:\s+0+$/m);
});
