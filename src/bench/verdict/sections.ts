/** The benchmark's sections: each draws its streams, runs the rules and returns tables. */
import { levelOfAttempt } from '../../judge/preset.ts';
import { argo, asymptotic, flagger, kayenta, lindonMalek, naive, oracle, plain } from './baselines.ts';
import { type Delays, type Rules, delaysOf, geometricMean, quantile, smoothMedian, within } from './measure.ts';
import {
  type LatencyTraffic,
  SAME,
  SLOWDOWNS,
  flaggerP99,
  kayentaP99,
  latencyDelays,
  serinLatency,
} from './latency.ts';
import { Random } from './random.ts';
import { type SerinOptions, averaged, serin, serinPass } from './rules.ts';
import { CELLS, EQUAL, ONSETS, ramp } from './scenarios.ts';
import { type Table, percent, seconds } from './table.ts';
import { type Traffic, drawStream } from './traffic.ts';

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
      note: `${effort.equalRuns} equal runs, ${effort.cellRuns} with a regression.`,
    },
  ];
};

/** Slower responses, judged at the boundaries of a histogram. */
export const latency: Section = (effort) => {
  const rules = {
    Serin: serinLatency(),
    'Serin, SLO 250 ms': serinLatency({ sloMs: 250 }),
    'Serin, sharp': serinLatency({ ratio: 1 }),
    'Kayenta on p99': kayentaP99,
    'Flagger p99 ≤ 500 ms': flaggerP99,
  };
  const names = Object.keys(rules);
  const runs = Math.max(10, Math.round(effort.cellRuns / 4));
  const equalRuns = Math.max(40, Math.round(effort.equalRuns / 3));
  const equals: readonly (readonly [name: string, over: Partial<LatencyTraffic>])[] = [
    ['independent', {}],
    ['shared shocks sd 0.2', { shock: 0.2 }],
    ['pod noise sd 0.05', { podNoise: 0.05 }],
    ['pod noise sd 0.15', { podNoise: 0.15 }],
  ];
  const falseRows = equals.map(([name, over], k) => {
    const traffic = { rps: 100, weight: 10, slowdown: SAME, intervals: 180, ...over };
    const delays = latencyDelays(rules, traffic, equalRuns, effort.seed + 6000 + k);
    return [name, ...names.map((rule) => percent(within(delays[rule] as Delays, 3600)))];
  });
  const power = new Map(names.map((name) => [name, 0]));
  const cells = SLOWDOWNS.flatMap((slowdown) =>
    [10, 100, 1000].flatMap((rps) => [5, 10, 20, 50].map((weight) => ({ slowdown, rps, weight }))),
  );
  const rows = cells.map((cell, k) => {
    const delays = latencyDelays(rules, cell, runs, effort.seed + 6100 + k);
    const shown = names.map((name) => {
      const delay = delays[name] as Delays;
      power.set(name, (power.get(name) ?? 0) + within(delay, 3600) / cells.length);
      const found = within(delay, 3600);
      return found < 0.5
        ? `(${percent(found)} %)`
        : `${seconds(quantile(delay, 0.5))} / ${seconds(quantile(delay, 0.95))}`;
    });
    return [`${cell.slowdown.name}, ${cell.rps} rps × ${cell.weight} %`, ...shown];
  });
  return [
    {
      title: 'Latency, equal workloads: aborted within 180 looks, percent',
      head: ['traffic', ...names],
      rows: falseRows,
      note: `${equalRuns} runs each; lognormal, median 50 ms, p99 202 ms, the Go client's default buckets.`,
    },
    {
      title: 'Latency: median / p95 until abort (or power within an hour)',
      head: ['slowdown and traffic', ...names],
      rows: [
        ...rows,
        ['power within an hour, all cells', ...names.map((name) => `${percent(power.get(name) ?? 0)} %`)],
      ],
      note: `${runs} runs a cell.`,
    },
  ];
};

/** Six metrics averaged: one false-abort budget for all, and what it costs when one of them goes bad. */
export const metrics: Section = (effort) => {
  const shares = [0.5, 0.1, 0.1, 0.1, 0.1, 0.1];
  const run = (bad: number | undefined, seed: number, runs: number, traffic: Traffic): Delays => {
    const sorted: number[] = [];
    for (let n = 0; n < runs; n++) {
      const streams = shares.map((_, m) =>
        drawStream(m === bad ? { ...traffic, effect: 2 } : traffic, new Random(seed + m, n)),
      );
      const at = averaged(streams, shares, levelOfAttempt(0.05, 1));
      sorted.push(at < 0 ? Infinity : at + 1);
    }
    return { sorted: sorted.toSorted((a, b) => a - b), intervalSeconds: 10 };
  };
  const runs = Math.max(30, Math.round(effort.equalRuns / 4));
  const rare: Traffic = { rps: 100, p: 0.001, weightAt: () => 5 };
  const rows = [
    ['six equal metrics, 1 %, 100 rps × 10 %', run(undefined, effort.seed + 7000, runs, { rps: 100, p: 0.01 })],
    ['six equal metrics, 0.1 %, 100 rps × 5 %', run(undefined, effort.seed + 7100, runs, rare)],
    ['the critical one 1→2 %', run(0, effort.seed + 7200, effort.cellRuns, { rps: 100, p: 0.01 })],
    ['a minor one 1→2 %', run(3, effort.seed + 7300, effort.cellRuns, { rps: 100, p: 0.01 })],
  ] as const;
  return [
    {
      title: 'Six metrics (shares 50 %, 5 × 10 %), one average of odds',
      head: ['metrics', 'aborted within an hour', 'median', 'p95'],
      rows: rows.map(([name, delay]) => [
        name,
        `${percent(within(delay, 3600))} %`,
        seconds(quantile(delay, 0.5)),
        seconds(quantile(delay, 0.95)),
      ]),
      note: `${runs} runs with equal metrics, ${effort.cellRuns} with a bad one; metrics independent of each other.`,
    },
  ];
};
