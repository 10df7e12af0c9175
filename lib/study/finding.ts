/** What an examination of a folder finds: part by part, whether it is sound, and what to do where it is not. */

/** One part of a folder that was looked at. */
export interface Finding {
  /** The part, such as `log` or `checkpoint step-000020`. */
  part: string;
  /** A `note` is no damage: what somebody should know, such as a process at work. */
  state: 'sound' | 'unsound' | 'note';
  /** What there is, or what is wrong. */
  text: string;
  /** What to do about it. */
  remedy?: string;
}

/**
 * Looks at one part.
 *
 * @param look says what there is; an error of it says what is wrong
 * @param remedy what to do when something is wrong
 */
export async function examinePart(
  part: string,
  look: () => string | Promise<string>,
  remedy: string,
): Promise<Finding> {
  try {
    return { part, state: 'sound', text: await look() };
  } catch (error) {
    return { part, state: 'unsound', text: (error as Error).message, remedy };
  }
}
