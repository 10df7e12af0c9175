import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seriesStyle, withOpacity } from '../../lib/plots/style.js';

/** Relative luminance (WCAG 2) of `#RRGGBB`. */
function luminance(color: string): number {
  const [r, g, b] = [1, 3, 5].map((i) => {
    const c = Number.parseInt(color.slice(i, i + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
}

test('no two of the seven series share a colour, a marker or a pattern', () => {
  const styles = Array.from({ length: 7 }, (_, i) => seriesStyle(i));
  for (const key of ['color', 'marker', 'pattern'] as const) {
    assert.equal(new Set(styles.map((s) => s[key])).size, 7, key);
  }
});

test('the first two series, and each next to its neighbour, differ in a grey print', () => {
  for (let i = 0; i < 6; i++) {
    const [a, b] = [luminance(seriesStyle(i).color), luminance(seriesStyle(i + 1).color)];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    assert.ok(contrast > 1.1, `series ${i} and ${i + 1}: ${contrast.toFixed(2)}`);
  }
});

test('opacity', () => {
  assert.equal(withOpacity('#0072B2', 0.3), 'rgba(0,114,178,0.3)');
});
