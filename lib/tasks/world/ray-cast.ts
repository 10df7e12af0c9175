/** Draws a scene by casting rays against its analytic solids: perspective, occlusion, shading, shadows, texture, grain. */
import type { RgbImage } from '../../data/image.js';
import { Random } from '../../engine/random.js';
import { cameraFrame } from './camera.js';
import type { ObjectMaterial, Scene, SceneObject, Vec3 } from './scene.js';
import { COLOR_RGB, SHAPE_SOLIDS, SIZE_SCALE, type Solid } from './solids.js';

/** How much of each object the picture shows, in pixels, fractions included. */
export interface Visibility {
  /** Where the object is what is seen. */
  visible: number[];
  /** Where it would be seen if it stood alone. */
  alone: number[];
}

/** A solid in its object, prepared for rays: the object's place and turn, and the solid's own frame inside. */
interface Body {
  object: number;
  kind: Solid['kind'];
  alongY: boolean;
  center: Vec3;
  half: Vec3;
  color: Vec3;
  material: ObjectMaterial;
}

interface Placed {
  x: number;
  y: number;
  scale: number;
  cos: number;
  sin: number;
  bodies: Body[];
  /** A sphere around the object. */
  middle: Vec3;
  radius: number;
}

/** A ray's nearest meeting with a body: distance, outward normal in the object's frame, and the body. */
interface Hit {
  t: number;
  nx: number;
  ny: number;
  nz: number;
  body: Body | undefined;
  placed: Placed | undefined;
}

/** Light that comes from everywhere, and how much the sun adds. */
const AMBIENT = 0.42;
const DIFFUSE = 0.72;
/** How dark the ground is in shadow. */
const SHADOW = 0.52;

/**
 * Draws a scene as a square image.
 *
 * @param size pixels a side
 * @param samples rays a side of each pixel, averaged
 */
export function drawScene(scene: Scene, size = 64, samples = 2): RgbImage {
  const placed = scene.objects.map(place);
  const grain = new Random(scene.grain, 'grain');
  const paint = groundPainter(scene, placed);
  const data = new Uint8Array(size * size * 3);
  const share = 255 / (samples * samples);
  const hit: Hit = { t: 0, nx: 0, ny: 0, nz: 0, body: undefined, placed: undefined };
  const noise = scene.look === 'vehicles' ? 9 : 4;
  const color: Vec3 = [0, 0, 0];
  castPixels(scene, placed, size, samples, (at, near, rays) => {
    let r = 0;
    let g = 0;
    let b = 0;
    for (const [dx, dy, dz] of rays) {
      hit.t = Number.POSITIVE_INFINITY;
      hit.body = undefined;
      for (const i of near) meet(placed[i]!, scene.camera.eye, dx, dy, dz, hit);
      if (hit.body) shade(hit, dx, dy, dz, scene.light, color);
      else paint(dx, dy, dz, color);
      r += color[0];
      g += color[1];
      b += color[2];
    }
    const speck = noise * (grain.uniform() + grain.uniform() - 1);
    data[3 * at] = byte(r * share + speck);
    data[3 * at + 1] = byte(g * share + speck);
    data[3 * at + 2] = byte(b * share + speck);
  });
  return { width: size, height: size, data };
}

/** How much of each object a picture of `size` x `size` pixels shows, by one ray a pixel. */
export function visibility(scene: Scene, size = 64): Visibility {
  const placed = scene.objects.map(place);
  const seen: Visibility = { visible: scene.objects.map(() => 0), alone: scene.objects.map(() => 0) };
  const hit: Hit = { t: 0, nx: 0, ny: 0, nz: 0, body: undefined, placed: undefined };
  castPixels(scene, placed, size, 1, (_, near, [ray]) => {
    let nearest = Number.POSITIVE_INFINITY;
    let front = -1;
    for (const i of near) {
      hit.t = Number.POSITIVE_INFINITY;
      meet(placed[i]!, scene.camera.eye, ray![0], ray![1], ray![2], hit);
      if (hit.t === Number.POSITIVE_INFINITY) continue;
      seen.alone[i]!++;
      if (hit.t < nearest) {
        nearest = hit.t;
        front = i;
      }
    }
    if (front >= 0) seen.visible[front]!++;
  });
  return seen;
}

/** Calls `visit` for each pixel with its index, the objects that may be seen there and the directions of its rays. */
function castPixels(
  scene: Scene,
  placed: Placed[],
  size: number,
  samples: number,
  visit: (at: number, near: readonly number[], rays: readonly Vec3[]) => void,
): void {
  const { forward, right, up, reach } = cameraFrame(scene.camera);
  const boxes = placed.map((each) => screenBox(each, scene, size));
  const rays: Vec3[] = Array.from({ length: samples * samples }, () => [0, 0, 0]);
  const near: number[] = [];
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      near.length = 0;
      boxes.forEach(([left, top, rightmost, bottom], i) => {
        if (column >= left && column <= rightmost && row >= top && row <= bottom) near.push(i);
      });
      rays.forEach((ray, s) => {
        const u = ((2 * (column + ((s % samples) + 0.5) / samples)) / size - 1) * reach;
        const v = (1 - (2 * (row + (Math.floor(s / samples) + 0.5) / samples)) / size) * reach;
        for (let i = 0; i < 3; i++) ray[i] = forward[i]! + u * right[i]! + v * up[i]!;
      });
      visit(row * size + column, near, rays);
    }
  }
}

function byte(x: number): number {
  return Math.max(0, Math.min(255, Math.round(x)));
}

function place(object: SceneObject, index: number): Placed {
  const scale = SIZE_SCALE[object.size];
  const solids = SHAPE_SOLIDS[object.shape];
  const bodies = solids.map(
    (solid): Body => ({
      object: index,
      kind: solid.kind,
      alongY: solid.axis === 'y',
      center: solid.center,
      half: solid.half,
      color: solid.paint ?? COLOR_RGB[object.color],
      material: object.material,
    }),
  );
  const top = Math.max(...solids.map((s) => s.center[2] + s.half[2]));
  const reach = Math.max(
    ...solids.map((s) => Math.hypot(Math.abs(s.center[0]) + s.half[0], Math.abs(s.center[1]) + s.half[1])),
  );
  return {
    x: object.x,
    y: object.y,
    scale,
    cos: Math.cos(object.yaw),
    sin: Math.sin(object.yaw),
    bodies,
    middle: [object.x, object.y, (scale * top) / 2],
    radius: scale * Math.hypot(reach, top / 2),
  };
}

/** The part of the image, in pixels, outside which an object is not seen: [left, top, right, bottom]. */
function screenBox({ middle, radius }: Placed, scene: Scene, size: number): [number, number, number, number] {
  const { right, up, forward, reach } = cameraFrame(scene.camera);
  const v = middle.map((m, i) => m - scene.camera.eye[i]!);
  const along = (axis: Vec3) => v[0]! * axis[0] + v[1]! * axis[1] + v[2]! * axis[2];
  const depth = along(forward);
  const scale = size / 2 / reach / Math.max(0.1, depth - radius);
  const x = size / 2 + (along(right) / depth / reach) * (size / 2);
  const y = size / 2 - (along(up) / depth / reach) * (size / 2);
  return [
    Math.floor(x - radius * scale),
    Math.floor(y - radius * scale),
    Math.ceil(x + radius * scale),
    Math.ceil(y + radius * scale),
  ];
}

/** Keeps in `hit` the nearest meeting of a ray with the object's bodies. */
function meet(o: Placed, [ex, ey, ez]: Vec3, dx: number, dy: number, dz: number, hit: Hit): void {
  const mx = o.middle[0] - ex;
  const my = o.middle[1] - ey;
  const mz = o.middle[2] - ez;
  const dd = dx * dx + dy * dy + dz * dz;
  const md = mx * dx + my * dy + mz * dz;
  if (mx * mx + my * my + mz * mz - (md * md) / dd > o.radius * o.radius) return;
  // Into the object's frame: shift, turn back by yaw, divide by its scale. The distance t stays the world's.
  const sx = ex - o.x;
  const sy = ey - o.y;
  const ox = (sx * o.cos + sy * o.sin) / o.scale;
  const oy = (sy * o.cos - sx * o.sin) / o.scale;
  const oz = ez / o.scale;
  const rx = (dx * o.cos + dy * o.sin) / o.scale;
  const ry = (dy * o.cos - dx * o.sin) / o.scale;
  const rz = dz / o.scale;
  for (const body of o.bodies) {
    const [hx, hy, hz] = body.half;
    const px = (ox - body.center[0]) / hx;
    const py = (oy - body.center[1]) / hy;
    const pz = (oz - body.center[2]) / hz;
    const qx = rx / hx;
    const qy = ry / hy;
    const qz = rz / hz;
    if (body.kind === 'box') meetBox(o, body, px, py, pz, qx, qy, qz, hit);
    else if (body.kind === 'ellipsoid') meetEllipsoid(o, body, px, py, pz, qx, qy, qz, hit);
    else if (body.alongY) meetCylinder(o, body, px, pz, py, qx, qz, qy, hit);
    else meetCylinder(o, body, px, py, pz, qx, qy, qz, hit);
  }
}

function keep(o: Placed, body: Body, t: number, nx: number, ny: number, nz: number, hit: Hit): void {
  hit.t = t;
  hit.nx = nx / body.half[0];
  hit.ny = ny / body.half[1];
  hit.nz = nz / body.half[2];
  hit.body = body;
  hit.placed = o;
}

/** The unit sphere. */
function meetEllipsoid(
  o: Placed,
  body: Body,
  px: number,
  py: number,
  pz: number,
  qx: number,
  qy: number,
  qz: number,
  hit: Hit,
): void {
  const a = qx * qx + qy * qy + qz * qz;
  const b = px * qx + py * qy + pz * qz;
  const c = px * px + py * py + pz * pz - 1;
  const root = b * b - a * c;
  if (root <= 0) return;
  const t = (-b - Math.sqrt(root)) / a;
  if (t > 1e-6 && t < hit.t) keep(o, body, t, px + t * qx, py + t * qy, pz + t * qz, hit);
}

/** The cube from -1 to 1, by slabs. */
function meetBox(
  o: Placed,
  body: Body,
  px: number,
  py: number,
  pz: number,
  qx: number,
  qy: number,
  qz: number,
  hit: Hit,
): void {
  let near = -Infinity;
  let far = Infinity;
  let axis = 0;
  for (let i = 0; i < 3; i++) {
    const p = i === 0 ? px : i === 1 ? py : pz;
    const q = i === 0 ? qx : i === 1 ? qy : qz;
    const t1 = (-1 - p) / q;
    const t2 = (1 - p) / q;
    const enter = t1 < t2 ? t1 : t2;
    const leave = t1 < t2 ? t2 : t1;
    if (enter > near) {
      near = enter;
      axis = i;
    }
    if (leave < far) far = leave;
  }
  if (near >= far || near <= 1e-6 || near >= hit.t) return;
  const q = axis === 0 ? qx : axis === 1 ? qy : qz;
  const side = q > 0 ? -1 : 1;
  keep(o, body, near, axis === 0 ? side : 0, axis === 1 ? side : 0, axis === 2 ? side : 0, hit);
}

/** The cylinder of radius 1 about the third axis given, from -1 to 1 along it. */
function meetCylinder(
  o: Placed,
  body: Body,
  pa: number,
  pb: number,
  pc: number,
  qa: number,
  qb: number,
  qc: number,
  hit: Hit,
): void {
  const store = (t: number, na: number, nb: number, nc: number) =>
    body.alongY ? keep(o, body, t, na, nc, nb, hit) : keep(o, body, t, na, nb, nc, hit);
  const a = qa * qa + qb * qb;
  const b = pa * qa + pb * qb;
  const c = pa * pa + pb * pb - 1;
  const root = b * b - a * c;
  if (root <= 0) return;
  const wall = (-b - Math.sqrt(root)) / a;
  if (wall > 1e-6 && wall < hit.t && Math.abs(pc + wall * qc) <= 1) {
    store(wall, pa + wall * qa, pb + wall * qb, 0);
    return;
  }
  const side = qc > 0 ? -1 : 1;
  const cap = (side - pc) / qc;
  const x = pa + cap * qa;
  const y = pb + cap * qb;
  if (cap > 1e-6 && cap < hit.t && x * x + y * y <= 1) store(cap, 0, 0, side);
}

/** The colour of a surface: matte rubber, or metal with a sharp highlight and the sky and ground mirrored in it. */
function shade(hit: Hit, dx: number, dy: number, dz: number, light: Vec3, color: Vec3): void {
  const { placed, body } = hit as { placed: Placed; body: Body };
  let nx = hit.nx * placed.cos - hit.ny * placed.sin;
  let ny = hit.nx * placed.sin + hit.ny * placed.cos;
  let nz = hit.nz;
  const length = Math.sqrt(nx * nx + ny * ny + nz * nz);
  nx /= length;
  ny /= length;
  nz /= length;
  const sun = Math.max(0, nx * light[0] + ny * light[1] + nz * light[2]);
  const along = 2 * (dx * nx + dy * ny + dz * nz);
  const size = Math.sqrt(dx * dx + dy * dy + dz * dz);
  const mx = (dx - along * nx) / size;
  const my = (dy - along * ny) / size;
  const mz = (dz - along * nz) / size;
  const gleam = Math.max(0, mx * light[0] + my * light[1] + mz * light[2]);
  const metal = body.material === 'metal';
  const lit = AMBIENT + DIFFUSE * sun;
  const spark = metal ? 0.95 * gleam ** 18 : 0.06 * gleam ** 4;
  // A mirrored horizon: bright above, dark below, which bends with the surface and tells metal from rubber.
  const mirror = metal ? (mz > 0.15 ? 0.5 : mz > -0.1 ? 0.1 : -0.22) : 0;
  for (let i = 0; i < 3; i++)
    color[i] = Math.min(1, Math.max(0, body.color[i]! * lit * (1 + mirror) + (metal ? 0.12 * mirror : 0) + spark));
}

/** Paints what a ray meets that meets no object: the ground, with shadows, and the backdrop far behind. */
function groundPainter(scene: Scene, placed: Placed[]): (dx: number, dy: number, dz: number, color: Vec3) => void {
  const shadow: Hit = { t: 0, nx: 0, ny: 0, nz: 0, body: undefined, placed: undefined };
  const [lx, ly, lz] = scene.light;
  const grass = scene.look === 'vehicles';
  const phase = (scene.grain % 1000) / 7;
  const eye = scene.camera.eye;
  const point: Vec3 = [0, 0, 0];
  return (dx, dy, dz, color) => {
    if (dz > -1e-3) {
      color[0] = color[1] = color[2] = 0.6;
      return;
    }
    const t = -eye[2] / dz;
    const x = eye[0] + t * dx;
    const y = eye[1] + t * dy;
    point[0] = x;
    point[1] = y;
    shadow.t = Number.POSITIVE_INFINITY;
    shadow.body = undefined;
    for (const each of placed) {
      if (shadow.body) break;
      meet(each, point, lx, ly, lz, shadow);
    }
    const dim = shadow.body ? SHADOW : 1;
    const distance = Math.min(1, Math.max(0, t * 0.055 - 0.85));
    if (grass) {
      const blades =
        0.5 +
        0.25 * Math.sin(5.1 * x + phase) * Math.sin(4.3 * y - phase) +
        0.25 * Math.sin(11 * x - 9 * y + 2 * phase);
      const tone = (0.72 + 0.34 * blades) * dim;
      color[0] = tone * (0.36 + 0.1 * distance);
      color[1] = tone * (0.52 + 0.06 * distance);
      color[2] = tone * (0.27 + 0.12 * distance);
    } else {
      const tone = (0.74 - 0.2 * distance) * dim;
      color[0] = tone;
      color[1] = tone;
      color[2] = tone * 1.01;
    }
  };
}
