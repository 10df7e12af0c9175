import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { Random } from '../../../lib/engine/random.js';
import { liftFromImage } from '../../../lib/tasks/world/camera.js';
import { drawScene, visibility } from '../../../lib/tasks/world/ray-cast.js';
import { OBJECT_COUNTS, sampleScene } from '../../../lib/tasks/world/sample-scene.js';
import { type Scene, type SceneObject, sceneFingerprint } from '../../../lib/tasks/world/scene.js';
import { projectToImage } from '../../support/project-to-image.js';

const LOOKS = ['blocks', 'vehicles'] as const;
const CAMERA = {
  eye: [0, -15, 12.6] as [number, number, number],
  target: [0, 0, 0.3] as [number, number, number],
  fieldOfView: 25.5,
};
const SPHERE: SceneObject = { size: 'large', color: 'red', material: 'rubber', shape: 'sphere', x: 0, y: 0, yaw: 0 };

function sceneOf(...objects: SceneObject[]): Scene {
  return { look: 'blocks', objects, camera: CAMERA, light: [0, 0, 1], grain: 5 };
}

function pixel(scene: Scene, across: number, down: number): [number, number, number] {
  const { data, width } = drawScene(scene);
  const at = 3 * (Math.floor(down * 64) * width + Math.floor(across * 64));
  return [data[at]!, data[at + 1]!, data[at + 2]!];
}

test('camera: a point goes to the image and back; what it looks at is in the middle', () => {
  const middle = projectToImage(CAMERA, CAMERA.target);
  assert.ok(Math.abs(middle[0] - 0.5) < 1e-12 && Math.abs(middle[1] - 0.5) < 1e-12);
  const [x, y, z] = liftFromImage(CAMERA, 0.2, 0.7, 0.4);
  const [across, down] = projectToImage(CAMERA, [x, y, z]);
  assert.ok(Math.abs(across - 0.2) < 1e-12 && Math.abs(down - 0.7) < 1e-12 && z === 0.4);
  // To the right in the world is to the right in the image; farther away is higher up.
  assert.ok(projectToImage(CAMERA, [1, 0, 0])[0] > 0.5);
  assert.ok(projectToImage(CAMERA, [0, 1, 0.3])[1] < 0.5);
});

test('ray caster: objects have their colours, and the nearer hides the farther', () => {
  const [r, g, b] = pixel(sceneOf(SPHERE), ...projectToImage(CAMERA, [0, 0, 1.03]));
  assert.ok(r > 2 * g && r > 2 * b, `a red sphere, got ${r} ${g} ${b}`);
  const hidden = sceneOf({ ...SPHERE, size: 'small', y: 2.2 }, { ...SPHERE, color: 'blue', y: 0 });
  const [alone] = visibility(sceneOf(hidden.objects[0]!)).visible;
  const seen = visibility(hidden);
  assert.equal(seen.alone[0], alone);
  assert.ok(seen.visible[0]! < alone!, 'the blue sphere in front hides some of it');
  assert.equal(seen.visible[1], seen.alone[1]);
});

test('ray caster: a sphere covers the disc that perspective says', () => {
  // Radius 0.98 x 1.16 = 1.1368 at distance d from the eye: half-angle asin(r / d), the image reaches tan(12.75 deg) over 32 pixels.
  const d = Math.hypot(15, 12.6 - 1.1368);
  const radius = (Math.tan(Math.asin(1.1368 / d)) / Math.tan((12.75 * Math.PI) / 180)) * 32;
  const area = Math.PI * radius * radius;
  const [pixels] = visibility(sceneOf(SPHERE)).visible;
  assert.ok(Math.abs(pixels! - area) < 0.05 * area, `${pixels} pixels, expected ${area.toFixed(0)}`);
});

test('ray caster: glass lets the pale ground through, so a red one has more green than a red rubber one', () => {
  const at = projectToImage(CAMERA, [0, 0, 1.03]);
  const [, rubber] = pixel(sceneOf(SPHERE), ...at);
  const [red, glass] = pixel(sceneOf({ ...SPHERE, material: 'glass' }), ...at);
  assert.ok(glass > 1.5 * rubber && red > 1.3 * glass, `green ${glass} through glass, ${rubber} on rubber; red ${red}`);
});

test('ray caster: sizes grow from small to medium to large, by the scene’s own scales where it has some', () => {
  const pixels = (size: SceneObject['size'], scales?: Scene['scales']) =>
    visibility({ ...sceneOf({ ...SPHERE, size }), scales }).visible[0]!;
  assert.ok(pixels('small') < pixels('medium') && pixels('medium') < pixels('large'));
  assert.equal(pixels('small', { small: 1.16, medium: 1, large: 1 }), pixels('large'));
});

test('ray caster: the ground under an object that the light meets first is darker', () => {
  const light: Scene['light'] = [-0.6, 0, 0.8];
  const scene = { ...sceneOf(SPHERE), light };
  // The shadow of the sphere's middle, at height h, falls h * 0.6 / 0.8 to the right.
  const [across, down] = projectToImage(CAMERA, [1.1368 * 0.75 + 0.75, 0, 0]);
  const [shaded] = pixel(scene, across, down);
  const [lit] = pixel({ ...scene, objects: [] }, across, down);
  assert.ok(shaded < 0.8 * lit, `${shaded} in shadow, ${lit} in light`);
});

for (const look of LOOKS) {
  test(`${look}: the same seed draws the same pixels, another grain does not, and images may be larger`, () => {
    const checksum = (seed: number) =>
      createHash('sha256')
        .update(drawScene(sampleScene(look, new Random(seed))).data)
        .digest('hex');
    assert.equal(checksum(3), checksum(3));
    assert.notEqual(checksum(3), checksum(4));
    const scene = sampleScene(look, new Random(3));
    assert.notDeepEqual(drawScene(scene).data, drawScene({ ...scene, grain: scene.grain + 1 }).data);
    const big = drawScene(scene, 128);
    assert.deepEqual([big.width, big.height, big.data.length], [128, 128, 128 * 128 * 3]);
  });

  test(`${look}: every object of a sampled scene shows at least 24 pixels and half of itself`, () => {
    const random = new Random(5, look);
    for (let i = 0; i < 60; i++) {
      const scene = sampleScene(look, random);
      const [fewest, most] = OBJECT_COUNTS[look];
      assert.ok(scene.objects.length >= fewest && scene.objects.length <= most);
      const seen = visibility(scene);
      seen.visible.forEach((pixels, k) => {
        assert.ok(pixels >= 24 && pixels >= 0.5 * seen.alone[k]!, `object ${k} of scene ${i} shows ${pixels} pixels`);
      });
    }
  });
}

test('fingerprint: the order of objects, light and grain do not count; an attribute and a place do', () => {
  const scene = sampleScene('blocks', new Random(6));
  const mark = sceneFingerprint(scene);
  assert.equal(sceneFingerprint({ ...scene, objects: [...scene.objects].reverse(), grain: 0 }), mark);
  const [first, ...rest] = scene.objects as [SceneObject, ...SceneObject[]];
  const recoloured = { ...first, color: first.color === 'red' ? 'blue' : 'red' } as const;
  assert.notEqual(sceneFingerprint({ ...scene, objects: [recoloured, ...rest] }), mark);
  assert.notEqual(sceneFingerprint({ ...scene, objects: [{ ...first, x: first.x + 0.5 }, ...rest] }), mark);
});
