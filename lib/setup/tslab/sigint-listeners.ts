/**
 * Keeps a listener for interrupts alive that a cell adds while its code runs. For that time Node takes the signal itself, to be able to
 * break the code off (`breakOnSigint`), and afterwards it puts the default action back, which ends the process, over the listener's.
 */
import vm from 'node:vm';

/**
 * Listens for interrupts. From now on, code that a cell runs may add listeners too, at once, as it may anywhere else.
 *
 * @param own the kernel's listener, which is called before those of cells: one that hears a single interrupt is there no more afterwards
 */
export function listenForInterrupts(own: () => void): void {
  process.on('SIGINT', own);
  const { runInThisContext } = vm;
  vm.runInThisContext = (...args) => {
    try {
      return runInThisContext(...args);
    } finally {
      listenAnew(own);
    }
  };
}

/** Takes all listeners off and adds them again, so that Node asks the system for the signal once more. */
function listenAnew(own: () => void): void {
  const others = process.rawListeners('SIGINT').filter((listener) => listener !== own) as NodeJS.SignalsListener[];
  process.removeAllListeners('SIGINT');
  for (const listener of [own, ...others]) process.on('SIGINT', listener);
}
