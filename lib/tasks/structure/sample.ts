/** Draws rows of structure perception: a figure, a question with choices or for a number, the rationale and the answer. */
import type { TaskRecord } from '../../data/record.js';
import type { Random } from '../../engine/random.js';
import {
  STRUCTURE_FAMILIES,
  type StructureDomain,
  type StructureFamily,
  sampleFigure,
  structureFamilies,
} from './families.js';
import { solveStructure, structureValue } from './theorem.js';
import { writeStructureQuestion, writeStructureRationale } from './wording.js';

/** How often a question gives choices, where its family may. */
const CHOICE_SHARE = 0.5;

/** One row, without its image: `drawFigure(record.scene)` is the image. */
export function sampleStructureRecord(domain: StructureDomain, id: string, random: Random): TaskRecord {
  const family: StructureFamily = random.choice(structureFamilies(domain));
  const { figure, program } = sampleFigure(family, random);
  const step = STRUCTURE_FAMILIES[family].choiceStep;
  const choices =
    step > 0 && random.chance(CHOICE_SHARE) ? sampleChoices(structureValue(program), step, random) : undefined;
  const asked = choices ? { ...program, choices } : program;
  return {
    id,
    image: `${id}.png`,
    problem: writeStructureQuestion(family, asked),
    answer: solveStructure(asked),
    cot: writeStructureRationale(asked),
    task: 'structure',
    family,
    domain,
    scene: figure,
    program: asked,
  };
}

/**
 * The value among three wrong ones in random order. How many of them are smaller is uniform where there is room for it, so
 * that neither a letter nor a rank is a good guess.
 */
function sampleChoices(value: number, step: number, random: Random): number[] {
  const room = Math.min(3, Math.ceil(value / step) - 1);
  const smaller = random.range(0, room);
  const distances = (count: number, most: number) =>
    random.shuffle(Array.from({ length: most }, (_, i) => i + 1)).slice(0, count);
  const below = distances(smaller, Math.min(5, Math.ceil(value / step) - 1)).map((d) => value - d * step);
  const above = distances(3 - smaller, 5).map((d) => value + d * step);
  return random.shuffle([value, ...below, ...above]);
}
