import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { closeFigureBrowser } from '../../../lib/plots/export.js';
import { exportStudyFigures } from '../../../lib/plots/study/export-figures.js';
import { openStudy } from '../../../lib/study/workspace.js';
import { madeUpResults } from '../../support/study-results.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-figures-'));
after(async () => {
  await closeFigureBrowser();
  rmSync(folder, { recursive: true, force: true });
});
const study = openStudy('tiny', folder);
const none = { paradigms: [], ablations: [], phenomena: [], controls: [], words: [], claims: [], knob: undefined };
const results = { ...madeUpResults(['counting']), ...none };

test('each figure in four formats with its caption; the interactive ones share one plotly.js', async () => {
  const counted: string[] = [];
  const figures = await exportStudyFigures(study, results, undefined, (done, total) =>
    counted.push(`${done}/${total}`),
  );
  const names = ['data-efficiency-counting'];
  assert.deepEqual(
    figures.map(({ name }) => name),
    names,
  );
  assert.deepEqual(counted, ['1/1']);
  const expected = names.flatMap((name) => ['html', 'pdf', 'png', 'svg', 'txt'].map((ending) => `${name}.${ending}`));
  assert.deepEqual(readdirSync(path.join(folder, 'figures')).sort(), [...expected, 'plotly.min.js'].sort());
  const html = readFileSync(path.join(folder, 'figures', 'data-efficiency-counting.html'), 'utf8');
  assert.ok(html.length < 100_000 && html.includes('<script src="plotly.min.js">'), `${html.length} bytes`);
});

test('a caption states configuration, seeds, items, interval and commit', () => {
  const text = readFileSync(path.join(folder, 'figures', 'data-efficiency-counting.txt'), 'utf8');
  const flat = text.replaceAll('\n', ' ');
  assert.match(flat, /^Visual counting: data efficiency\. /);
  assert.match(flat, /800 to 1,000 test items a set\. Intervals are 95 %/);
  assert.match(
    flat,
    /Profile tiny: Qwen2-VL of [\d,]+ parameters .*Visual counting: 48 training rows; SFT of 1 pass in batches of 8, .*GRPO of 60 steps, 4 prompts x 4/,
  );
  assert.match(flat, /Training seeds 1, 2, 3; .* Commit 0123456789abcdef0123456789abcdef01234567\./);
  assert.ok(text.split('\n').every((line) => line.length <= 100));
});

test('the same results give the same bytes, in another folder and another browser', async () => {
  await closeFigureBrowser();
  const again = path.join(folder, 'again');
  await exportStudyFigures(study, results, again);
  for (const name of readdirSync(again)) {
    const [first, second] = ['figures', 'again'].map((place) => readFileSync(path.join(folder, place, name)));
    assert.ok(first!.equals(second!), name);
  }
});
