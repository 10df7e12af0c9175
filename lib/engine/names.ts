/** Names that people write, such as those of settings: a name that does not exist is refused, and the nearest right one said. */

/**
 * The known name that is nearest to one that does not exist; undefined when none is near. Of dotted names such as
 * `schedule.learningRate` the last part counts too.
 */
function nearestName(name: string, known: readonly string[]): string | undefined {
  const lastPart = (dotted: string) => dotted.split('.').at(-1)!;
  const distanceTo = (candidate: string) =>
    Math.min(editDistance(name, candidate), editDistance(lastPart(name), lastPart(candidate)));
  const [nearest] = known
    .map((candidate) => ({ candidate, distance: distanceTo(candidate) }))
    .sort((a, b) => a.distance - b.distance);
  // More changes than a third of the letters make another word of it.
  return nearest && nearest.distance <= lastPart(name).length / 3 ? nearest.candidate : undefined;
}

/** Levenshtein's distance, capitals aside: how many letters must be added, removed or replaced. */
function editDistance(a: string, b: string): number {
  const [from, to] = [a.toLowerCase(), b.toLowerCase()];
  let row = Array.from({ length: to.length + 1 }, (_, j) => j);
  for (let i = 1; i <= from.length; i++) {
    const above = row;
    row = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = above[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1);
      row.push(Math.min(replaced, above[j]! + 1, row[j - 1]! + 1));
    }
  }
  return row[to.length]!;
}

/**
 * The sentence that refuses a name.
 *
 * @param kind what it is the name of, such as `setting`
 */
export function unknownNameText(kind: string, name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known);
  const suggestion = nearest === undefined ? '; the' : `; did you mean '${nearest}'? The`;
  return `there is no ${kind} '${name}'${suggestion} ${kind}s are ${known.join(', ')}`;
}

/**
 * Checks that an object has fields of known names alone, as a field whose name is a slip would be passed over in silence.
 *
 * @param place where the object is, for the error, such as `grpo: `
 * @throws Error naming the first field that does not exist, the nearest one that does, and all of them
 */
export function refuseUnknownNames(object: object, known: readonly string[], kind: string, place: string): void {
  const unknown = Object.keys(object).find((name) => !known.includes(name));
  if (unknown !== undefined) throw new Error(`${place}${unknownNameText(kind, unknown, known)}`);
}

/**
 * Checks that an object has exactly the fields of some names.
 *
 * @throws Error as `refuseUnknownNames`, or naming the first field that is missing
 */
export function checkNames(object: object, names: readonly string[], kind: string, place: string): void {
  refuseUnknownNames(object, names, kind, place);
  const missing = names.find((name) => !(name in object));
  if (missing !== undefined) throw new Error(`${place}the ${kind} '${missing}' is missing`);
}
