/** The report of a study: from its results to figures, captions and the results page. */

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { writeFileAtomic } from '../../engine/atomic-write.js';
import { readResults } from '../../study/results/results.js';
import type { Study } from '../../study/workspace.js';
import { type ExportedFigure, exportStudyFigures } from './export-figures.js';
import { studySamples } from './page-samples.js';
import { resultsPage } from './results-page.js';

export interface StudyReport {
  /** The page's file. */
  page: string;
  figures: ExportedFigure[];
}

/** Where a study's results page is written. */
export function resultsPageFile(study: Study): string {
  return path.join(study.folder, 'results.html');
}

/**
 * Draws every figure that a study's results hold, writes captions and the results page. Nothing is trained or evaluated.
 *
 * @param onFigure after each figure, the number done and of all
 * @throws Error where the study has no results yet, saying what makes them
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
  writeFileAtomic(page, resultsPage(study, results, drawn, await studySamples(study)));
  return { page, figures };
}
