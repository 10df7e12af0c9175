/** The peak of this process's resident memory between two moments. It does not count tensors on a GPU. */
import { readFileSync, writeFileSync } from 'node:fs';

/** Begins a new measurement. On systems other than Linux it cannot, and the peak stays that of the whole process. */
export function resetPeakMemory(): void {
  try {
    // proc(5): 5 sets the peak resident set size back to the current one.
    writeFileSync('/proc/self/clear_refs', '5');
  } catch {
    // Not Linux, or no permission: see above.
  }
}

/** The peak since the last reset, in MB (2^20 bytes). */
export function peakMemory(): number {
  try {
    const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))!;
    return Number(kilobytes) / 1024;
  } catch {
    return process.resourceUsage().maxRSS / 1024;
  }
}
