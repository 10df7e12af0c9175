/** The run directory: what was asked for, what was measured step by step, and the checkpoints to go on from. */
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { writeFileAtomic } from '../engine/atomic-write.js';

/** Plain JSON. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Numbers logged at one step, by the field's metric names. */
export type Metrics = { [name: string]: number };

/** JSON with sorted keys, so that equal configurations have equal text. */
export function canonicalJson(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const members = Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key] as Json)}`);
  return `{${members.join(',')}}`;
}

/** The first 12 hexadecimal digits of the SHA-256 of a configuration: its name in folder names. */
export function configurationHash(configuration: Json): string {
  return createHash('sha256').update(canonicalJson(configuration)).digest('hex').slice(0, 12);
}

/**
 * One run's folder:
 *
 *     run.json            the configuration
 *     metrics.jsonl       a line a step
 *     checkpoints/step-N  weights, optimizer and progress to go on from
 *     final/              the trained checkpoint, in the field's layout
 *     result.json         written last: the run is finished
 */
export class RunDirectory {
  private constructor(readonly folder: string) {}

  /**
   * Opens a run's folder, or creates it. A folder that exists goes on from where it stopped.
   *
   * @throws Error when the folder holds a run of another configuration: a run never overwrites another
   */
  static open(folder: string, configuration: Json): RunDirectory {
    const file = path.join(folder, 'run.json');
    if (existsSync(file)) {
      const held = JSON.parse(readFileSync(file, 'utf8')) as { configuration: Json };
      if (canonicalJson(held.configuration) !== canonicalJson(configuration)) {
        throw new Error(
          `${folder} holds a run of another configuration (see its run.json); choose another folder or remove it`,
        );
      }
      const run = new RunDirectory(folder);
      run.sweep();
      return run;
    }
    mkdirSync(folder, { recursive: true });
    writeFileAtomic(file, `${JSON.stringify({ configuration }, null, 2)}\n`);
    return new RunDirectory(folder);
  }

  /** Removes checkpoints that a killed process left half-written; they never count. */
  private sweep(): void {
    const parent = path.join(this.folder, 'checkpoints');
    if (!existsSync(parent)) return;
    for (const name of readdirSync(parent).filter((each) => each.endsWith('.partial'))) {
      rmSync(path.join(parent, name), { recursive: true, force: true });
    }
  }

  /** What the finished run left, or undefined while it is not finished. */
  result<T>(): T | undefined {
    const file = path.join(this.folder, 'result.json');
    return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as T) : undefined;
  }

  /** Marks the run as finished. */
  finish(result: unknown): void {
    writeFileAtomic(path.join(this.folder, 'result.json'), `${JSON.stringify(result, null, 2)}\n`);
  }

  /** The folder of the trained checkpoint. */
  get final(): string {
    return path.join(this.folder, 'final');
  }

  /** Adds a line to `metrics.jsonl`. */
  log(step: number, metrics: Metrics): void {
    appendFileSync(this.metricsFile, `${JSON.stringify({ step, ...metrics })}\n`);
  }

  /** Adds lines to a JSON Lines file of the run, such as `completions.jsonl`; each row carries its `step`. */
  append(name: string, rows: readonly { step: number }[]): void {
    appendFileSync(path.join(this.folder, name), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  }

  /** All metrics so far. */
  metrics(): (Metrics & { step: number })[] {
    return readLines(this.metricsFile) as (Metrics & { step: number })[];
  }

  /** The rows of a JSON Lines file of the run. */
  rows<T>(name: string): T[] {
    return readLines(path.join(this.folder, name)) as T[];
  }

  /** Drops what was logged from `step` on: it will be logged again. */
  rewind(step: number, files: readonly string[] = ['metrics.jsonl']): void {
    for (const name of files) {
      const file = path.join(this.folder, name);
      if (!existsSync(file)) continue;
      const kept = (readLines(file) as { step: number }[]).filter((row) => row.step < step);
      writeFileAtomic(file, kept.map((row) => `${JSON.stringify(row)}\n`).join(''));
    }
  }

  /**
   * Writes a checkpoint under a temporary name and renames it when complete; the `keep` newest stay.
   *
   * @param step number of steps completed
   */
  saveCheckpoint(step: number, write: (folder: string) => void, keep = 1): void {
    const parent = path.join(this.folder, 'checkpoints');
    const target = path.join(parent, `step-${String(step).padStart(6, '0')}`);
    const partial = `${target}.partial`;
    rmSync(partial, { recursive: true, force: true });
    mkdirSync(partial, { recursive: true });
    try {
      write(partial);
      writeFileSync(path.join(partial, 'step.json'), JSON.stringify({ step }));
      rmSync(target, { recursive: true, force: true });
      renameSync(partial, target);
    } catch (error) {
      rmSync(partial, { recursive: true, force: true });
      throw error;
    }
    for (const old of this.checkpoints().slice(0, -keep)) rmSync(old.folder, { recursive: true, force: true });
  }

  /** The newest complete checkpoint. */
  latestCheckpoint(): { step: number; folder: string } | undefined {
    return this.checkpoints().at(-1);
  }

  private checkpoints(): { step: number; folder: string }[] {
    const parent = path.join(this.folder, 'checkpoints');
    if (!existsSync(parent)) return [];
    return readdirSync(parent)
      .filter((name) => /^step-\d+$/.test(name))
      .sort()
      .map((name) => ({ step: Number(name.slice(5)), folder: path.join(parent, name) }));
  }

  private get metricsFile(): string {
    return path.join(this.folder, 'metrics.jsonl');
  }
}

/** The rows of a JSON Lines file; a last line cut off by a crash is left out. */
function readLines(file: string): unknown[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n');
  lines.pop();
  return lines.map((line) => JSON.parse(line) as unknown);
}
