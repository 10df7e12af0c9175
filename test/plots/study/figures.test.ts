/** Every figure of a made-up study: which there are, what is said of them, and whether their words can be read. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { launchChromium } from '../../../lib/plots/chromium.js';
import { closeFigureBrowser, renderFigure } from '../../../lib/plots/export.js';
import { STUDY_WIDTH } from '../../../lib/plots/study/figure.js';
import { studyFigures } from '../../../lib/plots/study/figures.js';
import type { Estimate, StudyResults } from '../../../lib/study/results/results.js';
import { madeUpResults } from '../../support/study-results.js';

const figures = studyFigures(madeUpResults());
let browser: Browser;
before(async () => {
  browser = await launchChromium();
});
after(async () => {
  await closeFigureBrowser();
  await browser?.close();
});

test('the figures of a study by name, each name once', () => {
  const names = figures.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  for (const name of [
    'paradigms',
    'paradigms-transformation',
    'claims-structure',
    'data-efficiency-counting',
    'ablations-structure',
    'ablation-counting-group-size',
    'phenomenon-transient-adaptation-gap',
    'knob-curves',
    'knob-share',
    'learning-curves',
    'controls',
    'words',
  ])
    assert.ok(names.includes(name), name);
});

test('what a study does not hold is not drawn', () => {
  const none = { paradigms: [], efficiency: [], ablations: [], claims: [], phenomena: [], controls: [], words: [] };
  const { knob, ...others } = madeUpResults();
  assert.deepEqual(studyFigures({ ...others, ...none }), []);
  const readings = { ...knob!, curves: [], gains: [], draws: [] };
  assert.deepEqual(studyFigures({ ...others, ...none, knob: readings }), [], 'readings alone make no figure');
  const one = studyFigures(madeUpResults(['structure'])).map(({ name }) => name);
  assert.ok(one.includes('paradigms-structure') && !one.includes('paradigms'), one.join(' '));
});

test('captions say how many items and what an interval is; words stand for the picture', () => {
  const { caption, alt } = figures.find(({ name }) => name === 'paradigms-counting')!;
  assert.match(caption, /800 to 1,000 test items a set\. Intervals are 95 %, of seeds and test items together/);
  assert.match(caption, /where there is one seed, the Wilson interval/);
  assert.match(alt, /Visual counting, Reason-RFT, out of domain: \d+\.\d % \[\d+\.\d, \d+\.\d\]/);
  for (const figure of figures) assert.ok(figure.caption.length > 60 && figure.alt.length > 40, figure.name);
  for (const { name, caption } of figures.filter((figure) => /transformation|^paradigms$/.test(figure.name)))
    if (!name.startsWith('claims')) assert.match(caption, /partial credit/, name);
});

test('learning curves show both paradigms in every panel; curves that older results lack are named', () => {
  const curvesOf = (results: StudyResults) => studyFigures(results).find(({ name }) => name === 'learning-curves')!;
  /** The number of named lines on each vertical axis. */
  const panels = ({ figure }: ReturnType<typeof curvesOf>) => {
    const lines = (figure.data as unknown as { name?: string; yaxis: string }[]).filter(({ name }) => name);
    return [...new Set(lines.map(({ yaxis }) => yaxis))].map(
      (axis) => lines.filter(({ yaxis }) => yaxis === axis).length,
    );
  };
  const made = madeUpResults(['counting']);
  const whole = curvesOf(made);
  assert.deepEqual(panels(whole), [2, 2, 2]);
  assert.ok(!whole.caption.includes('do not hold'));
  // Results of the first edition hold the format of Zero alone.
  const isKept = ({ paradigm, metric }: { paradigm: string; metric: string }) =>
    paradigm === 'reason-rft-zero' || metric !== 'format';
  const old = curvesOf({
    ...made,
    phenomena: made.phenomena.map((phenomenon) => ({ ...phenomenon, curves: phenomenon.curves.filter(isKept) })),
  });
  assert.match(old.caption, /These results do not hold the format reward of Reason-RFT\.$/);
  // Accuracy, format and length.
  assert.deepEqual(panels(old), [2, 1, 2]);
});

test('of one seed no tick, no mean over seeds and no interval over seeds is spoken of', () => {
  const made = madeUpResults(['counting']);
  const single = <T extends { accuracy: Estimate }>(row: T): T => ({
    ...row,
    accuracy: { ...row.accuracy, perSeed: [row.accuracy.mean] },
  });
  const oneSeed = {
    ...made,
    paradigms: made.paradigms.map(single),
    ablations: made.ablations.map(single),
    phenomena: made.phenomena.map((phenomenon) => ({
      ...phenomenon,
      curves: phenomenon.curves.map((curve) => ({ ...curve, perSeed: curve.perSeed.slice(0, 1) })),
    })),
  };
  const captions = new Map(studyFigures(oneSeed).map(({ name, caption }) => [name, caption]));
  for (const name of ['paradigms-counting', 'ablations-counting'])
    assert.match(captions.get(name)!, /Wilson intervals of the test items alone/);
  for (const name of ['paradigms-counting', 'ablations-counting', 'learning-curves'])
    assert.doesNotMatch(captions.get(name)!, /its seeds|single seeds|Student/);
});

interface Word {
  text: string;
  left: number;
  right: number;
  top: number;
  bottom: number;
}

/** Whether two boxes share more than their rims. */
function meet(a: Word, b: Word): boolean {
  const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  return across > 1 && down > 3;
}

/** Whether a mark, or a line without a width, runs through a word. */
function crosses(mark: Word, { left, right, top, bottom }: Word): boolean {
  return mark.left < right - 2 && mark.right > left + 2 && mark.top < bottom - 3 && mark.bottom > top + 3;
}

test('no words of any figure meet one another or a mark, and none leaves the page', async () => {
  const page = await browser.newPage();
  const faults: string[] = [];
  // Structure perception has the panels of counting; of the charts of one ablation each, those of one task stand for all.
  for (const { name, figure, height } of figures.filter((figure) => !/structure|^ablation-t/.test(figure.name))) {
    const svg = (await renderFigure(figure, 'svg', { width: STUDY_WIDTH, height })).toString('utf8');
    await page.setContent(`<!doctype html><body style="margin:0">${svg}</body>`);
    const boxes = (selector: string) =>
      page.locator(selector).evaluateAll((nodes) =>
        nodes.map((node) => {
          const { left, right, top, bottom } = node.getBoundingClientRect();
          return { text: node.textContent ?? '', left, right, top, bottom };
        }),
      );
    const marks = await boxes('.plot .points path, path.ylines-above, path.xlines-above');
    const words = (await boxes('svg text')).filter(({ text, left, right }) => text.trim() !== '' && right > left);
    assert.ok(words.length > 5, name);
    words.forEach((a, i) => {
      const cut = a.left < -1 || a.right > STUDY_WIDTH + 1 || a.top < -1 || a.bottom > height + 1;
      if (cut) faults.push(`${name}: ${a.text} is cut`);
      if (marks.some((mark) => crosses(mark, a))) faults.push(`${name}: ${a.text} over a mark or an axis`);
      for (const b of words.slice(i + 1)) if (meet(a, b)) faults.push(`${name}: ${a.text} over ${b.text}`);
    });
  }
  assert.deepEqual(faults, []);
});
