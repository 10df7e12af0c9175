/** Which processor a figure belongs to, and when it is refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeProcessor, instructionSets, whyNotQuiet } from '../../lib/bench/machine.js';

test('the widest vectors and the matrix instructions are named', () => {
  const intel = 'model name\t: Xeon\nflags\t\t: fpu avx avx2 avx512f avx512_vnni avx512_bf16 amx_bf16 amx_tile\n';
  assert.equal(instructionSets(intel), 'AVX-512, AVX-512 VNNI, AVX-512 BF16, AMX, AMX BF16');
  assert.equal(instructionSets('flags : sse4_2 avx2\n'), 'AVX2');
  assert.equal(instructionSets('Features\t: fp asimd bf16 sve\n'), 'NEON, SVE, BF16');
  assert.equal(instructionSets(''), '');
});

test('this machine has a processor with cores', () => {
  const { name, cores, instructions } = describeProcessor();
  assert.ok(name.length > 0 && cores >= 1 && instructions.length > 0);
});

const steady = { 'this kit': [0.1, 0.11, 0.1, 0.1, 0.11, 0.1], eager: [0.3, 0.3, 0.31, 0.3, 0.3, 0.3] };

test('a quiet machine: its load is that of the bench, and the halves agree', () => {
  assert.equal(whyNotQuiet([1.9, 2.4], steady, 2), undefined);
  // One slow sample of three moves no median.
  assert.equal(whyNotQuiet([2], { 'this kit': [0.1, 0.9, 0.1, 0.1, 0.1, 0.1] }, 2), undefined);
});

test('a load above the cores, and halves that differ by more than a fifth, are reasons', () => {
  assert.equal(whyNotQuiet([1, 2.6], steady, 2), 'a load of 2.6 on 2 cores');
  assert.equal(
    whyNotQuiet([2], { ...steady, compiled: [0.2, 0.2, 0.2, 0.25, 0.25, 0.3] }, 2),
    'the two halves of compiled differ by 25 %: 0.200 s and 0.250 s',
  );
  assert.equal(whyNotQuiet([2], { 'this kit': [0.2, 0.24] }, 2), undefined, 'a fifth is allowed');
});
