/**
 * The results page: tables, figures and samples of a study in one HTML file that needs nothing else. It holds no script, and its
 * content policy lets no script run and nothing be fetched, so that the text of a model is shown and does nothing.
 */

import { PARADIGM_NAMES } from '../../study/design/paradigms.js';
import type { StudyResults } from '../../study/results/results.js';
import { CLAIM_RULE, intervalSentence, selectionSentence } from '../../study/results/wording.js';
import type { Study } from '../../study/workspace.js';
import { TASK_NAMES, TASKS, type TaskName, TEST_SET_NAMES, testSetsOf } from '../../tasks/tasks.js';
import { type HtmlCell, type HtmlTable, htmlTable } from '../html-table.js';
import { escapeHtml } from '../tables.js';
import { configurationWords, sourceWords } from './captions.js';
import { type FigureSection, STUDY_WIDTH, type StudyFigure } from './figures.js';
import type { PageSample } from './page-samples.js';
import {
  ablationsTable,
  accuracyTable,
  claimsTable,
  comparisonsTable,
  controlsTable,
  costTable,
  efficiencyTable,
  leakageTable,
  phenomenaTable,
  wordsTable,
} from './tables.js';

/** A figure as the page shows it. */
export interface PageFigure extends StudyFigure {
  /** The drawing itself. */
  svg: string;
}

/** The figures of a page, numbered in the order in which they are put into it. Each has to be put somewhere. */
class PageFigures {
  private count = 0;
  private readonly placed = new Set<PageFigure>();

  constructor(private readonly all: readonly PageFigure[]) {}

  /**
   * Shows the figures of a section.
   *
   * @param task only those of this task alone; without it only those of several tasks
   */
  show(section: FigureSection, task?: TaskName): string {
    return this.take(section, task, false)
      .map((figure) => figureHtml(figure, ++this.count))
      .join('\n');
  }

  /** Shows the figures of a section, whatever their tasks. */
  showAll(section: FigureSection): string {
    return [this.show(section), ...TASK_NAMES.map((task) => this.show(section, task))].filter(Boolean).join('\n');
  }

  /** Links to the figures of a section and a task that the page does not show. */
  links(section: FigureSection, task: TaskName): string[] {
    return this.take(section, task, true).map(
      ({ name, title }) => `<a href="figures/${name}.html">${escapeHtml(title.replace(/^.*?: /, ''))}</a>`,
    );
  }

  private take(section: FigureSection, task: TaskName | undefined, linked: boolean): PageFigure[] {
    const own = this.all.filter(
      (figure) =>
        figure.section === section &&
        figure.linked === linked &&
        (task === undefined ? figure.tasks.length !== 1 : figure.tasks.length === 1 && figure.tasks[0] === task),
    );
    for (const figure of own) this.placed.add(figure);
    return own;
  }

  /** @throws Error naming the figures that are neither shown nor linked to */
  checkAllPlaced(): void {
    const left = this.all.filter((figure) => !this.placed.has(figure)).map(({ name }) => name);
    if (left.length > 0)
      throw new Error(`results page: no section shows ${left.join(', ')}; give each a section that the page has`);
  }
}

/**
 * Writes the page as text.
 *
 * @param figures with their drawings; the page links to their files as `figures/<name>.<format>` beside it
 * @param samples what each paradigm wrote on the same items
 * @throws Error where a figure has no place on the page, naming it
 */
export function resultsPage(
  study: Study,
  results: StudyResults,
  figures: readonly PageFigure[],
  samples: readonly PageSample[],
): string {
  const numbered = new PageFigures(figures);
  const sections = [
    section('claims', 'The claims', claimsPart(results, numbered)),
    section('paradigms', 'Five paradigms', paradigmsPart(results, numbered)),
    section('data-efficiency', 'Data efficiency', efficiencyPart(results, numbered)),
    section('ablations', 'Ablations', ablationsPart(results, numbered)),
    section('training', 'Training', trainingPart(results, numbered)),
    section('controls', 'Controls', controlsPart(results, numbered)),
    section('samples', 'Samples', samplesPart(samples)),
    section('missing', 'Not finished', missingPart(results)),
  ].filter(({ html }) => html !== '');
  numbered.checkAllPlaced();
  const links = sections.map(({ id, title }) => `<li><a href="#${id}">${title}</a></li>`).join('');
  const title = `Reason-RFT, the ${results.profile} study`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<h1>${escapeHtml(title)}</h1>
<p class="lead">Reinforcement fine-tuning of a vision-language model, after Tan et al. (2025). ${escapeHtml(selectionSentence(results.selection))}</p>
<p>${escapeHtml(configurationWords(study, results.selection?.tasks))}</p>
<p>${escapeHtml(sourceWords(results.seeds, results.commit))} ${escapeHtml(intervalSentence(results.paradigms.map(({ accuracy }) => accuracy)))}</p>
<nav aria-label="Sections"><ul>${links}</ul></nav>
</header>
<main>
${sections.map(({ html }) => html).join('\n')}
</main>
<footer><p>Made from <code>results.json</code> beside this page; nothing here is written by hand. Commit ${escapeHtml(results.commit ?? 'unknown')}.</p></footer>
</body>
</html>
`;
}

/** A section; its HTML is empty where it has nothing to show. */
function section(id: string, title: string, content: string) {
  const html =
    content === ''
      ? ''
      : `<section id="${id}" aria-labelledby="${id}-title"><h2 id="${id}-title">${title}</h2>\n${content}\n</section>`;
  return { id, title, html };
}

const paragraph = (text: string) => `<p>${escapeHtml(text)}</p>`;

/** A table, or nothing where it has no rows. */
const tableHtml = (table: HtmlTable) => (table.rows.length > 0 ? htmlTable(table) : '');

/** The parts that are not empty, one below the other. */
const stacked = (...parts: readonly string[]) => parts.filter((part) => part !== '').join('\n');

const titled = (task: TaskName, ...parts: readonly string[]) => stacked(`<h3>${TASKS[task].title}</h3>`, ...parts);

function figureHtml({ name, title, caption, alt, svg, height }: PageFigure, number: number): string {
  const source = `data:image/svg+xml;base64,${Buffer.from(svg, 'utf8').toString('base64')}`;
  const links = (['html', 'pdf', 'svg', 'png'] as const).map((format) => {
    const words = format === 'html' ? 'interactive' : format.toUpperCase();
    return `<a href="figures/${name}.${format}">${words}</a>`;
  });
  return `<figure id="figure-${name}">
<div class="wide" tabindex="0" role="region" aria-label="${escapeHtml(title)}"><img src="${source}" width="${STUDY_WIDTH}" height="${height}" alt="${escapeHtml(alt)}"></div>
<figcaption><b>Figure ${number}.</b> ${escapeHtml(caption)} <span class="files">${links.join(' ')}</span></figcaption>
</figure>`;
}

function claimsPart(results: StudyResults, figures: PageFigures): string {
  if (results.claims.length === 0) return '';
  return stacked(
    paragraph(CLAIM_RULE),
    htmlTable(claimsTable(results)),
    ...TASK_NAMES.flatMap((task) => [figures.show('claims', task), tableHtml(comparisonsTable(results, task))]),
  );
}

function paradigmsPart(results: StudyResults, figures: PageFigures): string {
  const tasks = TASK_NAMES.filter((task) => results.paradigms.some((row) => row.task === task));
  if (tasks.length === 0) return '';
  const parts = tasks.map((task) =>
    titled(
      task,
      htmlTable(accuracyTable(results, task)),
      figures.show('paradigms', task),
      htmlTable(costTable(results, task)),
    ),
  );
  const bold = paragraph('Bold in the tables: the highest accuracy of this study on a test set.');
  return stacked(bold, figures.show('paradigms'), ...parts);
}

function efficiencyPart(results: StudyResults, figures: PageFigures): string {
  const tasks = TASK_NAMES.filter((task) => results.efficiency.some((point) => point.task === task));
  const parts = tasks.map((task) => {
    const tables = testSetsOf(task).map((set) => tableHtml(efficiencyTable(results, task, set)));
    return titled(task, figures.show('data efficiency', task), ...tables);
  });
  return stacked(...parts);
}

function ablationsPart(results: StudyResults, figures: PageFigures): string {
  const tasks = TASK_NAMES.filter((task) => results.ablations.some((point) => point.task === task));
  const parts = tasks.map((task) => {
    const findings = results.findings
      .filter((finding) => finding.task === task)
      .map(({ ablation, text }) => `<dt>${escapeHtml(ablation)}</dt><dd>${escapeHtml(text)}</dd>`);
    const links = figures.links('ablations', task);
    return titled(
      task,
      findings.length > 0 ? `<dl>${findings.join('')}</dl>` : '',
      figures.show('ablations', task),
      links.length > 0 ? `<p>Each alone: ${links.join(', ')}.</p>` : '',
      htmlTable(ablationsTable(results, task)),
    );
  });
  return stacked(...parts);
}

function trainingPart(results: StudyResults, figures: PageFigures): string {
  return stacked(tableHtml(phenomenaTable(results)), figures.showAll('training'));
}

function controlsPart(results: StudyResults, figures: PageFigures): string {
  return stacked(
    tableHtml(controlsTable(results)),
    figures.showAll('controls'),
    tableHtml(wordsTable(results)),
    figures.showAll('words'),
    tableHtml(leakageTable(results)),
  );
}

function samplesPart(samples: readonly PageSample[]): string {
  if (samples.length === 0) return '';
  const tasks = TASK_NAMES.filter((task) => samples.some((sample) => sample.task === task));
  return [
    paragraph(
      'The first items of each test set, as they come and not chosen, with what each paradigm wrote (first seed).',
    ),
    ...tasks.map((task) => {
      const cards = samples.filter((sample) => sample.task === task).map(sampleHtml);
      return `<h3>${TASKS[task].title}</h3>\n${cards.join('\n')}`;
    }),
  ].join('\n');
}

function sampleHtml({ task, testSet, question, answer, images, outputs }: PageSample): string {
  const pictures = images.map((source, i) => {
    if (!source.startsWith('data:image/png;base64,'))
      throw new Error('results page: an image must be a PNG data address');
    return `<img src="${escapeHtml(source)}" alt="${escapeHtml(`${TASKS[task].title}, image ${i + 1} of ${images.length} of the question beside it`)}">`;
  });
  const rows = outputs.map(({ paradigm, completion, score, ended }): HtmlCell[] => [
    { text: PARADIGM_NAMES[paradigm], head: true },
    score === 1
      ? { text: 'right', mark: 'good' }
      : score === 0
        ? { text: 'wrong', mark: 'bad' }
        : { text: `partly, ${score.toFixed(2)}`, mark: 'open' },
    { text: ended ? completion : `${completion} [cut off]`, code: true },
  ]);
  return `<article class="sample">
<div class="pictures">${pictures.join('')}</div>
<div class="words"><p class="set">${TEST_SET_NAMES[testSet]}</p><p class="question">${escapeHtml(question)}</p><p>Gold answer: <code>${escapeHtml(answer)}</code></p>
${htmlTable({ heads: [['paradigm', 'scored', 'completion']], rows })}</div>
</article>`;
}

function missingPart({ missing }: StudyResults): string {
  if (missing.length === 0) return '';
  const items = missing.map((name) => `<li>${escapeHtml(name)}</li>`).join('');
  return `${paragraph('Cells that are not trained or not evaluated yet; what rests on them is left out above.')}<ul class="missing">${items}</ul>`;
}

/** One style for screen and paper: a serif text column, tables with three rules, room to scroll what is wide. */
const STYLE = `
:root { --ink: #1a1a1a; --faint: #5c5c5c; --rule: #c8c8c8; --good: #00664a; --bad: #a33b00; --link: #00558a; }
* { box-sizing: border-box; }
html { font: 17px/1.55 Charter, 'Bitstream Charter', 'Sitka Text', Cambria, Georgia, serif; color: var(--ink); background: #fff; }
body { max-width: 60rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1, h2, h3 { font-weight: 600; line-height: 1.25; }
h1 { font-size: 1.9rem; margin: 0 0 .5rem; }
h2 { font-size: 1.4rem; margin: 3.2rem 0 1rem; padding-top: .8rem; border-top: 2px solid var(--ink); }
h3 { font-size: 1.12rem; margin: 2.2rem 0 .6rem; }
p, dl { max-width: 44rem; }
header p { margin: .5rem 0; color: var(--faint); font-size: .92rem; }
header .lead { color: var(--ink); font-size: 1.05rem; }
a { color: var(--link); text-underline-offset: 2px; }
a:focus-visible, .wide:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
nav ul { list-style: none; margin: 1.2rem 0 0; padding: 0; display: flex; flex-wrap: wrap; gap: .25rem 1.4rem; }
code { font: .86em/1.45 ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace; overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
figure { margin: 1.6rem 0 2.2rem; }
figure img { display: block; width: 100%; max-width: 56rem; min-width: 38rem; height: auto; }
figcaption { font-size: .88rem; line-height: 1.45; color: #333; max-width: 50rem; margin-top: .4rem; }
.files { white-space: nowrap; }
.files a { margin-right: .35rem; }
table { border-collapse: collapse; font: .8rem/1.4 system-ui, 'Segoe UI', 'Open Sans', 'DejaVu Sans', sans-serif; font-variant-numeric: tabular-nums lining-nums; min-width: 100%; }
.table { margin: 1.2rem 0 1.8rem; }
caption { caption-side: top; text-align: left; font-size: .84rem; color: #333; padding-bottom: .4rem; }
thead { border-top: 1.5px solid var(--ink); border-bottom: 1px solid var(--ink); }
tbody { border-bottom: 1.5px solid var(--ink); }
tbody tr + tr { border-top: 1px solid #ececec; }
th, td { text-align: left; vertical-align: top; padding: .28rem .9rem .28rem 0; font-weight: 400; }
th[colspan] { border-bottom: 1px solid var(--rule); }
thead th { color: #333; }
tbody th { font-weight: 600; white-space: nowrap; }
td { min-width: 3.2rem; }
td:not([class]) { min-width: 6.5rem; }
.number { text-align: right; white-space: nowrap; }
td.prose { min-width: 14rem; white-space: normal; }
.faint { color: var(--faint); }
.good, .bad, .open { white-space: nowrap; font-weight: 600; }
.good { color: var(--good); } .good::before { content: '\\2713\\00a0'; }
.bad { color: var(--bad); } .bad::before { content: '\\2717\\00a0'; }
.open { color: var(--faint); } .open::before { content: '\\2013\\00a0'; }
dt { font-weight: 600; margin-top: .5rem; } dd { margin: 0 0 0 1.2rem; }
.sample { display: grid; grid-template-columns: 11rem minmax(0, 1fr); gap: 1.4rem; margin: 1.2rem 0; padding: 1.1rem 0; border-top: 1px solid var(--rule); }
.pictures img { display: block; width: 100%; height: auto; image-rendering: pixelated; border: 1px solid var(--rule); margin-bottom: .5rem; }
.words p { margin: 0 0 .45rem; }
.set { color: var(--faint); font-size: .84rem; }
.question { white-space: pre-wrap; overflow-wrap: anywhere; }
.sample .table { margin: .6rem 0 0; }
.sample td code { white-space: pre-wrap; }
footer { margin-top: 3rem; font-size: .84rem; color: var(--faint); }
@media (max-width: 40rem) {
  html { font-size: 16px; }
  body { padding: 1.25rem 1rem 3rem; }
  .sample { grid-template-columns: 1fr; gap: .6rem; }
  .pictures { display: flex; gap: .6rem; } .pictures img { width: 9rem; }
  .sample thead { display: none; } .sample tr { display: block; padding: .4rem 0; }
  .sample tbody th, .sample td { display: inline-block; } .sample td:last-child { display: block; }
}
@media print {
  html { font-size: 10pt; } body { max-width: none; padding: 0; }
  nav, .files { display: none; }
  .wide { overflow: visible; } figure img { min-width: 0; }
  figure, .sample, tr { break-inside: avoid; } h2, h3, caption { break-after: avoid; }
  a { color: inherit; text-decoration: none; }
}
`;
