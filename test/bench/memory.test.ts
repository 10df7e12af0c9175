/** The memory of the optimizer and of pictures: the line through two measurements, the table, and a measurement of a picture. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { memoryTable, optimizerMemory } from '../../lib/bench/memory.js';

test('two updates give the bytes of a parameter beside its gradient, and what does not grow', () => {
  // 16 bytes a parameter, 4 of them the gradient's, and 100 MB: 2^20 parameters take 116 MB, 3 x 2^20 take 148 MB.
  const memory = optimizerMemory([2 ** 20, 116], [3 * 2 ** 20, 148]);
  assert.deepEqual(memory, { bytesPerParameter: 12, megabytesBeside: 100 });
});

test('the table has a line for each picture', () => {
  const pictures = [
    { side: 400, work: 'generate', megabytes: 500.4 },
    { side: 400, work: 'sft', megabytes: 700 },
    { side: 800, work: 'generate', megabytes: 900 },
  ] as const;
  const text = memoryTable({ optimizer: { bytesPerParameter: 12.04, megabytesBeside: 99.6 }, pictures: [...pictures] });
  assert.deepEqual(text.split('\n'), [
    'AdamW: 12.0 bytes a parameter beside the gradient, and 100 MB',
    '',
    '| picture | generation | SFT step |',
    '|---|---|---|',
    '| 400 x 400 | 500 MB | 700 MB |',
    '| 800 x 800 | 900 MB | - |',
  ]);
});

test('the worker measures a picture, and names a measurement that it does not know', () => {
  const run = (...args: string[]) => {
    const worker = path.join(__dirname, '..', '..', 'lib', 'bench', 'memory-worker.ts');
    return spawnSync(process.execPath, ['--import', 'tsx', worker, ...args], { encoding: 'utf8' });
  };
  const { stdout, stderr } = run('generate', '112');
  assert.match(stdout, /^\{"megabytes":\d+(\.\d+)?\}\n$/, stderr);
  // The process itself takes some 300 MB; a picture of 8 x 8 patches adds little.
  const { megabytes } = JSON.parse(stdout) as { megabytes: number };
  assert.ok(megabytes > 100 && megabytes < 1200, stdout);
  const unknown = run('optimiser', '1');
  assert.equal(unknown.status, 1);
  assert.match(unknown.stderr, /there is no measurement 'optimiser'; choose optimizer, generate or sft/);
});
