/** The report of a study: figures, captions and the results page, drawn from its results. */

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { writeFileAtomic } from '../../engine/atomic-write.js';
import { readResults } from '../../study/results/results.js';
import type { Study } from '../../study/workspace.js';
import { type ExportedFigure, exportStudyFigures } from './export-figures.js';
import { readSamples } from './page-samples.js';
import { resultsPage } from './results-page.js';

export interface StudyReport {
  /** The page's file. */
  page: string;
  figures: ExportedFigure[];
}

/** The file of a study's results page. */
export function resultsPageFile(study: Study): string {
  return path.join(study.folder, 'results.html');
}

/**
 * Draws every figure that a study's results hold, writes captions and the results page. Nothing is trained or evaluated.
 *
 * @param onFigure called after each figure with the number of figures done and of all
 * @throws Error if the study has no results yet, saying what makes them
 */
export async function reportStudy(
  study: Study,
  onFigure?: (done: number, total: number) => void,
): Promise<StudyReport> {
  const results = readResults(study);
  const figures = await exportStudyFigures(study, results, undefined, onFigure);
  const drawn = figures.map((figure) => {
    const svg = figure.files.find((file) => file.path.endsWith('.svg'))!.path;
    return { ...figure, svg: readFileSync(svg, 'utf8') };
  });
  const page = resultsPageFile(study);
  writeFileAtomic(page, resultsPage(study, results, drawn, await readSamples(study, results.selection?.tasks)));
  return { page, figures };
}
