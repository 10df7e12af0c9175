import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../lib/engine/random.js';
import type { TaskRecord } from '../../../lib/records/record.js';
import { mathematicalReward } from '../../../lib/rewards/mathematical.js';
import { scoreAnswer } from '../../../lib/rewards/score-answer.js';
import { structureFamilies } from '../../../lib/tasks/structure/families.js';
import { figureFingerprint, type GeometryFigure } from '../../../lib/tasks/structure/figure.js';
import { sampleFigureQuestion } from '../../../lib/tasks/structure/perception.js';
import { rederiveStructureRationale } from '../../../lib/tasks/structure/rationale.js';
import { sampleStructureRecord } from '../../../lib/tasks/structure/sample.js';
import { writeStructureSolution } from '../../../lib/tasks/structure/solution.js';
import {
  type StructureProgram,
  solveStructure,
  structureValue,
  THEOREMS,
} from '../../../lib/tasks/structure/theorem.js';
import { structureVocabulary, writeFigureCaption, writeStructurePrompt } from '../../../lib/tasks/structure/wording.js';

const DOMAINS = ['id', 'ood'] as const;
const ROWS = 1200;
const drawn = DOMAINS.map((domain) => {
  const random = new Random(7, `test/structure/${domain}`);
  return Array.from({ length: ROWS }, (_, i) => sampleStructureRecord(domain, `structure-${domain}-${i}`, random));
});
const records = drawn.flat();
const programOf = (record: TaskRecord) => record.program as StructureProgram;
const figureOf = (record: TaskRecord) => record.scene as GeometryFigure;

test('structure: each theorem makes the number that its arithmetic says', () => {
  const cases: [StructureProgram['theorem'], number[], number][] = [
    ['triangle', [50, 60], 70], // 180 - 50 - 60
    ['line', [35, 75], 70], // 180 - 35 - 75
    ['alternate', [65], 65],
    ['inside', [110], 70], // 180 - 110
    ['equal-sides', [80], 50], // (180 - 80) / 2
    ['circle-angle', [110], 55], // 110 / 2
    ['rectangle-area', [7, 8], 56], // 7 x 8
    ['parts', [7, 8], 15], // 7 + 8
    ['ratio', [24, 8], 3], // 24 / 8
    ['midline', [18], 9], // 18 / 2
    ['quadrilateral', [80, 90, 115], 75], // 360 - 80 - 90 - 115
    ['outside', [45, 60], 105], // 45 + 60
    ['right-triangle', [35], 55], // 90 - 35
    ['parallelogram', [115], 65], // 180 - 115
    ['point', [140, 150], 70], // 360 - 140 - 150
    ['triangle-area', [7, 6], 21], // 7 x 6 / 2
    ['trapezoid', [5, 11], 8], // (5 + 11) / 2
    ['perimeter', [5, 7], 35], // 5 x 7
  ];
  assert.deepEqual(cases.map(([name]) => name).sort(), Object.keys(THEOREMS).sort());
  for (const [theorem, givens, value] of cases) assert.equal(structureValue({ theorem, givens }), value, theorem);
  assert.equal(solveStructure({ theorem: 'triangle', givens: [50, 60], choices: [60, 65, 70, 80] }), 'C');
  assert.throws(
    () => solveStructure({ theorem: 'midline', givens: [8], choices: [1, 2, 3, 5] }),
    /none of the choices/,
  );
});

test('structure: gold answer, figure truth and rationale agree in 2,400 rows', () => {
  for (const record of records) {
    const program = programOf(record);
    assert.equal(record.answer, solveStructure(program));
    assert.deepEqual(rederiveStructureRationale(record.cot, program.choices), { answer: record.answer }, record.cot);
    // Every number that the question rests on can be read in the figure; a polygon's sides are counted instead.
    const read = figureOf(record).labels.map(({ text }) => text);
    const needed = program.theorem === 'perimeter' ? program.givens.slice(1) : program.givens;
    for (const number of needed) assert.ok(read.includes(String(number)), `${record.family}: ${number} of ${read}`);
  }
});

test('structure: letters are uniform, and no constant guess by letter, rank or family answer does much better than chance', () => {
  for (const rows of drawn) {
    const chosen = rows.filter((row) => programOf(row).choices);
    const share = (guess: (row: TaskRecord) => boolean) => chosen.filter(guess).length / chosen.length;
    for (const letter of ['A', 'B', 'C', 'D']) {
      const at = share((row) => row.answer === letter);
      assert.ok(at > 0.2 && at < 0.3, `${letter}: ${at}`);
    }
    for (let rank = 0; rank < 4; rank++) {
      const at = share((row) => {
        const { choices } = programOf(row);
        return [...choices!].sort((a, b) => a - b)[rank] === structureValue(programOf(row));
      });
      assert.ok(at > 0.2 && at < 0.3, `rank ${rank}: ${at}`);
    }
    // Nor by the choice nearest to the family's mean.
    const near = share((row) => {
      const family = chosen
        .filter((other) => other.family === row.family)
        .map((other) => structureValue(programOf(other)));
      const mean = family.reduce((a, b) => a + b, 0) / family.length;
      const { choices } = programOf(row);
      const guess = [...choices!].sort((a, b) => Math.abs(a - mean) - Math.abs(b - mean))[0];
      return guess === structureValue(programOf(row));
    });
    assert.ok(near < 0.31, `nearest to the mean: ${near}`);
    // Right by the most frequent number of the same question text: at most 35 % over all that ask for a number.
    const numeric = rows.filter((row) => !programOf(row).choices);
    let right = 0;
    for (const problem of new Set(numeric.map((row) => row.problem))) {
      const counts = new Map<string, number>();
      for (const row of numeric) {
        if (row.problem === problem) counts.set(row.answer, (counts.get(row.answer) ?? 0) + 1);
      }
      const most = Math.max(...counts.values());
      const total = [...counts.values()].reduce((a, b) => a + b, 0);
      assert.ok(most <= 0.35 * total, `'${problem}': ${most} of ${total}`);
      right += most;
    }
    assert.ok(right <= 0.2 * numeric.length, `${right} of ${numeric.length} by text alone`);
  }
});

test('structure: in domain and out of domain share no family, kind of figure, theorem or question', () => {
  assert.deepEqual([...new Set(drawn[0]!.map((row) => row.family))].sort(), structureFamilies('id').sort());
  assert.deepEqual([...new Set(drawn[1]!.map((row) => row.family))].sort(), structureFamilies('ood').sort());
  for (const propertyOf of [
    (row: TaskRecord) => figureOf(row).kind,
    (row: TaskRecord) => programOf(row).theorem,
    (row: TaskRecord) => row.problem.split(/Choices|Options/)[0]!,
  ]) {
    const id = new Set(drawn[0]!.map(propertyOf));
    for (const row of drawn[1]!) assert.ok(!id.has(propertyOf(row)), propertyOf(row));
  }
});

test('structure: test sets of 820 and 800 can be drawn apart from training figures, in fewer than 1.2 draws an item', () => {
  for (const [d, size] of [820, 800].entries()) {
    const training = new Set(drawn[d]!.map((row) => figureFingerprint(figureOf(row))));
    const random = new Random(8, `test/structure/apart/${d}`);
    const test = new Set<string>();
    let tries = 0;
    for (; test.size < size; tries++) {
      const key = figureFingerprint(figureOf(sampleStructureRecord(DOMAINS[d]!, 'x', random)));
      if (!training.has(key)) test.add(key);
    }
    assert.ok(tries < 1.2 * size, `${tries} draws for ${size}`);
  }
});

test('structure: every label fills whole cells of a tenth of the picture, inside it, and no two share one', () => {
  for (const record of records.slice(0, 400)) {
    const taken = new Set<string>();
    for (const { text, at } of figureOf(record).labels) {
      // A label of n characters about x covers the columns from 10 x - n / 2 on.
      const [column, row] = [at[0] * 10 - text.length / 2, at[1] * 10 - 0.5];
      for (const v of [column, row]) assert.ok(Math.abs(v - Math.round(v)) < 1e-6, `${text} at ${at.join(' ')}`);
      for (let i = 0; i < text.length; i++) {
        const cell = `${Math.round(column) + i} ${Math.round(row)}`;
        assert.ok(/^\d \d$/.test(cell) && !taken.has(cell), `${text} at ${at.join(' ')}: cell ${cell}`);
        taken.add(cell);
      }
    }
  }
});

test('structure: the same stream gives the same rows', () => {
  const again = new Random(7, 'test/structure/ood');
  for (const record of drawn[1]!.slice(0, 20)) {
    assert.deepEqual(sampleStructureRecord('ood', record.id, again), record);
  }
});

test('structure: choices are scored by letter, numbers within the tolerance of the mathematical reward', () => {
  assert.equal(scoreAnswer('<answer> C </answer>', { answer: 'C' }), 1);
  assert.equal(scoreAnswer('<answer> B </answer>', { answer: 'C' }), 0);
  const reward = (answer: string) =>
    mathematicalReward({ completion: `<answer>${answer}</answer>`, row: { answer: '70' } });
  assert.equal(reward('70'), 1);
  assert.equal(reward('72'), 1); // 2 is below 5 % of 70
  assert.equal(reward('90'), 0); // 20 is above 20 % of 70
});

test('structure: the vocabulary holds every word of questions, solutions, captions, short questions and prompts', () => {
  const known = new Set(structureVocabulary());
  const random = new Random(8, 'test/structure/short');
  for (const record of records) {
    const short = Array.from({ length: 3 }, () => sampleFigureQuestion(figureOf(record), random));
    const prompts = (['think', 'direct', 'bare'] as const).map((style) =>
      writeStructurePrompt(record.problem, record.answer, style),
    );
    const texts = [
      ...prompts,
      writeStructureSolution(programOf(record)),
      writeFigureCaption(figureOf(record)),
      ...short.flatMap((s) => [s.question, s.answer]),
    ];
    for (const text of texts) {
      for (const word of text.replaceAll(/<\/?\w+>/g, ' ').match(/[A-Za-z]+|[^\sA-Za-z\d]/g) ?? []) {
        assert.ok(known.has(word), `'${word}' of '${text}' is not in the vocabulary`);
      }
    }
  }
});

test('structure: short questions are answered by the figure', () => {
  const random = new Random(9, 'test/structure/short');
  for (const record of records) {
    const figure = figureOf(record);
    const { question, answer } = sampleFigureQuestion(figure, random);
    const asked = /^Is (\d+) there/.exec(question);
    const there = asked && figure.labels.some(({ text }) => text === asked[1]);
    if (asked) assert.equal(answer, there ? 'yes' : 'no', question);
    if (question.endsWith('left?')) assert.ok(figure.labels.every(({ at }) => at[0] >= figure.labels[0]!.at[0]));
  }
});
