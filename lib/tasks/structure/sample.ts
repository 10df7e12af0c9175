/** Draws rows of structure perception: a figure, a question with choices or for a number, the rationale and the answer. */

import type { Random } from '../../engine/random.js';
import type { TaskRecord } from '../../records/record.js';
import { domainOf } from '../domain.js';
import { type StructureFamily, sampleFigure, structureFamilies } from './families.js';
import type { GeometryFigure } from './figure.js';
import { writeStructureRationale } from './rationale.js';
import { type StructureProgram, solveStructure, structureValue } from './theorem.js';
import { writeStructureQuestion } from './wording.js';

/** The question families of each domain. */
const DOMAINS = { id: structureFamilies('id'), ood: structureFamilies('ood') };

/** The share of questions that give choices. */
const CHOICE_SHARE = 0.5;

/**
 * Draws one row, without its image: `drawFigure(record.scene)` draws that.
 *
 * @param domain `id` or `ood`
 * @throws Error when it is another
 */
export function sampleStructureRecord(domain: string, id: string, random: Random): TaskRecord {
  const family = random.choice(domainOf('structure', DOMAINS, domain));
  const { figure, asked } = random.chance(CHOICE_SHARE) ? withChoices(family, random) : withNumber(family, random);
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

interface Asked {
  figure: GeometryFigure;
  asked: StructureProgram;
}

function withNumber(family: StructureFamily, random: Random): Asked {
  const { figure, program } = sampleFigure(family, random);
  return { figure, asked: program };
}

/**
 * Draws a question with choices. These are the values of four figures of the family, drawn until all differ; the first is shown. So
 * nothing in the text sets the right choice apart, and without a look at the figure a guess is right in a quarter of the questions.
 */
function withChoices(family: StructureFamily, random: Random): Asked {
  for (;;) {
    const four = Array.from({ length: 4 }, () => sampleFigure(family, random));
    const values = four.map(({ program }) => structureValue(program));
    if (new Set(values).size < 4) continue;
    const { figure, program } = four[0]!;
    return { figure, asked: { ...program, choices: random.shuffle(values) } };
  }
}
