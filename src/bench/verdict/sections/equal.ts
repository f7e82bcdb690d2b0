/** Workloads that are equal: whoever aborts is wrong. */
import { plain } from '../baselines.ts';
import { type Outcome, type Rules, delaysOf, merge, within } from '../measure.ts';
import { serin } from '../rules.ts';
import { EQUAL } from '../scenarios.ts';
import { percent } from '../table.ts';
import { PEERS, type Section, TESTS, jobOf } from './section.ts';

/** Where Serin's rate is highest: these get more runs of Serin alone. */
const WORST = new Set(['A1b', 'A2', 'A2b', 'A3', 'A5', 'A8', 'A15', 'A17']);
const RULES: Rules = { Serin: serin(), 'Serin, plain': plain, ...PEERS, ...TESTS };

/** False aborts of equal workloads: one job a scenario, then one for each of the worst. */
export const equal: Section = {
  jobs: (effort) => [
    ...EQUAL.map(({ traffic }, k) => jobOf(RULES, traffic, effort.equalRuns, effort.seed + 1000 + k)),
    ...EQUAL.flatMap(({ id, traffic }, k) => {
      const more = effort.worstRuns - effort.equalRuns;
      if (!WORST.has(id) || more <= 0) return [];
      const rules = { Serin: serin() };
      const simulate = (from: number, to: number): Outcome =>
        delaysOf(rules, traffic, effort.equalRuns + from, effort.equalRuns + to, effort.seed + 1000 + k);
      return [{ runs: more, simulate }];
    }),
  ],
  tables: (effort, found) => {
    const worst = EQUAL.filter(({ id }) => WORST.has(id));
    const isMore = effort.worstRuns > effort.equalRuns;
    let highest = 0;
    const rows = EQUAL.flatMap(({ id, says, isOutside }, k) => {
      const base = found[k];
      const more = found[EQUAL.length + worst.findIndex((scenario) => scenario.id === id)];
      if (base === undefined || (isMore && WORST.has(id) && more === undefined)) return [];
      const all = isMore && more !== undefined && WORST.has(id) ? { ...base, ...serinOf(merge(base, more)) } : base;
      const cells = Object.keys(RULES).map((name) => {
        const delay = all[name];
        if (delay === undefined) return '';
        if (name === 'Serin' && !isOutside) highest = Math.max(highest, within(delay, 3600));
        return `${percent(within(delay, 600))} / ${percent(within(delay, 3600))}`;
      });
      return [[`${id}${isOutside ? ' †' : ''} ${says}`, ...cells]];
    });
    const more = isMore ? ` (Serin: ${effort.worstRuns} on ${[...WORST].join(', ')})` : '';
    return [
      {
        title: 'Equal workloads: aborted within 60 / 360 looks, percent',
        head: ['scenario', ...Object.keys(RULES)],
        rows,
        note: `${effort.equalRuns} runs a scenario${more}. Worst of the valid ones for Serin: ${percent(highest)} %. † not a false alarm: other users, a real cold start, or overlapping windows.`,
      },
    ];
  },
};

function serinOf({ Serin: own }: Outcome): Outcome {
  return own === undefined ? {} : { Serin: own };
}
