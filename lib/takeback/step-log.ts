/** Gathers what another trainer has logged, step by step, from however many files it logged it in. */
import type { Metrics, StepMetrics } from '../train/metrics.js';
import { isKnownMetric, type OtherTrainer, ownName } from './metric-names.js';

/** Gathers the numbers of steps. Where two sources have a number of the same step, that of the later one stays. */
export class StepLog {
  private readonly steps = new Map<number, { metrics: Metrics; timing: Metrics }>();
  private readonly notFinite = new Map<string, number>();
  private readonly others = new Set<string>();

  constructor(readonly trainer: OtherTrainer) {}

  /**
   * Adds the numbers of a step under the names of this kit. A number that is not finite, and null, which stands for it in JSON, is
   * counted and left out; so is all that is no number.
   */
  add(step: number, values: { readonly [name: string]: unknown }): void {
    for (const [name, value] of Object.entries(values)) {
      const number = typeof value === 'boolean' ? Number(value) : value;
      if (number === null || (typeof number === 'number' && !Number.isFinite(number))) {
        this.notFinite.set(name, (this.notFinite.get(name) ?? 0) + 1);
      } else if (typeof number === 'number') {
        const place = ownName(this.trainer, name);
        this.numbersOf(step)[place.log][place.name] = number;
      } else this.others.add(name);
    }
  }

  /** Adds a number of a step that no source has logged under this name. */
  supplement(step: number, name: string, value: number): void {
    this.numbersOf(step).metrics[name] ??= value;
  }

  private numbersOf(step: number): { metrics: Metrics; timing: Metrics } {
    const numbers = this.steps.get(step) ?? { metrics: {}, timing: {} };
    this.steps.set(step, numbers);
    return numbers;
  }

  /** The metrics of a step that were gathered so far. */
  metricsOf(step: number): Metrics | undefined {
    return this.steps.get(step)?.metrics;
  }

  /** The rows of `metrics.jsonl`, by rising steps. */
  metrics(): StepMetrics[] {
    return this.rows('metrics');
  }

  /** The rows of `timing.jsonl`. */
  timing(): StepMetrics[] {
    return this.rows('timing');
  }

  private rows(log: 'metrics' | 'timing'): StepMetrics[] {
    return [...this.steps]
      .sort(([a], [b]) => a - b)
      .filter(([, numbers]) => Object.keys(numbers.metrics).length > 0)
      .map(([step, numbers]) => ({ step, ...numbers[log] }));
  }

  /** What a person should know of the log: names that only the other trainer has, and what could not be taken. */
  remarks(): LogRemarks {
    const names = new Set(this.metrics().flatMap(({ step: _, ...metrics }) => Object.keys(metrics)));
    return {
      keptNames: [...names].filter((name) => !isKnownMetric(name)).sort(),
      notFinite: Object.fromEntries(this.notFinite),
      noNumbers: [...this.others].sort(),
    };
  }
}

/** What is particular of a log. */
export interface LogRemarks {
  /** Metrics that the kit has no name for: they are kept under their own. */
  keptNames: string[];
  /** Names of numbers that were NaN, infinite or null, with how many times: these are absent. */
  notFinite: { [name: string]: number };
  /** Names of values that are no numbers: they are left out. */
  noNumbers: string[];
}
