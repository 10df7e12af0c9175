/** Runs the cells of one kernel, and decides what an interrupt means for the one that runs. */
import { isPromise } from 'node:util/types';
import type { ConverterSet, Executor } from 'tslab/dist/executor.js';
import { errorText, saysStopped } from './error-text.js';

/** tslab's executor, with interrupts that a trainer can answer and errors that are short. */
export class CellRunner {
  readonly executor: Executor;
  private readonly inner: Executor;
  private interrupts = 0;

  /** @param folder in which cells look for packages and files */
  constructor(folder: string, converters: ConverterSet) {
    const { createExecutor } = require('tslab/dist/executor.js') as typeof import('tslab/dist/executor.js');
    this.inner = createExecutor(folder, converters, {
      // The value of a cell's last line. A promise says nothing to a reader.
      log: (value: unknown) => {
        if (!isPromise(value)) console.log(value);
      },
      error: (...values: unknown[]) => this.showFailure(values),
    });
    this.executor = { ...this.inner, execute: (source) => this.execute(source) };
  }

  private execute(source: string): Promise<boolean> {
    this.interrupts = 0;
    return this.inner.execute(source);
  }

  /**
   * Answers an interrupt. Whoever listens for it (a trainer does) ends the cell in its own time. If nobody does, or at a second
   * interrupt, the cell is left: what it has begun cannot be ended from outside, and goes on until it ends by itself.
   */
  interrupt(): void {
    this.interrupts++;
    const someoneElseListens = process.listenerCount('SIGINT') > 1;
    if (!someoneElseListens || this.interrupts > 1) this.inner.interrupt();
  }

  /** Shows why a cell ended: stopped on request, in one plain line; by a fault, as an error. */
  private showFailure(values: unknown[]): void {
    const [error] = values;
    if (values.length !== 1 || !(error instanceof Error)) console.error(...values);
    else if (saysStopped(error)) console.log(error.message);
    // Node's error where a computation without a pause was broken off.
    else if ('code' in error && error.code === 'ERR_SCRIPT_EXECUTION_INTERRUPTED') console.log('interrupted');
    else if (this.interrupts > 0) console.log(interruptText(error));
    else console.error(errorText(error));
  }
}

function interruptText({ message }: Error): string {
  // tslab's words where the cell waits for something.
  return message === 'Interrupted asynchronously'
    ? 'interrupted: the cell was left, and what it had begun goes on until it ends by itself'
    : message;
}
