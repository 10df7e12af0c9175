/**
 * Starts the TypeScript kernel: `node main.js kernel --config-path FILE`, as the kernel's file in `.venv` says.
 *
 * It puts tslab's own parts together as tslab does, and adds around them what long training needs: shorthand properties
 * (`shorthand.ts`), a library that is built while a kernel runs (`typescript.ts`), an interrupt that waits for the trainer, and a kernel
 * that is busy, and gives signs of life, as long as it computes (`server.ts`).
 */
import type { Converter } from 'tslab/dist/converter.js';
import type { ConverterSet } from 'tslab/dist/executor.js';
import { CellRunner } from './cell-runner.js';
import { startServer } from './server.js';
import { writeOutShorthand } from './shorthand.js';
import { listenForInterrupts } from './sigint-listeners.js';
import { loadMendedTypeScript, type TypeScript } from './typescript.js';

/** @param connectionFile Jupyter's file of ports and of the key that signs messages */
async function startKernel(connectionFile: string): Promise<void> {
  const ts = loadMendedTypeScript();
  const { createConverter } = require('tslab/dist/converter.js') as typeof import('tslab/dist/converter.js');
  const converters: { [mode in 'node' | 'browser']?: Converter } = {};
  const converterOf = (mode: 'node' | 'browser') =>
    (converters[mode] ??= withShorthand(ts, createConverter({ isJS: false, isBrowser: mode === 'browser' })));
  const set: ConverterSet = {
    // It takes seconds to make, so it is made before the first cell.
    node: converterOf('node'),
    get browser() {
      return converterOf('browser');
    },
    close: () => Object.values(converters).forEach((converter) => void converter.close()),
  };
  const runner = new CellRunner(process.cwd(), set);
  listenForInterrupts(() => runner.interrupt());
  process.on('uncaughtException', (error) => console.error('UncaughtException:', error));
  process.on('unhandledRejection', (reason) => console.error('UnhandledPromiseRejection:', reason));
  await startServer(runner, connectionFile);
}

function withShorthand(ts: TypeScript, converter: Converter): Converter {
  return {
    ...converter,
    convert(declarations, source) {
      const { source: written, inAuthorsSource } = writeOutShorthand(ts, source);
      const result = converter.convert(declarations, written);
      return { ...result, diagnostics: result.diagnostics.map(inAuthorsSource) };
    },
  };
}

const place = process.argv.indexOf('--config-path');
if (place < 0 || process.argv[place + 1] === undefined)
  throw new Error('the kernel is started by Jupyter, with --config-path and the file of its connection');
void startKernel(process.argv[place + 1]!);
