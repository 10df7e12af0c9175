/**
 * Tells Jupyter that the outputs of the chapters may act on the page. It takes the scripts out of outputs that another machine computed,
 * and then no figure becomes interactive, and no plot goes on in a page that was closed while a cell trained. The chapters' outputs are
 * of this repository, as is the code that their reader is about to run.
 */
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { JUPYTER, jupyterEnvironment, ROOT } from './layout.js';
import { runTool } from './run-tool.js';

/** Trusts the chapters as they are now. Jupyter knows them by their contents, and distrusts them again when somebody else changes them. */
export function trustChapters(): Promise<void> {
  const folder = path.join(ROOT, 'notebooks');
  const chapters = readdirSync(folder).filter((name) => name.endsWith('.ipynb'));
  const files = chapters.map((name) => path.join(folder, name));
  return runTool('to trust the chapters', JUPYTER, ['trust', ...files], jupyterEnvironment());
}
