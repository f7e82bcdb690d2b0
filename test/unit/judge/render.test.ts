import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ArgoMetric, combine, outcomeOfArgoMetric } from '../../../src/judge/combine.ts';
import {
  formatCount,
  formatInterval,
  formatOdds,
  formatPercent,
  formatPoints,
  formatRatio,
  formatWait,
} from '../../../src/judge/format.ts';
import { levelOfAttempt, presetRule } from '../../../src/judge/preset.ts';
import {
  renderBar,
  renderEvidence,
  renderIntervalLine,
  renderMeter,
  renderSparkline,
} from '../../../src/judge/render-terminal.ts';
import type { Outcome } from '../../../src/judge/verdict.ts';

const plain = (text: string): string => text.replaceAll('\u202f', ' ');

describe('numbers for people', () => {
  test.each([
    [3100, '3 100 : 1'],
    [3147, '3 100 : 1'],
    [37.4, '37 : 1'],
    [1.24, '1.2 : 1'],
    [1, '1 : 1'],
    [0.25, '1 : 4'],
    [0, '0 : 1'],
    [NaN, '0 : 1'],
    [1e9, '> 1 000 000 : 1'],
    [1e-9, '1 : > 1 000 000'],
  ])('odds of %d are %s', (odds, text) => expect(plain(formatOdds(odds))).toBe(text));

  test.each([
    [0.0506, '5.06 %'],
    [0.005, '0.50 %'],
    [0.12, '12.0 %'],
    [0.000_04, '0.0040 %'],
    [0, '0 %'],
    [1, '100 %'],
  ])('a part of %d is %s', (part, text) => expect(formatPercent(part)).toBe(text));

  test('differences carry their sign', () => {
    expect([0.0013, -0.0013, 0].map(formatPoints)).toEqual(['+0.13 pp', '−0.13 pp', '±0 pp']);
  });

  test('ratios, intervals, counts and waits', () => {
    expect([10, 10.14, 1.02, 100, NaN].map(formatRatio)).toEqual(['10.0×', '10.1×', '1.02×', '≥ 100×', '–']);
    expect([formatInterval(8, 12.8), formatInterval(0.03, 52.5), formatInterval(0.02, 100)]).toEqual([
      '[8.00 … 12.8]',
      '[0.03 … 52.5]',
      '( … )',
    ]);
    expect([18_204, 999, 1e7].map((count) => plain(formatCount(count)))).toEqual(['18 204', '999', '10 000 000']);
    expect([0, 40_000, 100_001, 4_800_000, 7_200_000, 1e12].map(formatWait)).toEqual([
      '0 s',
      '40 s',
      '2 min',
      '80 min',
      '2 h',
      'more than 4 days',
    ]);
  });
});

describe('pieces of a terminal picture', () => {
  test('the meter is empty at even odds, half full at the root of the abort line, full at it', () => {
    expect([1, 6, 36, 1e9, 0.1].map((odds) => renderMeter(odds, 36, 8))).toEqual([
      '▕        ▏',
      '▕████    ▏',
      '▕████████▏',
      '▕████████▏',
      '▕        ▏',
    ]);
  });

  test('everything is exactly as wide as asked, whatever the numbers', () => {
    const any = fc.double();
    fc.assert(
      fc.property(fc.array(any, { maxLength: 30 }), any, any, fc.integer({ min: 1, max: 40 }), (list, a, b, width) => {
        expect(renderBar(a, width)).toHaveLength(width);
        expect(renderSparkline(list, width)).toHaveLength(width);
        expect(renderEvidence(list, 36, width)).toHaveLength(width);
        expect(
          renderIntervalLine({ low: a, estimate: b, high: a }, [1.1, b], { low: 0.5, high: 20 }, width),
        ).toHaveLength(width);
      }),
    );
  });

  test('a sparkline rises with its values and leaves gaps where there is none', () => {
    expect(renderSparkline([0, 1, NaN, 3, 7], 6)).toBe('▁▂ ▄█ ');
  });

  test('an interval shows its ends, its estimate and the margins', () => {
    const line = renderIntervalLine({ low: 2, estimate: 4, high: 8 }, [1, 16], { low: 1, high: 16 }, 9);
    expect(line).toBe('│ ├─●─┤ │');
  });
});

describe('one verdict from several metrics', () => {
  const metric = (over: Partial<ArgoMetric>): ArgoMetric => ({
    phase: 'Running',
    successful: 0,
    failedOnRealValue: false,
    isIntervalOnly: false,
    ...over,
  });
  test.each<[string, ArgoMetric, Outcome]>([
    ['failed on real values', metric({ phase: 'Failed', failedOnRealValue: true }), 'Fail'],
    ['failed on NaN only', metric({ phase: 'Failed' }), 'Inconclusive'],
    ['error', metric({ phase: 'Error' }), 'Inconclusive'],
    ['inconclusive', metric({ phase: 'Inconclusive' }), 'Inconclusive'],
    ['successful', metric({ phase: 'Successful' }), 'Pass'],
    ['running with a count', metric({ successful: 3 }), 'Continue'],
    ['interval-only after one success', metric({ successful: 1, isIntervalOnly: true }), 'Pass'],
    ['interval-only without one', metric({ isIntervalOnly: true }), 'Continue'],
    ['pending', metric({ phase: 'Pending' }), 'Continue'],
  ])('an Argo-style metric: %s', (_, given, outcome) => expect(outcomeOfArgoMetric(given)).toBe(outcome));

  const parts = (...outcomes: (Outcome | `(${Outcome})`)[]) =>
    outcomes.map((outcome) => ({
      outcome: outcome.replace(/[()]/g, '') as Outcome,
      isRequired: !outcome.startsWith('('),
    }));
  test.each([
    { given: parts('Pass', 'Inconclusive', '(Fail)'), outcome: 'Fail' },
    { given: parts('Pass', 'Inconclusive', 'Continue'), outcome: 'Inconclusive' },
    { given: parts('Pass', 'Continue', '(Inconclusive)'), outcome: 'Continue' },
    { given: parts('Pass', 'Pass', '(Inconclusive)'), outcome: 'Pass' },
    { given: parts('(Pass)'), outcome: 'Inconclusive' },
    { given: parts(), outcome: 'Inconclusive' },
  ])('any Fail, then any required Inconclusive, then Continue, then Pass: $outcome', ({ given, outcome }) => {
    expect(combine(given)).toBe(outcome);
  });
});

describe('presets', () => {
  test.each(['sharp', 'recommended', 'tolerant'] as const)(
    '%s leaves room between its fail and pass margins',
    (preset) => {
      for (const critical of [true, false]) {
        const { fail, pass } = presetRule(preset, critical);
        expect(pass.ratio).toBeGreaterThan(fail.ratio);
      }
    },
  );

  test('all attempts of a revision together use up its false-abort probability and no more', () => {
    const sum = Array.from({ length: 100 }, (_, k) => levelOfAttempt(0.05, k + 1)).reduce((a, b) => a + b, 0);
    expect(sum).toBeCloseTo(0.05, 12);
    expect(levelOfAttempt(0.05, 1)).toBeCloseTo(0.0315, 12);
  });
});
