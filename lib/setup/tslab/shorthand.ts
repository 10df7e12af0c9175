/**
 * Writes shorthand properties of a cell out before tslab sees them: `{ model }` becomes `{ model: model }`.
 *
 * tslab turns each name of an earlier cell into `exports.name`, but leaves a shorthand property as it is, so that the cell ends with a
 * ReferenceError. Written out, the property means the same and tslab finds the name.
 */
import type { Diagnostic, DiagnosticPos } from 'tslab/dist/converter.js';
import type { TypeScript } from './typescript.js';

/** A cell's source as tslab gets it, and the way back to places in the cell as its author wrote it. */
export interface WrittenOut {
  source: string;
  /** Moves the places of a message of the compiler to where they are in the author's source. */
  inAuthorsSource(message: Diagnostic): Diagnostic;
}

/** Writes out every shorthand property, in literals as in assignments that take objects apart. */
export function writeOutShorthand(ts: TypeScript, source: string): WrittenOut {
  const file = ts.createSourceFile('cell.tsx', source, ts.ScriptTarget.Latest, true, ts.ScriptKind.TSX);
  const names: { end: number; text: string }[] = [];
  const visit = (node: import('@tslab/typescript-for-tslab').Node): void => {
    if (ts.isShorthandPropertyAssignment(node)) names.push({ end: node.name.end, text: `: ${node.name.text}` });
    ts.forEachChild(node, visit);
  };
  visit(file);
  let written = '';
  let from = 0;
  for (const { end, text } of names) {
    written += source.slice(from, end) + text;
    from = end;
  }
  written += source.slice(from);
  const inAuthorsSource = (place: DiagnosticPos): DiagnosticPos => {
    let { offset, character } = place;
    const lineStart = written.slice(0, place.offset).lastIndexOf('\n') + 1;
    let added = 0;
    for (const { end, text } of names) {
      const at = end + added;
      if (at >= place.offset) break;
      const inside = Math.min(text.length, place.offset - at);
      offset -= inside;
      if (at >= lineStart) character -= inside;
      added += text.length;
    }
    return { offset, line: place.line, character };
  };
  return {
    source: written,
    inAuthorsSource: (message) =>
      message.fileName === undefined
        ? { ...message, start: inAuthorsSource(message.start), end: inAuthorsSource(message.end) }
        : message,
  };
}
