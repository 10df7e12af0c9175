/** Every figure has its place on the results page, whatever its name. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { studyFigures } from '../../../lib/plots/study/figures.js';
import { type PageFigure, resultsPage } from '../../../lib/plots/study/results-page.js';
import { openStudy } from '../../../lib/study/workspace.js';
import { madeUpResults } from '../../support/study-results.js';

const study = openStudy('tiny', '/nowhere');
const results = madeUpResults();
const figures = studyFigures(results).map((figure): PageFigure => ({ ...figure, svg: '<svg></svg>' }));

test('each figure is shown once, or linked to', () => {
  const page = resultsPage(study, results, figures, []);
  for (const { name, linked } of figures) {
    assert.equal(page.split(`id="figure-${name}"`).length - 1, linked ? 0 : 1, name);
    assert.ok(page.includes(`href="figures/${name}.html"`), name);
  }
});

test('the controls tell what a coin in place of the accuracy reward reaches, task by task', () => {
  const renamed = results.ablations.map((point) =>
    point.setting === 'accuracy alone' ? { ...point, setting: 'coin + format' } : point,
  );
  const page = resultsPage(study, { ...results, ablations: renamed }, figures, []);
  const controls = page.slice(page.indexOf('id="controls"'));
  for (const title of ['Visual counting', 'Structure perception', 'Spatial transformation'])
    assert.match(
      controls,
      new RegExp(`<p>${title}\\. With a coin in place of the accuracy reward \\(coin \\+ format in`),
    );
  assert.ok(!resultsPage(study, results, figures, []).includes('With a coin'));
});

test('a figure of a name that nobody foresaw is shown in its section', () => {
  const more: PageFigure = { ...figures.find(({ name }) => name === 'controls')!, name: 'controls-by-family' };
  const page = resultsPage(study, results, [...figures, more], []);
  assert.ok(page.indexOf('id="figure-controls-by-family"') > page.indexOf('id="figure-controls"'));
});

test('a figure that no section shows is refused by name', () => {
  const lost: PageFigure = { ...figures[0]!, name: 'lost', section: 'appendix' as PageFigure['section'] };
  assert.throws(() => resultsPage(study, results, [...figures, lost], []), /no section shows lost;/);
  // Without claims there is no section of claims.
  assert.throws(() => resultsPage(study, { ...results, claims: [] }, figures, []), /shows claims-counting, claims-/);
});

test('a page of a part of the study says so, and describes its tasks alone', () => {
  const selection = { tasks: ['counting'], parts: ['paradigms'], ablations: [] } as const;
  const one = { ...madeUpResults(['counting']), selection };
  const own = studyFigures(one).map((figure): PageFigure => ({ ...figure, svg: '<svg></svg>' }));
  const page = resultsPage(study, one, own, []);
  assert.match(page, /A part of the study: of counting, paradigms\./);
  assert.ok(!page.includes('Structure perception'));
});
