/**
 * The results page: tables, figures and samples of a study in one HTML file that needs nothing else. It holds no script, and its
 * content policy lets no script run and nothing be fetched, so that the text of a model is shown and does nothing.
 */

import { PARADIGM_NAMES } from '../../study/design/paradigms.js';
import { coinSentences } from '../../study/results/coin.js';
import { HYPOTHESES_INTRODUCTION, studyHypotheses } from '../../study/results/hypotheses.js';
import { KNOB_DRAWS_RULE, KNOB_INTRODUCTION } from '../../study/results/knob-wording.js';
import type { StudyResults } from '../../study/results/results.js';
import { CLAIM_RULE, intervalSentence, selectionSentence } from '../../study/results/wording.js';
import type { Study } from '../../study/workspace.js';
import { TASK_NAMES, TASKS, type TaskName, TEST_SET_NAMES, testSetsOf } from '../../tasks/tasks.js';
import { type HtmlCell, type HtmlTable, htmlTable } from '../html-table.js';
import { escapeHtml } from '../tables.js';
import { configurationWords, sourceWords } from './captions.js';
import { type FigureSection, STUDY_WIDTH, type StudyFigure } from './figure.js';
import { knobTasksIn } from './knob.js';
import { knobTable } from './knob-table.js';
import type { PageSample } from './page-samples.js';
import { PAGE_STYLE } from './page-style.js';
import {
  ablationsTable,
  accuracyTable,
  claimsTable,
  comparisonsTable,
  controlsTable,
  costTable,
  efficiencyTable,
  hypothesesTable,
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
    const taken = this.all.filter(
      (figure) =>
        figure.section === section &&
        figure.linked === linked &&
        (task === undefined ? figure.tasks.length !== 1 : figure.tasks.length === 1 && figure.tasks[0] === task),
    );
    for (const figure of taken) this.placed.add(figure);
    return taken;
  }

  /** @throws Error naming the figures that are neither shown nor linked to */
  checkAllPlaced(): void {
    const unplaced = this.all.filter((figure) => !this.placed.has(figure)).map(({ name }) => name);
    if (unplaced.length > 0)
      throw new Error(`results page: no section shows ${unplaced.join(', ')}; give each a section that the page has`);
  }
}

/**
 * Writes the page as text.
 *
 * @param figures with their drawings; the page links to their files as `figures/<name>.<format>` beside it
 * @param samples the completions of each paradigm on the same items
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
    section('hypotheses', 'The hypotheses', hypothesesPart(results)),
    section('paradigms', 'The paradigms', paradigmsPart(results, numbered)),
    section('data-efficiency', 'Data efficiency', efficiencyPart(results, numbered)),
    section('knob', 'The knob and the budget', knobPart(results, numbered)),
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
<style>${PAGE_STYLE}</style>
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

/** The sections that are open at first. A page with all of them open is forty screens long; a link to a section opens it. */
const OPEN_SECTIONS: readonly string[] = ['claims', 'hypotheses', 'paradigms', 'missing'];

/** A section, which folds; its HTML is empty where it has nothing to show. */
function section(id: string, title: string, content: string) {
  const open = OPEN_SECTIONS.includes(id) ? ' open' : '';
  // The link's target lies inside, as a browser opens what folds around a target.
  const inner = `<section id="${id}" aria-labelledby="${id}-title">\n${content}\n</section>`;
  const html = `<details${open}><summary><h2 id="${id}-title">${title}</h2></summary>\n${inner}\n</details>`;
  return { id, title, html: content === '' ? '' : html };
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

function hypothesesPart(results: StudyResults): string {
  const table = hypothesesTable(studyHypotheses(results));
  return table.rows.length > 0 ? stacked(paragraph(HYPOTHESES_INTRODUCTION), htmlTable(table)) : '';
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

function knobPart(results: StudyResults, figures: PageFigures): string {
  const { knob } = results;
  if (!knob) return '';
  const parts = knobTasksIn(knob).map((task) => {
    const sentences = knob.findings.filter((finding) => finding.task === task).map(({ text }) => paragraph(text));
    return titled(task, ...sentences, tableHtml(knobTable(results, task)));
  });
  return stacked(paragraph(KNOB_INTRODUCTION), paragraph(KNOB_DRAWS_RULE), figures.showAll('knob'), ...parts);
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
    ...coinSentences(results.ablations).map(({ task, text }) => paragraph(`${TASKS[task].title}. ${text}`)),
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
${htmlTable({ label: 'completions', heads: [['paradigm', 'scored', 'completion']], rows })}</div>
</article>`;
}

function missingPart({ missing }: StudyResults): string {
  if (missing.length === 0) return '';
  const items = missing.map((name) => `<li>${escapeHtml(name)}</li>`).join('');
  return `${paragraph('Cells that are not trained or not evaluated yet; what rests on them is left out above.')}<ul class="missing">${items}</ul>`;
}
