/** The peers' rules as read from their sources, and the textbook tests, fed with the same streams as Serin. */
import { asymptoticRadiusOneSided, asymptoticRho2 } from '../../stats/alternatives.ts';
import { logIncrement } from '../../stats/affine.ts';
import type { ArmCounts } from '../../stats/counts.ts';
import { dispersionOf, learnPods, learnResidual, openDispersion } from '../../stats/dispersion.ts';
import { mannWhitney, shiftScore } from '../../stats/mann-whitney.ts';
import { guardedMargin, placementSpread } from '../../stats/placement.ts';
import { openRestartMixture, playRestartMixture } from '../../stats/restart-mixture.ts';
import { type Rule, countsAt } from './rules.ts';
import type { Stream } from './traffic.ts';

const PER_MINUTE = 6;

function armsAt(stream: Stream, i: number): ArmCounts {
  let stableBad = 0;
  let stableTotal = 0;
  for (let k = i * stream.pods; k < (i + 1) * stream.pods; k++) {
    stableBad += stream.podBad[k] as number;
    stableTotal += stream.podTotal[k] as number;
  }
  return {
    canaryBad: stream.canaryBad[i] as number,
    canaryTotal: stream.canaryTotal[i] as number,
    stableBad,
    stableTotal,
  };
}

/** Every usable interval with requests on both sides, in order. `visit` returns true to abort. */
function each(stream: Stream, visit: (arms: ArmCounts, at: number) => boolean): number {
  for (let at = 0; at < stream.intervals; at++) {
    const i = stream.history + at;
    if (stream.usable[i] === 0) continue;
    const arms = armsAt(stream, i);
    if (arms.canaryTotal > 0 && arms.stableTotal > 0 && visit(arms, at)) return at;
  }
  return -1;
}

/** Whole minutes: bad share of both arms, NaN where nothing was seen. `visit` returns true to abort. */
function eachMinute(stream: Stream, visit: (canary: number, stable: number, minute: number) => boolean): number {
  for (let minute = 0; minute < Math.floor(stream.intervals / PER_MINUTE); minute++) {
    const sum = { canaryBad: 0, canaryTotal: 0, stableBad: 0, stableTotal: 0 };
    for (let at = minute * PER_MINUTE; at < (minute + 1) * PER_MINUTE; at++) {
      if (stream.usable[stream.history + at] === 0) continue;
      const arms = armsAt(stream, stream.history + at);
      sum.canaryBad += arms.canaryBad;
      sum.canaryTotal += arms.canaryTotal;
      sum.stableBad += arms.stableBad;
      sum.stableTotal += arms.stableTotal;
    }
    if (visit(sum.canaryBad / sum.canaryTotal, sum.stableBad / sum.stableTotal, minute)) {
      return (minute + 1) * PER_MINUTE - 1;
    }
  }
  return -1;
}

/** Kayenta's judge (98 %, tolerance 0.25) on error rates per minute, asked every minute from five points on, critical metric. */
export const kayenta: Rule = (stream) => {
  const canary: number[] = [];
  const stable: number[] = [];
  return eachMinute(stream, (c, s) => {
    if (Number.isFinite(c)) canary.push(c);
    if (Number.isFinite(s)) stable.push(s);
    if (canary.length < 5 || stable.length < 5) return false;
    // High needs a lower end above 0.25·|estimate| ≥ 0, so most looks end here.
    if (!(shiftScore(canary, stable, 0, true) > 2.3263)) return false;
    const found = mannWhitney(canary, stable, 0.98, { isEstimateCorrected: true });
    return (
      found !== undefined && found.low > 0.25 * Math.abs(found.estimate) && mean(canary) / mean(stable) >= 1 - 1e-12
    );
  });
};

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Flagger: canary success rate of the last minute ≥ 99 %, checked every minute, rollback at the fifth failed check. */
export const flagger: Rule = (stream) => {
  let failed = 0;
  return eachMinute(stream, (canary) => {
    if (canary > 0.01) failed++;
    return failed >= 5;
  });
};

/** Argo Rollouts: success rate of the last minute ≥ 95 %, failureLimit 3. */
export const argo: Rule = (stream) => {
  let failed = 0;
  return eachMinute(stream, (canary) => {
    if (canary > 0.05) failed++;
    return failed > 3;
  });
};

const SIX_RATIOS = [1.25, 1.6, 2.5, 5, 12, 50];
const SIX_WEIGHTS = [0.1, 0.2, 0.25, 0.2, 0.15, 0.1];

/** Lindon & Malek's exact test: independent requests, no margin, 5 %. */
export const lindonMalek: Rule = (stream) => {
  const mixture = openRestartMixture(SIX_RATIOS, SIX_WEIGHTS);
  let share = 1;
  return each(stream, (arms) => {
    const logE = playRestartMixture(mixture, arms, { theta0: 1, delta: 0, dispersion: 1, cap: Infinity, share });
    share = 0;
    return logE >= Math.log(20);
  });
};

/** The plainer rule that Serin's grew out of: six bets, fixed restart shares, θ0 = 1.1, 5 %. */
export const plain: Rule = (stream) => {
  const dispersion = openDispersion();
  const pods = new Map<string, { pod: string; bad: number; total: number }>();
  for (let i = 0; i < stream.history; i++) {
    const { stablePods } = countsAt(stream, i);
    learnPods(dispersion, stablePods);
    for (const { pod, bad, total } of stablePods) {
      const sum = pods.get(pod) ?? { pod, bad: 0, total: 0 };
      pods.set(pod, { pod, bad: sum.bad + bad, total: sum.total + total });
    }
  }
  const spread = placementSpread([...pods.values()], dispersionOf(dispersion, false).phi);
  const mixture = openRestartMixture(SIX_RATIOS, SIX_WEIGHTS);
  const totals = { canaryBad: 0, canaryTotal: 0, stableBad: 0, stableTotal: 0 };
  let weight = -1;
  return each(stream, (arms, at) => {
    const now = stream.weight[stream.history + at] as number;
    const atStep = weight >= 0 && now !== weight ? 0.25 / 8 : 0;
    const share = weight < 0 ? 0.5 : atStep + (at % 6 === 0 ? 0.25 / 60 : 0);
    weight = now;
    const theta0 = guardedMargin(1.1, spread, stream.canaryPods, stream.pods);
    const { phi } = dispersionOf(dispersion, false);
    const cap = (Math.log(20) + 1.5) / 3;
    const logE = playRestartMixture(mixture, arms, { theta0, delta: 0, dispersion: phi, cap, share });
    totals.canaryBad += arms.canaryBad;
    totals.canaryTotal += arms.canaryTotal;
    totals.stableBad += arms.stableBad;
    totals.stableTotal += arms.stableTotal;
    learnPods(dispersion, countsAt(stream, stream.history + at).stablePods);
    learnResidual(dispersion, arms, totals, false);
    return logE >= Math.log(20);
  });
};

/** Asymptotic confidence sequence of the differences of rates, one-sided 5 %, after 20 intervals. */
export const asymptotic: Rule = (stream) => {
  const rho2 = asymptoticRho2(60, 0.1);
  let n = 0;
  let sum = 0;
  let squares = 0;
  return each(stream, (arms) => {
    const difference = arms.canaryBad / arms.canaryTotal - arms.stableBad / arms.stableTotal;
    n++;
    sum += difference;
    squares += difference * difference;
    if (n < 20) return false;
    const sd = Math.sqrt(Math.max(0, (squares - (sum * sum) / n) / (n - 1)));
    return sum / n > asymptoticRadiusOneSided(n, sd, 0.05, rho2);
  });
};

/** The z test for two proportions on everything so far, at every look, 5 % one-sided: what people do by eye. */
export const naive: Rule = (stream) => {
  const sum = { canaryBad: 0, canaryTotal: 0, stableBad: 0, stableTotal: 0 };
  return each(stream, (arms) => {
    sum.canaryBad += arms.canaryBad;
    sum.canaryTotal += arms.canaryTotal;
    sum.stableBad += arms.stableBad;
    sum.stableTotal += arms.stableTotal;
    const pooled = (sum.canaryBad + sum.stableBad) / (sum.canaryTotal + sum.stableTotal);
    const error = Math.sqrt(pooled * (1 - pooled) * (1 / sum.canaryTotal + 1 / sum.stableTotal));
    return (sum.canaryBad / sum.canaryTotal - sum.stableBad / sum.stableTotal) / error > 1.6449;
  });
};

/** Wald's test that knows the true effect but not stable's rate, 5 %: no rule that must find out the effect can match it. */
export const oracle =
  (ratio: number): Rule =>
  (stream) => {
    let logE = 0;
    return each(stream, (arms) => {
      logE += logIncrement(arms, 1, ratio, 0);
      return logE >= Math.log(20);
    });
  };
