import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Picture, type PicturePoint, renderSvg } from '../../../src/judge/render-svg.ts';

const START_MS = Date.parse('2026-01-05T12:00:00Z');

function aPoint(k: number): PicturePoint {
  const width = 3 / Math.sqrt(k + 1);
  const estimate = 2 + Math.sin(k / 5) * width * 0.2;
  return {
    endMs: START_MS + k * 10_000,
    weight: k < 20 ? 5 : 25,
    odds: Math.exp(k / 12),
    ratio: { low: estimate / (1 + width), estimate, high: estimate * (1 + width) },
  };
}

const aPicture = (over: Partial<Picture> = {}): Picture => ({
  title: 'errors',
  says: 'errors: canary 1.00 % against stable 0.50 %.',
  points: Array.from({ length: 40 }, (_, k) => aPoint(k)),
  control: 'stable',
  margins: [{ fail: 1.1, pass: 1.6 }],
  abortAtOdds: 20,
  failedAtMs: START_MS + 36 * 10_000,
  ...over,
});

describe('the picture of a comparison', () => {
  test('shows band, margins, weight steps and the evidence meter', async () => {
    await expect(renderSvg(aPicture())).toMatchFileSnapshot('golden/comparison.svg');
  });

  test('says so where there is nothing to show', async () => {
    await expect(renderSvg(aPicture({ points: [], says: 'Nothing.' }))).toMatchFileSnapshot('golden/nothing.svg');
  });

  test('carries its title and the verdict for those who cannot see it', () => {
    const svg = renderSvg(aPicture({ title: 'a < b & "c"', says: '1 > 0' }));
    expect(svg).toContain('<title id="title">a &lt; b &amp; &quot;c&quot;</title>');
    expect(svg).toContain('<desc id="desc">1 &gt; 0</desc>');
    expect(svg).toContain('aria-labelledby="title desc"');
  });

  test('leaves a gap where nothing was known', () => {
    const points = aPicture().points.map((point, k) => {
      const { ratio: _, ...blind } = point;
      return k === 10 ? blind : point;
    });
    expect(renderSvg(aPicture({ points })).match(/class="band"/g)).toHaveLength(2);
  });

  test('has no NaN and no Infinity, whatever it is given', () => {
    const anyNumber = fc.oneof(fc.double(), fc.constantFrom(0, -1, NaN, Infinity, 1e300));
    const point = fc.record({
      endMs: fc.integer({ min: 0, max: 2e12 }),
      weight: anyNumber,
      odds: anyNumber,
      ratio: fc.record({ low: anyNumber, estimate: anyNumber, high: anyNumber }),
    });
    fc.assert(
      fc.property(fc.array(point, { maxLength: 20 }), anyNumber, anyNumber, (points, fail, pass) => {
        const sorted = points.toSorted((a, b) => a.endMs - b.endMs);
        expect(renderSvg(aPicture({ points: sorted, margins: [{ fail, pass }] }))).not.toMatch(
          /NaN|Infinity|undefined/,
        );
      }),
      { numRuns: 200 },
    );
  });
});
