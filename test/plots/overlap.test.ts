/** Figures at narrow, usual and wide screens, measured in a browser: no title runs into the next, no tick label into the next panel. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { launchChromium } from '../../lib/plots/chromium.js';
import { trainingCurves } from '../../lib/plots/curves.js';
import { exportFigure, renderFigure } from '../../lib/plots/export.js';
import { studyFigures } from '../../lib/plots/study/figures.js';
import { type PageFigure, resultsPage } from '../../lib/plots/study/results-page.js';
import type { Figure } from '../../lib/plots/style.js';
import { openStudy } from '../../lib/study/workspace.js';
import { madeUpResults } from '../support/study-results.js';

const folder = mkdtempSync(path.join(tmpdir(), 'overlap-'));
let browser: Browser;
before(async () => {
  browser = await launchChromium();
});
after(async () => {
  await browser.close();
  rmSync(folder, { recursive: true, force: true });
});

const keys = ['reward', 'kl', 'completions/mean_length', 'completions/clipped_ratio', 'frac_reward_zero_std'];
const rows = Array.from({ length: 30 }, (_, step) => ({
  step,
  ...Object.fromEntries(keys.map((key, k) => [key, k + step / 7])),
}));
const curves = trainingCurves(
  { grpo: rows },
  keys.map((key) => ({ title: key === 'frac_reward_zero_std' ? `${key} (dead groups)` : key, keys: [key] })),
  { title: 'reason-rft' },
);

/** Of a phone, a column of a paper, a notebook and a wide screen, in pixels. */
const WIDTHS = [420, 480, 900, 1400];

/** The pairs of texts of a drawn figure that lie over each other by more than a pixel. @param svg a drawing of so many pixels */
async function overlapsOfDrawing(svg: string, width: number): Promise<string[]> {
  const page = await browser.newPage({ viewport: { width, height: 900 } });
  await page.setContent(`<!doctype html><style>body{margin:0}</style>${svg}`);
  const found = await measureOverlaps(page);
  await page.close();
  return found;
}

/** The same of an interactive page in a window of each width, which begins wide and gets narrower; empty where there is none. */
async function overlapsOfPage(file: string): Promise<{ [width: string]: string[] }> {
  const page = await browser.newPage({ viewport: { width: WIDTHS.at(-1)!, height: 900 } });
  await page.goto(pathToFileURL(file).href);
  const found: { [width: string]: string[] } = {};
  for (const width of WIDTHS.toReversed()) {
    await page.setViewportSize({ width, height: 900 });
    const overlaps = await measureOverlaps(page);
    if (overlaps.length > 0) found[width] = overlaps;
  }
  await page.close();
  return found;
}

async function measureOverlaps(page: Page): Promise<string[]> {
  await page.locator('svg .gtitle, svg .annotation-text').first().waitFor({ state: 'attached' });
  await page.waitForTimeout(400);
  const found = await page.evaluate(() => {
    const texts = [...document.querySelectorAll('svg text')]
      .map((node) => ({ text: node.textContent ?? '', box: node.getBoundingClientRect() }))
      .filter(({ text, box }) => text.trim() !== '' && box.width > 0);
    return texts.flatMap((a, i) =>
      texts.slice(i + 1).flatMap((b) => {
        const across = Math.min(a.box.right, b.box.right) - Math.max(a.box.left, b.box.left);
        const down = Math.min(a.box.bottom, b.box.bottom) - Math.max(a.box.top, b.box.top);
        return across > 1 && down > 3 ? [`${a.text} | ${b.text}`] : [];
      }),
    );
  });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  return wide > 1 ? [...found, `the page is ${wide} pixels wider than the window`] : found;
}

test('the interactive page of curves has no text over another, at any width', async () => {
  await exportFigure(curves, path.join(folder, 'curves'), { formats: ['html'], plotly: 'beside', height: 510 });
  assert.deepEqual(await overlapsOfPage(path.join(folder, 'curves.html')), {});
});

test('a figure of each section of a study has none, at any width, as a page and as a drawing', async () => {
  const figures = studyFigures(madeUpResults());
  const bySection = new Map(figures.map((figure) => [figure.section, figure]));
  // The one with the most panels, too.
  const crowded = figures.find(({ name }) => name === 'knob-curves')!;
  for (const { name, figure, height } of [...bySection.values(), crowded]) {
    await exportFigure(figure, path.join(folder, name), { formats: ['html'], plotly: 'beside', width: 780, height });
    assert.deepEqual(await overlapsOfPage(path.join(folder, `${name}.html`)), {}, name);
    // Where it is wide, a drawing is what the page shows.
    for (const width of WIDTHS.slice(0, 2)) {
      const svg = (await renderFigure(figure, 'svg', { width, height })).toString();
      assert.deepEqual(await overlapsOfDrawing(svg, width), [], `${name}, exported ${width} pixels wide`);
    }
  }
});

test('a figure that is exported 480 pixels wide has no label in the next panel', async () => {
  const svg = (await renderFigure(curves, 'svg', { width: 480, height: 510 })).toString();
  assert.deepEqual(await overlapsOfDrawing(svg, 480), []);
  // The measure finds what it looks for: the same panels, kept side by side.
  const { meta: _, ...layout } = curves.layout;
  const crowded = (await renderFigure({ data: curves.data, layout }, 'svg', { width: 480, height: 510 })).toString();
  assert.notDeepEqual(await overlapsOfDrawing(crowded, 480), []);
});

test('panels below one another are flatter than side by side, so that three of them fit on a page', async () => {
  const sizeOf = async (figure: Figure, width: number) => {
    const svg = (await renderFigure(figure, 'svg', { width, height: 510 })).toString();
    return /width="(\d+)" height="(\d+)"/.exec(svg)!.slice(1).map(Number);
  };
  assert.deepEqual(await sizeOf(curves, 900), [900, 510]);
  // Two rows of 163 pixels were flat enough: five of them, four gaps of 72, margins of 112.
  assert.deepEqual(await sizeOf(curves, 480), [480, 1216]);
  const three = trainingCurves({ grpo: rows }, keys.slice(0, 3), { title: 'three' });
  const [width, height] = await sizeOf(three, 480);
  assert.equal(width, 480);
  assert.ok(height! < 1.7 * 480, `three panels below one another in ${height} pixels`);
});

test('the results page is as wide as the window, folds, and opens what a link names', async () => {
  const results = madeUpResults();
  const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="780" height="400"></svg>';
  const figures = studyFigures(results).map((figure): PageFigure => ({ ...figure, svg }));
  const file = path.join(folder, 'results.html');
  writeFileSync(file, resultsPage(openStudy('tiny', '/nowhere'), results, figures, []));
  for (const width of [420, 900, 1400]) {
    const page = await browser.newPage({ viewport: { width, height: 900 } });
    await page.goto(pathToFileURL(file).href);
    const measure = () =>
      page.evaluate(() => {
        const root = document.documentElement;
        const shown = [...document.querySelectorAll('h1, h2, nav a, figcaption')]
          .filter((node) => node.checkVisibility())
          .map((node) => node.getBoundingClientRect());
        const covered = shown.some((a, i) =>
          shown
            .slice(i + 1)
            .some(
              (b) =>
                Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 &&
                Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1,
            ),
        );
        return { tooWide: root.scrollWidth - root.clientWidth, covered, height: root.scrollHeight };
      });
    const folded = await measure();
    assert.deepEqual([folded.tooWide, folded.covered], [0, false], `at ${width} pixels`);
    const section = page.locator('#ablations');
    assert.equal(await section.isVisible(), false);
    await page.locator('nav a[href="#ablations"]').click();
    await section.waitFor({ state: 'visible' });
    await page.evaluate(() => {
      for (const details of document.querySelectorAll('details')) details.open = true;
    });
    const open = await measure();
    assert.deepEqual([open.tooWide, open.covered], [0, false], `open, at ${width} pixels`);
    assert.ok(folded.height < 0.6 * open.height, `${folded.height} of ${open.height} pixels at ${width}`);
    await page.close();
  }
});
