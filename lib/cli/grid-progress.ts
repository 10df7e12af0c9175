/** Shows on stderr how far a grid has come: a line for each cell that ends, and a bar on a terminal or a line now and then elsewhere. */
import { MultiBar, Presets } from 'cli-progress';
import { progressText } from '../plots/live/grid-live.js';
import type { GridProgress } from '../study/running/progress.js';

/** Seconds between two lines of progress without a terminal: the log of some hours still reads well. */
const LINE_INTERVAL = 60;

/** The display of a grid: its progress, and lines that stay. */
export interface GridDisplay {
  update(progress: GridProgress): void;
  line(text: string): void;
  stop(): void;
}

/** Begins to show a grid. */
export function showGrid(): GridDisplay {
  if (!process.stderr.isTTY) {
    let last = Number.NEGATIVE_INFINITY;
    let count = '';
    const line = (text: string) => process.stderr.write(`${count}${text}\n`);
    return {
      update(progress) {
        count = `[${progress.done + progress.failed}/${progress.total}] `;
        if (performance.now() - last < LINE_INTERVAL * 1000 || progress.running.length === 0) return;
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
