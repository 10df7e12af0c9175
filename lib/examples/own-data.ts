/**
 * Data of one's own from rows to results: pictures and rows, a prompt, SFT and then GRPO with a reward of one's own, accuracy on held-out
 * rows while it trains, a sweep of two settings by seeds with its figures, and a page of rollouts. It writes into the folder that it runs
 * in. README.md, "Your own data", says how. Behind its name may stand the steps of GRPO, the number of seeds, that of training rows, and
 * the checkpoint to start from, a folder or the id of a model on the hub.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { encodePng, exportFigure, fetchModelFolder, sweep, sweepCurves, sweepFigure, writeRollouts } from 'reason-rft';

const COLOURS = { red: [200, 40, 40], blue: [40, 60, 200], green: [40, 150, 60], yellow: [220, 200, 50] };
const PROMPT =
  '{{ problem }} First think in <think> </think> tags, then answer with one word in <answer> </answer> tags.';
const [steps = 20, seeds = 2, count = 128] = process.argv.slice(2, 5).map(Number);
const [model] = process.argv.slice(5);

/** Draws squares of a colour, each at a place of its own, and writes the rows that ask for it. */
async function writeRows(name: string, count: number): Promise<string> {
  mkdirSync('data/images', { recursive: true });
  const rows = [];
  for (let i = 0; i < count; i++) {
    const [colour, rgb] = Object.entries(COLOURS)[i % 4]!;
    const [left, top, side] = [4 + ((i * 7) % 20), 4 + ((i * 11) % 20), 20 + (i % 5)];
    const data = new Uint8Array(56 * 56 * 3).fill(128);
    for (let y = top; y < top + side; y++) for (let x = left; x < left + side; x++) data.set(rgb, (y * 56 + x) * 3);
    writeFileSync(`data/images/${name}-${i}.png`, await encodePng({ width: 56, height: 56, data }));
    const [problem, cot] = ['What color is the cube?', `The cube is ${colour}.`];
    rows.push({ id: `${name}-${i}`, image: `${name}-${i}.png`, problem, cot, answer: colour, side });
  }
  writeFileSync(`data/${name}.jsonl`, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return `data/${name}.jsonl`;
}

async function main(): Promise<void> {
  const data = await writeRows('train', count);
  const start = model && (await fetchModelFolder(model));
  const { rows, report, files } = await sweep({
    out: 'runs/colours',
    cell: {
      kind: 'grpo',
      data,
      prompt: PROMPT,
      rewards: `accuracy,format,${path.join(__dirname, 'own-reward.ts')}#brevity=0.2`,
      start: { kind: 'sft', data, prompt: PROMPT, start, settings: { epochs: 3, batchSize: 16 } },
      settings: { steps, promptsPerStep: 8, promptsPerMicroBatch: 8, maxNewTokens: 24 },
      validation: { data: await writeRows('held-out', count / 8), evaluateEvery: 5 },
      test: await writeRows('test', count / 2),
    },
    over: { beta: [0, 0.04], completions: [4, 8] },
    seeds: Array.from({ length: seeds }, (_, i) => i + 1),
  });
  await exportFigure(sweepFigure({ rows }, 'Colours of squares'), 'figures/sweep');
  const curves = sweepCurves({ rows });
  await exportFigure(curves, 'figures/curves', { height: curves.layout.height });
  const { page } = await writeRollouts(rows[0]!.runs[0]!, 'rollouts.html');
  console.log(`${report.done.length} runs done; the table: ${files.markdown}, the rollouts of the first run: ${page}`);
}

void main();
