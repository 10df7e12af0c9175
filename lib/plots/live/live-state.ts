/**
 * The state of a live plot in the folder of its run. JupyterLab does not go on drawing in a page that was closed and opened again, so the
 * script of the old output reads the run's present state from this file.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { writeFileAtomic } from '../../engine/atomic-write.js';
import type { Figure } from '../style.js';

/** What a live plot shows at one moment. */
export interface LiveState {
  figure: Figure;
  /** Of the figure, in pixels. */
  height: number;
  /** The line of progress. */
  text: string;
  /** When it was drawn, in milliseconds since 1970. */
  drawn: number;
  /** How the run ended, in words; absent while it trains. */
  ended?: string;
}

/** The name of the file in the folder of the run. */
export const LIVE_FILE = 'live.json';

/** Whether a folder holds a run: a plot is opened before its run, and a run that did not begin leaves no folder. */
export function holdsRun(folder: string): boolean {
  return existsSync(path.join(folder, 'run.json'));
}

/** Writes the state into the folder of a run; nothing where there is none yet. */
export function writeLiveState(folder: string, state: LiveState): void {
  if (holdsRun(folder)) writeFileAtomic(path.join(folder, LIVE_FILE), `${JSON.stringify(state)}\n`);
}

/** The call that shows a run from any notebook. */
export function attachCall(folder: string): string {
  return `await attachLive(${JSON.stringify(path.resolve(folder))})`;
}

/** A time of day: `18:05:12`. */
export function clockText(time: number): string {
  return new Date(time).toTimeString().slice(0, 8);
}
