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
import { type Delays, quantile, within } from '../measure.ts';
import { percent, seconds } from '../table.ts';
import type { Section } from './section.ts';

/** Slower responses, judged at the boundaries of a histogram. */
export const latency: Section = (effort) => {
  const rules = {
    Serin: serinLatency(),
    'Serin, SLO 250 ms': serinLatency({ sloMs: 250 }),
    'Serin, sharp': serinLatency({ ratio: 1 }),
    'Kayenta on p99': kayentaP99,
    'Flagger p99 ≤ 500 ms': flaggerP99,
  };
  const names = Object.keys(rules);
  const runs = Math.max(10, Math.round(effort.cellRuns / 5));
  const equalRuns = Math.max(40, Math.round(effort.equalRuns / 5));
  const equals: readonly (readonly [name: string, over: Partial<LatencyTraffic>])[] = [
    ['independent', {}],
    ['shared shocks sd 0.2', { shock: 0.2 }],
    ['pod noise sd 0.05', { podNoise: 0.05 }],
    ['pod noise sd 0.15', { podNoise: 0.15 }],
  ];
  const falseRows = equals.map(([name, over], k) => {
    const traffic = { rps: 100, weight: 10, slowdown: SAME, intervals: 180, ...over };
    const delays = latencyDelays(rules, traffic, equalRuns, effort.seed + 6000 + k);
    return [name, ...names.map((rule) => percent(within(delays[rule] as Delays, 3600)))];
  });
  const power = new Map(names.map((name) => [name, 0]));
  const cells = SLOWDOWNS.flatMap((slowdown) =>
    [10, 100, 1000].flatMap((rps) => [5, 10, 20, 50].map((weight) => ({ slowdown, rps, weight }))),
  );
  const rows = cells.map((cell, k) => {
    const delays = latencyDelays(rules, cell, runs, effort.seed + 6100 + k);
    const shown = names.map((name) => {
      const delay = delays[name] as Delays;
      power.set(name, (power.get(name) ?? 0) + within(delay, 3600) / cells.length);
      const found = within(delay, 3600);
      return found < 0.5
        ? `(${percent(found)} %)`
        : `${seconds(quantile(delay, 0.5))} / ${seconds(quantile(delay, 0.95))}`;
    });
    return [`${cell.slowdown.name}, ${cell.rps} rps × ${cell.weight} %`, ...shown];
  });
  return [
    {
      title: 'Latency, equal workloads: aborted within 180 looks, percent',
      head: ['traffic', ...names],
      rows: falseRows,
      note: `${equalRuns} runs each; lognormal, median 50 ms, p99 202 ms, the Go client's default buckets.`,
    },
    {
      title: 'Latency: median / p95 until abort (or power within an hour)',
      head: ['slowdown and traffic', ...names],
      rows: [
        ...rows,
        ['power within an hour, all cells', ...names.map((name) => `${percent(power.get(name) ?? 0)} %`)],
      ],
      note: `${runs} runs a cell.`,
    },
  ];
};
