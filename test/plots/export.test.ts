import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import sharp from 'sharp';
import { closeFigureBrowser, exportFigure, renderFigure, scriptJson } from '../../lib/plots/export.js';
import { figureTemplate, seriesStyle } from '../../lib/plots/style.js';

const folder = mkdtempSync(join(tmpdir(), 'figures-'));
after(async () => {
  await closeFigureBrowser();
  rmSync(folder, { recursive: true, force: true });
});

const figure = {
  data: [{ type: 'bar' as const, x: ['a'], y: [1], marker: { color: seriesStyle(0).color } }],
  layout: { template: figureTemplate, title: { text: 'One bar </script>' } },
};

test('a figure becomes a PNG of the asked size, with the bar in its colour', async () => {
  const [file] = await exportFigure(figure, join(folder, 'deep', 'bar'), {
    width: 300,
    height: 200,
    scale: 2,
    formats: ['png'],
  });
  const { data, info } = await sharp(readFileSync(file!.path))
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  assert.deepEqual([info.width, info.height], [600, 400]);
  // #0072B2 is 0, 114, 178; the bar fills most of the plot.
  let bar = 0;
  for (let i = 0; i < data.length; i += 3) if (data[i] === 0 && data[i + 1] === 114 && data[i + 2] === 178) bar++;
  assert.ok(bar > 0.2 * 600 * 400, `${bar} pixels`);
  assert.equal(file!.bytes, readFileSync(file!.path).length);
});

test('SVG, PDF and HTML: vector, one page, self-contained', async () => {
  const files = await exportFigure(figure, join(folder, 'bar'), { formats: ['svg', 'pdf', 'html'] });
  const [svg, pdf, html] = files.map((f) => readFileSync(f.path, 'latin1'));
  assert.match(svg!, /^<svg[^>]* width="900" height="480"/);
  assert.ok(svg!.includes('<path'));
  assert.match(pdf!, /^%PDF-/);
  assert.ok(!/<script[^>]+src=/.test(html!), 'nothing is loaded from elsewhere');
  assert.ok(html!.includes('One bar \\u003c/script>'));
  assert.deepEqual(
    readdirSync(folder)
      .filter((name) => name.startsWith('bar'))
      .sort(),
    ['bar.html', 'bar.pdf', 'bar.svg'],
  );
});

test('once the browser runs, a PNG takes less than a second', async () => {
  await renderFigure(figure, 'png');
  const started = performance.now();
  await renderFigure(figure, 'png');
  const took = performance.now() - started;
  assert.ok(took < 1000, `${took.toFixed(0)} ms`);
});

test('after the browser was closed the next figure starts a new one', async () => {
  await closeFigureBrowser();
  const png = await renderFigure(figure, 'png', { width: 100, height: 100 });
  assert.equal(png.subarray(1, 4).toString(), 'PNG');
});

test('JSON for a script element cannot end it', () => {
  const text = scriptJson({ a: '</script>\u2028' });
  assert.ok(!text.includes('<') && !text.includes('\u2028'));
  assert.deepEqual(JSON.parse(text), { a: '</script>\u2028' });
});
