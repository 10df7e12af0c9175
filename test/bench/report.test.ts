import assert from 'node:assert/strict';
import { test } from 'node:test';
import { entryOf, reportTable, scalingFigure } from '../../lib/bench/report.js';
import { HEADLINES, seriesWorkload, tokensOf, workloadText } from '../../lib/bench/workload.js';

const side = (samples: number[]) => ({ samples, peakMegabytes: 100 });

test('SFT: medians 0.2 s and 0.5 s of 32 x 160 tokens are 25,600 and 10,240 tokens/s, 2.5 times as fast', () => {
  const entry = entryOf({ workload: HEADLINES.sft, kit: side([0.1, 0.2, 0.9]), peer: side([0.5, 0.4, 0.6]) });
  assert.equal(entry.value, 25600);
  assert.equal(entry.peer, 10240);
  assert.equal(entry.ratio, 2.5);
  // The fastest samples: 0.4 s against 0.1 s.
  assert.equal(entry.fastestRatio, 4);
  assert.equal(entry.unit, 'tokens/s');
});

test('GRPO is reported in seconds, with the seconds of its rollout', () => {
  const kit = { ...side([0.4, 0.5, 0.6]), rolloutSeconds: [0.1, 0.2, 0.1] };
  const entry = entryOf({ workload: HEADLINES.grpo, kit, peer: side([1]) });
  assert.deepEqual([entry.value, entry.unit, entry.ratio, entry.rolloutSeconds], [0.5, 's', 2, 0.1]);
});

test('a peer that failed or is not there leaves no ratio, and the table says so', () => {
  const failed = entryOf({ workload: HEADLINES.decode, kit: side([1]), peer: { error: 'no torch' } });
  assert.deepEqual([failed.peer, failed.ratio, failed.peerError], [null, null, 'no torch']);
  const alone = entryOf({ workload: HEADLINES.prefill, kit: side([1]) });
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
