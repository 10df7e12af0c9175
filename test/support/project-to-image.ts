/** Where a camera shows a point: what pictures are checked by. */
import { cameraFrame } from '../../lib/tasks/world/camera.js';
import type { SceneCamera, Vec3 } from '../../lib/tasks/world/scene.js';

/** The place of a point in a square image: [across, down], 0-1 from the top left corner. */
export function projectToImage(camera: SceneCamera, point: Vec3): [number, number] {
  const { right, up, forward, reach } = cameraFrame(camera);
  const along = (axis: Vec3) => axis.reduce((sum, value, i) => sum + value * (point[i]! - camera.eye[i]!), 0);
  const depth = along(forward) * reach;
  return [0.5 + along(right) / depth / 2, 0.5 - along(up) / depth / 2];
}
