/** The parts of a lesson: what is asked about a picture, where pictures come from, and how much of each a phase of pretraining shows. */
import type { Random } from '../../engine/random.js';
import type { RgbImage } from '../../records/image.js';
import type { TaskRecord } from '../../records/record.js';

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

/** The scenes of a pretraining. Each is drawn when a row first asks for it, and kept. */
export interface Album {
  /** Picks one of a source's scenes at random. */
  pick<T>(source: Source<T>, random: Random): { name: string; scene: T };
  /** The picture that goes by a name. The first call with that name draws it. */
  picture(name: string, draw: () => RgbImage): RgbImage;
}

/** How often a phase of pretraining shows what: four shares in [0, 1] and three counts. The names are those of `pretraining.json`. */
export interface LessonMix {
  /** The share of vehicles among the pictures of counting rows; the others show blocks. */
  vehicles: number;
  /** The share of exercise figures among those of structure rows; the others are textbook figures. */
  exercise: number;
  /** The share of pairs whose second picture is seen from the left or the right. */
  side: number;
  /**
   * The number, for each picture, of questions whose answer first copies the question's subject, then states what the picture shows: the
   * objects of a class, the object at a place, the place of an object in a list. In counting rows a written sum goes with each of
   * them; in structure rows there are only the sums. A chain of thought begins with copying from its question.
   */
  lookups: number;
  /** The number, for each figure, of questions for its numbers in the order in which its theorem takes them. */
  givens: number;
  /** The number, for each row, of questions of the task that are worked out, and of the same number answered in tags. */
  worked: number;
  /** The share of these answers in tags that hold a worked solution; the others are hasty. */
  workedInTags: number;
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
  readonly sources: readonly Source<unknown>[];
  /** One row-making function for each kind of row. */
  readonly kinds: { readonly [kind: string]: (random: Random, album: Album, mix: LessonMix) => LessonRow };
  /** One function for each look that is examined. It draws an examination. */
  readonly looks: { readonly [look: string]: (random: Random) => Examination };
  /** The fingerprints of a row's scenes other than the one that `sceneFingerprintOf` covers, none for a row of one scene. Pretraining leaves them out too. */
  readonly furtherScenes: (record: TaskRecord) => string[];
  /** These texts hold all words that the lessons use and the task itself does not. */
  readonly texts: readonly string[];
}

/** The questions for captions: of the only picture, or of one of two. */
export const CAPTION_PROMPTS = {
  only: 'Describe the image.',
  first: 'Describe the first image.',
  second: 'Describe the second image.',
} as const;

/** The first object that a caption names, as a sentence. */
export function firstNamedObject(caption: string): string {
  return `${caption.split(',')[0]!.replace('.', '')}.`;
}
