/** Are the planner's forecasts what then happens? */
import { levelOfAttempt } from '../../../judge/preset.ts';
import { type PlanInput, timeToPass, timeToSee } from '../../../stats/planner.ts';
import { type Delays, type Rules, smoothMedian } from '../measure.ts';
import { serin, serinPass } from '../rules.ts';
import { CELLS } from '../scenarios.ts';
import { type Section, jobOf } from './section.ts';

const INPUT: PlanInput = {
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
const SEES: Rules = { Serin: serin() };
/** Without the floor of a minute: the planner forecasts the odds, not the step's shortest time. */
const PASSES: Rules = {
  standard: serinPass({}, 0.05, 1),
  critical: serinPass({ pass: { ratio: 1.25, difference: 0.0002 } }, 0.05, 1),
};
const MARGINS = [
  ['standard', { ratio: 1.5, difference: 0.0005 }],
  ['critical', { ratio: 1.25, difference: 0.0002 }],
] as const;
const SLOTS = [0.0001, 0.001, 0.01].flatMap((p) =>
  [10, 100, 1000].flatMap((rps) => [10, 20, 50].map((weight) => ({ p, rps, weight }))),
);

/** The planner's forecasts against simulated medians; counted from two intervals on, because none is shorter than one. */
export const planner: Section = {
  jobs: (effort) => [
    ...CELLS.map(({ traffic }, k) => jobOf(SEES, traffic, effort.cellRuns, effort.seed + 8000 + k)),
    ...SLOTS.map(({ p, rps, weight }, k) =>
      jobOf(PASSES, { rps, p, weightAt: () => weight }, effort.cellRuns, effort.seed + 8100 + k),
    ),
  ],
  tables: (effort, found) => {
    const sees = CELLS.flatMap(({ rps, weight, ratio, traffic }, k) => {
      const forecastMs = timeToSee({ ...INPUT, requestsPerSecond: rps, badShare: traffic.p }, weight, ratio);
      return compared(found[k]?.['Serin'], forecastMs);
    });
    const passes = SLOTS.flatMap(({ p, rps, weight }, k) =>
      MARGINS.flatMap(([name, pass]) => {
        const forecastMs = timeToPass({ ...INPUT, requestsPerSecond: rps, badShare: p, pass }, weight);
        return compared(found[CELLS.length + k]?.[name], forecastMs);
      }),
    );
    return [
      {
        title: 'Planner: forecast ÷ simulated median',
        head: ['forecast of', 'cells', 'median', 'smallest', 'largest', 'within 0.8–1.25'],
        rows: [row('time to abort', sees), row('time to pass', passes)],
        note: `${effort.cellRuns} runs a cell; cells whose median lies within the hour.`,
      },
    ];
  },
};

function compared(delay: Delays | undefined, forecastMs: number | undefined): readonly number[] {
  if (delay === undefined || forecastMs === undefined) return [];
  const median = smoothMedian(delay);
  return Number.isFinite(median) && median >= 20 ? [forecastMs / 1000 / median] : [];
}

function row(name: string, ratios: readonly number[]): readonly string[] {
  if (ratios.length === 0) return [name, '0', '–', '–', '–', '–'];
  const sorted = ratios.toSorted((a, b) => a - b);
  const near = sorted.filter((ratio) => ratio >= 0.8 && ratio <= 1.25).length;
  const at = (part: number): string => (sorted[Math.floor(part * (sorted.length - 1))] ?? Number.NaN).toFixed(2);
  return [name, String(sorted.length), at(0.5), at(0), at(1), `${near} of ${sorted.length}`];
}
