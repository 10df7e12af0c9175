/** Describes the processor that a figure belongs to, and tells whether the machine was quiet while it was measured. */
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { median } from 'simple-statistics';

/** The processor of a figure. */
export interface Processor {
  name: string;
  cores: number;
  /** The widest vectors and the matrix instructions that it has, such as `AVX-512, AVX-512 BF16, AMX BF16`. */
  instructions: string;
}

/** Instruction sets that matrix products use, by the flags of Linux, the plainest first. */
const INSTRUCTION_SETS: readonly (readonly [flag: string, name: string])[] = [
  ['avx2', 'AVX2'],
  ['avx512f', 'AVX-512'],
  ['avx512_vnni', 'AVX-512 VNNI'],
  ['avx512_bf16', 'AVX-512 BF16'],
  ['avx512_fp16', 'AVX-512 FP16'],
  ['amx_tile', 'AMX'],
  ['amx_bf16', 'AMX BF16'],
  ['asimd', 'NEON'],
  ['sve', 'SVE'],
  ['bf16', 'BF16'],
];

/** The instruction sets that the text of /proc/cpuinfo tells of; AVX2 goes without saying where there is AVX-512. */
export function instructionSets(cpuinfo: string): string {
  const flags = new Set(/^(?:flags|Features)\s*:(.*)$/m.exec(cpuinfo)?.[1]?.trim().split(/\s+/) ?? []);
  const names = INSTRUCTION_SETS.filter(([flag]) => flags.has(flag)).map(([, name]) => name);
  return names.filter((name) => name !== 'AVX2' || !names.includes('AVX-512')).join(', ');
}

/** Describes this machine's processor. Only Linux tells which instructions it has. */
export function describeProcessor(): Processor {
  let cpuinfo = '';
  if (process.platform === 'linux') cpuinfo = readFileSync('/proc/cpuinfo', 'utf8');
  return {
    name: cpus()[0]?.model ?? 'unknown processor',
    cores: availableParallelism(),
    instructions: instructionSets(cpuinfo) || 'instruction set not told by this system',
  };
}

/** The average number of running processes in the last minute, those of the bench among them; 0 on Windows, which does not tell. */
export function systemLoad(): number {
  return loadavg()[0]!;
}

/** Processes above the cores that the load may show: the bench fills the cores itself. */
const SPARE_LOAD = 0.5;
/** The halves of a measurement may differ by this share. */
const HALVES_MAY_DIFFER = 0.2;

/**
 * Why a figure measured here means nothing, or undefined when the machine was quiet.
 *
 * @param loads `systemLoad` at the beginning of each round
 * @param sides the seconds of each side's samples, round after round
 */
export function whyNotQuiet(
  loads: readonly number[],
  sides: { readonly [side: string]: readonly number[] },
  cores: number,
): string | undefined {
  const load = Math.max(...loads);
  if (load > cores + SPARE_LOAD) return `a load of ${load.toFixed(1)} on ${cores} cores`;
  for (const [side, samples] of Object.entries(sides)) {
    const middle = Math.floor(samples.length / 2);
    if (middle === 0) continue;
    const halves = [median(samples.slice(0, middle)), median(samples.slice(middle))];
    const gap = Math.max(...halves) / Math.min(...halves) - 1;
    if (gap > HALVES_MAY_DIFFER)
      return `the two halves of ${side} differ by ${Math.round(100 * gap)} %: ${halves.map((s) => `${s.toFixed(3)} s`).join(' and ')}`;
  }
  return undefined;
}
