/** Rows of no task of the kit: coloured squares, drawn here, with files beside them as a user would have them. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { writePng } from '../../lib/records/image.js';

const COLOURS = { red: [220, 40, 40], blue: [40, 60, 220], green: [30, 160, 60] } as const;

/** Writes `<name>.jsonl` with so many rows, and their pictures into `images/`. @returns the file */
export async function writeColourRows(folder: string, name: string, count: number): Promise<string> {
  mkdirSync(path.join(folder, 'images'), { recursive: true });
  const colours = Object.entries(COLOURS);
  const rows = await Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const [colour, rgb] = colours[i % colours.length]!;
      const image = `${name}-${i}.png`;
      const data = Uint8Array.from({ length: 32 * 32 * 3 }, (_, at) => rgb[at % 3]!);
      await writePng(path.join(folder, 'images', image), { width: 32, height: 32, data });
      return {
        id: `${name}-${i}`,
        image,
        problem: 'Which colour is the square?',
        answer: colour,
        cot: `It is ${colour}.`,
      };
    }),
  );
  const file = path.join(folder, `${name}.jsonl`);
  writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return file;
}
