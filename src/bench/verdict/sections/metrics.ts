/** Several metrics under one false-abort budget. */
import { levelOfAttempt } from '../../../judge/preset.ts';
import { type Delays, quantile, within } from '../measure.ts';
import { Random } from '../random.ts';
import { averaged } from '../rules.ts';
import { percent, seconds } from '../table.ts';
import { type Traffic, drawStream } from '../traffic.ts';
import type { Section } from './section.ts';

/** Six metrics averaged: one false-abort budget for all, and what it costs when one of them goes bad. */
export const metrics: Section = (effort) => {
  const shares = [0.5, 0.1, 0.1, 0.1, 0.1, 0.1];
  const run = (bad: number | undefined, seed: number, runs: number, traffic: Traffic): Delays => {
    const sorted: number[] = [];
    for (let n = 0; n < runs; n++) {
      const streams = shares.map((_, m) =>
        drawStream(m === bad ? { ...traffic, effect: 2 } : traffic, new Random(seed + m, n)),
      );
      const at = averaged(streams, shares, levelOfAttempt(0.05, 1));
      sorted.push(at < 0 ? Infinity : at + 1);
    }
    return { sorted: sorted.toSorted((a, b) => a - b), intervalSeconds: 10 };
  };
  const runs = Math.max(30, Math.round(effort.equalRuns / 4));
  const rare: Traffic = { rps: 100, p: 0.001, weightAt: () => 5 };
  const rows = [
    ['six equal metrics, 1 %, 100 rps × 10 %', run(undefined, effort.seed + 7000, runs, { rps: 100, p: 0.01 })],
    ['six equal metrics, 0.1 %, 100 rps × 5 %', run(undefined, effort.seed + 7100, runs, rare)],
    ['the critical one 1→2 %', run(0, effort.seed + 7200, effort.cellRuns, { rps: 100, p: 0.01 })],
    ['a minor one 1→2 %', run(3, effort.seed + 7300, effort.cellRuns, { rps: 100, p: 0.01 })],
  ] as const;
  return [
    {
      title: 'Six metrics (shares 50 %, 5 × 10 %), one average of odds',
      head: ['metrics', 'aborted within an hour', 'median', 'p95'],
      rows: rows.map(([name, delay]) => [
        name,
        `${percent(within(delay, 3600))} %`,
        seconds(quantile(delay, 0.5)),
        seconds(quantile(delay, 0.95)),
      ]),
      note: `${runs} runs with equal metrics, ${effort.cellRuns} with a bad one; metrics independent of each other.`,
    },
  ];
};
