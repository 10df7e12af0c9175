/** Shows what a run warns of as lines of text under the running cell. */

import { type TrainingWarning, warningText } from '../../train/warnings.js';
import { DisplaySlot, type DisplayWriter, notebookWriter } from '../notebook.js';
import { textBundle } from '../show.js';

/** A listener that adds a line for each warning; nothing is shown as long as there is none. */
export function warningLines(write: DisplayWriter = notebookWriter()): (warning: TrainingWarning) => void {
  const lines: string[] = [];
  let slot: DisplaySlot | undefined;
  return (warning) => {
    lines.push(warningText(warning));
    slot ??= new DisplaySlot(write);
    slot.set(textBundle(lines.join('\n')));
  };
}
