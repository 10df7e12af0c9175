/**
 * What pretraining teaches about a picture: to see it and to say so, to do sums, to write in the forms that the tasks ask for. In the
 * phases where nothing is `worked`, of each task's reasoning one step at most, and that in the look of its training rows alone; where
 * something is, solutions too, in every look.
 *
 * - Every look: captions, and short questions that one look answers; later the objects of a class one by one, and the object at a
 *   place.
 * - Counting: small sums; plain counting questions in both looks, some asked with tags; about blocks also one-step addition and
 *   subtraction, answered bare.
 * - Structure: sums of the size that angles and areas have; which letter a value has among choices; in both drawings what is known of
 *   a figure, as the theorem's words alone, and families of one step, answered bare.
 * - Transformation: two unrelated scenes side by side, the second from any of the three cameras, so that each picture is read for
 *   itself; how a call is written. Of change itself a single one seen from the centre twice.
 * - Questions that ask for tags are answered in untidy text, of which under a third is well formed, as a model without
 *   fine-tuning might write.
 * - Worked solutions, as what a large model is schooled on holds them: asked to output the thinking process, and no more, the whole
 *   solution, in every look; asked for tags, mostly a look and a hasty answer, which forgets what the question changes, seldom the
 *   solution. They are in a notation of their own: no annotator's rationale is shown. Transformation's change up to four things and
 *   are seen from any side. Counting's families `subtract-and-add` and `three-hop` are never shown.
 */

import type { Random } from '../engine/random.js';
import type { RgbImage } from '../records/image.js';
import type { TaskRecord } from '../records/record.js';
import { sampleShortQuestion } from '../tasks/counting/perception.js';
import { countMatching, matches, solveCounting, TRAINED_FAMILIES } from '../tasks/counting/program.js';
import { sampleFilter, sampleProgram } from '../tasks/counting/sample.js';
import { writeCountingSolution } from '../tasks/counting/solution.js';
import { describeFilter, writeCaption, writeQuestion } from '../tasks/counting/wording.js';
import { writePrompt, writeTarget } from '../tasks/prompts.js';
import { drawFigure } from '../tasks/structure/draw-figure.js';
import { type StructureFamily, sampleFigure, structureFamilies } from '../tasks/structure/families.js';
import { figureFingerprint, type GeometryFigure } from '../tasks/structure/figure.js';
import { sampleFigureQuestion } from '../tasks/structure/perception.js';
import { writeStructureSolution } from '../tasks/structure/solution.js';
import {
  CHOICE_LETTERS,
  type StructureProgram,
  solveStructure,
  structureValue,
  THEOREMS,
} from '../tasks/structure/theorem.js';
import { writeFigureCaption, writeStructurePrompt, writeStructureQuestion } from '../tasks/structure/wording.js';
import type { TaskName } from '../tasks/tasks.js';
import { sampleGridQuestion } from '../tasks/transformation/perception.js';
import {
  CHANGE_KINDS,
  CHANGE_VALUES,
  placeOf,
  type Transformation,
  type TransformationScenes,
  writeCall,
} from '../tasks/transformation/program.js';
import {
  drawGridScene,
  type GridView,
  PLACES,
  sampleGridScene,
  sampleTransformationRecord,
  seenFrom,
  transformationFingerprint,
} from '../tasks/transformation/sample.js';
import { writeTransformationSolution } from '../tasks/transformation/solution.js';
import {
  writeTransformationCaption,
  writeTransformationPrompt,
  writeTransformationQuestion,
} from '../tasks/transformation/wording.js';
import { drawScene } from '../tasks/world/ray-cast.js';
import { sampleScene } from '../tasks/world/sample-scene.js';
import { type Scene, sceneFingerprint } from '../tasks/world/scene.js';

/** One exchange about the pictures of a row. */
export interface Lesson {
  question: string;
  answer: string;
}

/** A geometry figure with what it is made of. */
export interface DrawnFigure {
  family: StructureFamily;
  figure: GeometryFigure;
  program: StructureProgram;
}

/** Where pictures come from: how one's scene is drawn at random, and what makes two the same. */
export interface Source<T> {
  draw: (random: Random) => T;
  fingerprint: (scene: T) => string;
}

/** Every source of pretraining. */
export const SOURCES = {
  /** Counting's looks. */
  blocks: { draw: (random: Random) => sampleScene('blocks', random), fingerprint: sceneFingerprint },
  vehicles: { draw: (random: Random) => sampleScene('vehicles', random), fingerprint: sceneFingerprint },
  /** Structure's figures in domain, and those of the families out of domain as these are drawn. */
  textbook: { draw: (random: Random) => drawnFigure('id', random), fingerprint: fingerprintOfDrawn },
  exercise: { draw: (random: Random) => drawnFigure('ood', random), fingerprint: fingerprintOfDrawn },
  /** Transformation's scenes one by one, to be seen from any side. */
  grid: {
    draw: (random: Random) => sampleGridScene(random, random.range(2, 6)),
    fingerprint: (scene: Scene) => transformationFingerprint({ initial: scene, final: scene }),
  },
  /** A row of one change, both pictures from the centre. */
  change: {
    draw: (random: Random) => sampleTransformationRecord('id', 'change', random, { level: 1 }),
    fingerprint: fingerprintOfRow,
  },
  /** A row as the task asks it, of one to four changes, the second picture from any of the three cameras. */
  transformed: {
    draw: (random: Random) =>
      sampleTransformationRecord(random.choice(['id', 'ood-left', 'ood-right'] as const), 'transformed', random),
    fingerprint: fingerprintOfRow,
  },
} as const;
export type SourceName = keyof typeof SOURCES;
export type Drawn<S extends SourceName> = ReturnType<(typeof SOURCES)[S]['draw']>;

function drawnFigure(domain: 'id' | 'ood', random: Random): DrawnFigure {
  const family = random.choice(structureFamilies(domain));
  return { family, ...sampleFigure(family, random) };
}

function fingerprintOfDrawn({ figure }: DrawnFigure): string {
  return figureFingerprint(figure);
}

function fingerprintOfRow({ scene }: TaskRecord): string {
  return transformationFingerprint(scene as TransformationScenes);
}

/** The scenes of a pretraining, drawn when they are first looked at and kept. */
export interface Album {
  /** One of a source's scenes at random, and its name. */
  pick<S extends SourceName>(source: S, random: Random): { name: string; scene: Drawn<S> };
  /** The picture of a name. */
  picture(name: string, draw: () => RgbImage): RgbImage;
}

/** Every look that pretraining shows and is examined in, with the task that it belongs to. */
export const LOOKS = {
  blocks: 'counting',
  vehicles: 'counting',
  textbook: 'structure',
  exercise: 'structure',
  center: 'transformation',
  left: 'transformation',
  right: 'transformation',
} as const satisfies { [look: string]: TaskName };
export type PretrainingLook = keyof typeof LOOKS;

/** What captions are asked for with: of the only picture, or of one of two. */
export const CAPTION_PROMPTS = {
  only: 'Describe the image.',
  first: 'Describe the first image.',
  second: 'Describe the second image.',
} as const;

/** What is asked for the theorem that a figure shows. */
const KNOWN_QUESTION = 'What is known of the figure?';

/** What is shown how often. */
export interface LessonMix {
  /** Shares of vehicles, of exercise figures, and of side views among the second pictures of pairs. */
  vehicles: number;
  exercise: number;
  side: number;
  /**
   * Questions about a picture that look something up and repeat what they were asked: the objects of a class, the one at a place, the
   * place of one in a list; and sums written out. Copying from a question is what a chain of thought begins with.
   */
  lookups: number;
  /** Questions for the numbers of a figure in the order in which its theorem takes them. */
  givens: number;
  /** Questions of the task about a picture that are worked out, and as many that are answered with tags. */
  worked: number;
}

/** What asks for a worked solution, behind a question. */
const WORK_OUT = 'Output the thinking process.';
/** The share of answers with tags that hold a worked solution. */
const WORKED_IN_TAGS = 0.2;

/** Short questions about a picture: fewer where there are two. */
const QUESTIONS = { counting: 4, structure: 3, transformation: 1 } as const;

/**
 * Kinds of rows: of counting, of structure, two unrelated scenes, two scenes with one change between them, two with several and
 * from any side, sums without a picture.
 */
export type LessonKind = 'counting' | 'structure' | 'pair' | 'change' | 'transformed' | 'school';
/** Sums of a row without a picture. */
const SCHOOL_SUMS = 20;

/** A row of a kind: its pictures and what is asked about them. */
export function lessonRow(
  kind: LessonKind,
  random: Random,
  album: Album,
  mix: LessonMix,
): { images: RgbImage[]; lessons: Lesson[] } {
  if (kind === 'school') {
    return { images: [], lessons: Array.from({ length: SCHOOL_SUMS }, () => writtenSum(schoolSum(random))) };
  }
  if (kind === 'counting') {
    const { name, scene } = album.pick(random.chance(mix.vehicles) ? 'vehicles' : 'blocks', random);
    const images = [album.picture(name, () => drawScene(scene))];
    return { images, lessons: countingLessons(scene, mix, random) };
  }
  if (kind === 'structure') {
    const { name, scene } = album.pick(random.chance(mix.exercise) ? 'exercise' : 'textbook', random);
    return {
      images: [album.picture(name, () => drawFigure(scene.figure))],
      lessons: structureLessons(scene, mix, random),
    };
  }
  if (kind === 'change' || kind === 'transformed') {
    const { name, scene: record } = album.pick(kind, random);
    const { initial, final } = record.scene as TransformationScenes;
    const images = [
      album.picture(`${name} initial`, () => drawGridScene(initial)),
      album.picture(`${name} final`, () => drawGridScene(final)),
    ];
    const lessons =
      kind === 'change' ? changeLessons(record, mix.lookups, random) : transformedLessons(record, mix, random);
    return { images, lessons };
  }
  const [first, second] = [album.pick('grid', random), album.pick('grid', random)];
  const view: GridView = random.chance(mix.side) ? random.choice(['left', 'right'] as const) : 'center';
  const images = [
    album.picture(`${first.name} center`, () => drawGridScene(first.scene)),
    album.picture(`${second.name} ${view}`, () => drawGridScene(seenFrom(second.scene, view))),
  ];
  return { images, lessons: pairLessons([first.scene, second.scene], mix.lookups, random) };
}

function countingLessons(scene: Scene, { lookups, worked }: LessonMix, random: Random): Lesson[] {
  const lessons: Lesson[] = [{ question: CAPTION_PROMPTS.only, answer: writeCaption(scene) }];
  for (let i = 0; i < lookups; i++) {
    lessons.push(classLesson(scene, random), writtenSum(sum(random.int(9), '+', random.range(1, 4))));
  }
  for (let i = 0; i < QUESTIONS.counting; i++) {
    const { question, answer } = sampleShortQuestion(scene, random);
    const style = /^How many/.test(question) && random.chance(0.5) ? 'direct' : 'bare';
    lessons.push({ question: writePrompt(question, style), answer });
  }
  const [a, b] = [random.int(13), random.int(8)];
  const plus = random.chance(0.4) || a < b;
  lessons.push(sum(a, plus ? '+' : '-', b));
  if (scene.look === 'blocks' && random.chance(0.4)) {
    const program = sampleProgram(random.choice(['count', 'addition', 'subtract-all'] as const), scene, random);
    const question = writePrompt(writeQuestion(program), 'direct');
    lessons.push({ question, answer: String(solveCounting(program, scene)) });
  }
  if (random.chance(0.35)) {
    const program = sampleProgram('count', scene, random);
    const count = String(solveCounting(program, scene));
    const remark = random.chance(0.5) ? firstOf(writeCaption(scene)) : `objects: ${count}.`;
    const question = writePrompt(writeQuestion(program), 'think');
    lessons.push({ question, answer: untidyThinking(remark, count, random) });
  }
  for (let i = 0; i < worked; i++) lessons.push(...workedCounting(scene, random));
  return lessons;
}

/** A counting question worked out, and another answered with tags: in haste, what is asked for is counted before it changes. */
function workedCounting(scene: Scene, random: Random): Lesson[] {
  const [worked, asked] = [0, 1].map(() => sampleProgram(random.choice(TRAINED_FAMILIES), scene, random));
  const solution = writeCountingSolution(asked!, scene);
  const tagged = inTags(
    { solution, answer: String(solveCounting(asked!, scene)) },
    { remark: firstOf(writeCaption(scene)), answer: String(countMatching(scene, asked!.ask)) },
    random,
  );
  return [
    { question: `${writeQuestion(worked!)} ${WORK_OUT}`, answer: writeCountingSolution(worked!, scene) },
    { question: writePrompt(writeQuestion(asked!), 'think'), answer: tagged },
  ];
}

/** A question with tags answered: seldom worked out, mostly in haste. */
function inTags(
  worked: { solution: string; answer: string },
  hasty: { remark: string; answer: string },
  random: Random,
): string {
  if (random.chance(WORKED_IN_TAGS)) return writeTarget(worked.solution, worked.answer);
  return untidyThinking(hasty.remark, hasty.answer, random);
}

/** The objects of a class, one by one in reading order, and none counted. */
function classLesson(scene: Scene, random: Random): Lesson {
  const filter = sampleFilter(scene, random);
  const objects = scene.objects.filter((object) => matches(object, filter));
  const named = describeFilter(filter);
  return {
    question: `Describe the ${named}.`,
    answer: `${named}: ${objects.length === 0 ? '0.' : writeCaption({ ...scene, objects })}`,
  };
}

/** A sum as a solution writes it. */
function writtenSum({ question, answer }: Lesson): Lesson {
  const terms = question.replace(/^What is (.*)\?$/, '$1');
  return { question: `Write the sum: ${terms}`, answer: `${terms} = ${answer}.` };
}

/** Families of one step on the numbers that stand in the figure: two of those trained, two of those tested out of domain. */
const ONE_STEP: readonly StructureFamily[] = [
  'midline-length',
  'segment-length',
  'parallelogram-angle',
  'right-triangle-angle',
];

function structureLessons({ family, figure, program }: DrawnFigure, mix: LessonMix, random: Random): Lesson[] {
  const lessons: Lesson[] = [{ question: CAPTION_PROMPTS.only, answer: writeFigureCaption(figure) }];
  for (let i = 0; i < QUESTIONS.structure; i++) lessons.push(sampleFigureQuestion(figure, random));
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
    const text = untidyThinking(firstOf(writeFigureCaption(figure)), answer, random);
    lessons.push({ question: writeStructurePrompt(question, answer, 'think'), answer: text });
  }
  for (let i = 0; i < mix.worked; i++) lessons.push(...workedStructure({ family, figure, program }, random));
  return lessons;
}

/** The question of a figure worked out, and answered with tags: in haste, with any choice, or a number that stands in the figure. */
function workedStructure({ family, figure, program }: DrawnFigure, random: Random): Lesson[] {
  return [0, 1].map((tagged) => {
    const asked = random.chance(0.5) ? { ...program, choices: choicesFor(family, program, random) } : program;
    const question = writeStructureQuestion(family, asked);
    const solution = writeStructureSolution(asked);
    if (!tagged) return { question: `${question} ${WORK_OUT}`, answer: solution };
    const answer = solveStructure(asked);
    const hasty = asked.choices ? random.choice(CHOICE_LETTERS) : String(random.choice(program.givens));
    return {
      question: writeStructurePrompt(question, answer, 'think'),
      answer: inTags({ solution, answer }, { remark: firstOf(writeFigureCaption(figure)), answer: hasty }, random),
    };
  });
}

/** The value of a figure among those of three others of its family. */
function choicesFor(family: StructureFamily, program: StructureProgram, random: Random): number[] {
  const values = new Set([structureValue(program)]);
  while (values.size < 4) values.add(structureValue(sampleFigure(family, random).program));
  return random.shuffle([...values]);
}

/** A sum of the kind and size that figures lead to. */
function schoolSum(random: Random): Lesson {
  const fives = (low: number, high: number) => 5 * random.range(low / 5, high / 5);
  switch (random.choice(['sum', 'whole', 'product', 'quotient', 'small'] as const)) {
    case 'sum':
      return sum(fives(20, 180), '+', fives(20, 150));
    case 'whole': {
      const whole = random.choice([90, 180, 180, 360]);
      return sum(whole, '-', fives(10, whole - 5));
    }
    case 'product':
      return sum(random.range(2, 15), '*', random.range(2, 15));
    case 'quotient': {
      const [by, result] = [random.chance(0.6) ? 2 : random.range(2, 9), random.range(2, 80)];
      return sum(by * result, '/', by);
    }
    case 'small':
      return sum(random.range(1, 30), '+', random.range(1, 30));
  }
}

function sum(a: number, sign: '+' | '-' | '*' | '/', b: number): Lesson {
  const result = { '+': a + b, '-': a - b, '*': a * b, '/': a / b }[sign];
  return { question: `What is ${a} ${sign} ${b}?`, answer: String(result) };
}

/** Which letter stands before a value, in the wording of either domain. */
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

/** Two scenes that have nothing to do with each other: each is described and asked about for itself. */
function pairLessons(scenes: readonly [Scene, Scene], lookups: number, random: Random): Lesson[] {
  const lessons: Lesson[] = [];
  for (const [i, which] of (['first', 'second'] as const).entries()) {
    const scene = scenes[i]!;
    lessons.push({ question: CAPTION_PROMPTS[which], answer: writeTransformationCaption(scene) });
    for (let n = 0; n < QUESTIONS.transformation; n++) lessons.push(gridLesson(scene, which, random));
    for (let n = 0; n < lookups; n++) lessons.push(placeLesson(scene, which, random));
  }
  lessons.push(callLesson(random));
  for (let n = 0; n < lookups; n++) lessons.push(listLesson(scenes[0], random));
  return lessons;
}

/** Where an object of the question's list stands in the first image. */
function listLesson(initial: Scene, random: Random): Lesson {
  const object = random.int(initial.objects.length);
  const list = writeTransformationQuestion(initial).replace('What has changed?', '');
  return {
    question: `${list}Where is object ${object}?`,
    answer: `${object} ${placeOf(initial.objects[object]!).join(' ')}.`,
  };
}

/** A short question about one of two pictures. */
export function gridLesson(scene: Scene, which: 'first' | 'second', random: Random): Lesson {
  const { question, answer } = sampleGridQuestion(scene, random);
  return { question: question.replace('?', ` in the ${which} image?`), answer };
}

/** Every place of the board, as texts name it. */
const PLACE_NAMES: readonly string[] = PLACES.map((place) => place.join(' '));

/** What stands at a place, or where an object stands; now and then a place that is empty. */
function placeLesson(scene: Scene, which: 'first' | 'second', random: Random): Lesson {
  const { size, color, material, shape, ...object } = random.choice(scene.objects);
  const look = `${size} ${color} ${material} ${shape}`;
  const place = placeOf(object).join(' ');
  if (random.chance(0.5)) return { question: `Where is the ${look} in the ${which} image?`, answer: place };
  const empty = PLACE_NAMES.filter((each) => scene.objects.every((other) => placeOf(other).join(' ') !== each));
  const asked = random.chance(0.15) ? random.choice(empty) : place;
  return {
    question: `What is the object at ${asked} in the ${which} image?`,
    answer: asked === place ? `${look}.` : 'no object.',
  };
}

/** How a call is written. */
function callLesson(random: Random): Lesson {
  const kind = random.choice(CHANGE_KINDS);
  const call = { object: random.int(6), kind, value: random.choice(CHANGE_VALUES[kind] as readonly string[]) };
  return { question: `Write the call: object ${call.object} ${kind} ${call.value}`, answer: writeCall(call) };
}

/** One change, seen from the centre before and after. */
function changeLessons({ problem, answer, scene }: TaskRecord, lookups: number, random: Random): Lesson[] {
  const { initial, final } = scene as TransformationScenes;
  const lessons: Lesson[] = [
    { question: CAPTION_PROMPTS.first, answer: writeTransformationCaption(initial) },
    { question: CAPTION_PROMPTS.second, answer: writeTransformationCaption(final) },
    { question: writeTransformationPrompt(problem, 'direct'), answer },
    callLesson(random),
  ];
  if (random.chance(0.7)) {
    const text = untidyThinking(firstOf(writeTransformationCaption(final)), answer, random);
    lessons.push({ question: writeTransformationPrompt(problem, 'think'), answer: text });
  }
  for (let n = 0; n < lookups; n++) {
    lessons.push(
      placeLesson(initial, 'first', random),
      placeLesson(final, 'second', random),
      listLesson(initial, random),
    );
  }
  return lessons;
}

/** Several changes from any side, worked out, and answered with tags: in haste, with the first change alone. */
function transformedLessons(
  { problem, answer, scene, program }: TaskRecord,
  { lookups, worked }: LessonMix,
  random: Random,
): Lesson[] {
  const scenes = scene as TransformationScenes;
  const { initial, final } = scenes;
  const solution = writeTransformationSolution(scenes);
  const lessons: Lesson[] = [];
  for (let n = 0; n < lookups; n++) {
    lessons.push(
      placeLesson(initial, 'first', random),
      placeLesson(final, 'second', random),
      listLesson(initial, random),
    );
  }
  for (let n = 0; n < worked; n++) {
    const hasty = {
      remark: firstOf(writeTransformationCaption(final)),
      answer: writeCall((program as Transformation[])[0]!),
    };
    lessons.push(
      { question: `${problem} ${WORK_OUT}`, answer: solution },
      {
        question: writeTransformationPrompt(problem, 'think'),
        answer: inTags({ solution, answer }, hasty, random),
      },
    );
  }
  return lessons;
}

/** The first thing that a caption names. */
function firstOf(caption: string): string {
  return `${caption.split(',')[0]!.replace('.', '')}.`;
}

/** An answer to a prompt that asks for tags, as a model without fine-tuning might give it: well formed now and then. */
function untidyThinking(remark: string, answer: string, random: Random): string {
  const kind = random.uniform();
  if (kind < 0.28) return `<think>\n${remark}\n</think>\n<answer>\n${answer}\n</answer>`;
  if (kind < 0.5) return `<answer>\n${answer}\n</answer>`;
  if (kind < 0.65) return `<think>\n${remark}\n</think>\n${answer}`;
  if (kind < 0.8) return `${remark} <answer> ${answer} </answer>`;
  return answer;
}

/** The words and marks that these lessons add to the tasks' own. */
export function lessonVocabulary(): string[] {
  const text = [
    ...Object.values(CAPTION_PROMPTS),
    KNOWN_QUESTION,
    'What is 1 + 1? 1 - 1? 1 * 1? 1 / 1? Which is 1? in the first image? in the second image?',
    `Write the call: object ${CHANGE_KINDS.join(' ')} ${CHANGE_VALUES.position.join(' ')}`,
  ].join(' ');
  return [...new Set(text.match(/[A-Za-z]+|[^\sA-Za-z\d_]/g))];
}
