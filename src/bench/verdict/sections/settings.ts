/** Presets, levels and sources other than the default. */
import { levelOfAttempt } from '../../../judge/preset.ts';
import { type Delays, type Rules, delaysOf, quantile, within } from '../measure.ts';
import { type SerinOptions, serin } from '../rules.ts';
import { CELLS, EQUAL } from '../scenarios.ts';
import { type Table, percent, seconds } from '../table.ts';
import type { Traffic } from '../traffic.ts';
import type { Effort, Section } from './section.ts';

/** Daily life that the main tables leave out. */
export const settings: Section = (effort) => {
  const variants: readonly (readonly [name: string, options: SerinOptions])[] = [
    ['recommended (θ0 1.1)', {}],
    ['sharp (θ0 1)', { fail: { ratio: 1, difference: 0 } }],
    ['tolerant (θ0 1.25)', { fail: { ratio: 1.25, difference: 0 } }],
    ['recommended, α 1 %', { falseAbort: levelOfAttempt(0.01, 1) }],
    ['recommended, 2nd attempt', { falseAbort: levelOfAttempt(0.05, 2) }],
    ['no per-pod series', { isPodless: true }],
  ];
  const rules: Rules = Object.fromEntries(variants.map(([name, options]) => [name, serin(options)]));
  const equals = EQUAL.filter(({ id }) => ['A2', 'A2c', 'A5', 'A7', 'A8', 'A9', 'A14', 'A15'].includes(id));
  const runs = Math.round(effort.equalRuns / 2);
  const rates = equals.map(({ traffic }, k) => delaysOf(rules, traffic, runs, effort.seed + 5000 + k));
  const cells = CELLS.filter(({ rps, weight }) => rps === 100 && weight === 10);
  const found = cells.map(({ traffic }, k) => delaysOf(rules, traffic, effort.cellRuns, effort.seed + 5100 + k));
  const regressions = cells.map(({ effect }) => effect);
  return [
    {
      title: 'Settings: aborted within an hour (percent), and median delay at 100 rps × 10 %',
      head: ['setting', ...equals.map(({ id }) => id), ...regressions],
      rows: variants.map(([name]) => [
        name,
        ...rates.map((delays) => percent(within(delays[name] as Delays, 3600))),
        ...found.map((delays) => seconds(quantile(delays[name] as Delays, 0.5))),
      ]),
      note: `${runs} equal runs, ${effort.cellRuns} with a regression.`,
    },
    pollIntervals(effort),
  ];
};

/** The rule counts intervals, so a run at another poll interval is the same game at another pace. */
function pollIntervals(effort: Effort): Table {
  const paces = [2, 10, 30, 60];
  const equals: readonly (readonly [name: string, traffic: Traffic])[] = [
    ['0.1 %, 100 rps × 5 %', { rps: 100, p: 0.001, weightAt: () => 5 }],
    ['bursts of 5', { rps: 100, p: 0.01, burst: 5 }],
  ];
  const worse = CELLS.filter(({ rps, weight }) => rps === 100 && weight === 10);
  const rows = paces.map((intervalSeconds, k) => {
    const intervals = 3600 / intervalSeconds;
    const pace = { intervalSeconds, intervals, historyIntervals: 1800 / intervalSeconds };
    const rules: Rules = { Serin: serin({ horizon: intervals }) };
    const runs = Math.max(20, Math.round((effort.equalRuns * Math.min(1, intervalSeconds / 10)) / 2));
    const rates = equals.map(([, traffic], j) =>
      percent(
        within(
          delaysOf(rules, { ...traffic, ...pace }, runs, effort.seed + 5200 + 10 * k + j)['Serin'] as Delays,
          3600,
        ),
      ),
    );
    const delays = worse.map(({ traffic }, j) =>
      seconds(
        quantile(
          delaysOf(rules, { ...traffic, ...pace }, effort.cellRuns, effort.seed + 5300 + 10 * k + j)['Serin'] as Delays,
          0.5,
        ),
      ),
    );
    return [`${intervalSeconds} s`, ...rates, ...delays];
  });
  return {
    title: 'Poll interval: aborted within an hour (percent), and median delay at 100 rps × 10 %',
    head: ['interval', ...equals.map(([name]) => name), ...worse.map(({ effect }) => effect)],
    rows,
    note: 'Half an hour of history; the horizon is an hour at every pace.',
  };
}
