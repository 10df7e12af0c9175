/**
 * A small GRPO run in a process of its own, which ends itself by SIGKILL at the moment that its arguments name:
 *
 *     node --import tsx killed-run.ts FOLDER EVALUATION(on|off) STEPS [WHERE COUNT]
 *
 * WHERE: `rollout` (at the n-th call of the reward), `update` (in the n-th optimizer update), `evaluation` (in the n-th), or
 * `file`, `checkpoint` or `final` (in the n-th operation on the file system, on checkpoints, or on the trained model, writes
 * being cut in half).
 */
import fs from 'node:fs';
import path from 'node:path';
import { startEngine } from '../../lib/engine/backend.js';
import { disposeModel } from '../../lib/model/model.js';
import { scheduleValidation } from '../../lib/study/cells/validation.js';
import { AdamW } from '../../lib/train/adamw.js';
import { trainGrpo } from '../../lib/train/grpo.js';
import { REASON_RFT_GRPO } from '../../lib/train/grpo-settings.js';
import { RunDirectory } from '../../lib/train/run-directory.js';
import { saveTrained } from '../../lib/train/trained.js';
import { tinyExamples, tinyPolicy } from './tiny-policy.js';

const [folder, evaluation, steps, where = 'nowhere', count = '0'] = process.argv.slice(2) as [
  string,
  string,
  string,
  string?,
  string?,
];
let left = Number(count);

/** Counts a moment of a kind; true at the one that is the last. */
function fatal(kind: string): boolean {
  return kind === where && left-- === 1;
}

function die(): never {
  process.kill(process.pid, 'SIGKILL');
  for (;;);
}

type FileOperation = (...args: unknown[]) => unknown;

/** Makes the operations of `node:fs` that change files mortal. */
function watchFiles(): void {
  const operations = fs as unknown as { [name: string]: FileOperation };
  /** Files by descriptor. */
  const opened = new Map<unknown, string>();
  for (const name of ['openSync', 'writeSync', 'fsyncSync', 'renameSync', 'appendFileSync', 'mkdirSync', 'rmSync']) {
    const real = operations[name]!;
    operations[name] = (...args) => {
      const file = path.relative(folder, opened.get(args[0]) ?? String(args[0]));
      const kinds = [
        'file',
        file.startsWith('checkpoints') ? 'checkpoint' : '',
        /^(final|best)/.test(file) ? 'final' : '',
      ];
      if (!kinds.some(fatal)) {
        const result = real(...args);
        if (name === 'openSync') opened.set(result, String(args[0]));
        return result;
      }
      if (name === 'writeSync') {
        const [descriptor, bytes, at] = args as [number, Uint8Array, number];
        real(descriptor, bytes, at, Math.floor((bytes.length - at) / 2));
      } else if (name === 'appendFileSync') {
        const whole = Buffer.from(args[1] as string);
        real(args[0], whole.subarray(0, Math.floor(whole.length / 2)));
      } else if (Number(count) % 2 === 0) real(...args);
      return die();
    };
  }
}

function watchUpdates(): void {
  const apply = AdamW.prototype.apply;
  AdamW.prototype.apply = function (this: AdamW, ...args) {
    const norm = apply.apply(this, args);
    if (fatal('update')) die();
    return norm;
  };
}

async function main(): Promise<void> {
  await startEngine();
  watchFiles();
  watchUpdates();
  const rewards = [
    {
      name: 'variety',
      weight: 1,
      reward: ({ completion }: { completion: string }) => {
        if (fatal('rollout')) die();
        return new Set(completion.split(' ')).size / 6;
      },
    },
  ];
  const model = tinyPolicy();
  // Prompts of one shape, and as many completions in validation as in training: each step is recorded once a life.
  const examples = tinyExamples(14).filter(({ prompt }) => prompt.images.length > 0);
  const run = RunDirectory.open(folder, { evaluation });
  const heldOut = scheduleValidation({
    model,
    items: examples.slice(6, 8).map((example) => ({ ...example, family: 'count' })),
    settings: {
      ...{ evaluateEvery: evaluation === 'on' ? 2 : 0, items: 2, samples: 3, maxNewTokens: 8 },
      ...{ temperature: 1, topP: 1, minP: 0, topK: 0 },
    },
    rewards,
    score: (text) => new Set(text.split(' ')).size / 8,
  });
  process.stdout.write('training\n');
  await trainGrpo({
    model,
    examples: examples.slice(0, 6),
    rewards,
    settings: {
      ...REASON_RFT_GRPO,
      ...{ steps: Number(steps), promptsPerStep: 2, completions: 3, maxNewTokens: 8, promptsPerMicroBatch: 2, seed: 1 },
      ...{
        schedule: { learningRate: 1e-2, warmupSteps: 0, decay: 'linear' },
        temperature: 1,
        topP: 1,
        minP: 0,
        topK: 0,
      },
    },
    run,
    checkpointEvery: 3,
    evaluate: heldOut && {
      every: heldOut.every,
      measure: async (...args) => {
        const measures = await heldOut.measure(...args);
        if (fatal('evaluation')) die();
        return measures;
      },
    },
  });
  run.finish(saveTrained(model, run, run.metrics().length));
  disposeModel(model);
}

void main();
