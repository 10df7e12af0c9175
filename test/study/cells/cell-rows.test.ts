/** What cells train on where their rows are changed first. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { SftCell } from '../../../lib/study/cells/cell.js';
import { cellRows } from '../../../lib/study/cells/cell-rows.js';
import type { LoadedRows } from '../../../lib/study/data/load-rows.js';
import { shuffledLabelsCell } from '../../../lib/study/design/study-grid.js';
import type { Study } from '../../../lib/study/workspace.js';
import { tinyStudy } from '../../support/tiny-study.js';

let study: Study;
let remove: () => void;
before(async () => {
  ({ study, remove } = await tinyStudy('cell-rows'));
});
after(() => remove());

const rowsOf = async (cell: SftCell) => (await cellRows(study, cell)) as LoadedRows;

test('shuffled labels: the same pictures and questions with answers of other rows, alike for every seed', async () => {
  const control = shuffledLabelsCell(study, 'counting', 1);
  const { shuffledLabels: _, ...sound } = control;
  const [dealt, own] = [await rowsOf(control), await rowsOf(sound)];
  const asked = ({ records }: LoadedRows) => records.map(({ id, problem }) => `${id} ${problem}`);
  assert.deepEqual(asked(dealt), asked(own));
  assert.deepEqual(dealt.images, own.images);
  const answers = ({ records }: LoadedRows) => records.map(({ answer }) => answer);
  assert.notDeepEqual(answers(dealt), answers(own));
  assert.deepEqual(answers(dealt).sort(), answers(own).sort());
  assert.deepEqual((await rowsOf(shuffledLabelsCell(study, 'counting', 2))).records, dealt.records);
});

test('a spoiled share: as many rows, some of them others, each with its own picture', async () => {
  const { shuffledLabels: _, ...sound } = shuffledLabelsCell(study, 'counting', 1);
  const [half, own] = [await rowsOf({ ...sound, spoiledShare: 0.5 }), await rowsOf(sound)];
  assert.deepEqual([half.records.length, half.images.length], [48, 48]);
  const images = new Map(own.records.map(({ image }, i) => [image, own.images[i]]));
  half.records.forEach(({ image }, i) => {
    assert.deepEqual(half.images[i], images.get(image));
  });
  const texts = new Set(own.records.map(({ id, cot, answer }) => `${id} ${cot} ${answer}`));
  const kept = half.records.filter(({ id, cot, answer }) => texts.has(`${id} ${cot} ${answer}`)).length;
  // 24 are expected; four standard deviations are 4 sqrt(48 / 4) = 14.
  assert.ok(kept > 24 - 14 && kept < 24 + 14, `${kept} of 48 stayed`);
});
