/** How far a grid has come: a line for each cell that ends, and a bar on a terminal, else a line now and then; on stderr. */
import { MultiBar, Presets } from 'cli-progress';
import { durationText } from '../plots/live/live-plot.js';
import type { GridProgress } from '../study/running/runner.js';

/** Seconds between lines of progress where there is no terminal: some hours still read well. */
const QUIET = 60;

export interface GridDisplay {
  update(progress: GridProgress): void;
  line(text: string): void;
  stop(): void;
}

/** What is running, how long it took so far, and what is left. */
export function progressText({ running, elapsed, left }: GridProgress): string {
  const known = left.seconds > 0 ? `${left.atLeast ? 'at least ' : ''}${durationText(left.seconds)}` : 'not known yet';
  const cells = running.map(({ name, done, steps }) =>
    steps > done ? `${name}: step ${done}/${steps}` : `${name}: measuring`,
  );
  return [`${durationText(elapsed)} gone, left: ${known}`, ...cells].join('; ');
}

export function showGrid(): GridDisplay {
  if (!process.stderr.isTTY) {
    let last = Number.NEGATIVE_INFINITY;
    let count = '';
    const line = (text: string) => process.stderr.write(`${count}${text}\n`);
    return {
      update(progress) {
        count = `[${progress.done + progress.failed}/${progress.total}] `;
        if (performance.now() - last < QUIET * 1000 || progress.running.length === 0) return;
        last = performance.now();
        line(progressText(progress));
      },
      line,
      stop() {},
    };
  }
  const format = '{bar} {value}/{total} cells  {text}';
  const bars = new MultiBar({ format, stream: process.stderr, hideCursor: true }, Presets.shades_classic);
  let bar: ReturnType<typeof bars.create> | undefined;
  return {
    update(progress) {
      const done = progress.done + progress.failed;
      const text = progressText(progress);
      bar ??= bars.create(progress.total, done, { text });
      bar.update(done, { text });
    },
    line(text) {
      if (bar) bars.log(`${text}\n`);
      else process.stderr.write(`${text}\n`);
    },
    stop() {
      bars.stop();
    },
  };
}
