/** The peak of this process's resident memory between two moments. On a GPU, tensors lie elsewhere and are not in it. */
import { readFileSync, writeFileSync } from 'node:fs';

/** Begins a new measurement. Where the system cannot (other than Linux), the peak stays that of the whole process. */
export function resetPeakMemory(): void {
  try {
    // proc(5): 5 sets the peak resident set size back to the current one.
    writeFileSync('/proc/self/clear_refs', '5');
  } catch {
    // Not Linux, or no right to: see above.
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
