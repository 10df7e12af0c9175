/** Shows on stderr how far a long command has come: a bar with the time that is left on a terminal, a line now and then elsewhere. */
import { Presets, SingleBar } from 'cli-progress';

/** Seconds between two lines without a terminal. */
const LINE_INTERVAL = 10;

/** The display of one command. `update` may come as often as it likes. */
export interface Progress {
  update(done: number, total: number, note?: string): void;
  stop(): void;
}

/** Begins to show progress. The display appears with the first update. */
export function showProgress(name: string): Progress {
  if (!process.stderr.isTTY) {
    let last = 0;
    return {
      update(done, total, note = '') {
        if (done < total && performance.now() - last < LINE_INTERVAL * 1000) return;
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
