import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CountingProgram, runProgram, solveCounting } from '../../../lib/tasks/counting/program.js';
import { rederiveCountingRationale, writeCountingRationale } from '../../../lib/tasks/counting/rationale.js';
import { rederiveCountingSolution, writeCountingSolution } from '../../../lib/tasks/counting/solution.js';
import { writeQuestion } from '../../../lib/tasks/counting/wording.js';
import type { Attributes, Scene } from '../../../lib/tasks/world/scene.js';

const objects: Attributes[] = [
  { size: 'large', color: 'red', material: 'rubber', shape: 'sphere' },
  { size: 'small', color: 'red', material: 'metal', shape: 'sphere' },
  { size: 'small', color: 'red', material: 'metal', shape: 'cube' },
  { size: 'large', color: 'blue', material: 'rubber', shape: 'cube' },
  { size: 'small', color: 'blue', material: 'rubber', shape: 'sphere' },
  { size: 'small', color: 'gray', material: 'metal', shape: 'cylinder' },
];
/** Six objects: 3 spheres, 2 cubes, 1 cylinder; 3 red, 2 blue, 1 gray; 2 red spheres. */
const SCENE: Scene = {
  look: 'blocks',
  objects: objects.map((o, i) => ({ ...o, x: i, y: 0, yaw: 0 })),
  camera: { eye: [0, -15, 12.6], target: [0, 0, 0.3], fieldOfView: 25.5 },
  light: [0, 0, 1],
  grain: 1,
};

const CASES: { name: string; program: CountingProgram; question: string; answer: number }[] = [
  {
    name: 'count',
    program: { changes: [], ask: { color: 'red' } },
    question: 'How many red objects are there?',
    answer: 3,
  },
  {
    name: 'addition: 6 + 3',
    program: { changes: [{ op: 'add', count: 3, filter: { color: 'red', shape: 'cube' } }], ask: {} },
    question: 'Add 3 red cubes. How many objects exist?',
    answer: 9,
  },
  {
    name: 'addition to a class: 2 cubes + 3',
    program: { changes: [{ op: 'add', count: 3, filter: { color: 'red', shape: 'cube' } }], ask: { shape: 'cube' } },
    question: 'Add 3 red cubes. How many cubes exist?',
    answer: 5,
  },
  {
    name: 'subtract all: 6 - 3 spheres',
    program: { changes: [{ op: 'subtract-all', filter: { shape: 'sphere' } }], ask: {} },
    question: 'Subtract all spheres. How many objects are left?',
    answer: 3,
  },
  {
    name: 'subtract some: 3 red - 1',
    program: { changes: [{ op: 'subtract', count: 1, filter: { color: 'red' } }], ask: { color: 'red' } },
    question: 'Subtract 1 red object. How many red objects are left?',
    answer: 2,
  },
  {
    name: 'needed: 3 spheres to 1',
    program: { changes: [], ask: { shape: 'sphere' }, target: 1 },
    question: 'How many spheres must be subtracted to get 1 sphere?',
    answer: 2,
  },
  {
    name: 'adversarial: cubes stay 2 when red spheres go',
    program: { changes: [{ op: 'subtract-all', filter: { color: 'red', shape: 'sphere' } }], ask: { shape: 'cube' } },
    question: 'Subtract all red spheres. How many cubes are left?',
    answer: 2,
  },
  {
    name: 'adversarial with overlap: 2 cubes, of which 1 is red',
    program: { changes: [{ op: 'subtract-all', filter: { color: 'red' } }], ask: { shape: 'cube' } },
    question: 'Subtract all red objects. How many cubes are left?',
    answer: 1,
  },
  {
    name: 'two hops that overlap: 6 - 3 red, then 1 sphere more',
    program: {
      changes: [
        { op: 'subtract-all', filter: { color: 'red' } },
        { op: 'subtract-all', filter: { shape: 'sphere' } },
      ],
      ask: {},
    },
    question: 'Subtract all red objects. Subtract all spheres. How many objects are left?',
    answer: 2,
  },
  {
    name: 'subtract and add: 6 - 1 + 4',
    program: {
      changes: [
        { op: 'subtract-all', filter: { shape: 'cylinder' } },
        { op: 'add', count: 4, filter: { shape: 'sphere' } },
      ],
      ask: {},
    },
    question: 'Subtract all cylinders. Add 4 spheres. How many objects exist?',
    answer: 9,
  },
  {
    name: 'three hops: 6 - 3 red - 1 sphere more - 1 large more',
    program: {
      changes: [
        { op: 'subtract-all', filter: { color: 'red' } },
        { op: 'subtract-all', filter: { shape: 'sphere' } },
        { op: 'subtract-all', filter: { size: 'large' } },
      ],
      ask: {},
    },
    question: 'Subtract all red objects. Subtract all spheres. Subtract all large objects. How many objects are left?',
    answer: 1,
  },
];

for (const { name, program, question, answer } of CASES) {
  test(`counting, ${name}: asked, solved, and re-derived from rationale and solution`, () => {
    assert.equal(writeQuestion(program), question);
    assert.equal(solveCounting(program, SCENE), answer);
    assert.equal(rederiveCountingRationale(writeCountingRationale(program, SCENE)), answer);
    assert.equal(rederiveCountingSolution(writeCountingSolution(program, SCENE)), answer);
  });
}

test('counting: the second hop names only what the first left', () => {
  const { effects } = runProgram(CASES[8]!.program, SCENE);
  assert.deepEqual(
    effects.map((e) => e.difference),
    [-3, -1],
  );
});

test('counting: a program that cannot be answered is refused', () => {
  const tooMany: CountingProgram = { changes: [{ op: 'subtract', count: 4, filter: { shape: 'sphere' } }], ask: {} };
  assert.throws(() => solveCounting(tooMany, SCENE), /subtracts 4 objects, but only 3/);
  const open: CountingProgram = {
    changes: [{ op: 'add', count: 1, filter: { shape: 'cube' } }],
    ask: { color: 'red' },
  };
  assert.throws(() => solveCounting(open, SCENE), /leaves open/);
});
