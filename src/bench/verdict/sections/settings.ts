/** Daily life that the main tables leave out: presets, levels, attempts, sources, pods, history; and other poll intervals. */
import { levelOfAttempt } from '../../../judge/preset.ts';
import { type Delays, type Rules, quantile, within } from '../measure.ts';
import { type SerinOptions, serin, serinPass } from '../rules.ts';
import { CELLS, EQUAL } from '../scenarios.ts';
import { percent, seconds, spoke } from '../table.ts';
import type { Traffic } from '../traffic.ts';
import { type Effort, type Job, type Section, jobOf } from './section.ts';

const VARIANTS: readonly (readonly [name: string, options: SerinOptions])[] = [
  ['recommended (θ0 1.1)', {}],
  ['sharp (θ0 1)', { fail: { ratio: 1, difference: 0 } }],
  ['tolerant (θ0 1.25)', { fail: { ratio: 1.25, difference: 0 } }],
  ['recommended, α 1 %', { falseAbort: levelOfAttempt(0.01, 1) }],
  ['sharp, α 1 %', { fail: { ratio: 1, difference: 0 }, falseAbort: levelOfAttempt(0.01, 1) }],
  ['recommended, 2nd attempt', { falseAbort: levelOfAttempt(0.05, 2) }],
  ['recommended, 3rd attempt', { falseAbort: levelOfAttempt(0.05, 3) }],
  ['no per-pod series', { isPodless: true }],
];
const RULES: Rules = Object.fromEntries(VARIANTS.map(([name, options]) => [name, serin(options)]));
const EQUALS = EQUAL.filter(({ id }) =>
  ['A1', 'A2', 'A2c', 'A3', 'A5', 'A7', 'A8', 'A9', 'A14', 'A15', 'A17'].includes(id),
);
const AT_100 = CELLS.filter(({ rps, weight }) => rps === 100 && weight === 10);
const POWER = CELLS.filter(({ weight }) => weight === 10 || weight === 50);

/** Presets, levels, attempts and shares, on the same streams. */
export const settings: Section = {
  jobs: (effort) => [
    ...EQUALS.map(({ traffic }, k) => jobOf(RULES, traffic, equalRuns(effort), effort.seed + 5000 + k)),
    ...POWER.map(({ traffic }, k) => jobOf(RULES, traffic, cellRuns(effort), effort.seed + 5100 + k)),
  ],
  tables: (effort, found) => {
    const rates = EQUALS.map((_, k) => found[k]);
    const cells = new Map(POWER.map((cell, k) => [cell, found[EQUALS.length + k]]));
    return [
      {
        title: 'Settings: aborted within an hour (percent), and median delay at 100 rps × 10 %',
        head: ['setting', ...EQUALS.map(({ id }) => id), ...AT_100.map(({ effect }) => effect), 'power ≤ 1 h'],
        rows: VARIANTS.map(([name]) => {
          const powers = [...cells.values()].flatMap((outcome) =>
            outcome === undefined ? [] : [within(outcome[name] as Delays, 3600)],
          );
          const power = powers.reduce((sum, value) => sum + value, 0) / Math.max(1, powers.length);
          return [
            name,
            ...rates.map((outcome) => (outcome === undefined ? '…' : percent(within(outcome[name] as Delays, 3600)))),
            ...AT_100.map((cell) => {
              const outcome = cells.get(cell);
              return outcome === undefined ? '…' : seconds(quantile(outcome[name] as Delays, 0.5));
            }),
            `${percent(power)} %`,
          ];
        }),
        note: `${equalRuns(effort)} equal runs, ${cellRuns(effort)} with a regression; power over the ${POWER.length} cells with 10 and 50 %.`,
      },
    ];
  },
};

/** Poll intervals in seconds. */
const PACES = [5, 10, 30, 60] as const;
const PACE_EQUALS: readonly (readonly [name: string, traffic: Traffic])[] = [
  ['0.1 %, 100 rps × 5 %', { rps: 100, p: 0.001, weightAt: () => 5 }],
  ['bursts of 5', { rps: 100, p: 0.01, burst: 5 }],
  ['fixed pod effects', { rps: 100, p: 0.01, podEffect: 0.15 }],
];

/** Stable pods and minutes of history; the last one of no pods at all cannot be calibrated. */
const STABLES: readonly (readonly [pods: number, minutes: number])[] = [
  [10, 30],
  [5, 30],
  [3, 30],
  [2, 30],
  [10, 5],
  [2, 5],
  [2, 0],
  [1, 30],
];
const STABLE_IDS = ['A5', 'A7', 'A8', 'A14'] as const;

/** Other poll intervals, and fewer pods or less history. */
export const paces: Section = {
  jobs: (effort) => [...PACES.flatMap((pace) => paceJobs(pace, effort)), ...STABLES.flatMap((s) => podJobs(s, effort))],
  tables: (effort, found) => {
    const perPace = PACE_EQUALS.length + AT_100.length + 1;
    const pods = found.slice(PACES.length * perPace);
    const perPods = STABLE_IDS.length + 1;
    return [
      {
        title: 'Poll interval: aborted within an hour (percent), median delay at 100 rps × 10 %, and time to pass',
        head: [
          'interval',
          ...PACE_EQUALS.map(([name]) => name),
          ...AT_100.map(({ effect }) => effect),
          'passes 1 % after',
        ],
        rows: PACES.map((pace, k) => {
          const cells = found.slice(k * perPace, (k + 1) * perPace).map((outcome) => outcome?.['Serin']);
          return [
            `${pace} s`,
            ...cells.map((delay, j) => {
              if (delay === undefined) return '…';
              return j < PACE_EQUALS.length ? percent(within(delay, 3600)) : seconds(quantile(delay, 0.5));
            }),
          ];
        }),
        note: 'Half an hour of history; the horizon is an hour at every pace. A Fail takes three intervals at least, and noise is known after 30.',
      },
      {
        title: 'Stable pods and history: aborted within an hour (percent), and median / p95 at 100 rps × 10 %, 1→2 %',
        head: ['stable', ...STABLE_IDS, '1→2 %'],
        rows: STABLES.map(([count, minutes], k) => {
          const cells = pods.slice(k * perPods, (k + 1) * perPods).map((outcome) => outcome?.['Serin']);
          return [
            `${count} pod${count === 1 ? '' : 's'}, ${minutes} min`,
            ...cells.map((delay, j) => {
              if (delay === undefined) return '…';
              return j < STABLE_IDS.length ? percent(within(delay, 3600)) : spoke(delay, 0.95);
            }),
          ];
        }),
        note: `${equalRuns(effort)} equal runs, ${cellRuns(effort)} with a regression. One pod, or less than 30 intervals with two: the margin is ×1.25 until the noise is known.`,
      },
    ];
  },
};

function paceJobs(intervalSeconds: number, effort: Effort): readonly Job[] {
  const intervals = 3600 / intervalSeconds;
  const pace = { intervalSeconds, intervals, historyIntervals: 1800 / intervalSeconds };
  const seed = effort.seed + 5200 + intervalSeconds;
  const fails: Rules = { Serin: serin({ horizon: intervals }) };
  const passes: Rules = { Serin: serinPass({ horizon: intervals }, 0.05, Math.ceil(60 / intervalSeconds)) };
  return [
    ...PACE_EQUALS.map(([, traffic], k) => jobOf(fails, { ...traffic, ...pace }, equalRuns(effort), seed + 1000 * k)),
    ...AT_100.map(({ traffic }, k) => jobOf(fails, { ...traffic, ...pace }, cellRuns(effort), seed + 5000 + 1000 * k)),
    jobOf(passes, { rps: 100, p: 0.01, ...pace }, cellRuns(effort), seed + 11_000),
  ];
}

function podJobs([stablePods, minutes]: readonly [number, number], effort: Effort): readonly Job[] {
  const over = { stablePods, historyIntervals: 6 * minutes };
  const seed = effort.seed + 5400 + 100 * stablePods + minutes;
  const rules: Rules = { Serin: serin() };
  const equals = STABLE_IDS.flatMap((id) => EQUAL.filter((scenario) => scenario.id === id));
  return [
    ...equals.map(({ traffic }, k) => jobOf(rules, { ...traffic, ...over }, equalRuns(effort), seed + 2000 * k)),
    jobOf(rules, { rps: 100, p: 0.01, effect: 2, ...over }, cellRuns(effort), seed + 9000),
  ];
}

const equalRuns = ({ equalRuns: runs }: Effort): number => (runs >= 2000 ? runs : Math.max(20, Math.round(runs / 4)));
const cellRuns = ({ cellRuns: runs }: Effort): number => (runs >= 400 ? runs : Math.max(10, Math.round(runs / 2)));
