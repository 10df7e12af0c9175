import assert from 'node:assert/strict';
import { test } from 'node:test';
import { releasedAccuracyReward } from '../../lib/rewards/released/accuracy.js';
import { equalAnswers } from '../../lib/rewards/symbolic.js';
import { symbolicAccuracyReward } from '../../lib/rewards/symbolic-accuracy.js';

const EQUAL: [string, string][] = [
  ['1/2', '0.5'],
  ['\\frac{1}{2}', '0.5'],
  ['\\dfrac12', '\\frac{2}{4}'],
  ['50\\%', '1/2'],
  ['50%', '0.5'],
  ['2\\sqrt{3}', '\\sqrt{12}'],
  ['\\frac{\\sqrt{3}}{3}', '\\frac{1}{\\sqrt{3}}'],
  ['\\sqrt[3]{8}', '2'],
  ['\\pi', '3.14159265358979'],
  ['2\\pi r', 'r \\cdot 2 \\pi'],
  ['45^\\circ', '45'],
  ['45°', '45 degrees'],
  ['12 cm', '12'],
  ['12\\text{ cm}^2', '12'],
  ['6.0', '6'],
  ['$6$', '6'],
  ['1,000', '1000'],
  ['x+1', '1 + x'],
  ['(x+1)^2', 'x^2 + 2x + 1'],
  ['x^{2} - 1', '(x-1)(x+1)'],
  ['x = 5', '5'],
  ['-3', '−3'],
  ['3 × 4', '12'],
  ['\\left(2\\right)', '2'],
  ['the red cube', 'the  red cube'],
  ['\\text{Red Cube}', 'red cube.'],
  ['[1,2]', '[1, 2]'],
  ['\\text{(B)}', 'B'],
  ['\\boxed{5}', '5'],
  ['\\(5\\)', '5'],
  ['$\\frac12$.', '0.5'],
  ['1\\frac{1}{2}', '3/2'],
  ['-1 1/2', '-1.5'],
  ['5\\text{ m/s}', '5'],
  ['12 kg', '12'],
  ['\\sin 30^\\circ', '0.5'],
  ['30^\\circ + 15^\\circ', '45'],
  ['|-3|', '3'],
  ['-0', '0.00'],
  ['\\sqrt{x}\\sqrt{y}', '\\sqrt{x y}'],
];
for (const [a, b] of EQUAL) {
  test(`${a} is ${b}`, () => {
    assert.ok(equalAnswers(a, b));
    assert.ok(equalAnswers(b, a));
  });
}

const UNEQUAL: [string, string][] = [
  ['1/2', '0.51'],
  ['1/3', '0.3333'],
  ['x+1', 'x+2'],
  ['x', 'y'],
  ['x^2', '2x'],
  ['A', 'B'],
  ['a', 'A'],
  ['red', 'blue'],
  ['1/0', '5'],
  ['1/0', '2/0'],
  // Undefined is equal to nothing.
  ['1/0', '1/0'],
  ['', '0'],
  ['\\sqrt{-1}', '1'],
  ['2 or 3', '2'],
  ['10', '10x'],
  ['1e999', '2e999'],
  // Equal for positive values only.
  ['sqrt(x^2)', 'x'],
  // As float64 with a relative tolerance these would be equal.
  ['12345678901234567', '12345678901234568'],
  ['1e-10', '2e-10'],
  // Words beside a number are not units.
  ['\\text{7 or }6', '6'],
  ['Am', 'A'],
  ['x + m', 'x'],
];
for (const [a, b] of UNEQUAL) {
  test(`${a} is not ${b}`, () => {
    assert.ok(!equalAnswers(a, b));
    assert.ok(!equalAnswers(b, a));
  });
}

test('text that is no plain mathematics is compared as text: names, assignments, factorials, long input', () => {
  for (const text of ['f(x) = import("fs")', 'cos', '170!', 'a = b = 1; a', '[1, 2]', '1 < 2', '9'.repeat(300)]) {
    assert.ok(equalAnswers(text, text), text);
    assert.ok(!equalAnswers(text, `${text} `.repeat(2)), text);
  }
  assert.ok(!equalAnswers(`${'('.repeat(40)}1${')'.repeat(40)}`, '1'), 'deeper than 20 brackets');
});

test('the symbolic reward reads the answer tags; the released one only where there are none', () => {
  const row = { answer: '6' };
  assert.equal(symbolicAccuracyReward({ completion: '<think>2 x 3</think><answer>12/2</answer>', row }), 1);
  assert.equal(releasedAccuracyReward({ completion: '<answer>6.0</answer>', row }), 0);
  assert.equal(releasedAccuracyReward({ completion: '<answer>6</answer>', row }), 1);
  assert.equal(releasedAccuracyReward({ completion: '6.0', row }), 1);
});
