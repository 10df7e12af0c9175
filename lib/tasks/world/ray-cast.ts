/** The ray caster: it draws a scene, and measures how much of each object the camera sees. */

import type { RgbImage } from '../../records/image.js';
import { cameraFrame } from './camera.js';
import type { Board, Look, Scene, Vec3 } from './scene.js';
import { COLOR_RGB, SHAPE_SOLIDS, sizeScale } from './solids.js';

/** What stays the same in all images of a look: ground, sky, light and grain. Colours are 0-1. */
const LOOKS: Record<
  Look,
  { ground: Vec3; texture: number; sky: Vec3; ambient: number; diffuse: number; shade: number; grain: number }
> = {
  blocks: {
    ground: [0.74, 0.73, 0.71],
    texture: 0.02,
    sky: [0.8, 0.82, 0.86],
    ambient: 0.42,
    diffuse: 0.66,
    shade: 0.58,
    grain: 0.012,
  },
  vehicles: {
    ground: [0.56, 0.68, 0.42],
    texture: 0.13,
    sky: [0.62, 0.75, 0.9],
    ambient: 0.5,
    diffuse: 0.62,
    shade: 0.6,
    grain: 0.035,
  },
};

const ELLIPSOID = 0;
const BOX = 1;
const CYLINDER = 2;
const KINDS = { ellipsoid: ELLIPSOID, box: BOX, cylinder: CYLINDER };

/** Numbers kept for a solid: centre 0-2, axes 3-11 (rows), half extents 12-14, radius of the bounding sphere 15. */
const STRIDE = 16;

/** A scene's solids in flat arrays, in world units. */
interface Solids {
  count: number;
  geometry: Float64Array;
  kind: Uint8Array;
  /** The object that a solid belongs to. */
  owner: Uint8Array;
  metal: Uint8Array;
  glass: Uint8Array;
  paint: Float64Array;
}

function placeSolids(scene: Scene): Solids {
  const parts = scene.objects.flatMap((object, owner) =>
    SHAPE_SOLIDS[object.shape].map((solid) => ({ object, owner, solid })),
  );
  const solids: Solids = {
    count: parts.length,
    geometry: new Float64Array(parts.length * STRIDE),
    kind: new Uint8Array(parts.length),
    owner: new Uint8Array(parts.length),
    metal: new Uint8Array(parts.length),
    glass: new Uint8Array(parts.length),
    paint: new Float64Array(parts.length * 3),
  };
  parts.forEach(({ object, owner, solid }, i) => {
    const scale = scene.scales?.[object.size] ?? sizeScale(object);
    const c = Math.cos(object.yaw);
    const s = Math.sin(object.yaw);
    const [x, y, z] = solid.center;
    const [hx, hy, hz] = solid.half;
    // A cylinder's own axis is its third, so one that lies along y swaps its last two.
    const lying = solid.axis === 'y';
    const axes = lying ? [c, s, 0, 0, 0, 1, -s, c, 0] : [c, s, 0, -s, c, 0, 0, 0, 1];
    const half = lying ? [hx, hz, hy] : [hx, hy, hz];
    const radius =
      solid.kind === 'ellipsoid'
        ? Math.max(hx, hy, hz)
        : solid.kind === 'box'
          ? Math.sqrt(hx * hx + hy * hy + hz * hz)
          : Math.sqrt(Math.max(half[0]!, half[1]!) ** 2 + half[2]! ** 2);
    solids.geometry.set(
      [
        object.x + scale * (c * x - s * y),
        object.y + scale * (s * x + c * y),
        scale * z,
        ...axes,
        ...half.map((h) => h * scale),
        radius * scale,
      ],
      i * STRIDE,
    );
    solids.kind[i] = KINDS[solid.kind];
    solids.owner[i] = owner;
    solids.metal[i] = object.material === 'metal' && !solid.paint ? 1 : 0;
    solids.glass[i] = object.material === 'glass' && !solid.paint ? 1 : 0;
    solids.paint.set(solid.paint ?? COLOR_RGB[object.color], i * 3);
  });
  return solids;
}

/**
 * The distance along the ray o + t d, in units of d, to the unit sphere, the cube of half edge 1 or the cylinder of
 * radius 1 and half height 1, from outside; Infinity when the ray misses it.
 */
function hitUnit(kind: number, ox: number, oy: number, oz: number, dx: number, dy: number, dz: number): number {
  if (kind === ELLIPSOID) {
    const a = dx * dx + dy * dy + dz * dz;
    const b = ox * dx + oy * dy + oz * dz;
    const disc = b * b - a * (ox * ox + oy * oy + oz * oz - 1);
    return disc < 0 ? Infinity : (-b - Math.sqrt(disc)) / a;
  }
  // Entry and exit of the slab |z| <= 1; the other two are slabs (box) or a round side (cylinder).
  const z1 = (-1 - oz) / dz;
  const z2 = (1 - oz) / dz;
  let near = Math.min(z1, z2);
  let far = Math.max(z1, z2);
  if (kind === BOX) {
    const x1 = (-1 - ox) / dx;
    const x2 = (1 - ox) / dx;
    const y1 = (-1 - oy) / dy;
    const y2 = (1 - oy) / dy;
    near = Math.max(near, Math.min(x1, x2), Math.min(y1, y2));
    far = Math.min(far, Math.max(x1, x2), Math.max(y1, y2));
  } else {
    const a = dx * dx + dy * dy;
    const b = ox * dx + oy * dy;
    const disc = b * b - a * (ox * ox + oy * oy - 1);
    if (disc < 0) return Infinity;
    const root = Math.sqrt(disc);
    near = Math.max(near, (-b - root) / a);
    far = Math.min(far, (-b + root) / a);
  }
  return near <= far ? near : Infinity;
}

/** The nearest solid at each sample of a square grid over the image, and what each object covers. */
interface Cast {
  /** Samples a side. */
  side: number;
  /** The nearest solid of each sample; -1 for none. */
  solid: Int16Array;
  /** Its depth; Infinity for none. */
  depth: Float64Array;
  /** Samples that each object would cover if it stood alone. */
  covered: Float64Array;
  /** Samples in which each object is seen. */
  seen: Float64Array;
}

function castRays(scene: Scene, solids: Solids, side: number): Cast {
  const { right, up, forward, reach } = cameraFrame(scene.camera);
  const [ex, ey, ez] = scene.camera.eye;
  const solid = new Int16Array(side * side).fill(-1);
  const depth = new Float64Array(side * side).fill(Infinity);
  const stamp = new Int16Array(side * side).fill(-1);
  const covered = new Float64Array(scene.objects.length);
  const seen = new Float64Array(scene.objects.length);
  const g = solids.geometry;
  const step = (2 * reach) / side;
  for (let i = 0; i < solids.count; i++) {
    const k = i * STRIDE;
    const vx = ex - g[k]!;
    const vy = ey - g[k + 1]!;
    const vz = ez - g[k + 2]!;
    // The box in the image that surely holds the solid: its bounding sphere, at its nearest depth.
    const away = -(vx * forward[0] + vy * forward[1] + vz * forward[2]);
    const radius = g[k + 15]!;
    if (away <= radius) continue;
    const cu = -(vx * right[0] + vy * right[1] + vz * right[2]) / away;
    const cv = -(vx * up[0] + vy * up[1] + vz * up[2]) / away;
    const spread = (radius / (away - radius)) * (1 + Math.abs(cu) + Math.abs(cv));
    const left = Math.max(0, Math.floor((cu - spread + reach) / step));
    const rightmost = Math.min(side - 1, Math.ceil((cu + spread + reach) / step));
    const top = Math.max(0, Math.floor((reach - cv - spread) / step));
    const bottom = Math.min(side - 1, Math.ceil((reach - cv + spread) / step));
    // The ray in the solid's own frame is linear in the place in the image, so its three parts are turned only once.
    const local = (x: number, y: number, z: number, axis: number): number =>
      (x * g[k + 3 + 3 * axis]! + y * g[k + 4 + 3 * axis]! + z * g[k + 5 + 3 * axis]!) / g[k + 12 + axis]!;
    const ox = local(vx, vy, vz, 0);
    const oy = local(vx, vy, vz, 1);
    const oz = local(vx, vy, vz, 2);
    const fx = local(forward[0], forward[1], forward[2], 0);
    const fy = local(forward[0], forward[1], forward[2], 1);
    const fz = local(forward[0], forward[1], forward[2], 2);
    const rx = local(right[0], right[1], right[2], 0);
    const ry = local(right[0], right[1], right[2], 1);
    const rz = local(right[0], right[1], right[2], 2);
    const ux = local(up[0], up[1], up[2], 0);
    const uy = local(up[0], up[1], up[2], 1);
    const uz = local(up[0], up[1], up[2], 2);
    const kind = solids.kind[i]!;
    const owner = solids.owner[i]!;
    for (let row = top; row <= bottom; row++) {
      const v = reach - (row + 0.5) * step;
      const dx0 = fx + v * ux;
      const dy0 = fy + v * uy;
      const dz0 = fz + v * uz;
      for (let col = left; col <= rightmost; col++) {
        const u = (col + 0.5) * step - reach;
        const t = hitUnit(kind, ox, oy, oz, dx0 + u * rx, dy0 + u * ry, dz0 + u * rz);
        if (t === Infinity) continue;
        const sample = row * side + col;
        if (stamp[sample] !== owner) {
          stamp[sample] = owner;
          covered[owner] = covered[owner]! + 1;
        }
        if (t < depth[sample]!) {
          depth[sample] = t;
          solid[sample] = i;
        }
      }
    }
  }
  for (let sample = 0; sample < solid.length; sample++) {
    const i = solid[sample]!;
    if (i >= 0) seen[solids.owner[i]!]!++;
  }
  return { side, solid, depth, covered, seen };
}

/** How much of each object the picture shows, in pixels. */
export interface Visibility {
  /** The pixels in which the object is seen. */
  visible: number[];
  /** The pixels in which it would be seen if it stood alone. */
  alone: number[];
}

/** Measures how much of each object a picture of `size` x `size` pixels shows, by one ray a pixel. */
export function visibility(scene: Scene, size = 64): Visibility {
  const { seen, covered } = castRays(scene, placeSolids(scene), size);
  return { visible: [...seen], alone: [...covered] };
}

/** Whether something stands between a point and the light. */
function inShadow(s: Solids, px: number, py: number, pz: number, lx: number, ly: number, lz: number): boolean {
  const g = s.geometry;
  for (let i = 0; i < s.count; i++) {
    const k = i * STRIDE;
    const vx = px - g[k]!;
    const vy = py - g[k + 1]!;
    const vz = pz - g[k + 2]!;
    const b = vx * lx + vy * ly + vz * lz;
    const radius = g[k + 15]!;
    const c = vx * vx + vy * vy + vz * vz - radius * radius;
    if ((b > 0 && c > 0) || b * b < c) continue;
    const hx = 1 / g[k + 12]!;
    const hy = 1 / g[k + 13]!;
    const hz = 1 / g[k + 14]!;
    const t = hitUnit(
      s.kind[i]!,
      (vx * g[k + 3]! + vy * g[k + 4]! + vz * g[k + 5]!) * hx,
      (vx * g[k + 6]! + vy * g[k + 7]! + vz * g[k + 8]!) * hy,
      (vx * g[k + 9]! + vy * g[k + 10]! + vz * g[k + 11]!) * hz,
      (lx * g[k + 3]! + ly * g[k + 4]! + lz * g[k + 5]!) * hx,
      (lx * g[k + 6]! + ly * g[k + 7]! + lz * g[k + 8]!) * hy,
      (lx * g[k + 9]! + ly * g[k + 10]! + lz * g[k + 11]!) * hz,
    );
    if (t > 0 && t !== Infinity) return true;
  }
  return false;
}

/** The brightness of a board's ground: its tiles are lighter and darker in turn, and a dark strip lies before the front row. */
function boardShade({ tile, side }: Board, x: number, y: number): number {
  const [column, row] = [Math.floor(x / tile + side / 2), Math.floor(y / tile + side / 2)];
  if (column < 0 || column >= side || row >= side || y < -(side / 2 + 0.3) * tile) return 1;
  if (row < 0) return 0.35;
  return (column + row) % 2 === 0 ? 1.08 : 0.86;
}

/** A number in [0, 1) that depends on a cell of a lattice alone. */
function latticeNoise(x: number, y: number, seed: number): number {
  let h = Math.imul(x, 0x27d4eb2d) ^ Math.imul(y, 0x165667b1) ^ seed;
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  h = Math.imul(h ^ (h >>> 12), 0x297a2d39);
  return ((h ^ (h >>> 15)) >>> 0) / 4294967296;
}

/** Lattice noise blended smoothly between the cells' corners, in [-1, 1]. */
function smoothNoise(x: number, y: number, seed: number): number {
  const ix = Math.floor(x);
  const iy = Math.floor(y);
  const fx = (x - ix) * (x - ix) * (3 - 2 * (x - ix));
  const fy = (y - iy) * (y - iy) * (3 - 2 * (y - iy));
  const top = latticeNoise(ix, iy, seed) * (1 - fx) + latticeNoise(ix + 1, iy, seed) * fx;
  const bottom = latticeNoise(ix, iy + 1, seed) * (1 - fx) + latticeNoise(ix + 1, iy + 1, seed) * fx;
  return 2 * (top * (1 - fy) + bottom * fy) - 1;
}

/** The point of the light's disc that each of a pixel's four samples looks at, so that the edge of a shadow is soft. */
const LIGHT_SPREAD = [-0.05, 0.02, 0.04, -0.03, 0.05, 0.03, -0.02, -0.05];

/**
 * Draws a scene as a square image, with 2 x 2 rays a pixel. The same scene gives the same bytes.
 *
 * Rubber is matte, and glass lets the ground through. Metal reflects a sky that is bright above and dark at the horizon, and has a white highlight; its
 * normals are bent outwards as on rounded edges, so that flat faces show both too.
 *
 * @param size the pixels of a side; the nano model sees 64, people want more
 */
export function drawScene(scene: Scene, size = 64): RgbImage {
  const look = LOOKS[scene.look];
  const solids = placeSolids(scene);
  const rays = castRays(scene, solids, size * 2);
  const { right, up, forward, reach } = cameraFrame(scene.camera);
  const [ex, ey, ez] = scene.camera.eye;
  const [lx, ly, lz] = scene.light;
  const g = solids.geometry;
  const n = rays.side;
  const step = (2 * reach) / n;
  const sums = new Float64Array(size * size * 3);
  for (let row = 0; row < n; row++) {
    const v = reach - (row + 0.5) * step;
    for (let col = 0; col < n; col++) {
      const u = (col + 0.5) * step - reach;
      const dx = forward[0] + u * right[0] + v * up[0];
      const dy = forward[1] + u * right[1] + v * up[1];
      const dz = forward[2] + u * right[2] + v * up[2];
      const sample = row * n + col;
      const corner = 2 * ((row & 1) * 2 + (col & 1));
      const sx = lx + LIGHT_SPREAD[corner]!;
      const sy = ly + LIGHT_SPREAD[corner + 1]!;
      let red = 0;
      let green = 0;
      let blue = 0;
      const i = rays.solid[sample]!;
      if (i < 0 || solids.glass[i] === 1) {
        if (dz > -1e-3) {
          const fade = 1 - 0.4 * Math.min(1, Math.max(0, dz) * 3);
          red = look.sky[0] * fade;
          green = look.sky[1] * fade;
          blue = look.sky[2];
        } else {
          const t = -ez / dz;
          const px = ex + t * dx;
          const py = ey + t * dy;
          const far = Math.sqrt(px * px + py * py);
          const patches =
            smoothNoise(px * 0.6, py * 0.6, scene.grain) + smoothNoise(px * 3.1, py * 3.1, scene.grain + 1);
          let light = 1.06 - 0.012 * far + look.texture * patches;
          if (scene.board) light *= boardShade(scene.board, px, py);
          if (inShadow(solids, px, py, 0, sx, sy, lz)) light *= look.shade;
          red = look.ground[0] * light;
          green = look.ground[1] * light;
          blue = look.ground[2] * light;
        }
      }
      if (i >= 0) {
        const [behindRed, behindGreen, behindBlue] = [red, green, blue];
        const k = i * STRIDE;
        const t = rays.depth[sample]!;
        const px = ex + t * dx;
        const py = ey + t * dy;
        const pz = ez + t * dz;
        const vx = px - g[k]!;
        const vy = py - g[k + 1]!;
        const vz = pz - g[k + 2]!;
        // The place on the unit solid, which tells the face and so the normal.
        const qx = (vx * g[k + 3]! + vy * g[k + 4]! + vz * g[k + 5]!) / g[k + 12]!;
        const qy = (vx * g[k + 6]! + vy * g[k + 7]! + vz * g[k + 8]!) / g[k + 13]!;
        const qz = (vx * g[k + 9]! + vy * g[k + 10]! + vz * g[k + 11]!) / g[k + 14]!;
        let mx = qx;
        let my = qy;
        let mz = qz;
        const kind = solids.kind[i]!;
        const ax = Math.abs(qx);
        const ay = Math.abs(qy);
        const az = Math.abs(qz);
        if (kind === BOX) {
          const inX = ax >= ay && ax >= az;
          const inY = !inX && ay >= az;
          if (!inX) mx = 0;
          if (!inY) my = 0;
          if (inX || inY) mz = 0;
        } else if (kind === CYLINDER) {
          if (az * az > qx * qx + qy * qy) {
            mx = 0;
            my = 0;
          } else mz = 0;
        }
        mx /= g[k + 12]!;
        my /= g[k + 13]!;
        mz /= g[k + 14]!;
        let nx = mx * g[k + 3]! + my * g[k + 6]! + mz * g[k + 9]!;
        let ny = mx * g[k + 4]! + my * g[k + 7]! + mz * g[k + 10]!;
        let nz = mx * g[k + 5]! + my * g[k + 8]! + mz * g[k + 11]!;
        const length = Math.sqrt(nx * nx + ny * ny + nz * nz);
        nx /= length;
        ny /= length;
        nz /= length;
        const facing = nx * lx + ny * ly + nz * lz;
        const e = 1e-4;
        const lit = facing > 0 && !inShadow(solids, px + e * nx, py + e * ny, pz + e * nz, sx, sy, lz) ? 1 : 0;
        red = solids.paint[i * 3]!;
        green = solids.paint[i * 3 + 1]!;
        blue = solids.paint[i * 3 + 2]!;
        const light = look.ambient * (0.8 + 0.2 * nz) + look.diffuse * lit * Math.max(0, facing);
        if (solids.glass[i] === 1) {
          // The ground behind, tinted; a white rim where the surface turns away, and a sharp highlight.
          const dlong = Math.sqrt(dx * dx + dy * dy + dz * dz);
          const cosine = (dx * nx + dy * ny + dz * nz) / dlong;
          const rim = 0.6 * (1 + cosine) ** 2;
          const glance = Math.max(
            0,
            (dx / dlong - 2 * cosine * nx) * lx +
              (dy / dlong - 2 * cosine * ny) * ly +
              (dz / dlong - 2 * cosine * nz) * lz,
          );
          const gloss = rim + lit * glance ** 16;
          red = behindRed * (0.15 + 0.8 * red) + 0.25 * red * light + gloss;
          green = behindGreen * (0.15 + 0.8 * green) + 0.25 * green * light + gloss;
          blue = behindBlue * (0.15 + 0.8 * blue) + 0.25 * blue * light + gloss;
        } else if (solids.metal[i] === 0) {
          red *= light;
          green *= light;
          blue *= light;
        } else {
          if (kind !== ELLIPSOID) {
            const bend = 0.55 / g[k + 15]!;
            nx += bend * vx;
            ny += bend * vy;
            nz += bend * vz;
            const long = Math.sqrt(nx * nx + ny * ny + nz * nz);
            nx /= long;
            ny /= long;
            nz /= long;
          }
          const dlong = Math.sqrt(dx * dx + dy * dy + dz * dz);
          const back = (2 * (dx * nx + dy * ny + dz * nz)) / dlong;
          const refx = dx / dlong - back * nx;
          const refy = dy / dlong - back * ny;
          const refz = dz / dlong - back * nz;
          // The reflected sky: dark ground below the horizon, a sharp bright rise above it.
          const rise = Math.min(1, Math.max(0, (refz + 0.1) / 0.9));
          const sky = 0.22 + 1.15 * rise * rise;
          const glance = Math.max(0, refx * lx + refy * ly + refz * lz);
          const glance4 = glance * glance * glance * glance;
          const glint = lit * glance4 * glance4 * glance4 * 1.3;
          const body = 0.2 * light + 0.65 * sky;
          const gloss = 0.24 * sky + glint;
          red = red * body + gloss;
          green = green * body + gloss;
          blue = blue * body + gloss;
        }
      }
      const out = ((row >> 1) * size + (col >> 1)) * 3;
      sums[out] = sums[out]! + Math.min(1, red);
      sums[out + 1] = sums[out + 1]! + Math.min(1, green);
      sums[out + 2] = sums[out + 2]! + Math.min(1, blue);
    }
  }
  const data = new Uint8Array(sums.length);
  for (let i = 0; i < sums.length; i++) {
    const grain =
      look.grain *
      (latticeNoise(i, 1, scene.grain) + latticeNoise(i, 2, scene.grain) + latticeNoise(i, 3, scene.grain) - 1.5);
    data[i] = Math.round(255 * Math.min(1, Math.max(0, sums[i]! / 4 + grain)));
  }
  return { width: size, height: size, data };
}
