import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../lib/engine/random.js';
import { Tokenizer } from '../../../lib/model/tokenizer.js';
import { buildNanoTokenizer } from '../../../lib/pretrain/nano-tokenizer.js';
import { matchFunctionCalls, parseFunctionCalls } from '../../../lib/rewards/function-match.js';
import { functionMatchReward } from '../../../lib/rewards/function-reward.js';
import { sampleGridQuestion } from '../../../lib/tasks/transformation/perception.js';
import {
  DIRECTIONS,
  directionBetween,
  GRID_STEP,
  isPlace,
  isUnambiguous,
  placeOf,
  solveTransformation,
  type Transformation,
  type TransformationScenes,
  writeCalls,
} from '../../../lib/tasks/transformation/program.js';
import { rederiveTransformationRationale } from '../../../lib/tasks/transformation/rationale.js';
import {
  drawTransformation,
  sampleGridScene,
  sampleTransformationRecord,
  seenFrom,
  transformationFingerprint,
} from '../../../lib/tasks/transformation/sample.js';
import { writeTransformationSolution } from '../../../lib/tasks/transformation/solution.js';
import {
  readInitialObjects,
  transformationVocabulary,
  writeTransformationCaption,
  writeTransformationPrompt,
} from '../../../lib/tasks/transformation/wording.js';
import { visibility } from '../../../lib/tasks/world/ray-cast.js';
import type { Scene } from '../../../lib/tasks/world/scene.js';
import { projectToImage } from '../../support/project-to-image.js';

const DOMAINS = ['id', 'ood-left', 'ood-right'] as const;
const records = DOMAINS.flatMap((domain) => {
  const random = new Random(7, `test/${domain}`);
  return Array.from({ length: 150 }, (_, i) => sampleTransformationRecord(domain, `${domain}-${i}`, random));
});
const scenesOf = (record: { scene: unknown }) => record.scene as TransformationScenes;

test('transformation: answer, scene truth, rationale and scorer agree in 450 rows of 1-4 calls', () => {
  const levels = new Set<number>();
  for (const record of records) {
    assert.equal(writeCalls(solveTransformation(scenesOf(record))), record.answer);
    assert.deepEqual(rederiveTransformationRationale(record.cot, record.problem), { answer: record.answer });
    const calls = parseFunctionCalls(record.answer);
    assert.equal(record.family, `level-${calls.length}`);
    levels.add(calls.length);
    // Order does not count: the calls turned round score 1 too.
    const turned = record.answer.split(', ').reverse().join(', ');
    assert.equal(matchFunctionCalls(turned, record.answer, 'full-only'), 1);
    assert.equal(functionMatchReward({ completion: `<answer>${turned}</answer>`, row: record }), 1);
  }
  assert.deepEqual([...levels].sort(), [1, 2, 3, 4]);
});

test('transformation: two places give one of eight directions, or none off the lines', () => {
  for (const [name, [right, away]] of Object.entries(DIRECTIONS)) {
    for (const steps of [1, 2]) {
      assert.equal(directionBetween([2, 2], [2 + steps * right, 2 + steps * away]), name);
    }
  }
  assert.equal(directionBetween([0, 0], [1, 2]), undefined);
  assert.equal(directionBetween([1, 1], [1, 1]), undefined);
});

test('transformation: before and after, from every side, objects stand on the grid and show half of themselves', () => {
  for (const record of records.slice(0, 150)) {
    const { initial, final } = scenesOf(record);
    for (const scene of [initial, final]) {
      for (const object of scene.objects) {
        assert.ok(isPlace(placeOf(object)));
        assert.equal(object.x, (placeOf(object)[0] - 2) * GRID_STEP);
      }
      for (const view of ['center', 'left', 'right'] as const) {
        const { visible, alone } = visibility(seenFrom(scene, view));
        visible.forEach((pixels, i) => {
          assert.ok(pixels >= 12 && pixels >= 0.5 * alone[i]!);
        });
      }
    }
  }
});

test('transformation: the picture reaches 1.18 beyond every place from every side to two pixels, which is what a large cube needs', () => {
  const scene = sampleGridScene(new Random(2), 2);
  for (const view of ['center', 'left', 'right'] as const) {
    for (let at = 0; at < 25; at++) {
      const place = [at % 5, Math.floor(at / 5)] as const;
      if (!isPlace(place) || at === 12) continue;
      // 1.18 = 1.1 x 0.76 root 2, farther out from the middle of the grid.
      const [x, y] = [(place[0] - 2) * 1.5, (place[1] - 2) * 1.5];
      const far = 1 + 1.18 / Math.hypot(x, y);
      const [across, down] = projectToImage(seenFrom(scene, view).camera, [x * far, y * far, 0]);
      assert.ok(
        Math.max(Math.abs(across - 0.5), Math.abs(down - 0.5)) < 0.5 + 2 / 80,
        `${view}, ${place.join(' ')}: ${across} ${down}`,
      );
    }
  }
});

test('transformation: one change alters at least 10 of 6,400 pixels by 12 of 255 or more', () => {
  const random = new Random(9, 'visible');
  for (let i = 0; i < 200; i++) {
    const record = sampleTransformationRecord('id', String(i), random, { level: 1 });
    const [before, after] = drawTransformation(scenesOf(record));
    let changed = 0;
    for (let at = 0; at < before.data.length; at += 3) {
      if ([0, 1, 2].some((c) => Math.abs(before.data[at + c]! - after.data[at + c]!) >= 12)) changed++;
    }
    assert.ok(changed >= 10, `${changed} pixels change by ${record.answer}`);
  }
});

test('transformation: a move to the world’s right goes right and up from the left camera, right and down from the right one', () => {
  const scene = sampleGridScene(new Random(3), 3);
  const move = (view: 'center' | 'left' | 'right') => {
    const { camera } = seenFrom(scene, view);
    const [x0, y0] = projectToImage(camera, [0, 0, 0]);
    const [x1, y1] = projectToImage(camera, [GRID_STEP, 0, 0]);
    return [x1 - x0, y1 - y0] as const;
  };
  const [center, left, right] = [move('center'), move('left'), move('right')];
  assert.ok(center[0] > 0.1 && Math.abs(center[1]) < 0.02, `center ${center}`);
  assert.ok(left[0] > 0.05 && left[1] < -0.03, `left ${left}`);
  assert.ok(right[0] > 0.05 && right[1] > 0.03, `right ${right}`);
});

test('transformation: the camera of the final image changes nothing but the view', () => {
  const [center, left, right] = DOMAINS.map((domain) => sampleTransformationRecord(domain, 'a', new Random(5)));
  for (const other of [left!, right!]) {
    assert.equal(other.answer, center!.answer);
    assert.equal(other.cot, center!.cot);
    assert.deepEqual(scenesOf(other).final.objects, scenesOf(center!).final.objects);
    const drawn = [drawTransformation(scenesOf(center!)), drawTransformation(scenesOf(other))] as const;
    assert.deepEqual(drawn[1][0].data, drawn[0][0].data);
    assert.notDeepEqual(drawn[1][1].data, drawn[0][1].data);
  }
  // The left camera's eye stands at x = -16 sin 45 deg, the right one's at +16 sin 45 deg; jitter is at most 0.15.
  assert.ok(Math.abs(scenesOf(left!).final.camera.eye[0] + 11.31) < 0.15);
  assert.ok(Math.abs(scenesOf(right!).final.camera.eye[0] - 11.31) < 0.15);
});

test('transformation: another answer describes two objects that swap their colours, but none describes one that is painted', () => {
  const initial: Scene = { ...sampleGridScene(new Random(4), 2) };
  const [a, b] = [initial.objects[0]!, initial.objects[1]!];
  const like = { size: 'small', material: 'rubber', shape: 'cube' } as const;
  const before = {
    ...initial,
    objects: [
      { ...a, ...like, color: 'red' as const },
      { ...b, ...like, color: 'blue' as const },
    ],
  };
  const swapped = { ...before, objects: before.objects.map((o, i) => ({ ...o, color: before.objects[1 - i]!.color })) };
  // Two recolourings, or two moves: both of 2 changes.
  assert.equal(isUnambiguous({ initial: before, final: swapped }), false);
  const painted = { ...before, objects: [{ ...before.objects[0]!, color: 'green' as const }, before.objects[1]!] };
  assert.equal(isUnambiguous({ initial: before, final: painted }), true);
});

test('transformation: the same stream gives the same rows; 450 rows hold 450 scenes; up to 10 objects, no more', () => {
  const again = new Random(7, 'test/ood-left');
  for (const record of records.slice(150, 170)) {
    assert.deepEqual(sampleTransformationRecord('ood-left', record.id, again), record);
  }
  assert.equal(new Set(records.map((record) => transformationFingerprint(scenesOf(record)))).size, 450);
  const ten = sampleTransformationRecord('id', 'ten', new Random(1), { level: 4, objects: [10, 10] });
  assert.equal(readInitialObjects(ten.problem).length, 10);
  assert.throws(() => sampleTransformationRecord('id', 'x', new Random(1), { objects: [3, 11] }), /1 to 10/);
});

test('transformation: every kind of change makes 15 to 25 % of all', () => {
  const changes = records.flatMap((record) => record.program as Transformation[]);
  for (const kind of ['size', 'color', 'material', 'shape', 'position']) {
    const share = changes.filter((change) => change.kind === kind).length / changes.length;
    assert.ok(share >= 0.15 && share <= 0.25, `${kind}: ${share}`);
  }
});

test('transformation: change_color(0,red) is six tokens; no word of any text is spelled in bytes', () => {
  const files = buildNanoTokenizer([...transformationVocabulary(), 'Describe']);
  const tokenizer = new Tokenizer(files.tokenizer, files.tokenizerConfig);
  assert.equal(tokenizer.encode('change_color(0,red)').length, 6);
  assert.equal(tokenizer.encode('change_position(0,front_left)').length, 7);
  const random = new Random(8);
  for (const record of records) {
    const short = sampleGridQuestion(scenesOf(record).initial, random);
    const solution = writeTransformationSolution(scenesOf(record));
    const texts = [solution, record.answer, writeTransformationCaption(scenesOf(record).initial), short.question];
    for (const text of [
      ...texts,
      ...(['think', 'direct', 'bare'] as const).map((s) => writeTransformationPrompt(record.problem, s)),
    ]) {
      for (const id of tokenizer.encode(text)) {
        const piece = tokenizer.decode([id]);
        assert.ok(!/^ ?[A-Za-z]$/.test(piece), `'${piece}' is a single letter of '${text}'`);
      }
    }
  }
});
