/** Freezes presets: many runs read them, so a change that one of them makes by mistake must fail and not reach the others. */

/** Freezes plain objects and arrays with all that they hold. Assigning to a frozen field throws a TypeError. */
export function deepFreeze<T extends object>(value: T): T {
  for (const held of Object.values(value)) {
    if (typeof held === 'object' && held !== null && !Object.isFrozen(held)) deepFreeze(held as object);
  }
  return Object.freeze(value) as T;
}
