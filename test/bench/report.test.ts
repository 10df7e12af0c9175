import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Processor } from '../../lib/bench/machine.js';
import { entryOf, reportTable, scalingFigure } from '../../lib/bench/report.js';
import { HEADLINES, seriesWorkload, tokensOf, workloadText } from '../../lib/bench/workload.js';

const side = (samples: number[]) => ({ samples, peakMegabytes: 100 });
const processor: Processor = { name: 'some processor', cores: 2, instructions: 'AVX2' };
const loads = [1, 2];

test('SFT: medians 0.2 s and 0.5 s of 32 x 160 tokens are 25,600 and 10,240 tokens/s, 2.5 times as fast as the faster peer', () => {
  const peers = { eager: side([0.6, 0.6, 0.6]), compiled: side([0.5, 0.5, 0.5, 0.4]) };
  const entry = entryOf({ workload: HEADLINES.sft, kit: side([0.2, 0.19, 0.2, 0.21]), peers, loads }, processor);
  assert.equal(entry.refused, undefined);
  assert.equal(entry.value, 25600);
  assert.equal(entry.peers.compiled!.value, 10240);
  assert.equal(entry.fastestPeer, 'compiled');
  assert.equal(entry.ratio, 2.5);
  // The fastest samples: 0.4 s against 0.19 s.
  assert.equal(entry.fastestRatio, 0.4 / 0.19);
  assert.equal(entry.unit, 'tokens/s');
  assert.deepEqual(entry.processor, processor);
  assert.match(
    reportTable([entry]),
    /25,600 tokens\/s +8,533 tokens\/s +10,240 tokens\/s +- +2\.50x +2\.11x +100 \/ 100 \/ 100 \/ - MB/,
  );
});

test('what was measured on a machine that was not quiet is refused with the reason, and none of its numbers is printed', () => {
  const entry = entryOf({ workload: HEADLINES.sft, kit: side([0.1, 0.1, 0.2, 0.2]), peers: {}, loads }, processor);
  assert.match(entry.refused!, /the two halves of this kit differ by 100 %/);
  const [, line] = reportTable([entry]).split('\n');
  assert.match(line!, /^sft 32 x 160, width 128, float32 +refused: the two halves of this kit differ by 100 %/);
  assert.doesNotMatch(line!, /tokens\/s/);
});

test('GRPO is reported in seconds, with the seconds of its rollout', () => {
  const kit = { ...side([0.4, 0.5, 0.6]), rolloutSeconds: [0.1, 0.2, 0.1] };
  const entry = entryOf({ workload: HEADLINES.grpo, kit, peers: { eager: side([1]) }, loads }, processor);
  assert.deepEqual([entry.value, entry.unit, entry.ratio, entry.rolloutSeconds], [0.5, 's', 2, 0.1]);
});

test('a peer that failed or is not there leaves no ratio, and the table says so', () => {
  const peers = { eager: { error: 'no torch' } };
  const failed = entryOf({ workload: HEADLINES.decode, kit: side([1]), peers, loads }, processor);
  assert.deepEqual(
    [failed.peers, failed.fastestPeer, failed.ratio, failed.peerErrors],
    [{}, null, null, { eager: 'no torch' }],
  );
  const alone = entryOf({ workload: HEADLINES.prefill, kit: side([1]), peers: {}, loads }, processor);
  const table = reportTable([failed, alone]);
  assert.match(table, /decode 64 x 64, width 128, float32 +4,096 tokens\/s +failed/);
  assert.match(table, /prefill 64, width 128, float32 +1\.000 s +- +-/);
});

test('a series grows along one axis', () => {
  assert.equal(workloadText(seriesWorkload('sft', 'length', 4)), 'sft 8 x 640, width 128, float32');
  assert.equal(workloadText(seriesWorkload('decode', 'width', 8)), 'decode 16 x 64, width 1024, float32');
  assert.equal(tokensOf(seriesWorkload('decode', 'batch', 2)), 32 * 64);
});

test('the plot has a panel for each kind and axis, with a line for each side', () => {
  const { data } = scalingFigure([{ kind: 'sft', axis: 'batch', factor: 1, kit: 0.1, peer: null }]);
  assert.equal(data.length, 2 * 3 * 2);
  assert.deepEqual((data[0] as { y: unknown }).y, [0.1]);
});
