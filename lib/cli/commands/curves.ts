/** `reason-rft curves`: a figure of what one run or several have logged. */
import path from 'node:path';
import type { Command } from 'commander';
import { closeFigureBrowser, exportFigure, type FigureFormat } from '../../plots/export.js';
import { runCurves, runNames } from '../../plots/run-curves.js';
import { RunDirectory } from '../../train/run-directory.js';
import { printResult } from '../print-result.js';
import { parseWholeNumber, UsageError } from '../usage.js';

interface CurvesOptions {
  out: string;
  metrics?: string;
  width: string;
  json?: boolean;
}

const FORMATS: readonly FigureFormat[] = ['png', 'svg', 'pdf', 'html'];

/** Adds the command to the program. */
export function addCurves(program: Command): void {
  program
    .command('curves')
    .description('a figure of the metrics that runs of sft or grpo have logged; several runs lie over each other')
    .argument('<runs...>', 'the folders of the runs, finished or not')
    .requiredOption('--out <file>', 'the figure: .png, .svg, .pdf, or .html, which is interactive')
    .option(
      '--metrics <list>',
      'a chart for each of these, such as reward,kl (default: those that tell how the runs are doing)',
    )
    .option('--width <pixels>', 'of the figure', '900')
    .option('--json', 'one JSON object on stdout')
    .addHelpText('after', '\nExample: reason-rft curves runs/beta-0 runs/beta-0.04 --out betas.png --metrics reward,kl')
    .action(drawCurves);
}

async function drawCurves(folders: string[], options: CurvesOptions): Promise<void> {
  const extension = path.extname(options.out);
  const format = FORMATS.find((known) => extension === `.${known}`);
  if (!format) throw new UsageError(`--out must end in .${FORMATS.join(', .')}; got '${options.out}'`);
  const width = parseWholeNumber('--width', options.width, 300);
  const repeated = folders.find(
    (folder, i) => folders.map((each) => path.resolve(each)).indexOf(path.resolve(folder)) < i,
  );
  if (repeated !== undefined) throw new UsageError(`the run ${repeated} is named twice`);
  const names = runNames(folders);
  const runs = Object.fromEntries(folders.map((folder, i) => [names[i]!, RunDirectory.read(folder)]));
  const figure = runCurves(runs, options.metrics?.split(','));
  try {
    const base = options.out.slice(0, -extension.length);
    const [file] = await exportFigure(figure, base, { width, height: figure.layout.height, formats: [format] });
    printResult(options.json, { file: file!.path, runs: names }, `the figure is ${file!.path}`);
  } finally {
    await closeFigureBrowser();
  }
}
