/** The pass side: canaries exactly on the margin, and equal ones. */
import { type Delays, type Rules, delaysOf, quantile, within } from '../measure.ts';
import { serinPass } from '../rules.ts';
import { ramp } from '../scenarios.ts';
import { percent, seconds } from '../table.ts';
import type { Traffic } from '../traffic.ts';
import type { Section } from './section.ts';

const MARGIN_SCENARIOS: readonly (readonly [name: string, traffic: Traffic])[] = [
  ['independent', { rps: 100, p: 0.01 }],
  ['independent, ramp', { rps: 100, p: 0.01, weightAt: ramp }],
  ['bursts of 5', { rps: 300, p: 0.01, burst: 5 }],
  ['pod noise sd 0.2', { rps: 300, p: 0.01, podNoise: { sd: 0.2, intervals: 12 } }],
  ['shocks', { rps: 100, p: 0.01, shock: 0.5 }],
  [
    'messy',
    {
      rps: 300,
      p: 0.01,
      weightAt: ramp,
      shock: 0.5,
      burst: 2,
      podNoise: { sd: 0.2, intervals: 12 },
      noise: 0.03,
      missed: 0.03,
    },
  ],
];

/** Passing: false passes on the margin, and time to pass an equal canary. */
export const passing: Section = (effort) => {
  const margin = 1.5 + 0.0005 / 0.01;
  const falseRows = MARGIN_SCENARIOS.map(([name, traffic], k) => {
    const delays = delaysOf(
      { Serin: serinPass() },
      { ...traffic, effect: margin },
      2 * effort.cellRuns,
      effort.seed + 4000 + k,
    );
    return [name, `${percent(within(delays['Serin'] as Delays, 3600))} %`];
  });
  const slots = [0.0001, 0.001, 0.01].flatMap((p) =>
    [10, 100, 1000].flatMap((rps) => [10, 50].map((weight) => ({ p, rps, weight }))),
  );
  const rows = slots.map(({ p, rps, weight }, k) => {
    const traffic = { rps, p, weightAt: () => weight };
    const rules: Rules = { standard: serinPass(), critical: serinPass({ pass: { ratio: 1.25, difference: 0.0002 } }) };
    const delays = delaysOf(rules, traffic, effort.cellRuns, effort.seed + 4100 + k);
    const show = (delay: Delays): string => {
      const power = within(delay, 3600);
      return power < 0.5
        ? `(${percent(power)} %)`
        : `${seconds(quantile(delay, 0.5))} / ${seconds(quantile(delay, 0.9))}`;
    };
    return [
      `${p * 100} %, ${rps} rps × ${weight} %`,
      show(delays['standard'] as Delays),
      show(delays['critical'] as Delays),
    ];
  });
  return [
    {
      title: 'False passes: canary exactly on the pass margin (×1.5 + 0.05 pp), within an hour',
      head: ['traffic', 'passed'],
      rows: falseRows,
      note: `${2 * effort.cellRuns} runs each; allowed 5 %.`,
    },
    {
      title: 'Time to pass an equal canary: median / p90',
      head: ['stable errors and traffic', '×1.5 + 0.05 pp', 'critical: ×1.25 + 0.02 pp'],
      rows,
      note: `${effort.cellRuns} runs each, floor one minute, no dwell.`,
    },
  ];
};
