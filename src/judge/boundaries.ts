/**
 * Which boundaries of a latency histogram are compared. The set is fixed from stable's requests before the first stake on it,
 * so a canary cannot influence it. The promised boundary (SLO) gets half of the metric; the others share by ln(1 ÷ exceedance): what is
 * rare brings few events and needs its money most, what is common decides soon with little.
 */

/** Stable requests seen so far, and how many were slower than the boundary. */
export interface Tally {
  readonly boundaryMs: number;
  readonly bad: number;
  readonly total: number;
}

export interface ChosenBoundary {
  readonly boundaryMs: number;
  /** Share of the metric; all shares of one metric add up to 1. */
  readonly share: number;
  readonly mustPass: boolean;
}

/** Rarer than 0.05 %: too few events to say anything; more than half of all requests: the promise is elsewhere. */
const RAREST = 0.0005;
const COMMONEST = 0.5;
/** A Pass must hold for tails up to p99; rarer ones would take hours and are watched for Fail only. */
const PASS_FROM = 0.01;
const MOST = 8;
const SLO_SHARE = 0.5;
/** Where all requests are slower than the boundary. */
const LEAST_WEIGHT = 0.01;

/** Enough to place every boundary: 1 000 stable requests; with less traffic, six intervals and 100; or 30 intervals with any. */
export function isEnoughToChoose(stableRequests: number, intervals: number): boolean {
  if (stableRequests >= 1000) return true;
  return intervals >= 30 ? stableRequests > 0 : intervals >= 6 && stableRequests >= 100;
}

/** The boundaries to compare, ascending, with their shares. Never empty for a tally that is not empty. */
export function chooseBoundaries(tallies: readonly Tally[], sloMs: number | undefined): ChosenBoundary[] {
  const slo = tallies.find(({ boundaryMs }) => boundaryMs === sloMs);
  const others = tallies.filter((tally) => tally !== slo);
  const inRange = others.filter((tally) => exceedance(tally) >= RAREST && exceedance(tally) <= COMMONEST);
  let spread = spreadOut(inRange, slo === undefined ? MOST : MOST - 1);
  if (spread.length === 0 && slo === undefined) spread = nearest(tallies);
  const rest = slo === undefined ? 1 : spread.length === 0 ? 0 : 1 - SLO_SHARE;
  const passing = spread.filter((tally) => exceedance(tally) >= PASS_FROM);
  const needed = new Set(passing.length > 0 || slo !== undefined ? passing : spread.slice(0, 1));
  const weights = spread.map((tally) => Math.max(LEAST_WEIGHT, -Math.log(exceedance(tally))));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  const chosen = spread.map((tally, k) => ({
    boundaryMs: tally.boundaryMs,
    share: (rest * (weights[k] ?? 0)) / sum,
    mustPass: needed.has(tally),
  }));
  if (slo !== undefined) chosen.push({ boundaryMs: slo.boundaryMs, share: 1 - rest, mustPass: true });
  return chosen.toSorted((a, b) => a.boundaryMs - b.boundaryMs);
}

/** Part of stable's requests that are slower, away from 0 and 1. */
function exceedance({ bad, total }: Tally): number {
  return (bad + 0.5) / (total + 1);
}

function spreadOut(tallies: readonly Tally[], most: number): Tally[] {
  if (tallies.length <= most) return [...tallies];
  const step = (tallies.length - 1) / (most - 1);
  return Array.from({ length: most }, (_, k) => tallies[Math.round(k * step)] as Tally);
}

/** Where no boundary is in range: the one with the most useful exceedance. */
function nearest(tallies: readonly Tally[]): Tally[] {
  const distance = (tally: Tally): number => Math.abs(Math.log(exceedance(tally)) - Math.log(0.05));
  const best = tallies.reduce<Tally | undefined>(
    (found, tally) => (found === undefined || distance(tally) < distance(found) ? tally : found),
    undefined,
  );
  return best === undefined ? [] : [best];
}
