/** `reason-rft report`: the figures and the page of a study's results. */
import type { Command } from 'commander';
import { closeFigureBrowser } from '../../plots/export.js';
import { figuresFolder } from '../../plots/study/export-figures.js';
import { reportStudy } from '../../plots/study/report.js';
import { printResult } from '../print-result.js';
import { openProfile, PROFILE_OPTION } from '../profile-option.js';
import { showProgress } from '../progress.js';

/** Adds the command to the program. */
export function addReport(program: Command): void {
  program
    .command('report')
    .description(
      'figures (PNG, SVG, PDF, HTML) with captions, and the page results.html, from results.json; trains nothing',
    )
    .option(...PROFILE_OPTION)
    .option('--json', 'one JSON object on stdout')
    .addHelpText('after', '\nExample: reason-rft report --profile standard')
    .action(drawReport);
}

async function drawReport(options: { profile: string; json?: boolean }): Promise<void> {
  const study = openProfile(options);
  const progress = showProgress('figures');
  try {
    const { page, figures } = await reportStudy(study, (done, total) => progress.update(done, total));
    const files = figures.flatMap((figure) => figure.files.map((file) => file.path));
    printResult(
      options.json,
      { page, files },
      `${figures.length} figures in ${figuresFolder(study)}\nthe page is ${page}`,
    );
  } finally {
    progress.stop();
    await closeFigureBrowser();
  }
}
