/**
 * Pretraining of the base model: a nano Qwen2-VL that learns to see every look of the three tasks and to write, but not to
 * reason. What it is shown stands in `lessons.ts`; here are the recipe, the scenes, the run and its examinations.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { writeFolderAtomic } from '../engine/atomic-write.js';
import { startEngine } from '../engine/backend.js';
import { Random } from '../engine/random.js';
import { downloadTensor } from '../engine/transfer.js';
import { processedGrid, processImage } from '../model/image-processor.js';
import { disposeModel, encodePrompt, type Model } from '../model/model.js';
import { writeSafetensors } from '../model/safetensors.js';
import { GREEDY } from '../model/sampling.js';
import type { RgbImage } from '../records/image.js';
import type { TaskRecord } from '../records/record.js';
import { drawTestRows, drawValidationRows } from '../study/data/draw-rows.js';
import { STANDARD } from '../study/profile.js';
import { sampleShortQuestion } from '../tasks/counting/perception.js';
import { writeCaption } from '../tasks/counting/wording.js';
import { drawFigure } from '../tasks/structure/draw-figure.js';
import { sampleFigureQuestion } from '../tasks/structure/perception.js';
import { writeFigureCaption } from '../tasks/structure/wording.js';
import { TASK_NAMES } from '../tasks/tasks.js';
import type { TransformationScenes } from '../tasks/transformation/program.js';
import { drawGridScene, seenFrom, transformationFingerprint } from '../tasks/transformation/sample.js';
import { writeTransformationCaption } from '../tasks/transformation/wording.js';
import { drawScene } from '../tasks/world/ray-cast.js';
import { mean } from '../train/advantage.js';
import type { EvaluationSchedule, LoopControl } from '../train/loop.js';
import type { Metrics } from '../train/metrics.js';
import { type Json, RunDirectory } from '../train/run-directory.js';
import {
  type Album,
  CAPTION_PROMPTS,
  type Drawn,
  gridLesson,
  type Lesson,
  type LessonKind,
  type LessonMix,
  LOOKS,
  lessonRow,
  type PretrainingLook,
  SOURCES,
  type Source,
  type SourceName,
} from './lessons.js';
import { newNanoModel } from './nano-model.js';
import { type PretrainingPhase, type PretrainingRow, type PretrainingSettings, phaseAt, pretrain } from './pretrain.js';

/** A stretch of pretraining with what it shows. */
export interface BaseModelPhase extends PretrainingPhase {
  /** Rows of each kind in a step. */
  rows: { readonly [kind in LessonKind]: number };
  mix: LessonMix;
}

/** Everything that the base model follows from. */
export interface BaseModelRecipe extends PretrainingSettings {
  seed: number;
  phases: readonly BaseModelPhase[];
  /** Scenes of each source, drawn once and looked at again and again. */
  scenes: { readonly [source in SourceName]: number };
  /** Steps between examinations, and items of each look in one. */
  examination: { every: number; items: number };
}

export const BASE_MODEL_RECIPE: BaseModelRecipe = {
  seed: 21,
  phases: [
    {
      steps: 6_500,
      schedule: { learningRate: 2e-3, warmupSteps: 200, decay: 'cosine' },
      rows: { counting: 9, structure: 10, pair: 9, change: 4, transformed: 0, school: 0 },
      mix: { vehicles: 0.4, exercise: 0.45, side: 0.5, lookups: 0, givens: 0, worked: 0 },
    },
    {
      steps: 4_500,
      schedule: { learningRate: 1.5e-3, warmupSteps: 100, decay: 'cosine' },
      rows: { counting: 9, structure: 5, pair: 12, change: 5, transformed: 0, school: 0 },
      mix: { vehicles: 0.5, exercise: 0.5, side: 0.75, lookups: 1, givens: 0, worked: 0 },
    },
    {
      steps: 2_800,
      schedule: { learningRate: 1.2e-3, warmupSteps: 100, decay: 'cosine' },
      rows: { counting: 8, structure: 8, pair: 9, change: 4, transformed: 0, school: 4 },
      mix: { vehicles: 0.5, exercise: 0.5, side: 0.75, lookups: 2, givens: 1, worked: 0 },
    },
    {
      steps: 2_300,
      schedule: { learningRate: 1.2e-3, warmupSteps: 100, decay: 'cosine' },
      rows: { counting: 9, structure: 8, pair: 2, change: 0, transformed: 7, school: 2 },
      mix: { vehicles: 0.5, exercise: 0.5, side: 0.75, lookups: 1, givens: 0, worked: 1 },
    },
    {
      steps: 2_000,
      schedule: { learningRate: 1.2e-3, warmupSteps: 100, decay: 'cosine' },
      rows: { counting: 9, structure: 6, pair: 2, change: 0, transformed: 9, school: 2 },
      mix: { vehicles: 0.5, exercise: 0.5, side: 0.75, lookups: 1, givens: 0, worked: 1 },
    },
    {
      steps: 1_250,
      schedule: { learningRate: 1.2e-3, warmupSteps: 50, decay: 'cosine' },
      rows: { counting: 6, structure: 4, pair: 1, change: 0, transformed: 14, school: 1 },
      mix: { vehicles: 0.5, exercise: 0.5, side: 0.75, lookups: 1, givens: 0, worked: 1 },
    },
  ],
  weightDecay: 0.01,
  scenes: {
    blocks: 12_000,
    vehicles: 9_000,
    textbook: 16_000,
    exercise: 16_000,
    grid: 10_000,
    change: 4_000,
    transformed: 4_000,
  },
  examination: { every: 1000, items: 64 },
};

/** Rows of the validation stream that pretraining leaves alone; more than any cell is validated on. */
const VALIDATION_ROWS = 200;

/**
 * Pretrains the base model and writes its checkpoint to `final/` of the run folder, which is all that a resume needs: stopped or
 * killed at any step, here or, with the folder copied, elsewhere, the same call goes on from the last checkpoint.
 *
 * After each examination the step's metrics hold `eval_caption/{look}` and `eval_short/{look}`: the shares of held-out pictures
 * whose whole caption, and of short questions whose answer, is right to the letter.
 *
 * @returns the folder of the checkpoint
 */
export async function pretrainBaseModel(
  folder: string,
  recipe: BaseModelRecipe,
  control: Omit<LoopControl, 'evaluate'> = {},
): Promise<string> {
  await startEngine();
  const { model, files } = newNanoModel(recipe.seed);
  const run = RunDirectory.open(folder, { recipe, configFile: files['config.json'] } as unknown as Json);
  try {
    const examined = examinationItems(recipe.examination.items);
    const held = new Set([...heldScenes(), ...examined.map(({ fingerprint }) => fingerprint)]);
    const rowsOf = pretrainingRows(recipe, model, held);
    const evaluate = examination(model, examined, recipe.examination.every);
    const { config, parameters } = model;
    await pretrain({ config, parameters, rowsOf, settings: recipe, run, evaluate, ...control });
    writeFolderAtomic(run.final, (partial) => {
      const json = (name: string, value: unknown) =>
        writeFileSync(path.join(partial, name), `${JSON.stringify(value, null, 1)}\n`);
      for (const [name, value] of Object.entries(files)) json(name, value);
      json('pretraining.json', { recipe, last: run.metrics().at(-1) });
      const scenes = pretrainingFingerprints(recipe, held);
      writeFileSync(path.join(partial, 'pretraining-scenes.txt'), `${scenes.join('\n')}\n`);
      const tensors = Object.entries(parameters).map(([name, tensor]) => {
        return { name, shape: tensor.shape, data: () => downloadTensor(tensor) };
      });
      writeSafetensors(path.join(partial, 'model.safetensors'), tensors);
    });
    return run.final;
  } finally {
    disposeModel(model);
  }
}

/**
 * Fingerprints of scenes that pretraining must not show: those of all test sets at the standard profile's sizes, which smaller
 * profiles take the first rows of, and of validation rows. Of a transformation both the initial and the final scene.
 */
export function heldScenes(): ReadonlySet<string> {
  knownHeld ??= drawHeldScenes();
  return knownHeld;
}

/** Nothing moves them, and they take seconds to draw. */
let knownHeld: ReadonlySet<string> | undefined;

function drawHeldScenes(): Set<string> {
  const held = new Set<string>();
  for (const task of TASK_NAMES) {
    const tests: readonly TaskRecord[] = Object.values<TaskRecord[]>(drawTestRows(STANDARD, task, held)).flat();
    for (const { scene } of [...tests, ...drawValidationRows(task, VALIDATION_ROWS, held)]) {
      if (task !== 'transformation') continue;
      const { final } = scene as TransformationScenes;
      held.add(transformationFingerprint({ initial: final, final }));
    }
  }
  return held;
}

/** A scene of pretraining, the first of its own stream that is not held, and its fingerprint. */
function pretrainingScene<S extends SourceName>(
  seed: number,
  source: S,
  index: number,
  held: ReadonlySet<string>,
): { scene: Drawn<S>; fingerprint: string } {
  const { draw, fingerprint } = SOURCES[source] as unknown as Source<Drawn<S>>;
  const random = new Random(seed, `pretraining/${source}/${index}`);
  for (;;) {
    const scene = draw(random);
    const name = fingerprint(scene);
    if (!held.has(name)) return { scene, fingerprint: name };
  }
}

/** The fingerprints of all scenes that pretraining shows, each once, sorted: what test sets must not contain. */
export function pretrainingFingerprints(recipe: BaseModelRecipe, held: ReadonlySet<string>): string[] {
  const shown = new Set<string>();
  for (const source of Object.keys(SOURCES) as SourceName[]) {
    for (let index = 0; index < recipe.scenes[source]; index++) {
      shown.add(pretrainingScene(recipe.seed, source, index, held).fingerprint);
    }
  }
  return [...shown].sort();
}

/** Scenes and pictures of a recipe, drawn when they are first looked at: 12 kB a picture of 64 x 64. */
function openAlbum(recipe: BaseModelRecipe, held: ReadonlySet<string>): Album {
  const scenes = new Map<string, unknown>();
  const pictures = new Map<string, RgbImage>();
  return {
    pick: <S extends SourceName>(source: S, random: Random) => {
      const index = random.int(recipe.scenes[source]);
      const name = `${source}/${index}`;
      if (!scenes.has(name)) scenes.set(name, pretrainingScene(recipe.seed, source, index, held).scene);
      return { name, scene: scenes.get(name) as Drawn<S> };
    },
    picture: (name, draw) => {
      const known = pictures.get(name) ?? draw();
      pictures.set(name, known);
      return known;
    },
  };
}

/** The rows of each step, a function of recipe and step; those of a kind together, as they are of like length. */
export function pretrainingRows(
  recipe: BaseModelRecipe,
  { tokenizer, imageProcessor }: Pick<Model, 'tokenizer' | 'imageProcessor'>,
  held: ReadonlySet<string>,
): (step: number) => PretrainingRow[][] {
  const album = openAlbum(recipe, held);
  const { imEnd, imagePad, visionStart, visionEnd } = tokenizer.special;
  const open = tokenizer.encode('<|im_start|>user\n');
  const turn = tokenizer.encode('<|im_end|>\n<|im_start|>assistant\n');
  const conversation = ({ question, answer }: Lesson) => ({
    question: [...tokenizer.encodePlain(question), ...turn],
    answer: [...tokenizer.encodePlain(answer), imEnd],
  });
  const visual = (image: RgbImage) => {
    const [t, h, w] = processedGrid(image, imageProcessor);
    const places = (t * h * w) / imageProcessor.mergeSize ** 2;
    return [visionStart, ...Array<number>(places).fill(imagePad), visionEnd];
  };
  return (step) => {
    const { rows, mix } = phaseAt(recipe.phases, step).phase;
    const kinds = (Object.keys(rows) as LessonKind[]).filter((kind) => rows[kind] > 0);
    return kinds.map((kind) =>
      Array.from({ length: rows[kind] }, (_, r) => {
        const random = new Random(recipe.seed, `rows/${step}/${kind}/${r}`);
        const { images, lessons } = lessonRow(kind, random, album, mix);
        return {
          images: images.map((image) => processImage(image, imageProcessor)),
          prefix: [...open, ...images.flatMap(visual)],
          conversations: lessons.map(conversation),
        };
      }),
    );
  };
}

/** A held-out question: pictures, what is asked, what is right. */
export interface ExaminationItem extends Lesson {
  look: PretrainingLook;
  kind: 'caption' | 'short';
  images: RgbImage[];
  /** Of the scene asked about. */
  fingerprint: string;
}

/** For each look so many pictures, each asked for its caption and one short question; of two pictures about the second. */
export function examinationItems(count: number): ExaminationItem[] {
  return (Object.keys(LOOKS) as PretrainingLook[]).flatMap((look) =>
    Array.from({ length: count }, (_, i) =>
      examinationOf(look, new Random(0, `pretraining/examination/${look}/${i}`)),
    ).flat(),
  );
}

function examinationOf(look: PretrainingLook, random: Random): ExaminationItem[] {
  const items = (images: RgbImage[], fingerprint: string, caption: Lesson, short: Lesson): ExaminationItem[] => [
    { look, kind: 'caption', images, fingerprint, ...caption },
    { look, kind: 'short', images, fingerprint, ...short },
  ];
  if (look === 'blocks' || look === 'vehicles') {
    const scene = SOURCES[look].draw(random);
    const caption = { question: CAPTION_PROMPTS.only, answer: writeCaption(scene) };
    return items([drawScene(scene)], SOURCES[look].fingerprint(scene), caption, sampleShortQuestion(scene, random));
  }
  if (look === 'textbook' || look === 'exercise') {
    const drawn = SOURCES[look].draw(random);
    const caption = { question: CAPTION_PROMPTS.only, answer: writeFigureCaption(drawn.figure) };
    const short = sampleFigureQuestion(drawn.figure, random);
    return items([drawFigure(drawn.figure)], SOURCES[look].fingerprint(drawn), caption, short);
  }
  const [other, scene] = [SOURCES.grid.draw(random), SOURCES.grid.draw(random)];
  const caption = { question: CAPTION_PROMPTS.second, answer: writeTransformationCaption(scene) };
  const images = [drawGridScene(other), drawGridScene(seenFrom(scene, look))];
  return items(images, SOURCES.grid.fingerprint(scene), caption, gridLesson(scene, 'second', random));
}

/** Longest answer to an examination question: a caption of eight objects. */
const LONGEST_ANSWER = 48;
/** Questions answered together. */
const BATCH = 128;

/** Shares of examination items that are answered right to the letter, by kind and look; the score is the captions' mean. */
function examination(model: Model, items: readonly ExaminationItem[], every: number): EvaluationSchedule {
  return {
    every,
    measure: async (parameters) => {
      const right: boolean[] = [];
      for (let first = 0; first < items.length; first += BATCH) {
        const batch = items.slice(first, first + BATCH);
        const prompts = batch.map(({ images, question }) => encodePrompt(model, images, question));
        const settings = { ...GREEDY, maxNewTokens: LONGEST_ANSWER, completions: 1, seed: 0 };
        for (const [i, group] of model.generator.generate(parameters, prompts, settings).entries()) {
          const { tokens, ended } = group[0]!;
          right.push(ended && model.tokenizer.decode(tokens.slice(0, -1)) === batch[i]!.answer);
        }
      }
      const looks = Object.keys(LOOKS) as PretrainingLook[];
      const share = (look: PretrainingLook, kind: ExaminationItem['kind']) =>
        mean(right.filter((_, i) => items[i]!.look === look && items[i]!.kind === kind).map(Number));
      const metrics: Metrics = {};
      for (const look of looks) {
        metrics[`caption/${look}`] = share(look, 'caption');
        metrics[`short/${look}`] = share(look, 'short');
      }
      return { metrics, score: mean(looks.map((look) => metrics[`caption/${look}`]!)) };
    },
  };
}
