/** Are the planner's forecasts what then happens? */
import { levelOfAttempt } from '../../../judge/preset.ts';
import { type PlanInput, timeToPass, timeToSee } from '../../../stats/planner.ts';
import { type Delays, delaysOf, smoothMedian } from '../measure.ts';
import { serin, serinPass } from '../rules.ts';
import { CELLS } from '../scenarios.ts';
import type { Section } from './section.ts';

/** The planner's forecasts against simulated medians. */
export const planner: Section = (effort) => {
  const input: PlanInput = {
    requestsPerSecond: 0,
    badShare: 0,
    dispersion: 1,
    intervalMs: 10_000,
    horizonMs: 3_600_000,
    fail: { ratio: 1.1, difference: 0 },
    pass: { ratio: 1.5, difference: 0.0005 },
    falseAbort: levelOfAttempt(0.05, 1),
    falsePass: 0.05,
    share: 1,
    steps: [],
  };
  const sees = CELLS.flatMap((cell, k) => {
    const { rps, weight, ratio, traffic } = cell;
    const delay = delaysOf({ Serin: serin() }, traffic, effort.cellRuns, effort.seed + 8000 + k)['Serin'] as Delays;
    const forecast = timeToSee({ ...input, requestsPerSecond: rps, badShare: traffic.p }, weight, ratio);
    return Number.isFinite(smoothMedian(delay)) && forecast !== undefined
      ? [forecast / 1000 / smoothMedian(delay)]
      : [];
  });
  const passes = [0.0001, 0.001, 0.01].flatMap((p, j) =>
    [10, 100, 1000].flatMap((rps, k) => {
      const delay = delaysOf(
        { Serin: serinPass({}, 0.05, 1) },
        { rps, p, weightAt: () => 20 },
        effort.cellRuns,
        effort.seed + 8100 + 10 * j + k,
      );
      const median = smoothMedian(delay['Serin'] as Delays);
      const forecast = timeToPass({ ...input, requestsPerSecond: rps, badShare: p }, 20);
      return Number.isFinite(median) && forecast !== undefined ? [forecast / 1000 / median] : [];
    }),
  );
  const row = (name: string, list: number[]): string[] => {
    const sorted = list.toSorted((a, b) => a - b);
    const near = sorted.filter((ratio) => ratio >= 0.8 && ratio <= 1.25).length;
    const at = (part: number): string => (sorted[Math.floor(part * (sorted.length - 1))] as number).toFixed(2);
    return [name, String(sorted.length), at(0.5), at(0), at(1), `${near} of ${sorted.length}`];
  };
  return [
    {
      title: 'Planner: forecast ÷ simulated median',
      head: ['forecast of', 'cells', 'median', 'smallest', 'largest', 'within 0.8–1.25'],
      rows: [row('time to abort', sees), row('time to pass', passes)],
      note: `${effort.cellRuns} runs a cell; cells whose median lies within the hour.`,
    },
  ];
};
