/** The benchmark's worker as a process: every kind of request has an answer. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { startWorker } from '../../lib/bench/process.js';
import type { BenchRequest } from '../../lib/bench/workload.js';
import { writePng } from '../../lib/records/image.js';
import { repositoryRoot } from '../../lib/study/workspace.js';
import { writeShallowModel } from '../support/shallow-model.js';

test('the worker answers each workload with a second for each sample, and a bad request with the reason', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-bench-'));
  const source = path.join(repositoryRoot(), 'lib', 'bench', 'worker.ts');
  const worker = await startWorker<{ productRate: number }>(process.execPath, ['--import', 'tsx', source, 'float32']);
  try {
    assert.ok(worker.hello.productRate > 1e9, `${worker.hello.productRate} operations a second`);
    await writePng(path.join(folder, 'a.png'), { width: 64, height: 64, data: new Uint8Array(64 * 64 * 3).fill(90) });
    const prompts = path.join(folder, 'prompts.json');
    writeFileSync(prompts, JSON.stringify([{ text: 'How many red cubes are there?', image: 'a.png' }]));
    const small = {
      prompts,
      samples: 1,
      fill: 20,
      width: 128,
      precision: 'float32',
      checkpoint: writeShallowModel(path.join(folder, 'model')),
    };
    const requests = [
      { ...small, kind: 'sft', rows: 2, length: 64 },
      { ...small, kind: 'prefill', rows: 2 },
      { ...small, kind: 'decode', rows: 2, newTokens: 4 },
      { ...small, kind: 'grpo', rows: 1, completions: 2, newTokens: 4 },
    ] as BenchRequest[];
    for (const request of requests) {
      const { seconds, rolloutSeconds, error, peakMegabytes } = await worker.ask(request);
      assert.equal(error, undefined);
      assert.equal(seconds!.length, 1);
      assert.ok(seconds![0]! > 0 && peakMegabytes > 10);
      if (request.kind === 'grpo') assert.ok(rolloutSeconds![0]! < seconds![0]!);
    }
    const { learned } = await worker.ask({
      kind: 'learn',
      checkpoint: small.checkpoint,
      rows: 32,
      epochs: 2,
      items: 4,
    });
    assert.ok(learned!.loss > 0 && learned!.stepSeconds > 0);
    assert.ok([0, 0.25, 0.5, 0.75, 1].includes(learned!.accuracy));
    const lost = await worker.ask({ ...requests[0]!, checkpoint: path.join(folder, 'nothing') });
    assert.match(lost.error!, /nothing/);
  } finally {
    worker.close();
    rmSync(folder, { recursive: true, force: true });
  }
});

test('a program that ends before it is ready is reported with its last lines', async () => {
  const starting = startWorker(process.execPath, ['-e', 'console.error("no such module"); process.exit(1)']);
  await assert.rejects(starting, /no such module/);
});
