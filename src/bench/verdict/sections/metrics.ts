/** Several metrics under one false-abort budget. */
import { levelOfAttempt } from '../../../judge/preset.ts';
import { type Delays, outcomeOf, quantile, within } from '../measure.ts';
import { Random } from '../random.ts';
import { averaged } from '../rules.ts';
import { percent, seconds } from '../table.ts';
import { type Traffic, drawStream } from '../traffic.ts';
import type { Effort, Job, Section } from './section.ts';

/** Shares of a critical metric and five others; of a critical one and a latency; of one alone. */
const SIX = [0.5, 0.1, 0.1, 0.1, 0.1, 0.1];
const TWO = [0.625, 0.375];
const COMMON: Traffic = { rps: 100, p: 0.01 };
const RARE: Traffic = { rps: 100, p: 0.001, weightAt: () => 5 };

interface Case {
  readonly name: string;
  readonly shares: readonly number[];
  readonly traffic: Traffic;
  /** Metrics whose events double on the canary. */
  readonly bad: readonly number[];
}

const CASES: readonly Case[] = [
  { name: 'one metric, equal, 1 %, 100 rps × 10 %', shares: [1], traffic: COMMON, bad: [] },
  { name: 'two metrics, equal', shares: TWO, traffic: COMMON, bad: [] },
  { name: 'six metrics, equal', shares: SIX, traffic: COMMON, bad: [] },
  { name: 'six metrics, equal, 0.1 %, 100 rps × 5 %', shares: SIX, traffic: RARE, bad: [] },
  { name: 'six metrics, equal, bursts of 5', shares: SIX, traffic: { ...COMMON, burst: 5 }, bad: [] },
  { name: 'one metric, 1→2 %', shares: [1], traffic: COMMON, bad: [0] },
  { name: 'two metrics, the critical one 1→2 %', shares: TWO, traffic: COMMON, bad: [0] },
  { name: 'two metrics, the other one 1→2 %', shares: TWO, traffic: COMMON, bad: [1] },
  { name: 'six metrics, the critical one 1→2 %', shares: SIX, traffic: COMMON, bad: [0] },
  { name: 'six metrics, a minor one 1→2 %', shares: SIX, traffic: COMMON, bad: [3] },
  { name: 'six metrics, all 1→2 %', shares: SIX, traffic: COMMON, bad: [0, 1, 2, 3, 4, 5] },
];

function jobOf({ shares, traffic, bad }: Case, runs: number, seed: number): Job {
  const falseAbort = levelOfAttempt(0.05, 1);
  const draw = (run: number): (() => number) => {
    const streams = shares.map((_, m) =>
      drawStream(bad.includes(m) ? { ...traffic, effect: 2 } : traffic, new Random(seed + m, run)),
    );
    return () => averaged(streams, shares, falseAbort);
  };
  return { runs, simulate: (from, to) => outcomeOf(['Serin'], from, to, 10, 0, draw) };
}

/** One average of odds for all metrics: one false-abort budget, and what it costs when one of them goes bad. */
export const metrics: Section = {
  jobs: (effort) => CASES.map((each, k) => jobOf(each, runsOf(each, effort), effort.seed + 7000 + 100 * k)),
  tables: (effort, found) => [
    {
      title: 'Several metrics, one average of odds by share',
      head: ['metrics', 'aborted within an hour', 'median', 'p95'],
      rows: CASES.flatMap((each, k) => {
        const delay = found[k]?.['Serin'] as Delays | undefined;
        if (delay === undefined) return [];
        const times = [quantile(delay, 0.5), quantile(delay, 0.95)].map(seconds);
        return [[each.name, `${percent(within(delay, 3600))} %`, ...times]];
      }),
      note: `Shares: two metrics 62.5 and 37.5 %, six metrics 50 and 5 × 10 %, independent of each other. ${runsOf({ bad: [] }, effort)} equal runs, ${effort.cellRuns} with a regression.`,
    },
  ],
};

function runsOf({ bad }: Pick<Case, 'bad'>, { equalRuns, cellRuns }: Effort): number {
  return bad.length > 0 ? cellRuns : equalRuns >= 2000 ? equalRuns : Math.max(20, Math.round(equalRuns / 4));
}
