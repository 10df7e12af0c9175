/** Which sets share scenes: what must not be trained on is proved apart, not assumed. */

/** The number of scenes that two sets share. */
export interface SharedScenes {
  first: string;
  second: string;
  shared: number;
}

/**
 * Counts for every pair of sets the scenes that both hold.
 *
 * @param sets fingerprints of scenes, by the set's name
 */
export function sharedScenes(sets: Readonly<Record<string, Iterable<string>>>): SharedScenes[] {
  const entries = Object.entries(sets).map(([name, scenes]) => [name, new Set(scenes)] as const);
  return entries.flatMap(([first, scenes], i) =>
    entries.slice(i + 1).map(([second, others]) => ({
      first,
      second,
      shared: [...scenes].filter((scene) => others.has(scene)).length,
    })),
  );
}

/**
 * @throws where a test set shares a scene with any other set, naming the pairs
 */
export function refuseLeakage(shared: readonly SharedScenes[], tests: readonly string[]): void {
  const leaks = shared.filter((pair) => pair.shared > 0 && (tests.includes(pair.first) || tests.includes(pair.second)));
  if (leaks.length === 0) return;
  const pairs = leaks.map(({ first, second, shared }) => `${first} and ${second} share ${shared}`);
  throw new Error(`scenes of a test set occur elsewhere: ${pairs.join('; ')}`);
}
