/** The parts of a lesson: what is asked about a picture, where pictures come from, and how much of each a phase of pretraining shows. */
import type { Random } from '../../engine/random.js';
import type { RgbImage } from '../../records/image.js';
import type { TaskRecord } from '../../records/record.js';
import type { TaskName } from '../../tasks/tasks.js';

/** One exchange about the pictures of a row. */
export interface Lesson {
  question: string;
  answer: string;
}

/** A source of pictures: it draws what they show. */
export interface Source<T, Name extends string = string> {
  readonly name: Name;
  /** Draws a scene at random. */
  draw(random: Random): T;
  /** Equal for two scenes that are the same. */
  fingerprint(scene: T): string;
}

/** The scenes of a pretraining. They are drawn when they are first looked at, and kept. */
export interface Album {
  /** Picks one of a source's scenes at random. */
  pick<T>(source: Source<T>, random: Random): { name: string; scene: T };
  /** The picture of a name; `draw` draws it at the first call. */
  picture(name: string, draw: () => RgbImage): RgbImage;
}

/** How often a phase of pretraining shows what. */
export interface LessonMix {
  /** The shares of vehicles, of exercise figures, and of side views among the second pictures of pairs. */
  vehicles: number;
  exercise: number;
  side: number;
  /**
   * Questions about a picture whose answer repeats what they were asked, with what was looked up: the objects of a class, the object at
   * a place, the place of an object in a list; and sums written out. A chain of thought begins with copying from its question.
   */
  lookups: number;
  /** Questions for the numbers of a figure in the order in which its theorem takes them. */
  givens: number;
  /** Questions of the task about a picture that are worked out, and as many that are answered with tags. */
  worked: number;
}

/** A row: its pictures and what is asked about them. */
export interface LessonRow {
  images: RgbImage[];
  lessons: Lesson[];
}

/** The pictures of an examination, and what is asked about them. */
export interface Examination {
  images: RgbImage[];
  /** The fingerprint of the scene that is asked about. */
  fingerprint: string;
  caption: Lesson;
  /** A short question, which one look answers. */
  short: Lesson;
}

/** What pretraining teaches for a task. */
export interface TaskLessons {
  readonly task: TaskName;
  readonly sources: readonly Source<unknown>[];
  /** Makes a row, by the kind of row. */
  readonly kinds: { readonly [kind: string]: (random: Random, album: Album, mix: LessonMix) => LessonRow };
  /** Draws an examination, by the look that is examined. */
  readonly looks: { readonly [look: string]: (random: Random) => Examination };
  /** The fingerprints of scenes that a row of the task shows beside the one that it is known by. Pretraining leaves them out too. */
  readonly furtherScenes?: (record: TaskRecord) => string[];
  /** Texts that hold all the words that these lessons add to the task's own. */
  readonly texts: readonly string[];
}

/** The questions for captions: of the only picture, or of one of two. */
export const CAPTION_PROMPTS = {
  only: 'Describe the image.',
  first: 'Describe the first image.',
  second: 'Describe the second image.',
} as const;

/** The first thing that a caption names. */
export function firstOf(caption: string): string {
  return `${caption.split(',')[0]!.replace('.', '')}.`;
}
