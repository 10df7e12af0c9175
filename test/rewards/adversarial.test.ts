import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../lib/engine/random.js';
import { REWARDS } from '../../lib/rewards/rewards.js';

/** Every reward that a run can name. */
const rewards: { [name: string]: (completion: string, answer: string) => number | null } = Object.fromEntries(
  Object.entries(REWARDS).map(([name, reward]) => [
    name,
    (completion, answer) =>
      reward({
        completion,
        row: { answer },
        randomKey: completion.slice(0, 9),
        group: [completion, '', '<answer>6</answer>'],
        step: 801,
      }),
  ]),
);
/** Where it is not 0 to 1: worst is a match by name alone (-0.5), and 0.05 times lambda, which lies within half. */
const RANGES: { [name: string]: [least: number, most: number] } = {
  function_penalty_reward: [-0.5, 1],
  length_reward: [-0.025, 0.025],
  repetition_reward: [-1, 0],
};
const solutions = ['6', '0', '-2.5', 'B', '\\frac{1}{2}', 'x^2 + 1', 'change_size(1, small) change_color(2, red)', ''];

test('10,000 generated texts: never an exception, never outside the range', () => {
  const random = new Random(0, 'test/rewards');
  const parts = [
    ...['<think>', '</think>', '<answer>', '</answer>', '<summary>', '</summary>', '<caption>', '</caption>'],
    ...['<|im_end|>', '<|image_pad|>', '<|vision_start|>', '<', '>', '</', '(', ')', ',', '\n', ' ', '\u2028', '\0'],
    ...['\\frac{', '}{', '}', '\\sqrt{', '^', 'x', 'sin(', '9^9^9^9', '170!', '2x', '50\\%', '\\pi'],
    ...['6', '0', '-', '.', 'e9', 'NaN', 'Infinity', '1/0', '\\frac{1}{0}', '$6$', 'A or B or C', '\ud800', '😀', '٣'],
    ...[
      'change_size(1, small)',
      'change_color(2, red)',
      'change_color(',
      '__proto__(1, x)',
      'First,',
      '\n-',
      'Step 1:',
    ],
  ];
  for (let i = 0; i < 10_000; i++) {
    const text = Array.from({ length: random.int(24) }, () => random.choice(parts)).join('');
    for (const [name, reward] of Object.entries(rewards)) {
      const value = reward(text, random.choice(solutions));
      const [least, most] = RANGES[name] ?? [0, 1];
      // The released mathematical reward gives none where it divides by zero.
      if (value === null && name === 'released_mathematical_reward') continue;
      assert.ok(value !== null && value >= least && value <= most, `${name} gave ${value} for ${JSON.stringify(text)}`);
    }
  }
});

/** Processor time of a call in ms, the best of ten: what the machine does besides is not the call's time. */
function bestOfTen(call: () => unknown): number {
  const times = Array.from({ length: 10 }, () => {
    const start = process.cpuUsage();
    call();
    const { user, system } = process.cpuUsage(start);
    return (user + system) / 1000;
  });
  return Math.min(...times);
}

test('100 kB of anything take no longer than five looks at every piece', () => {
  const fill = (piece: string) => piece.repeat(Math.ceil(100_000 / piece.length));
  const texts = [
    ...[
      '(',
      ')',
      '<',
      '>',
      '[',
      '<think>',
      '</think>',
      '<answer>',
      '</answer>',
      '</think> ',
      ' ',
      '\n',
      'a',
      '1',
      '1.',
    ],
    ...['\\frac{', '\\sqrt{', '{', '}', '\\', '^', 'x+', '9^', '((1)', '1,000', ' m', '%', '$'],
    ...['a(', 'f(1, ', 'f(1, 2) ', '\n-', 'Step 1', 'Step ', '<think></think>', '<answer></answer>'],
  ].map(fill);
  texts.push(
    `<think>${fill(' ')}</answer>`,
    `<think>${fill('</think> ')}</answer>`,
    `f(${fill('a')}`,
    `f(1,${fill(' ')}`,
  );
  texts.push(
    ...['(', '\\frac{', '\\sqrt{', '9^', 'x+', '-', '((1)', ' cm', '$'].map(
      (piece) => `<answer>${fill(piece)}</answer>`,
    ),
    ...['(', '\\frac{', '\\sqrt{', '9^', '-', '^{', ' m'].map(
      (piece) => `<answer>${piece.repeat(Math.floor(199 / piece.length))}</answer>`,
    ),
    `<answer>${fill('9')}</answer>`,
    `<answer>1${fill(' ')}1</answer>`,
    fill('<answer>('),
  );
  // A look takes 6 ms where rewards take at most 3; a search that goes back over what it has read takes a thousand times as long.
  const pass = bestOfTen(() => Array.from(fill('f(1, 2) ').matchAll(/(\w+)|(\S)/g), ([piece]) => piece.trim()).join());
  const bound = 5 * pass;
  for (const [name, reward] of Object.entries(rewards)) {
    for (const text of texts) {
      const time = bestOfTen(() => reward(text, 'change_size(1, small)'));
      const what = `${name} took ${time.toFixed(1)} ms for 100 kB of ${JSON.stringify(text.slice(0, 20))}`;
      assert.ok(time < bound, `${what}, the bound being ${bound.toFixed(1)} ms`);
    }
  }
});

test('the gamed cases: hedging, an empty answer, the gold answer in the reasoning, two answers, nested tags, a caption', () => {
  const gamed = [
    '<think>x</think><answer>A or B or C</answer>',
    '<think>x</think><answer></answer>',
    '<think>the answer is B</think><answer>A</answer>',
    '<think>x</think><answer>A</answer><answer>B</answer>',
    '<answer>A<answer>B</answer></answer>',
    '<caption>B</caption>',
    '<answer>A',
  ];
  for (const name of ['accuracy_reward', 'exact_accuracy_reward', 'symbolic_accuracy_reward', 'mathematical_reward']) {
    for (const text of gamed) assert.equal(rewards[name]!(text, 'B'), 0, `${name}: ${text}`);
  }
});
