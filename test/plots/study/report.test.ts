/** The report of a made-up study, opened in a real browser: nothing runs, nothing is fetched, everything is there to read. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { writeFileAtomic } from '../../../lib/engine/atomic-write.js';
import { type EvaluatedItem, summarize } from '../../../lib/evaluate/evaluate.js';
import { launchChromium } from '../../../lib/plots/chromium.js';
import { closeFigureBrowser } from '../../../lib/plots/export.js';
import { reportStudy } from '../../../lib/plots/study/report.js';
import { writePng } from '../../../lib/records/image.js';
import { writeRecords } from '../../../lib/records/records.js';
import { evaluationFile } from '../../../lib/study/cells/cell-identity.js';
import { dataFolder } from '../../../lib/study/data/data-folder.js';
import { writeResults } from '../../../lib/study/results/results.js';
import { openStudy } from '../../../lib/study/workspace.js';
import { madeUpResults } from '../../support/study-results.js';

const HOSTILE = '<img src=x onerror="window.hacked=1"></script><script>window.hacked=1</script>&amp; <b>bold</b>';
const study = openStudy('tiny', mkdtempSync(path.join(tmpdir(), 'reason-rft-report-')));
const made = madeUpResults(['counting']);
const results = {
  ...made,
  ablations: made.ablations.filter(({ ablation }) => ablation === 'Reward'),
  phenomena: made.phenomena.slice(0, 1),
};
results.ablations[0]!.setting = HOSTILE;
results.claims[0]!.text = HOSTILE;
results.missing = [`counting/${HOSTILE}`];
let browser: Browser;
let page: Page;
const said: string[] = [];
const asked: string[] = [];

before(async () => {
  const data = dataFolder(study, 'counting');
  mkdirSync(path.join(data, 'images'), { recursive: true });
  const records = ['a', 'b'].map((id) => ({
    ...{ id, image: `${id}.png`, problem: `question ${id} ${HOSTILE}`, answer: '4', cot: 'one', task: 'counting' },
    ...{ family: 'count', domain: 'id', scene: {}, program: {} },
  }));
  for (const { image } of records)
    await writePng(path.join(data, 'images', image), { width: 4, height: 4, data: new Uint8Array(48).fill(200) });
  for (const name of ['train', 'test-id', 'test-ood']) writeRecords(path.join(data, `${name}.jsonl`), records);
  const item = (id: string, completion: string, score: number): EvaluatedItem => ({
    ...{ id, family: 'count', solution: '4', completion, score, correct: score === 1 },
    ...{ formatted: false, tokens: 3, ended: score === 1 },
  });
  const evaluation = summarize([item('a', HOSTILE, 1), item('b', 'five', 0)]);
  const file = evaluationFile(study, { kind: 'base', task: 'counting' }, 'id', 'direct');
  writeFileAtomic(file, JSON.stringify(evaluation));
  writeResults(study, results);
  const report = await reportStudy(study);

  browser = await launchChromium();
  page = await browser.newPage({ viewport: { width: 1200, height: 900 } });
  page.on('console', (message) => said.push(message.text()));
  page.on('pageerror', (error) => said.push(error.message));
  page.on('request', (request) => asked.push(request.url().slice(0, 100)));
  await page.goto(pathToFileURL(report.page).href);
});
after(async () => {
  await closeFigureBrowser();
  await browser?.close();
  rmSync(study.folder, { recursive: true, force: true });
});

test('what a model wrote is text: no script runs, nothing is said on the console, nothing is fetched', async () => {
  assert.equal(await page.evaluate('window.hacked'), undefined);
  assert.equal(await page.locator('script').count(), 0);
  assert.deepEqual(said, []);
  assert.deepEqual(
    asked.filter((url) => !url.startsWith('data:image/')),
    [pathToFileURL(path.join(study.folder, 'results.html')).href],
  );
  const completions = await page.locator('.sample td code').allTextContents();
  assert.deepEqual(completions, [HOSTILE, 'five [cut off]']);
  assert.ok((await page.locator('.question').first().textContent())!.includes(HOSTILE));
});

test('it is a page of moderate size, in English, with a title, and every image loads and has words', async () => {
  assert.ok(statSync(path.join(study.folder, 'results.html')).size < 10e6);
  assert.equal(await page.locator('html').getAttribute('lang'), 'en');
  assert.match(await page.title(), /the quick study/);
  const images = await page.locator('img').evaluateAll((nodes) =>
    (nodes as HTMLImageElement[]).map(({ alt, complete, naturalWidth }) => ({
      words: alt.length,
      complete,
      naturalWidth,
    })),
  );
  // Two samples; claims, paradigms, efficiency, two of the knob, ablations, phenomenon, learning curves, controls, words.
  assert.equal(images.length, 2 + 10);
  for (const image of images)
    assert.ok(image.words > 20 && image.complete && image.naturalWidth > 0, JSON.stringify(image));
});

test('the tables hold the numbers, ours with intervals and the paper’s', async () => {
  const table = page.locator('table', { hasText: 'Accuracy on visual counting' });
  const row = table.locator('tr', { has: page.locator('th', { hasText: /^Reason-RFT$/ }) });
  const { accuracy } = results.paradigms.find(
    (result) => result.task === 'counting' && result.paradigm === 'reason-rft' && result.testSet === 'ood',
  )!;
  const percent = (value: number) => (100 * value).toFixed(1);
  const cells = await row.locator('td').allTextContents();
  assert.equal(cells[3], `${percent(accuracy.mean)} [${accuracy.interval.map(percent).join(', ')}]`);
  // The paper's table: 2B 51.2, 7B 51.0 out of domain.
  assert.deepEqual(cells.slice(4), ['51.2', '51.0']);
  for (const caption of [
    'The claims',
    'by training rows',
    'Ablations on visual',
    'Training on labels',
    'What the paper saw',
  ])
    assert.ok((await page.locator('caption', { hasText: caption }).count()) > 0, caption);
  const heads = await page
    .locator('thead th, tbody th')
    .evaluateAll((nodes) => nodes.filter((n) => !n.hasAttribute('scope')).length);
  assert.equal(heads, 0, 'every head says what it is the head of');
});

test('links within lead somewhere, links out to files that were written', async () => {
  const links = await page.locator('a').evaluateAll((nodes) => nodes.map((node) => node.getAttribute('href')!));
  assert.ok(links.includes('#samples') && links.includes('figures/paradigms-counting.pdf'));
  for (const link of new Set(links)) {
    if (link.startsWith('#')) assert.equal(await page.locator(link).count(), 1, link);
    else assert.ok(statSync(path.join(study.folder, link)).size > 0, link);
  }
});

test('on a phone nothing is wider than the screen but what scrolls in its own frame', async () => {
  await page.setViewportSize({ width: 390, height: 800 });
  assert.ok((await page.evaluate<number>('document.documentElement.scrollWidth')) <= 390);
  assert.ok(
    (await page
      .locator('figure .wide')
      .first()
      .evaluate((node) => node.scrollWidth - node.clientWidth)) > 0,
  );
});

test('small print has contrast: 4.5 to 1 or more against white', async () => {
  const colors = await page.evaluate<string[]>(
    `[...new Set([...document.querySelectorAll('body *')].map((node) => getComputedStyle(node).color))]`,
  );
  for (const color of colors) {
    const [r, g, b] = color.match(/\d+/g)!.map((text) => {
      const c = Number(text) / 255;
      return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    const contrast = 1.05 / (0.2126 * r! + 0.7152 * g! + 0.0722 * b! + 0.05);
    assert.ok(contrast >= 4.5, `${color}: ${contrast.toFixed(1)}`);
  }
});

test('an interactive figure opens beside the page and draws', async () => {
  const figure = await browser.newPage();
  const errors: string[] = [];
  figure.on('pageerror', (error) => errors.push(error.message));
  await figure.goto(pathToFileURL(path.join(study.folder, 'figures', 'ablations-counting.html')).href);
  await figure.locator('.plotly .points path').first().waitFor();
  assert.deepEqual(errors, []);
  assert.equal(await figure.evaluate('window.hacked'), undefined);
});

test('without results it is said what makes them', async () => {
  const empty = openStudy('tiny', path.join(study.folder, 'empty'));
  await assert.rejects(reportStudy(empty), /results\.json does not exist yet: run/);
});
