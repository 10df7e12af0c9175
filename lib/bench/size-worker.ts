/**
 * Measures the kit's side of `npm run bench -- --size=...`. It prints one JSON line a phase, with its seconds and the peak of resident
 * memory.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startEngine } from '../engine/backend.js';
import { peakMemory, resetPeakMemory } from '../engine/memory.js';
import { Generator } from '../model/generate.js';
import { addAdapters, LORA_DEFAULTS } from '../model/lora.js';
import { encodePrompt, loadModel } from '../model/model.js';
import { GREEDY } from '../model/sampling.js';
import { readImage } from '../records/image.js';
import { trainGrpo } from '../train/grpo.js';
import { REASON_RFT_GRPO } from '../train/grpo-settings.js';
import { RunDirectory } from '../train/run-directory.js';
import { REASON_RFT_SFT, trainSft } from '../train/sft.js';

/** The sizes of what both sides do; `size_peers.py` has the same numbers. */
const NEW_TOKENS = 16;
const COMPLETION = 32;
const GROUP = 4;
const LORA = { ...LORA_DEFAULTS, rank: 16, alpha: 32, targetModules: 'q_proj,k_proj,v_proj,o_proj' };
/** An ordinary word of the vocabulary. */
const FILL = 300;
/** No token ends a completion before its limit. */
const NO_END: readonly number[] = [];

/** What one run of a phase took, in seconds; `cpu` is the time of all threads, which other work on the machine changes less. */
interface Lap {
  seconds: number;
  cpu: number;
}

/** Starts a clock, which gives what went by since it was last asked. */
function startClock(): () => Lap {
  const now = () => {
    const { user, system } = process.cpuUsage();
    return { seconds: performance.now() / 1000, cpu: (user + system) / 1e6 };
  };
  let last = now();
  return () => {
    const next = now();
    const lap = { seconds: next.seconds - last.seconds, cpu: next.cpu - last.cpu };
    last = next;
    return lap;
  };
}

/** Runs a phase, which calls `lap` after each of its runs, and writes its line. */
async function runPhase(name: string, run: (lap: () => void) => Promise<void>): Promise<void> {
  resetPeakMemory();
  const laps: Lap[] = [];
  const clock = startClock();
  await run(() => laps.push(clock()));
  const seconds = laps.map((lap) => lap.seconds);
  const cpuSeconds = laps.map((lap) => lap.cpu);
  const line = { phase: name, seconds, cpuSeconds, peakMegabytes: peakMemory() };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

async function main(): Promise<void> {
  const [checkpoint, promptFile] = process.argv.slice(2) as [string, string];
  const { text, image } = JSON.parse(readFileSync(promptFile, 'utf8')) as { text: string; image: string };
  const scratch = mkdtempSync(path.join(tmpdir(), 'reason-rft-size-'));
  try {
    await startEngine();
    let loaded: ReturnType<typeof loadModel> | undefined;
    await runPhase('load', async (lap) => {
      loaded = loadModel(checkpoint);
      lap();
    });
    const model = { ...loaded!, generator: new Generator(loaded!.config, NO_END) };
    const prompt = encodePrompt(model, [await readImage(path.join(path.dirname(promptFile), image))], text);
    await runPhase(`generate ${NEW_TOKENS} tokens`, async (lap) => {
      const settings = { ...GREEDY, maxNewTokens: NEW_TOKENS, completions: 1, seed: 1 };
      for (let run = 0; run < 2; run++) {
        model.generator.generate(model.parameters, [prompt], settings);
        lap();
      }
    });
    addAdapters(model.parameters, LORA);
    await runPhase('SFT step', async (lap) => {
      const run = RunDirectory.open(path.join(scratch, 'sft'), {});
      const completion = Array.from({ length: COMPLETION }, () => FILL);
      const settings = { ...REASON_RFT_SFT, epochs: 2, batchSize: 1, weightDecay: 0 };
      await trainSft({ model, examples: [{ prompt, completion }], settings, run, onStep: lap });
    });
    await runPhase('GRPO step', async (lap) => {
      const run = RunDirectory.open(path.join(scratch, 'grpo'), {});
      await trainGrpo({
        model,
        examples: [{ id: '0', prompt, row: { id: '0', image: [], problem: '', answer: '' } }],
        rewards: [{ name: 'length', weight: 1, reward: ({ completion }) => completion.length % 7 }],
        settings: {
          ...REASON_RFT_GRPO,
          steps: 2,
          promptsPerStep: 1,
          promptsPerMicroBatch: 1,
          completions: GROUP,
          maxNewTokens: NEW_TOKENS,
          temperature: 1,
          topK: 0,
          topP: 1,
          minP: 0,
        },
        run,
        onStep: lap,
      });
    });
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
