/**
 * The TypeScript compiler that tslab brings, mended for a kernel beside which the library is built anew.
 *
 * tslab keeps one timer for what the compiler wants to do later, and throws "Unexpected pending rebuildTimer" where the compiler sets a
 * second one, as it does when files come and go in a folder that it watches. Here the newest timer takes the place of the one before:
 * whatever the compiler noted in between, it reads at its next update.
 *
 * Declaration files are read once. A kernel keeps the code of the packages that it has loaded, so it also keeps their types.
 */
import path from 'node:path';

export type TypeScript = typeof import('@tslab/typescript-for-tslab');
type System = TypeScript['sys'];

/** tslab's file of the declarations of earlier cells, which it gives to the compiler anew with each cell. */
const EARLIER_CELLS = '__prev__.d.ts';

/**
 * Loads tslab's compiler and puts the mended one where tslab will find it. Call it before any part of tslab is loaded; nothing on the
 * disk changes.
 */
export function loadMendedTypeScript(): TypeScript {
  const file = require.resolve('@tslab/typescript-for-tslab', { paths: [require.resolve('tslab')] });
  const original = require(file) as TypeScript;
  const createHost = original.createWatchCompilerHost as (...args: unknown[]) => unknown;
  const mended = {
    ...original,
    createWatchCompilerHost: (files: unknown, options: unknown, system: System, ...rest: unknown[]) =>
      createHost(files, options, mendSystem(system), ...rest),
  } as TypeScript;
  require.cache[file]!.exports = mended;
  return mended;
}

function mendSystem(system: System): System {
  const mended = Object.create(system) as System;
  let pending: unknown;
  mended.setTimeout = (callback, ms, ...args) => {
    if (pending !== undefined) system.clearTimeout!(pending);
    pending = system.setTimeout!(() => {
      pending = undefined;
      callback(...args);
    }, ms);
    return pending;
  };
  mended.clearTimeout = (timer) => {
    if (timer !== pending || pending === undefined) return;
    pending = undefined;
    system.clearTimeout!(timer);
  };
  mended.watchFile = (file, callback, ...rest) =>
    file.endsWith('.d.ts') && path.basename(file) !== EARLIER_CELLS
      ? { close() {} }
      : system.watchFile!(file, callback, ...rest);
  return mended;
}
