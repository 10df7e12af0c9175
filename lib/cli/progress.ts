/** How far a long command has come: a bar with time left on a terminal, else a line now and then; always on stderr. */
import { Presets, SingleBar } from 'cli-progress';

/** Seconds between lines where there is no terminal. */
const QUIET = 10;

export interface Progress {
  update(done: number, total: number, note?: string): void;
  stop(): void;
}

export function showProgress(name: string): Progress {
  if (!process.stderr.isTTY) {
    let last = 0;
    return {
      update(done, total, note = '') {
        if (done < total && performance.now() - last < QUIET * 1000) return;
        last = performance.now();
        process.stderr.write(`${name} ${done}/${total}  ${note}\n`);
      },
      stop() {},
    };
  }
  const format = `${name} {bar} {value}/{total}  {eta_formatted} left  {note}`;
  const bar = new SingleBar({ format, stream: process.stderr, hideCursor: true }, Presets.shades_classic);
  let started = false;
  return {
    update(done, total, note = '') {
      if (!started) bar.start(total, done, { note });
      started = true;
      bar.update(done, { note });
    },
    stop() {
      if (started) bar.stop();
    },
  };
}
