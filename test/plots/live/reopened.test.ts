/** A page that was closed while a cell trained, and opened again: its old output follows the run from the run's file, in a browser. */
import assert from 'node:assert/strict';
import { createReadStream, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { launchChromium } from '../../../lib/plots/chromium.js';
import { closeFigureBrowser } from '../../../lib/plots/export.js';
import { livePlot } from '../../../lib/plots/live/live-plot.js';
import { LIVE_FILE } from '../../../lib/plots/live/live-state.js';
import type { DisplayMessage } from '../../../lib/plots/notebook.js';
import { RunDirectory } from '../../../lib/train/run-directory.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-reopened-'));
let server: Server;
let browser: Browser;
/** The notebook's output as it was saved. */
let saved = '';

before(async () => {
  browser = await launchChromium();
  // As a Jupyter server whose root is the machine's: the page, and files at `/files/`.
  server = createServer((request, reply) => {
    const address = decodeURIComponent(new URL(request.url!, 'http://x').pathname);
    const file = address.replace(/^\/files/, '');
    if (address === '/') reply.setHeader('content-type', 'text/html').end(`<!doctype html><div>${saved}</div>`);
    else if (address !== file && existsSync(file)) createReadStream(file).pipe(reply);
    else reply.writeHead(404).end();
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
});
after(async () => {
  await browser.close();
  server.close();
  await closeFigureBrowser();
  rmSync(folder, { recursive: true, force: true });
});

async function openPage(): Promise<Page> {
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  await page.locator('.js-plotly-plot').waitFor({ state: 'attached' });
  return page;
}

const later = (ms: number) => new Promise((done) => setTimeout(done, ms));

test('the old output says that it is old, follows the run, and says how it ended', async () => {
  const run = RunDirectory.open(path.join(folder, 'my run'), {});
  run.recordStart(1, 3, {});
  const write = ({ data }: DisplayMessage) => {
    saved = String(data['text/html']);
  };
  const live = livePlot({ name: 'grpo', total: 3, folder: run.folder }, write);
  const step = async (number: number) => {
    run.append('metrics.jsonl', [{ step: number, reward: number / 2 }]);
    await later(2100);
    live.update(number, { reward: number / 2 });
  };
  await step(1);
  const note = (page: Page) => page.locator('.reason-rft-note');
  const expectNote = (page: Page, text: string) => note(page).filter({ hasText: text }).waitFor();

  const watching = await openPage();
  await later(300);
  assert.match(
    (await note(watching).textContent())!,
    /^drawn at \d\d:\d\d:\d\d; in another notebook: await attachLive\(".*my run"\)$/,
  );
  await watching.close();

  // A minute later the page comes back: what it finds was drawn a minute ago.
  saved = saved.replace(/"drawn":(\d+)/, (_, time) => `"drawn":${Number(time) - 60_000}`);
  const write2 = saved;
  const page = await openPage();
  await expectNote(
    page,
    'The page was closed while the cell was training. The plot follows the run from its file, as of',
  );
  assert.equal(await page.locator('pre').textContent(), 'grpo 1/3  reward 0.50');
  await step(2);
  saved = write2;
  await page.locator('pre', { hasText: 'grpo 2/3  reward 1.00' }).waitFor();
  await step(3);
  await live.finish();
  await expectNote(
    page,
    'The run trains no longer: it finished after 3 steps. Run the cell again to see its curves here.',
  );
  assert.equal(await page.locator('pre').textContent(), 'grpo 3/3  reward 1.50');
  const points = page.locator('.js-plotly-plot .points path');
  assert.equal(await points.count(), 3, 'a point for each step');
  await page.close();
});

test('where no file has the state, the page says what it shows; a plot that watches leaves no file', async () => {
  const run = RunDirectory.open(path.join(folder, 'watched'), {});
  const write = ({ data }: DisplayMessage) => {
    saved = String(data['text/html']);
  };
  const live = livePlot({ name: 'grpo', total: 3, folder: run.folder, watches: true }, write);
  live.show([{ step: 1, reward: 1 }]);
  assert.ok(!existsSync(path.join(run.folder, LIVE_FILE)));
  saved = saved.replace(/"drawn":(\d+)/, (_, time) => `"drawn":${Number(time) - 60_000}`);
  const page = await openPage();
  const words =
    /^The page was closed while the cell was training, and this is the state of .*await attachLive\(".*watched"\)$/;
  await page.locator('.reason-rft-note').filter({ hasText: words }).waitFor();
  await page.close();
});
