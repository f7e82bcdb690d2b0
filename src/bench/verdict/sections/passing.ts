/** The pass side: canaries exactly on the margin, and equal ones. */
import type { MarginNumbers } from '../../../judge/preset.ts';
import { type Delays, type Rules, geometricMean, quantile, smoothMedian, within } from '../measure.ts';
import { serinPass } from '../rules.ts';
import { MESSY, ramp } from '../scenarios.ts';
import { type Table, percent, seconds, spoke } from '../table.ts';
import type { Traffic } from '../traffic.ts';
import { type Effort, type Section, jobOf } from './section.ts';

const PASSES: Rules = { Serin: serinPass() };
const STANDARD_AND_CRITICAL: Rules = {
  standard: serinPass(),
  critical: serinPass({ pass: { ratio: 1.25, difference: 0.0002 } }),
};

const MARGIN_SCENARIOS: readonly (readonly [name: string, traffic: Traffic])[] = [
  ['independent', { rps: 100, p: 0.01 }],
  ['independent, ramp', { rps: 100, p: 0.01, weightAt: ramp }],
  ['rare: 0.1 %', { rps: 300, p: 0.001 }],
  ['bursts of 5', { rps: 300, p: 0.01, burst: 5 }],
  ['pod noise sd 0.2', { rps: 300, p: 0.01, podNoise: { sd: 0.2, intervals: 12 } }],
  ['shocks', { rps: 100, p: 0.01, shock: 0.5 }],
  ['messy', { rps: 300, p: 0.01, ...MESSY }],
];

const SLOTS = [0.0001, 0.001, 0.01].flatMap((p) =>
  [10, 100, 1000].flatMap((rps) => [10, 50].map((weight) => ({ p, rps, weight }))),
);

/** The margins of the published table, and its medians in seconds (9 equal bets, no gate); undefined: power below a half. */
const MARGINS: readonly (readonly [name: string, margin: MarginNumbers])[] = [
  ['+0.5 pp', { ratio: 1, difference: 0.005 }],
  ['+0.1 pp', { ratio: 1, difference: 0.001 }],
  ['×1.5', { ratio: 1.5, difference: 0 }],
  ['×2', { ratio: 2, difference: 0 }],
  ['×1.25 + 0.1 pp', { ratio: 1.25, difference: 0.001 }],
  ['×1.5 + 0.05 pp', { ratio: 1.5, difference: 0.0005 }],
];
const PUBLISHED: readonly (readonly [
  p: number,
  rps: number,
  weight: number,
  medians: readonly (number | undefined)[],
])[] = [
  [0.0001, 100, 10, [100, 470, undefined, undefined, 460, 1080]],
  [0.0001, 1000, 10, [60, 70, undefined, 1320, 60, 120]],
  [0.001, 10, 10, [1140, undefined, undefined, undefined, undefined, undefined]],
  [0.001, 100, 10, [130, 1140, undefined, 1320, 840, 1260]],
  [0.001, 1000, 10, [60, 150, 500, 160, 100, 160]],
  [0.01, 100, 10, [440, undefined, 470, 160, 900, 380]],
  [0.01, 100, 50, [150, 3360, 220, 80, 370, 180]],
  [0.01, 1000, 10, [60, 960, 70, 60, 110, 60]],
];
const BY_MARGIN: Rules = Object.fromEntries(MARGINS.map(([name, pass]) => [name, serinPass({ pass })]));

/** Passing: false passes on the margin, and time to pass an equal canary, also against the published rule. */
export const passing: Section = {
  jobs: (effort) => [
    ...MARGIN_SCENARIOS.map(([, traffic], k) =>
      jobOf(PASSES, { ...traffic, effect: 1.5 + 0.0005 / traffic.p }, 2 * effort.cellRuns, effort.seed + 4000 + k),
    ),
    ...SLOTS.map(({ p, rps, weight }, k) =>
      jobOf(STANDARD_AND_CRITICAL, { rps, p, weightAt: () => weight }, effort.cellRuns, effort.seed + 4100 + k),
    ),
    ...PUBLISHED.map(([p, rps, weight], k) =>
      jobOf(BY_MARGIN, { rps, p, weightAt: () => weight }, effort.cellRuns, effort.seed + 4200 + k),
    ),
  ],
  tables: (effort, found) => {
    const slots = found.slice(MARGIN_SCENARIOS.length, MARGIN_SCENARIOS.length + SLOTS.length);
    return [
      {
        title: 'False passes: canary exactly on the pass margin (×1.5 + 0.05 pp), within an hour',
        head: ['traffic', 'passed'],
        rows: MARGIN_SCENARIOS.flatMap(([name], k) => {
          const delay = found[k]?.['Serin'];
          return delay === undefined ? [] : [[name, `${percent(within(delay, 3600))} %`]];
        }),
        note: `${2 * effort.cellRuns} runs each; allowed 5 %.`,
      },
      {
        title: 'Time to pass an equal canary: median / p90',
        head: ['stable errors and traffic', '×1.5 + 0.05 pp', 'critical: ×1.25 + 0.02 pp'],
        rows: SLOTS.flatMap(({ p, rps, weight }, k) => {
          const outcome = slots[k];
          if (outcome === undefined) return [];
          const cells = Object.keys(STANDARD_AND_CRITICAL).map((name) => spoke(outcome[name] as Delays, 0.9));
          return [[`${p * 100} %, ${rps} rps × ${weight} %`, ...cells]];
        }),
        note: `${effort.cellRuns} runs each, floor one minute, no dwell.`,
      },
      againstPublished(effort, found.slice(MARGIN_SCENARIOS.length + SLOTS.length)),
    ];
  },
};

/** Only where both medians are above the floor of a minute: below it there is nothing to compare. */
function againstPublished(effort: Effort, found: Parameters<Section['tables']>[1]): Table {
  const ratios: number[] = [];
  const rows = PUBLISHED.flatMap(([p, rps, weight, medians], k) => {
    const outcome = found[k];
    if (outcome === undefined) return [];
    const cells = MARGINS.map(([name], m) => {
      const [delay, published] = [outcome[name] as Delays, medians[m]]; // every job has every margin
      const power = within(delay, 3600);
      const own = power < 0.5 ? `(${percent(power)} %)` : seconds(quantile(delay, 0.5));
      if (published === undefined) return own;
      const time = smoothMedian(delay);
      if (published > 60 && Number.isFinite(time)) ratios.push(Math.max(60, time) / published);
      return `${own} (${seconds(published)})`;
    });
    return [[`${p * 100} %, ${rps} rps × ${weight} %`, ...cells]];
  });
  return {
    title: 'Time to pass an equal canary, median, and (in brackets) of the plain rule with nine equal bets',
    head: ['stable errors and traffic', ...MARGINS.map(([name]) => name)],
    rows,
    note: `${effort.cellRuns} runs each. Geometric mean of the ratios where the plain rule needs more than a minute: ${ratios.length === 0 ? '–' : geometricMean(ratios).toFixed(2)} (${ratios.length} cells).`,
  };
}
