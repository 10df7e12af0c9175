/**
 * The results page: tables, figures and samples of a study in one HTML file that needs nothing else. It holds no script, and its
 * content policy lets none run, nor anything be fetched: what a model wrote is shown and nothing more.
 */

import { PAPER } from '../study/paper.js';
import { PARADIGM_NAMES, PARADIGMS } from '../study/paradigms.js';
import type { AblationPoint, ClaimVerdict, Estimate, StudyResults } from '../study/results.js';
import type { Study } from '../study/workspace.js';
import { TASK_NAMES, type TaskName, TEST_SET_NAMES, testSetsOf } from '../tasks/task.js';
import { configurationWords, intervalWords, sourceWords } from './captions.js';
import { type HtmlCell, htmlTable } from './html-table.js';
import type { PageSample } from './page-samples.js';
import type { StudyFigure } from './study-figures.js';
import { escapeHtml } from './tables.js';
import { TASK_TITLES } from './wording.js';

/** A figure as the page shows it. */
export interface PageFigure extends StudyFigure {
  /** The drawing itself. */
  svg: string;
}

/** Figures numbered in the order of the page, as they are put into it. */
class Figures {
  private count = 0;
  constructor(readonly all: readonly PageFigure[]) {}

  /** Those of these names that there are, in the order of the names. */
  html(...names: readonly string[]): string {
    const found = names.flatMap((name) => this.all.find((figure) => figure.name === name) ?? []);
    return found.map((figure) => figureHtml(figure, ++this.count)).join('\n');
  }
}

/**
 * The page as text.
 *
 * @param figures drawn; their files are linked to as `figures/<name>.<format>` beside the page
 * @param samples what was written on the same items
 */
export function resultsPage(
  study: Study,
  results: StudyResults,
  figures: readonly PageFigure[],
  samples: readonly PageSample[],
): string {
  const numbered = new Figures(figures);
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
<p class="lead">Reinforcement fine-tuning of a vision-language model, after Tan et al. (2025): three tasks, five paradigms, in and out of domain.</p>
<p>${escapeHtml(configurationWords(study))}</p>
<p>${escapeHtml(sourceWords(results))} ${escapeHtml(intervalWords(results.paradigms.map(({ accuracy }) => accuracy)))}</p>
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

/** A section, empty where it has nothing to show. */
function section(id: string, title: string, content: string) {
  const html =
    content === ''
      ? ''
      : `<section id="${id}" aria-labelledby="${id}-title"><h2 id="${id}-title">${title}</h2>\n${content}\n</section>`;
  return { id, title, html };
}

const paragraph = (text: string) => `<p>${escapeHtml(text)}</p>`;
const percent = (share: number) => (100 * share).toFixed(1);
/** `74.2 [71.0, 77.1]`. */
const share = ({ mean, interval }: Estimate) => `${percent(mean)} [${interval.map(percent).join(', ')}]`;
/** The same with its sign: points of difference. */
const points = ({ mean, interval }: Estimate) => {
  const signed = (value: number) => `${value < 0 ? '\u2212' : '+'}${percent(Math.abs(value))}`;
  return `${signed(mean)} [${interval.map(signed).join(', ')}]`;
};

function figureHtml({ name, title, caption, alt, svg, height }: PageFigure, number: number): string {
  const source = `data:image/svg+xml;base64,${Buffer.from(svg, 'utf8').toString('base64')}`;
  const links = (['html', 'pdf', 'svg', 'png'] as const).map((format) => {
    const words = format === 'html' ? 'interactive' : format.toUpperCase();
    return `<a href="figures/${name}.${format}">${words}</a>`;
  });
  return `<figure id="figure-${name}">
<div class="wide" tabindex="0" role="region" aria-label="${escapeHtml(title)}"><img src="${source}" width="900" height="${height}" alt="${escapeHtml(alt)}"></div>
<figcaption><b>Figure ${number}.</b> ${escapeHtml(caption)} <span class="files">${links.join(' ')}</span></figcaption>
</figure>`;
}

const VERDICT_CLASSES: { readonly [verdict in ClaimVerdict['verdict']]: string } = {
  holds: 'good',
  'not shown': 'open',
  contradicted: 'bad',
  missing: 'open',
};

function claimsPart({ claims }: StudyResults, figures: Figures): string {
  if (claims.length === 0) return '';
  const rows = claims.map(({ task, claim, verdict, text }): HtmlCell[] => [
    { text: TASK_TITLES[task], head: true },
    claim,
    { text: verdict, mark: VERDICT_CLASSES[verdict] },
    { text, prose: true },
  ]);
  const names = TASK_NAMES.map((task) => `claims-${task}`);
  return [
    paragraph(
      'A claim holds on a task where the 95 % intervals of what it compares lie apart, the way it says, in each of its comparisons. Where they overlap it is not shown, which is not the same as false.',
    ),
    htmlTable('The claims, task by task', [['task', 'claim', 'verdict', 'in numbers']], rows),
    figures.html(...names),
    comparisonTable(claims),
  ].join('\n');
}

/** The comparisons that the claims rest on. */
function comparisonTable(claims: readonly ClaimVerdict[]): string {
  const small = (p: number) => (p < 0.001 ? '< 0.001' : p.toFixed(3));
  const rows = claims.flatMap(({ task, claim, comparisons }) =>
    comparisons.map((each, i): HtmlCell[] => [
      { text: i === 0 ? `${TASK_TITLES[task]}, ${claim}` : '', head: true },
      TEST_SET_NAMES[each.testSet],
      `${each.first} vs ${each.second}`,
      { text: share(each.firstAccuracy), number: true },
      { text: share(each.secondAccuracy), number: true },
      { text: points(each.difference), number: true },
      { text: each.pValues.map(small).join(', '), number: true },
      { text: each.verdict, mark: VERDICT_CLASSES[each.verdict] },
    ]),
  );
  if (rows.length === 0) return '';
  const numbers = ['first (%)', 'second (%)', 'difference (points)', 'p, seed by seed'];
  const heads = [
    'claim',
    'test set',
    'comparison',
    ...numbers.map((text): HtmlCell => ({ text, number: true })),
    'verdict',
  ];
  return htmlTable(
    'The comparisons of the claims, on the same items; p of the exact McNemar test, two-sided',
    [heads],
    rows,
  );
}

function paradigmsPart(results: StudyResults, figures: Figures): string {
  const tasks = TASK_NAMES.filter((task) => results.paradigms.some((each) => each.task === task));
  if (tasks.length === 0) return '';
  return [
    figures.html('paradigms'),
    ...tasks.map(
      (task) =>
        `<h3>${TASK_TITLES[task]}</h3>\n${accuracyTable(results, task)}\n${figures.html(`paradigms-${task}`)}\n${costTable(results, task)}`,
    ),
  ].join('\n');
}

/** A row a paradigm; for each test set ours, the paper's 2B and 7B. */
function accuracyTable({ paradigms }: StudyResults, task: TaskName): string {
  const own = paradigms.filter((each) => each.task === task);
  const sets = testSetsOf(task);
  const best = sets.map((set) =>
    Math.max(...own.filter((each) => each.testSet === set).map((each) => each.accuracy.mean)),
  );
  const rows = PARADIGMS.filter((paradigm) => own.some((each) => each.paradigm === paradigm)).map(
    (paradigm): HtmlCell[] => [
      { text: PARADIGM_NAMES[paradigm], head: true },
      ...sets.flatMap((set, s): HtmlCell[] => {
        const ours = own.find((each) => each.paradigm === paradigm && each.testSet === set)?.accuracy;
        const paper = (['2B', '7B'] as const).map((model): HtmlCell => {
          const number = PAPER.find(
            (p) => p.task === task && p.paradigm === paradigm && p.set === set && p.model === model,
          );
          return { text: number ? percent(number.accuracy) : '', number: true, faint: true };
        });
        return [{ text: ours ? share(ours) : '', number: true, bold: ours?.mean === best[s] }, ...paper];
      }),
    ],
  );
  const heads: HtmlCell[][] = [
    ['', ...sets.map((set): HtmlCell => ({ text: TEST_SET_NAMES[set], columns: 3 }))],
    [
      'paradigm',
      ...sets.flatMap((): HtmlCell[] =>
        ['this study', 'paper, 2B', 'paper, 7B'].map((text) => ({ text, number: true })),
      ),
    ],
  ];
  const score = task === 'transformation' ? ', mean score with partial credit' : '';
  return htmlTable(
    `Accuracy on ${TASK_TITLES[task].toLowerCase()}, %${score}, with 95 % intervals; bold: the highest of this study`,
    heads,
    rows,
  );
}

/** What a paradigm was trained on and took, and how often it kept to the format. */
function costTable({ paradigms }: StudyResults, task: TaskName): string {
  const sets = testSetsOf(task);
  const own = paradigms.filter((each) => each.task === task);
  const rows = PARADIGMS.flatMap((paradigm): HtmlCell[][] => {
    const any = own.find((each) => each.paradigm === paradigm);
    if (!any) return [];
    const whole = (value: number): HtmlCell => ({ text: Math.round(value).toLocaleString('en'), number: true });
    return [
      [
        { text: PARADIGM_NAMES[paradigm], head: true },
        { text: any.seeds.join(', ') || 'none', number: true },
        whole(any.trainingRows),
        whole(any.tokens),
        ...sets.map((set): HtmlCell => {
          const formatted = own.find((each) => each.paradigm === paradigm && each.testSet === set)?.formatted;
          return { text: formatted ? share(formatted) : '', number: true };
        }),
      ],
    ];
  });
  const heads = ['seeds', 'training rows', 'tokens', ...sets.map((set) => `in format, ${TEST_SET_NAMES[set]} (%)`)];
  return htmlTable(
    `What it took on ${TASK_TITLES[task].toLowerCase()}, and the share of completions in the format asked for (zero-shot and ANS-SFT are not asked for it)`,
    [['paradigm', ...heads.map((text): HtmlCell => ({ text, number: true }))]],
    rows,
  );
}

function efficiencyPart({ efficiency }: StudyResults, figures: Figures): string {
  return TASK_NAMES.filter((task) => efficiency.some((point) => point.task === task))
    .map((task) => {
      const own = efficiency.filter((point) => point.task === task);
      const sizes = [...new Set(own.map((point) => point.rows))].sort((a, b) => a - b);
      const paradigms = PARADIGMS.filter((paradigm) => own.some((point) => point.paradigm === paradigm));
      const tables = testSetsOf(task).map((set) =>
        htmlTable(
          `${TASK_TITLES[task]}, ${TEST_SET_NAMES[set]}: accuracy (%) by training rows`,
          [
            [
              { text: 'rows', number: true },
              ...paradigms.map((each): HtmlCell => ({ text: PARADIGM_NAMES[each], number: true })),
            ],
          ],
          sizes.map((rows): HtmlCell[] => [
            { text: rows.toLocaleString('en'), head: true, number: true },
            ...paradigms.map((paradigm): HtmlCell => {
              const point = own.find(
                (each) => each.paradigm === paradigm && each.rows === rows && each.testSet === set,
              );
              return { text: point ? share(point.accuracy) : '', number: true };
            }),
          ]),
        ),
      );
      return `<h3>${TASK_TITLES[task]}</h3>\n${figures.html(`data-efficiency-${task}`)}\n${tables.join('\n')}`;
    })
    .join('\n');
}

function ablationsPart({ ablations, findings }: StudyResults, figures: Figures): string {
  return TASK_NAMES.filter((task) => ablations.some((point) => point.task === task))
    .map((task) => {
      const own = ablations.filter((point) => point.task === task);
      const said = findings
        .filter((each) => each.task === task)
        .map(({ ablation, text }) => `<dt>${escapeHtml(ablation)}</dt><dd>${escapeHtml(text)}</dd>`);
      const single = figures.all.filter(({ name }) => name.startsWith(`ablation-${task}-`));
      const links = single.map(
        ({ name, title }) => `<a href="figures/${name}.html">${escapeHtml(title.replace(/^.*?: /, ''))}</a>`,
      );
      return [
        `<h3>${TASK_TITLES[task]}</h3>`,
        said.length > 0 ? `<dl>${said.join('')}</dl>` : '',
        figures.html(`ablations-${task}`),
        links.length > 0 ? `<p>Each alone: ${links.join(', ')}.</p>` : '',
        ablationTable(own, task),
      ].join('\n');
    })
    .join('\n');
}

/** A row a setting; for each test set the accuracy and its difference from the base setting. */
function ablationTable(own: readonly AblationPoint[], task: TaskName): string {
  const sets = testSetsOf(task).filter((set) => own.some((point) => point.testSet === set));
  const settings = [...new Map(own.map((point) => [`${point.ablation}\n${point.setting}`, point])).values()];
  const rows = settings.map(({ ablation, setting, base }, i): HtmlCell[] => [
    { text: settings[i - 1]?.ablation === ablation ? '' : ablation, head: true },
    { text: base ? `${setting} (base)` : setting, bold: base },
    ...sets.flatMap((set): HtmlCell[] => {
      const point = own.find((p) => p.ablation === ablation && p.setting === setting && p.testSet === set);
      return [
        { text: point ? share(point.accuracy) : '', number: true },
        { text: point?.difference ? points(point.difference) : '', number: true },
      ];
    }),
  ]);
  const heads: HtmlCell[][] = [
    ['', '', ...sets.map((set): HtmlCell => ({ text: TEST_SET_NAMES[set], columns: 2 }))],
    [
      'ablation',
      'setting',
      ...sets.flatMap((): HtmlCell[] => ['accuracy', 'against the base'].map((text) => ({ text, number: true }))),
    ],
  ];
  return htmlTable(
    `Ablations on ${TASK_TITLES[task].toLowerCase()}: accuracy and its difference from the base on the same items, in points`,
    heads,
    rows,
  );
}

function trainingPart({ phenomena }: StudyResults, figures: Figures): string {
  if (phenomena.length === 0) return '';
  const seen = (value: boolean | null): HtmlCell =>
    value === null
      ? { text: 'missing', mark: 'open' }
      : value
        ? { text: 'seen', mark: 'good' }
        : { text: 'not seen', mark: 'open' };
  const rows = phenomena.map(({ phenomenon, task, seen: found, paper, text }): HtmlCell[] => [
    { text: phenomenon, head: true },
    TASK_TITLES[task],
    seen(found),
    { text, prose: true },
    { text: paper, prose: true },
  ]);
  const names = figures.all
    .map(({ name }) => name)
    .filter((name) => name.startsWith('phenomenon-') || name === 'learning-curves');
  return [
    htmlTable(
      'What the paper saw while training, looked for here',
      [['phenomenon', 'task', 'here', 'in our runs', 'in the paper']],
      rows,
    ),
    figures.html(...names),
  ].join('\n');
}

function controlsPart({ controls, leakage }: StudyResults, figures: Figures): string {
  const parts: string[] = [];
  if (controls.length > 0) {
    const rows = controls.map(({ task, control, testSet, accuracy, chance, holds, text }): HtmlCell[] => [
      { text: TASK_TITLES[task], head: true },
      control,
      TEST_SET_NAMES[testSet],
      { text: share(accuracy), number: true },
      { text: percent(chance), number: true },
      holds ? { text: 'holds', mark: 'good' } : { text: 'leaks', mark: 'bad' },
      { text, prose: true },
    ]);
    const heads: HtmlCell[] = [
      'task',
      'control',
      'test set',
      { text: 'accuracy (%)', number: true },
      { text: 'chance (%)', number: true },
      'verdict',
      'in words',
    ];
    parts.push(
      htmlTable('Training on labels that say nothing must score at chance', [heads], rows),
      figures.html('controls'),
    );
  }
  if (leakage.length > 0) {
    const whole = (value: number): HtmlCell => ({ text: value.toLocaleString('en'), number: true });
    const heads = ['test items', 'rows trained on', 'shared scenes', 'shared questions'].map(
      (text): HtmlCell => ({ text, number: true }),
    );
    const rows = leakage.map((each): HtmlCell[] => [
      { text: TASK_TITLES[each.task], head: true },
      ...[each.testItems, each.trainingRows, each.sharedScenes, each.sharedQuestions].map(whole),
    ]);
    parts.push(
      htmlTable('Whether anything that is tested occurs in anything that is trained on', [['task', ...heads]], rows),
    );
  }
  return parts.join('\n');
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
      return `<h3>${TASK_TITLES[task]}</h3>\n${cards.join('\n')}`;
    }),
  ].join('\n');
}

function sampleHtml({ task, testSet, question, answer, images, outputs }: PageSample): string {
  const names = images.length === 2 ? ['first image', 'second image'] : ['image'];
  const pictures = images.map((source, i) => {
    if (!source.startsWith('data:image/png;base64,'))
      throw new Error('results page: an image must be a PNG data address');
    return `<img src="${escapeHtml(source)}" alt="${escapeHtml(`${TASK_TITLES[task]}, ${names[i] ?? 'image'} of the question beside it`)}">`;
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
${htmlTable(undefined, [['paradigm', 'scored', 'completion']], rows)}</div>
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
figure img { display: block; width: 100%; min-width: 42rem; height: auto; }
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
.number { text-align: right; white-space: nowrap; }
td.prose { min-width: 19rem; white-space: normal; }
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
