/** Canaries that are worse: from the start, in 60 cells, and from later on. */
import { oracle, plain } from '../baselines.ts';
import { type Delays, type Rules, delaysOf, geometricMean, quantile, smoothMedian, within } from '../measure.ts';
import { serin } from '../rules.ts';
import { CELLS, ONSETS } from '../scenarios.ts';
import { percent, seconds } from '../table.ts';
import { PEERS, type Section, TESTS } from './section.ts';

/** 60 regressions. */
export const detection: Section = (effort) => {
  const names = ['Serin', 'Serin, plain', ...Object.keys(PEERS), ...Object.keys(TESTS)];
  const sums = new Map(
    names.map((name) => [
      name,
      { hour: 0, ten: 0, ratios: [] as number[], faster: 0, slower: 0, vsKayenta: [] as number[] },
    ]),
  );
  const rows = CELLS.map((cell, k) => {
    const rules: Rules = { Serin: serin(), 'Serin, plain': plain, ...PEERS, ...TESTS, oracle: oracle(cell.ratio) };
    const delays = delaysOf(rules, cell.traffic, effort.cellRuns, effort.seed + 2000 + k);
    const best = delays['oracle'] as Delays;
    const kay = quantile(delays['Kayenta'] as Delays, 0.5);
    for (const name of names) {
      const delay = delays[name] as Delays;
      const sum = sums.get(name);
      if (sum === undefined) continue;
      sum.hour += within(delay, 3600) / CELLS.length;
      sum.ten += within(delay, 600) / CELLS.length;
      const [own, floor] = [smoothMedian(delay), smoothMedian(best)];
      if (quantile(best, 0.5) >= 60 && Number.isFinite(floor) && Number.isFinite(own)) sum.ratios.push(own / floor);
      const order = quantile(delay, 0.5) - kay;
      // Where neither gets to its median within the hour, the larger power is the faster rule.
      const lead = Number.isNaN(order) ? within(delays['Kayenta'] as Delays, 3600) - within(delay, 3600) : order;
      if (lead < 0) sum.faster++;
      if (lead > 0) sum.slower++;
    }
    const show = (name: string): string => {
      const delay = delays[name] as Delays;
      const power = within(delay, 3600);
      return power < 0.5
        ? `(${percent(power)} %)`
        : `${seconds(quantile(delay, 0.5))} / ${seconds(quantile(delay, 0.95))}`;
    };
    return [
      `${cell.effect}, ${cell.rps} rps × ${cell.weight} %`,
      ...['Serin', 'Serin, plain', ...Object.keys(PEERS)].map(show),
      show('oracle'),
    ];
  });
  return [
    {
      title: 'Regressions: summary over 60 cells',
      head: ['rule', 'power ≤ 10 min', 'power ≤ 1 h', 'median ÷ oracle', 'cells', 'faster than Kayenta', 'slower'],
      rows: names.map((name) => {
        const { hour, ten, ratios, faster, slower } = sums.get(name) as NonNullable<ReturnType<typeof sums.get>>;
        const ratio = ratios.length === 0 ? '–' : geometricMean(ratios).toFixed(2);
        return [
          name,
          `${percent(ten)} %`,
          `${percent(hour)} %`,
          ratio,
          String(ratios.length),
          String(faster),
          String(slower),
        ];
      }),
      note: `${effort.cellRuns} runs a cell. "÷ oracle": geometric mean over cells where the oracle's median is at least 60 s and the rule's is finite; the exact, AsympCS and naive tests false-abort far more than they promise on real traffic (first table).`,
    },
    {
      title: 'Regressions: median / p95 until abort (or power within an hour)',
      head: ['cell', 'Serin', 'Serin, plain', ...Object.keys(PEERS), 'oracle'],
      rows,
    },
  ];
};

/** Regressions that begin after a healthy while. */
export const onset: Section = (effort) => {
  const rules: Rules = { Serin: serin(), 'Serin, plain': plain, ...PEERS };
  const rows = ONSETS.map(({ id, traffic }, k) => {
    const delays = delaysOf(rules, traffic, 2 * effort.cellRuns, effort.seed + 3000 + k);
    const cells = Object.keys(rules).map((name) => {
      const delay = delays[name] as Delays & { early: number };
      const early = delay.early > 0.005 ? ` (${percent(delay.early)} % before)` : '';
      return `${seconds(quantile(delay, 0.5))} / ${seconds(quantile(delay, 0.95))}${early}`;
    });
    return [id, ...cells];
  });
  return [
    {
      title: 'Regressions that begin late (300 rps): median / p95 after onset',
      head: ['onset', ...Object.keys(rules)],
      rows,
      note: `${2 * effort.cellRuns} runs each; ramp 5/10/20/50 % in steps of 15 minutes.`,
    },
  ];
};
