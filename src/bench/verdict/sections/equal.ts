/** Workloads that are equal: whoever aborts is wrong. */
import { plain } from '../baselines.ts';
import { type Delays, type Rules, delaysOf, within } from '../measure.ts';
import { serin } from '../rules.ts';
import { EQUAL } from '../scenarios.ts';
import { percent } from '../table.ts';
import { PEERS, type Section, TESTS } from './section.ts';

const WORST = new Set(['A2', 'A2b', 'A2c', 'A1b']);

/** False aborts of equal workloads. */
export const equal: Section = (effort) => {
  const rules: Rules = { Serin: serin(), 'Serin, plain': plain, ...PEERS, ...TESTS };
  let worst = 0;
  const rows = EQUAL.map(({ id, says, traffic, isOutside }, k) => {
    const delays = delaysOf(rules, traffic, effort.equalRuns, effort.seed + 1000 + k);
    const more = WORST.has(id) && effort.worstRuns > effort.equalRuns;
    const own = more ? delaysOf({ Serin: serin() }, traffic, effort.worstRuns, effort.seed + 1000 + k) : delays;
    const all = { ...delays, ...own };
    if (!isOutside) worst = Math.max(worst, within(all['Serin'] as Delays, 3600));
    const cells = Object.keys(rules).map((name) => {
      const delay = all[name] as Delays;
      return `${percent(within(delay, 600))} / ${percent(within(delay, 3600))}`;
    });
    return [`${id}${isOutside ? ' †' : ''} ${says}`, ...cells];
  });
  return [
    {
      title: 'Equal workloads: aborted within 60 / 360 looks, percent',
      head: ['scenario', ...Object.keys(rules)],
      rows,
      note: `${effort.equalRuns} runs a scenario${effort.worstRuns > effort.equalRuns ? ` (Serin: ${effort.worstRuns} on ${[...WORST].join(', ')})` : ''}. Worst of the valid ones for Serin: ${percent(worst)} %. † not a false alarm: other users, a real cold start, or overlapping windows.`,
    },
  ];
};
