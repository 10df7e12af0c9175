/** Answers for the kit in the benchmark: it reads one request a line and prints the seconds of each sample. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import * as tf from '@tensorflow/tfjs';
import { type Precision, startEngine } from '../engine/backend.js';
import { compile } from '../engine/compile.js';
import { linear, takeRows } from '../engine/operations.js';
import { collate, disposeBatch } from '../model/batch.js';
import { type EncodedPrompt, Generator } from '../model/generate.js';
import { hiddenStates } from '../model/hidden-states.js';
import { logits } from '../model/log-probability.js';
import { disposeModel, encodePrompt, loadModel, type Model } from '../model/model.js';
import { GREEDY } from '../model/sampling.js';
import type { ModelWeights, TokenBatch } from '../model/tensors.js';
import { readImage } from '../records/image.js';
import { trainGrpo } from '../train/grpo.js';
import { REASON_RFT_GRPO } from '../train/grpo-settings.js';
import type { RunDirectory } from '../train/run-directory.js';
import { trainSft } from '../train/sft.js';
import { trainAndEvaluate } from './learn.js';
import { inTemporaryRun } from './temporary-run.js';
import type { BenchAnswer, BenchRequest, LearnRequest } from './workload.js';

/** The first prompts of the file, encoded; from the start again where there are fewer. */
async function readPrompts({ prompts, rows }: BenchRequest, model: Model): Promise<EncodedPrompt[]> {
  const listed = JSON.parse(readFileSync(prompts, 'utf8')) as { text: string; image: string }[];
  const encoded = await Promise.all(
    listed.map(async ({ text, image }) =>
      encodePrompt(model, [await readImage(path.join(path.dirname(prompts), image))], text),
    ),
  );
  return Array.from({ length: rows }, (_, i) => encoded[i % encoded.length]!);
}

/** Runs something once more than asked for, and returns the seconds of each time but the first. */
function timeSamples(samples: number, run: () => void): number[] {
  const seconds = Array.from({ length: samples + 1 }, () => {
    const started = performance.now();
    run();
    return (performance.now() - started) / 1000;
  });
  return seconds.slice(1);
}

/** Runs a trainer in a folder of its own, and returns the seconds of its steps but the first, and the losses of all. */
function timeSteps(train: (run: RunDirectory) => Promise<void>): Promise<{ seconds: number[]; losses: number[] }> {
  return inTemporaryRun(async (run) => {
    await train(run);
    const timing = run.rows<{ step: number; step_time: number }>('timing.jsonl');
    return { seconds: timing.map((row) => row.step_time).slice(1), losses: run.metrics().map((row) => row.loss!) };
  });
}

/** Times whole steps of `trainSft`: collation, forward, backward, clipping, AdamW, the log. */
async function timeSft(request: BenchRequest, model: Model): Promise<Pick<BenchAnswer, 'seconds' | 'losses'>> {
  const { rows, length, samples, fill } = request;
  const examples = (await readPrompts(request, model)).map((prompt) => ({
    prompt,
    completion: Array.from({ length: length! - prompt.tokens.length }, () => fill),
  }));
  return timeSteps((run) =>
    trainSft({
      model,
      examples,
      settings: {
        lossType: 'nll',
        epochs: samples + 1,
        batchSize: rows,
        examplesPerMicroBatch: rows,
        gradientCheckpointing: false,
        packTo: 0,
        schedule: { learningRate: 1e-5, warmupSteps: 0, decay: 'constant' },
        weightDecay: 0.1,
        freezeVision: false,
        seed: 1,
      },
      run,
    }),
  );
}

/** Times one forward pass over all prompts, with the logits after the last token of each. */
async function timePrefill(request: BenchRequest, model: Model): Promise<number[]> {
  const prompts = await readPrompts(request, model);
  const step = compile('prefill', ({ parameters, batch }: { parameters: ModelWeights; batch: TokenBatch }) => {
    const [count, length] = batch.tokens.shape;
    const ends = tf.tensor1d(
      Array.from({ length: count }, (_, i) => (i + 1) * length - 1),
      'int32',
    );
    return logits(parameters, takeRows(hiddenStates(parameters, batch, model.config), ends));
  });
  const rows = prompts.map(({ tokens, images }) => ({ prefix: { tokens }, images, segments: [] }));
  const seconds = timeSamples(request.samples, () => {
    const collated = collate(rows, model.config, { side: 'left', lengthStep: 16 });
    const out = step({ parameters: model.parameters, batch: collated.batch });
    out.dataSync();
    out.dispose();
    disposeBatch(collated);
  });
  step.dispose();
  return seconds;
}

/** Times greedy decoding, prompts included, which no end token stops. */
async function timeDecoding(request: BenchRequest, model: Model): Promise<number[]> {
  const prompts = await readPrompts(request, model);
  const settings = { ...GREEDY, maxNewTokens: request.newTokens!, completions: 1, seed: 1 };
  return timeSamples(request.samples, () => {
    model.generator.generate(model.parameters, prompts, settings);
  });
}

/** Times whole steps of `trainGrpo` with a reference model (rollout, rewards, one update), and the rollout's part of each. */
async function timeGrpo(request: BenchRequest, model: Model): Promise<Pick<BenchAnswer, 'seconds' | 'rolloutSeconds'>> {
  const { rows, completions, newTokens, samples } = request;
  const examples = (await readPrompts({ ...request, rows: rows * (samples + 1) }, model)).map((prompt, i) => ({
    id: String(i),
    prompt,
    row: { id: String(i), image: [], problem: '', answer: '' },
  }));
  const rolloutSeconds: number[] = [];
  const generate: Generator['generate'] = (...args) => {
    const started = performance.now();
    const completions = model.generator.generate(...args);
    rolloutSeconds.push((performance.now() - started) / 1000);
    return completions;
  };
  const { seconds } = await timeSteps((run) =>
    trainGrpo({
      model: { ...model, generator: Object.create(model.generator, { generate: { value: generate } }) as Generator },
      examples,
      rewards: [{ name: 'length', weight: 1, reward: ({ completion }) => completion.length % 7 }],
      settings: {
        ...REASON_RFT_GRPO,
        steps: samples + 1,
        promptsPerStep: rows,
        promptsPerMicroBatch: rows,
        completions: completions!,
        maxNewTokens: newTokens!,
        temperature: 1,
        topK: 0,
        topP: 1,
        minP: 0,
      },
      run,
      checkpointEvery: samples + 1,
    }),
  );
  return { seconds, rolloutSeconds: rolloutSeconds.slice(1) };
}

const TIMERS = { prefill: timePrefill, decode: timeDecoding } as const;

async function measure(request: BenchRequest, model: Model): Promise<Omit<BenchAnswer, 'peakMegabytes'>> {
  if (request.kind === 'grpo') return timeGrpo(request, model);
  if (request.kind === 'sft') return timeSft(request, model);
  return { seconds: await TIMERS[request.kind](request, model) };
}

/** Answers a request; an error becomes part of the answer. */
async function answer(request: BenchRequest | LearnRequest): Promise<Omit<BenchAnswer, 'peakMegabytes'>> {
  let loaded: Model | undefined;
  try {
    if (request.kind === 'learn') return { learned: await trainAndEvaluate(request) };
    loaded = loadModel(request.checkpoint);
    const model = { ...loaded, generator: new Generator(loaded.config, NO_END) };
    const measured = await measure(request, model);
    model.generator.dispose();
    return measured;
  } catch (error) {
    return { error: (error as Error).message };
  } finally {
    if (loaded) disposeModel(loaded);
  }
}

/** No token ends a completion before its limit. */
const NO_END: readonly number[] = [];

/** Measures the machine's limit: operations a second of products of two 2048 x 2048 matrices, the best of nine. */
function measureProductRate(): number {
  const size = 2048;
  const a = tf.randomNormal([size, size]) as tf.Tensor2D;
  // Two products side by side, as the kit's steps compute.
  const step = compile('product', ({ a }: { a: tf.Tensor2D }) => [
    tf.max(linear(a, a)),
    tf.max(linear(tf.add(a, 1), a)),
  ]);
  const seconds = timeSamples(9, () => {
    const out = step({ a }) as tf.Tensor[];
    for (const tensor of out) tensor.dataSync();
    tf.dispose(out);
  });
  step.dispose();
  a.dispose();
  return (2 * 2 * size ** 3) / Math.min(...seconds);
}

async function main(): Promise<void> {
  const { version, gpu } = await startEngine({ precision: process.argv[2] as Precision });
  const hello = { versions: { tensorflow: version, tfjs: tf.version.tfjs }, gpu, productRate: measureProductRate() };
  process.stdout.write(`${JSON.stringify(hello)}\n`);
  for await (const line of createInterface({ input: process.stdin })) {
    const reply = await answer(JSON.parse(line) as BenchRequest | LearnRequest);
    const peakMegabytes = process.resourceUsage().maxRSS / 1024;
    process.stdout.write(`${JSON.stringify({ ...reply, peakMegabytes })}\n`);
  }
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
