/** The page of rollouts in a real browser: ten thousand completions, searched, sorted and filtered, and no text of a model does anything. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { runCommand } from '../../../lib/cli/program.js';
import { patchify } from '../../../lib/model/image-processor.js';
import { launchChromium } from '../../../lib/plots/chromium.js';
import { RunDirectory } from '../../../lib/train/run-directory.js';

const HOSTILE = '</script><script>window.hacked=1</script><img src=x onerror="window.hacked=1">';
const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-rollouts-'));
const STEPS = 25;
const PROMPTS = 50;
const G = 8;
const PROCESSOR = {
  ...{ minPixels: 1, maxPixels: 1e6, patchSize: 2, temporalPatchSize: 2, mergeSize: 2, rescaleFactor: 1 / 255 },
  ...{ mean: [0.5, 0.4, 0.3], deviation: [0.3, 0.2, 0.1] },
};
let browser: Browser;
let page: Page;
const said: string[] = [];
const asked: string[] = [];

before(async () => {
  const run = RunDirectory.open(path.join(folder, 'mine'), {});
  for (let step = 1; step <= STEPS; step++) {
    const prompts = Array.from({ length: PROMPTS }, (_, p) => {
      const data = Uint8Array.from({ length: 8 * 4 * 3 }, (_, i) => (i * 7 + p) % 256);
      return { id: `row-${step}-${p}`, prompt: { images: [patchify({ width: 8, height: 4, data }, PROCESSOR)] } };
    });
    await run.writePictures(step, prompts, PROCESSOR);
    run.writeCompletions(
      step,
      prompts.flatMap(({ id }, p) =>
        Array.from({ length: G }, (_, g) => ({
          ...{
            step,
            id,
            prompt: `You are an assistant.\nWhich colour has ${id}? ${HOSTILE}\nassistant\n`,
            solution: p === 5 ? HOSTILE : 'blue',
            reward: p === 3 ? 1 : g / G,
          },
          ...{ completion: p === 7 && g === 2 ? `needle ${HOSTILE}` : `answer ${g}\nof ${id}`, advantage: g - 3.5 },
          ...{ rewards: { accuracy: g / G, brevity: g === 0 ? null : 1 }, tokens: 5 + g, ended: g !== 7 },
        })),
      ),
    );
  }
  assert.equal(await runCommand(['rollouts', run.folder, '--out', path.join(folder, 'page.html')]), 0);
  browser = await launchChromium();
  page = await browser.newPage({ viewport: { width: 1200, height: 800 } });
  page.on('console', (message) => said.push(message.text()));
  page.on('pageerror', (error) => said.push(error.message));
  page.on('request', (request) => asked.push(request.url().slice(0, 60)));
});
after(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

const count = () => page.locator('#count').textContent();

test('it opens with ten thousand completions in under 3 s, and keeps in the document those that are seen', async () => {
  await page.goto(pathToFileURL(path.join(folder, 'page.html')).href);
  await page.locator('.row').first().waitFor();
  // From the navigation's start to the first rows, by the browser's own clock.
  const milliseconds = await page.evaluate<number>('performance.now()');
  assert.ok(milliseconds < 3000, `${milliseconds} ms`);
  assert.equal(await count(), '10,000 of 10,000 completions');
  assert.ok((await page.locator('.row').count()) < 30);
  await page.locator('#list').evaluate((node) => node.scrollTo(0, node.scrollHeight));
  await page.locator('.row', { hasText: 'answer 7' }).first().waitFor();
  assert.ok((await page.locator('.row').count()) < 30);
});

test('the list leaves out the lines that all prompts begin with', async () => {
  const question = await page.locator('.row .question').first().textContent();
  assert.match(question!, /^Which colour has row-/);
  // Nor is there the role of the turn that the completion fills.
  assert.ok(question!.endsWith(HOSTILE));
});

test('the gold answer stands below each completion, in the list', async () => {
  assert.equal(await page.locator('.row .gold').first().textContent(), 'gold: blue');
  await page.fill('#search', 'row-1-5');
  assert.equal(await page.locator('.row .gold').first().textContent(), `gold: ${HOSTILE}`);
  await page.fill('#search', '');
});

test('nothing that a model or a row says runs, and nothing is fetched', async () => {
  assert.equal(await page.evaluate('window.hacked'), undefined);
  assert.deepEqual(said, []);
  assert.deepEqual(
    asked.filter((url) => !url.startsWith('data:image/png') && !url.startsWith('file:')),
    [],
  );
  assert.equal(asked.filter((url) => url.startsWith('file:')).length, 1);
  assert.match(readFileSync(path.join(folder, 'page.html'), 'utf8'), /default-src 'none'; img-src data:/);
});

test('search, dead groups, cut ones, rewards and steps choose rows', async () => {
  await page.fill('#search', 'NEEDLE');
  assert.equal(await count(), '25 of 10,000 completions');
  assert.ok((await page.locator('.row .answer').first().textContent())!.includes(HOSTILE));
  await page.fill('#search', '');
  await page.check('#dead');
  assert.equal(await count(), `${25 * G} of 10,000 completions`, 'one prompt a step has equal rewards');
  await page.check('#cut');
  assert.equal(await count(), '25 of 10,000 completions');
  await page.uncheck('#dead');
  assert.equal(await count(), '1,250 of 10,000 completions');
  await page.uncheck('#cut');
  await page.selectOption('#which', { label: 'brevity' });
  await page.fill('#least', '1');
  assert.equal(await count(), '8,750 of 10,000 completions', 'a reward that does not apply is not 1');
  await page.fill('#to', '2');
  assert.equal(await count(), '700 of 10,000 completions');
  for (const field of ['#least', '#to']) await page.fill(field, '');
});

test('rows are sorted by any of their numbers, either way', async () => {
  const first = () => page.locator('.row').first().locator('.advantage').textContent();
  await page.selectOption('#sort', 'advantage');
  assert.equal(await first(), 'A -3.50');
  await page.check('#falling');
  assert.equal(await first(), 'A +3.50');
  await page.uncheck('#falling');
  await page.selectOption('#sort', 'step');
});

test('a row opens its group with picture, prompt, gold answer and every number', async () => {
  await page.locator('.row').nth(2).press('Enter');
  const dialog = page.locator('dialog[open]');
  assert.match((await dialog.locator('h2').textContent())!, /^step 1, prompt row-1-0$/);
  assert.equal(await dialog.locator('li').count(), G);
  assert.match(
    (await dialog.locator('li.chosen .line').textContent())!,
    /^reward 0\.250, accuracy 0\.250, brevity 1, advantage -1\.500, 7 tokens$/,
  );
  const size = await dialog
    .locator('img')
    .evaluate((node: HTMLImageElement) => [node.naturalWidth, node.naturalHeight]);
  assert.deepEqual(size, [8, 4]);
  await dialog.getByText('Close').click();
  assert.equal(await page.locator('dialog[open]').count(), 0);
});

test('on a phone nothing is wider than the screen', async () => {
  await page.setViewportSize({ width: 390, height: 800 });
  assert.ok((await page.evaluate<number>('document.documentElement.scrollWidth')) <= 390);
  await page.setViewportSize({ width: 1200, height: 800 });
});
