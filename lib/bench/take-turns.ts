/** Measures one workload with this kit and its peers by turns, so that all meet the machine in the same minutes. */
import { systemLoad } from './machine.js';
import { startWorker, type Worker } from './process.js';
import type { Measurement, Side } from './report.js';
import { type BenchAnswer, type BenchRequest, type PeerForm, type Workload, workloadText } from './workload.js';

/** What the kit's worker says of itself. */
export interface KitHello {
  versions: { [name: string]: string };
  gpu: boolean;
  /** Floating-point operations a second of a matrix product. */
  productRate: number;
}

/** What the peers' worker says of itself. */
export interface PeerHello {
  versions: { [name: string]: string };
  threads: number;
}

/** What starts a worker process. */
export type StartWorker<Hello> = () => Promise<Worker<Hello>>;

/** A way to start a program as a worker. */
export function workerOf<Hello>(program: string, args: readonly string[]): StartWorker<Hello> {
  return () => startWorker<Hello>(program, args);
}

/** Starts a worker only to hear what it says of itself. */
export async function askHello<Hello>(start: StartWorker<Hello>): Promise<Hello> {
  const worker = await start();
  worker.close();
  return worker.hello;
}

/** The peers of a workload: how a worker is started, and the forms in which it runs. */
export interface Peers {
  start: StartWorker<PeerHello>;
  forms: readonly PeerForm[];
}

/**
 * Measures a workload in so many rounds, each side in a process of its own, so that what one form has compiled helps no other.
 *
 * @returns undefined where the kit fails, which is printed; where a peer fails, that is part of the result
 */
export async function measureByTurns(
  workload: Workload,
  request: BenchRequest,
  rounds: number,
  startKit: StartWorker<KitHello>,
  peers: Peers | undefined,
): Promise<Measurement | undefined> {
  const kit = await startKit();
  const sides: { form: PeerForm; worker: Worker<PeerHello>; answers: BenchAnswer[] }[] = [];
  try {
    for (const form of peers?.forms ?? []) sides.push({ form, worker: await peers!.start(), answers: [] });
    const kitAnswers: BenchAnswer[] = [];
    const loads: number[] = [];
    for (let round = 0; round < rounds; round++) {
      loads.push(systemLoad());
      kitAnswers.push(await kit.ask(request));
      for (const side of sides) side.answers.push(await side.worker.ask({ ...request, form: side.form }));
    }
    const kitSide = joinAnswers(kitAnswers);
    if ('error' in kitSide) {
      console.error(`bench: ${workloadText(workload)} failed: ${kitSide.error}`);
      return undefined;
    }
    const measuredPeers = Object.fromEntries(sides.map(({ form, answers }) => [form, joinAnswers(answers)]));
    return { workload, kit: kitSide, peers: measuredPeers, loads };
  } finally {
    kit.close();
    for (const { worker } of sides) worker.close();
  }
}

/** The answers of all rounds as one; the first error where there was one. */
function joinAnswers(answers: readonly BenchAnswer[]): Side | { error: string } {
  const failed = answers.find((answer) => answer.error !== undefined);
  if (failed) return { error: failed.error! };
  const rolloutSeconds = answers.flatMap((answer) => answer.rolloutSeconds ?? []);
  return {
    samples: answers.flatMap((answer) => answer.seconds!),
    peakMegabytes: Math.max(...answers.map((answer) => answer.peakMegabytes)),
    ...(rolloutSeconds.length > 0 ? { rolloutSeconds } : {}),
  };
}
