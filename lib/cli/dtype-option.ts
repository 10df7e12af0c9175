/** `--dtype`: the type that a model's weights are held in. */
import { WEIGHT_TYPES, type WeightType } from '../model/held-weights.js';
import { UsageError } from './usage.js';

/** The option as commander takes it: flags, what they mean, and the default. */
export const DTYPE_OPTION = [
  '--dtype <type>',
  'weights in memory: auto (those that do not train stay in the bfloat16 of the checkpoint; the numbers are those of float32), float32, or bfloat16 (matrices are rounded)',
  'auto',
] as const;

/**
 * The type of a name.
 *
 * @throws UsageError naming those that exist
 */
export function parseDtype(name: string): WeightType {
  const type = WEIGHT_TYPES.find((known) => known === name);
  if (type === undefined) throw new UsageError(`--dtype must be auto, float32 or bfloat16, got '${name}'`);
  return type;
}
