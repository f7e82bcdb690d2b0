/** What the rule costs. */
import { addInterval, openComparison } from '../../../judge/comparison.ts';
import type { ProportionCounts } from '../../../judge/observation.ts';
import type { ArmCounts } from '../../../stats/counts.ts';
import { openWager, play } from '../../../stats/wager.ts';
import { Random } from '../random.ts';
import { countsAt } from '../rules.ts';
import { ramp } from '../scenarios.ts';
import { drawStream } from '../traffic.ts';
import type { Section } from './section.ts';

/** What a poll costs, and how large the evidence of a run is. */
export const speed: Section = (effort) => {
  const stream = drawStream({ rps: 300, p: 0.01, weightAt: ramp }, new Random(effort.seed));
  const at = (i: number): ProportionCounts => countsAt(stream, stream.history + (i % stream.intervals));
  const all = Array.from({ length: stream.intervals }, (_, i) => at(i));
  const arms = all.map(({ canary, stable }) => ({
    canaryBad: canary.bad,
    canaryTotal: canary.total,
    stableBad: stable.bad,
    stableTotal: stable.total,
  }));
  const wager = openWager();
  const table = {
    theta0: 1.1,
    delta: 0,
    dispersion: 1.4,
    cap: 1.8,
    horizon: 360,
    earlierBad: 900,
    earlierTotal: 90_000,
  };
  const comparison = openComparison({ share: 1, mustPass: true }, all);
  const terms = {
    fail: { ratio: 1.1, difference: 0 },
    pass: { ratio: 1.5, difference: 0.0005 },
    threshold: 36,
    horizon: 360,
  };
  const time = (count: number, one: (i: number) => void): string => {
    for (let i = 0; i < count / 4; i++) one(i);
    const started = performance.now();
    for (let i = 0; i < count; i++) one(i);
    return (((performance.now() - started) * 1000) / count).toFixed(2);
  };
  const n = stream.intervals;
  return [
    {
      title: 'Cost of a poll and metric, one core, µs',
      head: ['part', 'µs'],
      rows: [
        [
          'e-process of the fail side',
          time(400_000, (i) => void play(wager, arms[i % n] as ArmCounts, { ...table, index: i % n, weight: 10 })),
        ],
        [
          'everything (dispersion of 10 pods, pass side, estimate)',
          time(100_000, (i) =>
            addInterval(comparison, all[i % n] as ProportionCounts, 2, { ...terms, index: i % n, weight: 10 }),
          ),
        ],
      ],
    },
  ];
};
