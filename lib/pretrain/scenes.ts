/** The scenes that pretraining shows, and those that it leaves out because test sets and validation hold them. */
import { Random } from '../engine/random.js';
import type { RgbImage } from '../records/image.js';
import type { TaskRecord } from '../records/record.js';
import { drawTestRows, drawValidationRows } from '../study/data/draw-rows.js';
import { STANDARD } from '../study/profile.js';
import { TASK_NAMES } from '../tasks/tasks.js';
import { lessonsOf, SOURCES } from './lessons/curriculum.js';
import type { Album, Source } from './lessons/lesson.js';
import type { BaseModelRecipe } from './recipe.js';

/** The rows of the validation stream that pretraining leaves out: more than any cell is validated on. */
const VALIDATION_ROWS = 200;

/**
 * The fingerprints of scenes that pretraining must not show: those of validation rows, and those of all test sets at the sizes of the
 * standard profile. A transformation has two, of its initial and of its final scene. Smaller test sets are almost the first rows of
 * these; where they differ, `sampleTestRows` draws no scene that pretraining has shown.
 */
export function heldScenes(): ReadonlySet<string> {
  drawnHeldScenes ??= drawHeldScenes();
  return drawnHeldScenes;
}

/** Kept because the held scenes never change and take seconds to draw. */
let drawnHeldScenes: ReadonlySet<string> | undefined;

function drawHeldScenes(): Set<string> {
  const held = new Set<string>();
  for (const task of TASK_NAMES) {
    const tests: readonly TaskRecord[] = Object.values<TaskRecord[]>(drawTestRows(STANDARD, task, held)).flat();
    const rows = [...tests, ...drawValidationRows(task, VALIDATION_ROWS, held)];
    const lessons = lessonsOf(task);
    // Pretraining shows no pictures of such a task, so it shows no scene of its rows.
    if (lessons === null) continue;
    for (const fingerprint of rows.flatMap(lessons.furtherScenes)) held.add(fingerprint);
  }
  return held;
}

/** Draws a scene of a source by its number: the first of its own random stream that is not held. */
function drawScene<T>(
  seed: number,
  source: Source<T>,
  index: number,
  held: ReadonlySet<string>,
): { scene: T; fingerprint: string } {
  const random = new Random(seed, `pretraining/${source.name}/${index}`);
  // This ends because the sources have far more scenes than are held.
  for (;;) {
    const scene = source.draw(random);
    const fingerprint = source.fingerprint(scene);
    if (!held.has(fingerprint)) return { scene, fingerprint };
  }
}

/** The fingerprints of all scenes that pretraining shows, each once, sorted. Test sets must not contain them. */
export function pretrainingFingerprints(recipe: BaseModelRecipe, held: ReadonlySet<string>): string[] {
  const shown = new Set<string>();
  for (const source of SOURCES) {
    for (let index = 0; index < recipe.scenes[source.name]; index++) {
      shown.add(drawScene<unknown>(recipe.seed, source, index, held).fingerprint);
    }
  }
  return [...shown].sort();
}

/** Opens the album of a recipe. Its pictures take 12 kB each at 64 x 64 pixels. */
export function openAlbum({ seed, scenes: sizes }: BaseModelRecipe, held: ReadonlySet<string>): Album {
  const scenes = new Map<string, unknown>();
  const pictures = new Map<string, RgbImage>();
  return {
    pick: <T>(source: Source<T>, random: Random) => {
      const index = random.int((sizes as { readonly [source: string]: number })[source.name]!);
      const name = `${source.name}/${index}`;
      if (!scenes.has(name)) scenes.set(name, drawScene(seed, source, index, held).scene);
      return { name, scene: scenes.get(name) as T };
    },
    picture: (name, draw) => {
      const picture = pictures.get(name) ?? draw();
      pictures.set(name, picture);
      return picture;
    },
  };
}
