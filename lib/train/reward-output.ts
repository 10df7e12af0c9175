/** Checks what a reward has given: a finite number, a boolean or null, or one of these with metrics. */

/** The metrics of a reward that the kit logs itself, as `rewards/{reward}/{metric}`; a reward's own metrics have other names. */
const KIT_METRICS: readonly string[] = ['mean', 'std', 'nulls', 'errors'];

/** The fields of an output that is an object. */
const FIELDS: readonly string[] = ['reward', 'metrics', 'error'];

/** An output that has been checked. */
export interface CheckedOutput {
  value: number | null;
  metrics: { readonly [metric: string]: number };
  /** Why it failed by its own word, which stops no run. */
  error?: string;
}

/** The output as numbers, or what is wrong with it, in words that follow the name of the reward. */
export function checkOutput(output: unknown): CheckedOutput | { problem: string } {
  if (!isObject(output)) return checkValue(output, {});
  if (isPromise(output)) return { problem: 'must return a list of outputs, but returned one of promises' };
  const strange = Object.keys(output).find((field) => !FIELDS.includes(field));
  if (strange !== undefined)
    return { problem: `returned an object with the field '${strange}', which is none of ${FIELDS.join(', ')}` };
  const { reward, metrics = {}, error } = output;
  if (error !== undefined && (typeof error !== 'string' || reward !== null))
    return { problem: 'must return an error as a text, and null as its reward' };
  if (!isObject(metrics))
    return { problem: `must return an object of numbers as metrics, but returned ${valueText(metrics)}` };
  for (const [name, value] of Object.entries(metrics)) {
    if (KIT_METRICS.includes(name) || !/^[^\s/]+$/.test(name))
      return {
        problem: `returned a metric named '${name}'; a name holds no blank and no slash and is none of ${KIT_METRICS.join(', ')}`,
      };
    if (!isFiniteNumber(value))
      return { problem: `must return finite numbers as metrics, but returned ${valueText(value)} as '${name}'` };
  }
  const checked = checkValue(reward, metrics as { [metric: string]: number });
  return error === undefined || 'problem' in checked ? checked : { ...checked, error };
}

function checkValue(value: unknown, metrics: CheckedOutput['metrics']): CheckedOutput | { problem: string } {
  if (value === null) return { value, metrics };
  if (typeof value === 'boolean' || isFiniteNumber(value)) return { value: Number(value), metrics };
  return { problem: `must return a finite number, a boolean or null, but returned ${valueText(value)}` };
}

/** A value in the words of an error. */
export function valueText(value: unknown): string {
  if (typeof value === 'string') return `the string ${JSON.stringify(value)}`;
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (isPromise(value)) return 'a promise';
  return isObject(value) ? 'an object' : String(value);
}

/** Whether a value has to be waited for. A promise of a notebook is not of this module's class. */
export function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function';
}

function isObject(value: unknown): value is { readonly [field: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isFiniteNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}
