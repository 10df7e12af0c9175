/** Short questions about a figure, which one look answers. A base model learns these before any reasoning. */
import type { Random } from '../../engine/random.js';
import type { GeometryFigure } from './figure.js';

/** Draws one question: what the figure is, how many numbers it has, the label at an end, or whether a number is there. */
export function sampleFigureQuestion(figure: GeometryFigure, random: Random): { question: string; answer: string } {
  const kind = random.uniform();
  const numbers = figure.labels.flatMap(({ text }) => (text === 'x' ? [] : [text]));
  if (kind < 0.25) return { question: 'What is the figure?', answer: figure.kind };
  if (kind < 0.35) return { question: 'How many numbers are there?', answer: String(numbers.length) };
  if (kind < 0.75) {
    const left = random.chance(0.5);
    const label = figure.labels.at(left ? 0 : -1)!;
    return { question: `What is the label on the ${left ? 'left' : 'right'}?`, answer: label.text };
  }
  // Half of these questions are about a number that is not there, but near to one that is.
  const shown = random.choice(numbers);
  if (random.chance(0.5)) return { question: `Is ${shown} there?`, answer: 'yes' };
  const step = Number(shown) >= 30 ? 5 : 1;
  let other = shown;
  while (numbers.includes(other)) other = String(Math.max(1, Number(shown) + step * random.range(-4, 4)));
  return { question: `Is ${other} there?`, answer: 'no' };
}
