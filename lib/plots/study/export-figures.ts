/** The figures of a study in files for print, screen and hand, each with a caption that says how to make it again. */

import path from 'node:path';
import { writeFileAtomic } from '../../engine/atomic-write.js';
import type { StudyResults } from '../../study/results/results.js';
import type { Study } from '../../study/workspace.js';
import { type ExportedFile, exportFigure } from '../export.js';
import { wrapLines } from '../text.js';
import { configurationWords, sourceWords } from './captions.js';
import { STUDY_WIDTH, type StudyFigure } from './figure.js';
import { studyFigures } from './figures.js';

/** A figure with the files that it was written to. */
export interface ExportedFigure extends StudyFigure {
  files: ExportedFile[];
}

/** The folder of a study's figures. */
export function figuresFolder(study: Study): string {
  return path.join(study.folder, 'figures');
}

/**
 * Writes every figure of a study as `<name>.png`, `.svg`, `.pdf` and `.html`, and its caption as `<name>.txt`: content, intervals,
 * configuration, seeds, items and commit. The interactive pages share one plotly.js, which lies beside them.
 *
 * @param onFigure called after each figure with the number of figures done and of all
 */
export async function exportStudyFigures(
  study: Study,
  results: StudyResults,
  folder = figuresFolder(study),
  onFigure?: (done: number, total: number) => void,
): Promise<ExportedFigure[]> {
  const figures = studyFigures(results);
  const exported: ExportedFigure[] = [];
  for (const figure of figures) {
    const { name, height } = figure;
    const formats = ['png', 'svg', 'pdf', 'html'] as const;
    const options = { width: STUDY_WIDTH, height, formats, plotly: 'beside' } as const;
    const files = await exportFigure(figure.figure, path.join(folder, name), options);
    const caption = path.join(folder, `${name}.txt`);
    const text = captionText(study, results, figure);
    writeFileAtomic(caption, text);
    exported.push({ ...figure, files: [...files, { path: caption, bytes: Buffer.byteLength(text) }] });
    onFigure?.(exported.length, figures.length);
  }
  return exported;
}

/** The caption of a figure for its file, in lines of at most 100 characters. */
function captionText(
  study: Study,
  results: StudyResults,
  { title, caption, tasks, stage, seeds }: StudyFigure,
): string {
  const paragraphs = [
    `${title}.`,
    caption,
    configurationWords(study, tasks, stage),
    sourceWords(seeds, results.commit),
  ];
  return `${paragraphs.map((text) => wrapLines(text, 100).join('\n')).join('\n\n')}\n`;
}
