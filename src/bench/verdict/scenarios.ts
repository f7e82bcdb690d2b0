/** The scenarios of every table: equal workloads (A1 … A17), regressions (60 cells), late onsets, margins. */
import type { Traffic } from './traffic.ts';

export interface Scenario {
  readonly id: string;
  readonly says: string;
  readonly traffic: Traffic;
  /** Not a calibration question: a true difference or an ingestion error. Shown, not counted. */
  readonly isOutside?: true;
}

const constant = (weight: number) => (): number => weight;
/** 5, 10, 20, 50 % for 15 minutes each. */
export const ramp = (interval: number): number => [5, 10, 20, 50][Math.min(3, Math.floor(interval / 90))] as number;

const base: Traffic = { rps: 100, p: 0.01 };
/** Shocks, bursts, pod noise and poor counts at once. */
export const MESSY: Partial<Traffic> = {
  weightAt: ramp,
  shock: 0.5,
  burst: 2,
  podNoise: { sd: 0.2, intervals: 12 },
  noise: 0.03,
  missed: 0.03,
};

export const EQUAL: readonly Scenario[] = [
  { id: 'A1', says: 'independent, 1 %, 100 rps × 10 %', traffic: base },
  { id: 'A1b', says: 'independent, 0.5 %', traffic: { ...base, p: 0.005 } },
  { id: 'A2', says: 'rare: 0.1 %, 100 rps × 5 %', traffic: { ...base, p: 0.001, weightAt: constant(5) } },
  { id: 'A2b', says: '0.1 %, 10 rps × 10 %', traffic: { rps: 10, p: 0.001 } },
  { id: 'A2c', says: '1 %, 10 rps × 5 %', traffic: { rps: 10, p: 0.01, weightAt: constant(5) } },
  { id: 'A2d', says: '1 %, 1000 rps × 50 %', traffic: { rps: 1000, p: 0.01, weightAt: constant(50) } },
  { id: 'A3', says: 'ramp 5/10/20/50 and shared shocks', traffic: { ...base, weightAt: ramp, shock: 0.5 } },
  { id: 'A4', says: 'shared shocks and 20× incidents', traffic: { ...base, shock: 0.5, incident: 1 / 180 } },
  { id: 'A5', says: 'bursts of 5', traffic: { ...base, burst: 5 } },
  { id: 'A6', says: 'rare bursts of 50', traffic: { ...base, p: 0.002, burst: 50 } },
  { id: 'A7', says: 'pod noise sd 0.5 over 2 min', traffic: { ...base, podNoise: { sd: 0.5, intervals: 12 } } },
  { id: 'A8', says: 'fixed pod effects sd 0.15, 2 canary pods', traffic: { ...base, podEffect: 0.15 } },
  { id: 'A9', says: 'other users on the canary, sd 0.1', traffic: { ...base, mix: 0.1 }, isOutside: true },
  {
    id: 'A10',
    says: 'cold start ×4 for 60 s, not left out',
    traffic: { ...base, cold: { factor: 4, intervals: 6 } },
    isOutside: true,
  },
  {
    id: 'A11',
    says: 'cold start, first 90 s left out',
    traffic: { ...base, cold: { factor: 4, intervals: 6 }, warmUp: 9 },
  },
  { id: 'A12', says: 'counts 7 % off, 5 % of polls missing', traffic: { ...base, noise: 0.07, missed: 0.05 } },
  { id: 'A13', says: 'rate[1m] read every 10 s', traffic: { ...base, overlap: 6 }, isOutside: true },
  { id: 'A14', says: 'messy: ramp, shocks, bursts, pods, noise', traffic: { ...base, ...MESSY } },
  { id: 'A15', says: 'messy, 0.1 %, 1000 rps', traffic: { ...base, ...MESSY, rps: 1000, p: 0.001 } },
  { id: 'A16', says: 'stable drifts by a factor of 4 in the hour', traffic: { ...base, drift: Math.log(4) } },
  { id: 'A17', says: 'a stable pod is replaced every minute', traffic: { ...base, churn: 60, podEffect: 0.15 } },
];

interface Cell {
  readonly effect: string;
  readonly rps: number;
  readonly weight: number;
  readonly traffic: Traffic;
  readonly ratio: number;
}

const EFFECTS: readonly (readonly [name: string, p: number, ratio: number])[] = [
  ['0.1→0.2 %', 0.001, 2],
  ['0.1→0.5 %', 0.001, 5],
  ['0.1→1 %', 0.001, 10],
  ['0.1→5 %', 0.001, 50],
  ['1→2 %', 0.01, 2],
];

/** 5 effects × {10, 100, 1000} rps × {5, 10, 20, 50} %. */
export const CELLS: readonly Cell[] = [10, 100, 1000].flatMap((rps) =>
  [5, 10, 20, 50].flatMap((weight) =>
    EFFECTS.map(([effect, p, ratio]) => ({
      effect,
      rps,
      weight,
      ratio,
      traffic: { rps, p, effect: ratio, weightAt: constant(weight) },
    })),
  ),
);

interface Onset {
  readonly id: string;
  readonly traffic: Traffic;
  readonly onset: number;
}

/** Regressions that begin late: at a step start, in the middle of a step, at constant weight; 300 rps. */
export const ONSETS: readonly Onset[] = (
  [
    ['0.1→0.5 %', 0.001, 5],
    ['1→2 %', 0.01, 2],
    ['1→5 %', 0.01, 5],
  ] as const
).flatMap(([name, p, effect]) =>
  (
    [
      ['at 30 min, step start', 180, ramp],
      ['at 35 min, mid-step', 210, ramp],
      ['at 30 min, constant 10 %', 180, constant(10)],
    ] as const
  ).map(([when, onset, weightAt]) => ({
    id: `${name} ${when}`,
    onset,
    traffic: { rps: 300, p, effect, onset, weightAt },
  })),
);
