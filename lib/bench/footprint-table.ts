/** Makes a table for notebooks of the memory and the time that the paper's two models need. */
import type { DisplayBundle } from '../plots/notebook.js';
import { tableBundle } from '../plots/tables.js';
import { PUBLISHED, type StepWork, stepFootprint, stepOperations } from './footprint.js';

/** A prompt of 128 tokens and a picture of 448 x 448, which is 32 x 32 patches and 256 visual tokens; a rationale of 256. */
const PROMPT = { promptTokens: 128 + 256, patches: 32 * 32, completionTokens: 256 };
const SFT = { ...PROMPT, prompts: 16, completions: 1, promptsPerMicroBatch: 1, freezeVision: true, samples: false };
const GRPO = { ...SFT, prompts: 14, completions: 8, samples: true };
/** The paper's steps: batch 16; 14 prompts with 8 completions. All with gradient checkpointing. */
const STEPS: { readonly [name: string]: Omit<StepWork, 'gradientCheckpointing'> } = {
  'SFT, LoRA of rank 16': { ...SFT, loraRank: 16 },
  'SFT, all weights': SFT,
  'GRPO, LoRA of rank 16': { ...GRPO, loraRank: 16 },
  'GRPO, all weights': GRPO,
};

/**
 * A line for each model and kind of step: memory in GB (10^9 bytes), operations in TFLOP, and the time at each speed.
 *
 * @param speeds floating-point operations a second by the name of what reaches them
 */
export function footprintTable(speeds: { readonly [name: string]: number }): DisplayBundle {
  const gigabytes = (bytes: number) => (bytes / 1e9).toFixed(1);
  const rows = Object.entries(PUBLISHED).flatMap(([model, config]) =>
    Object.entries(STEPS).map(([step, sizes]) => {
      const work = { ...sizes, gradientCheckpointing: true };
      const { weights, gradients, moments, reference, update, activations, peak } = stepFootprint(config, work);
      const operations = stepOperations(config, work);
      const times = Object.values(speeds).map((speed) => duration(operations / speed));
      const bytes = [weights, gradients + moments + reference, activations, update, peak].map(gigabytes);
      return [model, step, ...bytes, (operations / 1e12).toFixed(0), ...times];
    }),
  );
  const memory = ['weights', 'gradients, moments, reference', 'activations', 'or update', 'peak'];
  const columns = ['model', 'step', ...memory.map((part) => `${part}, GB`), 'TFLOP'];
  return tableBundle([...columns, ...Object.keys(speeds)], rows);
}

function duration(seconds: number): string {
  if (seconds < 100) return `${seconds.toPrecision(2)} s`;
  return seconds < 6000 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}
