/** The benchmark's sections: each draws its streams, runs the rules and returns tables. */
import { levelOfAttempt } from '../../judge/preset.ts';
import { argo, asymptotic, flagger, kayenta, lindonMalek, naive, oracle, plain } from './baselines.ts';
import { type Delays, type Rules, delaysOf, geometricMean, quantile, smoothMedian, within } from './measure.ts';
import { type SerinOptions, serin, serinPass } from './rules.ts';
import { CELLS, EQUAL, ONSETS, ramp } from './scenarios.ts';
import { type Table, percent, seconds } from './table.ts';
import type { Traffic } from './traffic.ts';

export interface Effort {
  readonly seed: number;
  /** Runs per equal-workload scenario; the worst ones get `worstRuns`. */
  readonly equalRuns: number;
  readonly worstRuns: number;
  readonly cellRuns: number;
}

export type Section = (effort: Effort) => Table[];

const PEERS: Rules = { Kayenta: kayenta, Flagger: flagger, Argo: argo };
const TESTS: Rules = { 'exact φ=1': lindonMalek, AsympCS: asymptotic, 'naive z': naive };
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
      const median = quantile(delay, 0.5);
      if (median < kay) sum.faster++;
      if (median > kay) sum.slower++;
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

/** Daily life that the main tables leave out. */
export const settings: Section = (effort) => {
  const variants: readonly (readonly [name: string, options: SerinOptions])[] = [
    ['recommended (θ0 1.1)', {}],
    ['sharp (θ0 1)', { fail: { ratio: 1, difference: 0 } }],
    ['tolerant (θ0 1.25)', { fail: { ratio: 1.25, difference: 0 } }],
    ['recommended, α 1 %', { falseAbort: levelOfAttempt(0.01, 1) }],
    ['recommended, 2nd attempt', { falseAbort: levelOfAttempt(0.05, 2) }],
    ['no per-pod series', { isPodless: true }],
    ['one of 6 equal metrics', { share: 1 / 6, falseAbort: levelOfAttempt(0.05, 1) }],
  ];
  const rules: Rules = Object.fromEntries(variants.map(([name, options]) => [name, serin(options)]));
  const equals = EQUAL.filter(({ id }) => ['A2', 'A2c', 'A5', 'A7', 'A8', 'A9', 'A14', 'A15'].includes(id));
  const rates = equals.map(({ traffic }, k) => delaysOf(rules, traffic, effort.equalRuns, effort.seed + 5000 + k));
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
      note: `${effort.equalRuns} equal runs, ${effort.cellRuns} with a regression. "One of 6": its own odds against 36 : 1; the other five only lower the sum.`,
    },
  ];
};
