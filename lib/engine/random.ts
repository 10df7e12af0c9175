/** Seeded random numbers: one named stream per purpose, whose state can be saved and restored exactly. */

/** The complete state of a stream: four unsigned 32-bit words. */
export type RandomState = [number, number, number, number];

/** FNV-1a over the UTF-16 code units of `text`, as an unsigned 32-bit integer. */
export function hash32(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  }
  return h >>> 0;
}

/** SplitMix32: turns one word into a sequence of well-mixed words, used to seed a stream. */
function splitMix32(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x9e3779b9) >>> 0;
    let t = a ^ (a >>> 16);
    t = Math.imul(t, 0x21f0aaad);
    t ^= t >>> 15;
    t = Math.imul(t, 0x735a2d97);
    return (t ^ (t >>> 15)) >>> 0;
  };
}

/**
 * A stream of pseudo-random numbers (xoshiro128**, Blackman and Vigna 2018, period 2^128 - 1).
 *
 * `new Random(7, 'rollout')` and `new Random(7, 'shuffle')` are independent streams of one seed, so that drawing
 * more from one never shifts the other.
 */
export class Random {
  private s: RandomState;

  /**
   * @param seed a whole number; only its lower 32 bits count
   * @param stream the purpose of this stream
   */
  constructor(seed: number, stream = '') {
    if (!Number.isSafeInteger(seed)) throw new Error(`random: the seed must be a whole number, got ${seed}`);
    const mix = splitMix32((seed >>> 0) ^ hash32(stream));
    this.s = [mix(), mix(), mix(), mix()];
  }

  /** Makes a stream that continues from a saved state. */
  static from(state: RandomState): Random {
    const random = new Random(0);
    random.s = [...state];
    return random;
  }

  /** The state to save; `Random.from(state)` continues exactly here. */
  state(): RandomState {
    return [...this.s];
  }

  /** The next unsigned 32-bit word. */
  word(): number {
    const s = this.s;
    const x = Math.imul(s[1], 5);
    const result = Math.imul((x << 7) | (x >>> 25), 9) >>> 0;
    const t = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = (s[3] << 11) | (s[3] >>> 21);
    return result;
  }

  /** Uniform in [0, 1), with 32 random bits. */
  uniform(): number {
    return this.word() / 4294967296;
  }

  /** Uniform in [low, high). */
  between(low: number, high: number): number {
    return low + (high - low) * this.uniform();
  }

  /** A whole number in [0, n); n >= 1. */
  int(n: number): number {
    return Math.floor(this.uniform() * n);
  }

  /** A whole number in [low, high], both ends included. */
  range(low: number, high: number): number {
    return low + this.int(high - low + 1);
  }

  /** True with probability p. */
  chance(p: number): boolean {
    return this.uniform() < p;
  }

  /** One element of a non-empty list. */
  choice<T>(items: readonly T[]): T {
    if (items.length === 0) throw new Error('random: cannot choose from an empty list');
    return items[this.int(items.length)] as T;
  }

  /** A new list with the elements of `items` in random order (Fisher-Yates). */
  shuffle<T>(items: readonly T[]): T[] {
    const out = [...items];
    for (let i = out.length - 1; i > 0; i--) {
      const j = this.int(i + 1);
      [out[i], out[j]] = [out[j] as T, out[i] as T];
    }
    return out;
  }

  /** A standard normal number (Box-Muller, one of the pair). */
  normal(): number {
    const u = 1 - this.uniform();
    return Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * this.uniform());
  }
}
