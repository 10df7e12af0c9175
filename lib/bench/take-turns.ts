/** Measures one workload with this kit and its peer by turns, so that both meet the machine in the same minutes. */
import { startWorker, type Worker } from './process.js';
import type { Measurement, Side } from './report.js';
import { type BenchAnswer, type BenchRequest, type Workload, workloadText } from './workload.js';

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

/**
 * Measures a workload in so many rounds, each side in a process of its own.
 *
 * @returns undefined where the kit fails, which is printed; where the peer fails, that is part of the result
 */
export async function measureByTurns(
  workload: Workload,
  request: BenchRequest,
  rounds: number,
  startKit: StartWorker<KitHello>,
  startPeer: StartWorker<PeerHello> | undefined,
): Promise<Measurement | undefined> {
  const kit = await startKit();
  const peer = await startPeer?.();
  try {
    const answers: { kit: BenchAnswer[]; peer: BenchAnswer[] } = { kit: [], peer: [] };
    for (let round = 0; round < rounds; round++) {
      answers.kit.push(await kit.ask(request));
      if (peer) answers.peer.push(await peer.ask(request));
    }
    const kitSide = joinAnswers(answers.kit);
    if ('error' in kitSide) {
      console.error(`bench: ${workloadText(workload)} failed: ${kitSide.error}`);
      return undefined;
    }
    return { workload, kit: kitSide, ...(peer ? { peer: joinAnswers(answers.peer) } : {}) };
  } finally {
    kit.close();
    peer?.close();
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
