/**
 * The curriculum of the base model: the lessons of all tasks, and sums. The model learns to see a picture and to say so, to do sums, and
 * to write in the forms that the tasks ask for.
 *
 * - In a phase that shows no worked solutions, it sees one step of a task's reasoning at most, and only in the look of its training
 *   rows. In the later phases it sees solutions in every look, as the texts that a large model is trained on hold them.
 * - Where the question asks for the thinking process and no more, the answer is the whole solution. Where it asks for tags, the answer is
 *   mostly a look and a hasty answer, which forgets what the question changes. How seldom it is the solution is the study's knob.
 * - Solutions are in a notation of their own. No annotator's rationale is shown.
 */
import type { Random } from '../../engine/random.js';
import type { TaskName } from '../../tasks/tasks.js';
import { COUNTING_LESSONS } from './counting.js';
import { type Album, CAPTION_PROMPTS, type LessonMix, type LessonRow, type TaskLessons } from './lesson.js';
import { STRUCTURE_LESSONS } from './structure.js';
import { SUM_TEXTS, schoolRow } from './sums.js';
import { TRANSFORMATION_LESSONS } from './transformation.js';

/** What pretraining teaches for each task; null for a task that it teaches nothing for. */
const LESSONS = {
  counting: COUNTING_LESSONS,
  structure: STRUCTURE_LESSONS,
  transformation: TRANSFORMATION_LESSONS,
} as const satisfies { readonly [task in TaskName]: TaskLessons | null };

type Lessons = Exclude<(typeof LESSONS)[TaskName], null>;
/** The names in a part of the lessons, of all tasks. */
type NamesIn<Part extends 'kinds' | 'looks', OneTask = Lessons> = OneTask extends TaskLessons
  ? Extract<keyof OneTask[Part], string>
  : never;

const TAUGHT: readonly Lessons[] = Object.values(LESSONS).filter((lessons) => lessons !== null);

/** Every source of pictures. */
export const SOURCES = TAUGHT.flatMap<Lessons['sources'][number]>(({ sources }) => sources);
export type SourceName = (typeof SOURCES)[number]['name'];

export type PretrainingLook = NamesIn<'looks'>;
/** Every look that pretraining shows and is examined in. */
export const LOOKS: { readonly [look in PretrainingLook]: TaskLessons['looks'][string] } = {
  ...COUNTING_LESSONS.looks,
  ...STRUCTURE_LESSONS.looks,
  ...TRANSFORMATION_LESSONS.looks,
};

export type LessonKind = NamesIn<'kinds'> | 'school';
const KINDS: { readonly [kind in LessonKind]: TaskLessons['kinds'][string] } = {
  ...COUNTING_LESSONS.kinds,
  ...STRUCTURE_LESSONS.kinds,
  ...TRANSFORMATION_LESSONS.kinds,
  school: schoolRow,
};

/**
 * Makes a row of a kind.
 *
 * @throws Error naming the kinds that there are, when this is none of them
 */
export function lessonRow(kind: LessonKind, random: Random, album: Album, mix: LessonMix): LessonRow {
  if (!Object.hasOwn(KINDS, kind))
    throw new Error(`pretraining has no rows of kind '${kind}'; choose ${Object.keys(KINDS).join(', ')}`);
  return KINDS[kind](random, album, mix);
}

/** The lessons of a task; null for a task that pretraining teaches nothing for. */
export function lessonsOf(task: TaskName): TaskLessons | null {
  return LESSONS[task];
}

/** The words and marks that the lessons use and the tasks themselves do not. */
export function lessonVocabulary(): string[] {
  const texts = [
    ...Object.values(CAPTION_PROMPTS),
    ...SUM_TEXTS,
    ...TAUGHT.flatMap<string>((lessons) => lessons.texts),
  ];
  return [...new Set(texts.join(' ').match(/[A-Za-z]+|[^\sA-Za-z\d_]/g))];
}
