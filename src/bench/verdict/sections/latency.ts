/** Latency histograms, equal and slower. */
import {
  type LatencyTraffic,
  SAME,
  SLOWDOWNS,
  flaggerP99,
  kayentaP99,
  latencyDelays,
  serinLatency,
} from '../latency.ts';
import { type Delays, within } from '../measure.ts';
import { percent, spoke } from '../table.ts';
import type { Job, Section } from './section.ts';

const RULES = {
  Serin: serinLatency(),
  'Serin, SLO 250 ms': serinLatency({ sloMs: 250 }),
  'Serin, sharp': serinLatency({ ratio: 1 }),
  'Serin, tolerant': serinLatency({ ratio: 1.25 }),
  'Kayenta on p99': kayentaP99,
  'Flagger p99 ≤ 500 ms': flaggerP99,
};
const NAMES = Object.keys(RULES);

const EQUALS: readonly (readonly [name: string, over: Partial<LatencyTraffic>])[] = [
  ['independent', {}],
  ['independent, 10 rps', { rps: 10 }],
  ['shared shocks sd 0.2', { shock: 0.2 }],
  ['pod noise sd 0.05', { podNoise: 0.05 }],
  ['pod noise sd 0.15', { podNoise: 0.15 }],
];
const CELLS = SLOWDOWNS.flatMap((slowdown) =>
  [10, 100, 1000].flatMap((rps) => [5, 10, 20, 50].map((weight) => ({ slowdown, rps, weight }))),
);

function jobOf(traffic: LatencyTraffic, runs: number, seed: number): Job {
  return { runs, simulate: (from, to) => latencyDelays(RULES, traffic, from, to, seed) };
}

/** Slower responses, judged at the boundaries of a histogram. */
export const latency: Section = {
  jobs: ({ seed, equalRuns, cellRuns }) => [
    ...EQUALS.map(([, over], k) =>
      jobOf({ rps: 100, weight: 10, slowdown: SAME, intervals: 180, ...over }, quickly(equalRuns, 60), seed + 6000 + k),
    ),
    ...CELLS.map((cell, k) => jobOf(cell, quickly(cellRuns, 10), seed + 6100 + k)),
  ],
  tables: ({ equalRuns, cellRuns }, found) => {
    const cells = found.slice(EQUALS.length);
    const done = cells.filter((outcome) => outcome !== undefined);
    const power = (name: string): number =>
      done.reduce((sum, outcome) => sum + within(outcome[name] as Delays, 3600), 0) / Math.max(1, done.length);
    return [
      {
        title: 'Latency, equal workloads: aborted within 180 looks, percent',
        head: ['traffic', ...NAMES],
        rows: EQUALS.flatMap(([name], k) => {
          const outcome = found[k];
          if (outcome === undefined) return [];
          return [[name, ...NAMES.map((rule) => percent(within(outcome[rule] as Delays, 3600)))]];
        }),
        note: `${quickly(equalRuns, 60)} runs each; lognormal, median 50 ms, p99 202 ms, the Go client's default buckets.`,
      },
      {
        title: 'Latency: median / p95 until abort (or power within an hour)',
        head: ['slowdown and traffic', ...NAMES],
        rows: [
          ...CELLS.flatMap(({ slowdown, rps, weight }, k) => {
            const outcome = cells[k];
            if (outcome === undefined) return [];
            const name = `${slowdown.name}, ${rps} rps × ${weight} %`;
            return [[name, ...NAMES.map((rule) => spoke(outcome[rule] as Delays, 0.95))]];
          }),
          [`power within an hour, ${done.length} cells`, ...NAMES.map((name) => `${(100 * power(name)).toFixed(1)} %`)],
        ],
        note: `${quickly(cellRuns, 10)} runs a cell.`,
      },
    ];
  },
};

/** Histograms take long to draw: quick mode makes do with a quarter of the runs. */
function quickly(runs: number, least: number): number {
  return runs >= 400 ? runs : Math.max(least, Math.round(runs / 4));
}
