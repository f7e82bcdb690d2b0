/** Canaries that are worse: from the start, in 60 cells, and from later on. */
import { oracle, plain } from '../baselines.ts';
import {
  type Delays,
  type Outcome,
  type Rules,
  geometricMean,
  quantile,
  smoothMedian,
  tooEarly,
  within,
} from '../measure.ts';
import { serin } from '../rules.ts';
import { CELLS, ONSETS } from '../scenarios.ts';
import { percent, seconds, spoke } from '../table.ts';
import { PEERS, type Section, TESTS, jobOf } from './section.ts';

const NAMES = ['Serin', 'Serin, plain', ...Object.keys(PEERS), ...Object.keys(TESTS)];
const SHOWN = ['Serin', 'Serin, plain', ...Object.keys(PEERS), 'oracle'];

/** 60 regressions, one job each. */
export const detection: Section = {
  jobs: (effort) =>
    CELLS.map((cell, k) => {
      const rules: Rules = { Serin: serin(), 'Serin, plain': plain, ...PEERS, ...TESTS, oracle: oracle(cell.ratio) };
      return jobOf(rules, cell.traffic, effort.cellRuns, effort.seed + 2000 + k);
    }),
  tables: (effort, found) => {
    const done = found.filter((outcome) => outcome !== undefined);
    const rows = CELLS.flatMap((cell, k) => {
      const outcome = found[k];
      if (outcome === undefined) return [];
      const name = `${cell.effect}, ${cell.rps} rps × ${cell.weight} %`;
      return [[name, ...SHOWN.map((rule) => spoke(outcome[rule] as Delays, 0.95))]];
    });
    return [
      {
        title: 'Regressions: summary over 60 cells',
        head: ['rule', 'power ≤ 10 min', 'power ≤ 1 h', 'median ÷ oracle', 'cells', 'faster than Kayenta', 'slower'],
        rows: NAMES.map((name) => summary(name, done)),
        note: `${effort.cellRuns} runs a cell${done.length < CELLS.length ? `, ${done.length} cells so far` : ''}. "÷ oracle": geometric mean over cells where the oracle's median is at least 60 s and the rule's is finite; the exact, AsympCS and naive tests false-abort far more than they promise on real traffic (first table).`,
      },
      {
        title: 'Regressions: median / p95 until abort (or power within an hour)',
        head: ['cell', ...SHOWN],
        rows,
      },
    ];
  },
};

function summary(name: string, found: readonly Outcome[]): string[] {
  const delays = found.map((outcome) => ({
    own: outcome[name] as Delays, // every job has every rule
    best: outcome['oracle'] as Delays,
    kayenta: outcome['Kayenta'] as Delays,
  }));
  const mean = (of: (own: Delays) => number): number =>
    delays.reduce((sum, { own }) => sum + of(own), 0) / Math.max(1, delays.length);
  const ratios = delays.flatMap(({ own, best }) => {
    const [time, floor] = [smoothMedian(own), smoothMedian(best)];
    return quantile(best, 0.5) >= 60 && Number.isFinite(floor) && Number.isFinite(time) ? [time / floor] : [];
  });
  const leads = delays.map(({ own, kayenta }) => {
    const order = quantile(own, 0.5) - quantile(kayenta, 0.5);
    // Where neither gets to its median within the hour, the larger power is the faster rule.
    return Number.isNaN(order) ? within(kayenta, 3600) - within(own, 3600) : order;
  });
  return [
    name,
    `${(100 * mean((own) => within(own, 600))).toFixed(1)} %`,
    `${(100 * mean((own) => within(own, 3600))).toFixed(1)} %`,
    ratios.length === 0 ? '–' : geometricMean(ratios).toFixed(2),
    String(ratios.length),
    String(leads.filter((lead) => lead < 0).length),
    String(leads.filter((lead) => lead > 0).length),
  ];
}

const LATE_RULES: Rules = { Serin: serin(), 'Serin, plain': plain, ...PEERS };

/** Regressions that begin after a healthy while. */
export const onset: Section = {
  jobs: (effort) =>
    ONSETS.map(({ traffic }, k) => jobOf(LATE_RULES, traffic, 2 * effort.cellRuns, effort.seed + 3000 + k)),
  tables: (effort, found) => [
    {
      title: 'Regressions that begin late (300 rps): median / p95 after onset',
      head: ['onset', ...Object.keys(LATE_RULES)],
      rows: ONSETS.flatMap(({ id }, k) => {
        const outcome = found[k];
        if (outcome === undefined) return [];
        const cells = Object.keys(LATE_RULES).map((name) => {
          const delay = outcome[name] as Delays; // every job has every rule
          const early = tooEarly(delay) > 0.005 ? ` (${percent(tooEarly(delay))} % before)` : '';
          return `${seconds(quantile(delay, 0.5))} / ${seconds(quantile(delay, 0.95))}${early}`;
        });
        return [[id, ...cells]];
      }),
      note: `${2 * effort.cellRuns} runs each; ramp 5/10/20/50 % in steps of 15 minutes.`,
    },
  ],
};
