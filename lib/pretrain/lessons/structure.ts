/**
 * The lessons of structure perception, in both drawings: captions, short questions, sums, the letter of a value among choices, the
 * theorem of a figure, and families of one step; later the numbers that a figure gives, and worked solutions.
 */
import type { Random } from '../../engine/random.js';
import { drawFigure } from '../../tasks/structure/draw-figure.js';
import { type StructureFamily, sampleFigure, structureFamilies } from '../../tasks/structure/families.js';
import { figureFingerprint, type GeometryFigure } from '../../tasks/structure/figure.js';
import { sampleFigureQuestion } from '../../tasks/structure/perception.js';
import { writeStructureSolution } from '../../tasks/structure/solution.js';
import {
  CHOICE_LETTERS,
  type StructureProgram,
  solveStructure,
  structureValue,
  THEOREMS,
} from '../../tasks/structure/theorem.js';
import { writeFigureCaption, writeStructurePrompt, writeStructureQuestion } from '../../tasks/structure/wording.js';
import { inTags, untidyThinking, WORK_OUT } from './answers.js';
import {
  type Album,
  CAPTION_PROMPTS,
  type Examination,
  firstNamedObject,
  type Lesson,
  type LessonMix,
  type LessonRow,
  type Source,
  type TaskLessons,
} from './lesson.js';
import { schoolSum, writtenSum } from './sums.js';

/** A geometry figure with its family and its program. */
export interface DrawnFigure {
  family: StructureFamily;
  figure: GeometryFigure;
  program: StructureProgram;
}

/** Figures of the families in domain, and of those out of domain, each as its domain draws them. */
const TEXTBOOK: Source<DrawnFigure, 'textbook'> = {
  name: 'textbook',
  draw: (random) => sampleDrawnFigure('id', random),
  fingerprint: ({ figure }) => figureFingerprint(figure),
};
const EXERCISE: Source<DrawnFigure, 'exercise'> = {
  name: 'exercise',
  draw: (random) => sampleDrawnFigure('ood', random),
  fingerprint: ({ figure }) => figureFingerprint(figure),
};

function sampleDrawnFigure(domain: 'id' | 'ood', random: Random): DrawnFigure {
  const family = random.choice(structureFamilies(domain));
  return { family, ...sampleFigure(family, random) };
}

/** The number of short questions about a picture. */
const SHORT_QUESTIONS = 3;
/** The question for the theorem that a figure shows. */
const KNOWN_QUESTION = 'What is known of the figure?';
/** Families of one step on the numbers that stand in the figure: two of those trained, two of those tested out of domain. */
const ONE_STEP: readonly StructureFamily[] = [
  'midline-length',
  'segment-length',
  'parallelogram-angle',
  'right-triangle-angle',
];

function structureRow(random: Random, album: Album, mix: LessonMix): LessonRow {
  const { name, scene } = album.pick(random.chance(mix.exercise) ? EXERCISE : TEXTBOOK, random);
  return {
    images: [album.picture(name, () => drawFigure(scene.figure))],
    lessons: structureLessons(scene, mix, random),
  };
}

function structureLessons({ family, figure, program }: DrawnFigure, mix: LessonMix, random: Random): Lesson[] {
  const lessons: Lesson[] = [captionLesson(figure)];
  for (let i = 0; i < SHORT_QUESTIONS; i++) lessons.push(sampleFigureQuestion(figure, random));
  lessons.push(schoolSum(random), choiceLesson(random));
  for (let i = 0; i < mix.lookups; i++) lessons.push(writtenSum(schoolSum(random)));
  for (let i = 0; i < mix.givens; i++) {
    lessons.push({ question: 'What is given?', answer: `given: ${program.givens.join(', ')}.` });
  }
  if (random.chance(0.5)) lessons.push({ question: KNOWN_QUESTION, answer: `${THEOREMS[program.theorem].words}.` });
  if (ONE_STEP.includes(family) && random.chance(0.5)) {
    const answer = solveStructure(program);
    lessons.push({ question: writeStructurePrompt(writeStructureQuestion(family, program), answer, 'direct'), answer });
  }
  if (random.chance(0.5)) {
    const { question, answer } = sampleFigureQuestion(figure, random);
    const text = untidyThinking(firstNamedObject(writeFigureCaption(figure)), answer, random);
    lessons.push({ question: writeStructurePrompt(question, answer, 'think'), answer: text });
  }
  for (let i = 0; i < mix.worked; i++)
    lessons.push(...workedLessons({ family, figure, program }, mix.workedInTags, random));
  return lessons;
}

function captionLesson(figure: GeometryFigure): Lesson {
  return { question: CAPTION_PROMPTS.only, answer: writeFigureCaption(figure) };
}

/** The question of a figure, once worked out and once answered with tags. The hasty answer is any choice, or any number in the figure. */
function workedLessons({ family, figure, program }: DrawnFigure, workedInTags: number, random: Random): Lesson[] {
  return [false, true].map((tagged) => {
    const posed = random.chance(0.5) ? { ...program, choices: choicesFor(family, program, random) } : program;
    const question = writeStructureQuestion(family, posed);
    const solution = writeStructureSolution(posed);
    if (!tagged) return { question: `${question} ${WORK_OUT}`, answer: solution };
    const answer = solveStructure(posed);
    const hasty = posed.choices ? random.choice(CHOICE_LETTERS) : String(random.choice(program.givens));
    return {
      question: writeStructurePrompt(question, answer, 'think'),
      answer: inTags(
        { solution, answer },
        { remark: firstNamedObject(writeFigureCaption(figure)), answer: hasty },
        workedInTags,
        random,
      ),
    };
  });
}

/** Four choices in random order: the figure's value, and the values of three other figures of its family. */
function choicesFor(family: StructureFamily, program: StructureProgram, random: Random): number[] {
  const values = new Set([structureValue(program)]);
  while (values.size < 4) values.add(structureValue(sampleFigure(family, random).program));
  return random.shuffle([...values]);
}

/** The letter that stands before a value, in the wording of either domain. */
function choiceLesson(random: Random): Lesson {
  const choices = new Set<number>();
  while (choices.size < 4) choices.add(random.chance(0.5) ? 5 * random.range(4, 30) : random.range(1, 60));
  const textbook = random.chance(0.5);
  const values = [...choices];
  const listed = values.map((value, i) => `${CHOICE_LETTERS[i]}${textbook ? ':' : '.'} ${value}`).join(' ');
  const index = random.int(4);
  return {
    question: `${textbook ? 'Choices:' : 'Options:'} ${listed} Which is ${values[index]}?`,
    answer: CHOICE_LETTERS[index]!,
  };
}

function examine(source: Source<DrawnFigure>, random: Random): Examination {
  const drawn = source.draw(random);
  return {
    images: [drawFigure(drawn.figure)],
    fingerprint: source.fingerprint(drawn),
    caption: captionLesson(drawn.figure),
    short: sampleFigureQuestion(drawn.figure, random),
  };
}

export const STRUCTURE_LESSONS = {
  sources: [TEXTBOOK, EXERCISE],
  kinds: { structure: structureRow },
  looks: {
    textbook: (random: Random) => examine(TEXTBOOK, random),
    exercise: (random: Random) => examine(EXERCISE, random),
  },
  furtherScenes: () => [],
  texts: [KNOWN_QUESTION, 'Which is 1?'],
} satisfies TaskLessons;
