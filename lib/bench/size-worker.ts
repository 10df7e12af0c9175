/** The kit's side of `npm run bench -- --size=...`: one JSON line a phase, with its seconds and the peak of resident memory. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readImage } from '../data/image.js';
import { startEngine } from '../engine/backend.js';
import { Generator } from '../model/generate.js';
import { addAdapters, LORA_DEFAULTS } from '../model/lora.js';
import { encodePrompt, loadModel } from '../model/model.js';
import { GREEDY } from '../model/sampling.js';
import { trainGrpo } from '../train/grpo.js';
import { REASON_RFT_GRPO } from '../train/grpo-settings.js';
import { RunDirectory } from '../train/run-directory.js';
import { REASON_RFT_SFT, trainSft } from '../train/sft.js';

/** What both sides do; `size_peers.py` has the same numbers. */
const NEW_TOKENS = 16;
const COMPLETION = 32;
const GROUP = 4;
const LORA = { ...LORA_DEFAULTS, rank: 16, alpha: 32, targetModules: 'q_proj,k_proj,v_proj,o_proj' };
/** An ordinary word of the vocabulary. */
const FILL = 300;
/** No token has this id, so nothing ends before its limit. */
const NO_END = -1;

/** Runs a phase and writes its line; it gives the seconds of its runs, or takes the whole time. */
async function phase(name: string, run: () => Promise<number[] | undefined>): Promise<void> {
  resetPeak();
  const started = performance.now();
  const seconds = (await run()) ?? [(performance.now() - started) / 1000];
  process.stdout.write(`${JSON.stringify({ phase: name, seconds, peakMegabytes: peakMegabytes() })}\n`);
}

/** Linux lets a process begin its peak anew; elsewhere a phase's peak is that of all phases so far. */
function resetPeak(): void {
  if (process.platform === 'linux') writeFileSync('/proc/self/clear_refs', '5');
}

function peakMegabytes(): number {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS / 1024;
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]) / 1024;
}

function timed(run: () => void): number {
  const started = performance.now();
  run();
  return (performance.now() - started) / 1000;
}

async function main(): Promise<void> {
  const [checkpoint, promptFile] = process.argv.slice(2) as [string, string];
  const { text, image } = JSON.parse(readFileSync(promptFile, 'utf8')) as { text: string; image: string };
  const scratch = mkdtempSync(path.join(tmpdir(), 'reason-rft-size-'));
  const stepTimes = (run: RunDirectory) => run.rows<{ step_time: number }>('timing.jsonl').map((row) => row.step_time);
  try {
    await startEngine();
    let loaded: ReturnType<typeof loadModel> | undefined;
    await phase('load', async () => {
      loaded = loadModel(checkpoint);
      return undefined;
    });
    const model = { ...loaded!, generator: new Generator(loaded!.config, NO_END) };
    const prompt = encodePrompt(model, [await readImage(path.join(path.dirname(promptFile), image))], text);
    await phase(`generate ${NEW_TOKENS} tokens`, async () => {
      const settings = { ...GREEDY, maxNewTokens: NEW_TOKENS, completions: 1, seed: 1 };
      const generate = () => timed(() => model.generator.generate(model.parameters, [prompt], settings));
      return [generate(), generate()];
    });
    addAdapters(model.parameters, LORA);
    await phase('SFT step', async () => {
      const run = RunDirectory.open(path.join(scratch, 'sft'), {});
      const completion = Array.from({ length: COMPLETION }, () => FILL);
      const settings = { ...REASON_RFT_SFT, epochs: 2, batchSize: 1, weightDecay: 0 };
      await trainSft({ model, examples: [{ prompt, completion }], settings, run });
      return stepTimes(run);
    });
    await phase('GRPO step', async () => {
      const run = RunDirectory.open(path.join(scratch, 'grpo'), {});
      await trainGrpo({
        model,
        examples: [{ id: '0', prompt, solution: '' }],
        rewards: [{ name: 'length', weight: 1, reward: (completion) => completion.length % 7 }],
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
        },
        run,
      });
      return stepTimes(run);
    });
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
