/**
 * Anytime-valid intervals for canary ÷ stable and canary − stable: all values that a mixture of likelihood ratios does not reject
 * at level α. For display; decisions rest on e-processes. They hold for a constant ratio (or difference) over the run.
 */
import {
  type CurvePoint,
  type Likelihood,
  type LikelihoodCurve,
  HIGHEST_LOG_RATIO,
  LOWEST_LOG_RATIO,
  likelihoodCurve,
} from './likelihood.ts';
import { brent } from './numeric.ts';
import { gaussLegendre, logIntegral, modeOf } from './quadrature.ts';

/** Standard deviation of the prior on ln ratio. */
const PRIOR_SD = 1.2;
const RULE = gaussLegendre(36);
const LOG_PRIOR_PEAK = -Math.log(PRIOR_SD * Math.sqrt(2 * Math.PI));

export interface Bounds {
  readonly low: number;
  readonly high: number;
}

export interface Confidence {
  /** Maximum-likelihood ratio, within [0.02, 100]. */
  readonly estimate: number;
  readonly ratio: Bounds;
  readonly difference: Bounds;
  /** ln of the mixture of likelihood ratios against ratio 1. */
  readonly logMixture: number;
}

/**
 * Both intervals at level 1 − `alpha`, with the likelihood tempered by `dispersion` ≥ 1. Differences are looked for within
 * ± `widest`: 1 for proportions, more for rates.
 */
export function confidenceOf(state: Likelihood, dispersion: number, alpha: number, widest = 1): Confidence {
  const curve = likelihoodCurve(state);
  const point: CurvePoint = { value: 0, requests: 0 };
  const logLikelihood = (logRatio: number): number => {
    curve(logRatio, point);
    return point.value / dispersion;
  };
  const peak = peakOf(logLikelihood);
  const weighted = (x: number): number => logLikelihood(x) + logPrior(x);
  const mode = modeOf(weighted, LOWEST_LOG_RATIO, HIGHEST_LOG_RATIO, peak);
  const mixture = logIntegral(weighted, LOWEST_LOG_RATIO, HIGHEST_LOG_RATIO, mode, RULE);
  const excess = (x: number): number => mixture - logLikelihood(x) - Math.log(1 / alpha);
  const end = (edge: number): number =>
    excess(edge) < 0 || excess(peak) >= 0 ? Math.exp(edge) : Math.exp(brent(excess, edge, peak, 1e-9));
  curve(LOWEST_LOG_RATIO, point);
  const start = startOf(state, point.requests, Math.exp(peak), dispersion, widest);
  return {
    estimate: Math.exp(peak),
    ratio: { low: end(LOWEST_LOG_RATIO), high: end(HIGHEST_LOG_RATIO) },
    difference: {
      low: differenceBound(curve, dispersion, alpha, start, 'low', widest),
      high: differenceBound(curve, dispersion, alpha, start, 'high', widest),
    },
    logMixture: mixture,
  };
}

interface Start {
  /** A difference that is surely not rejected, and a first step away from it. */
  readonly difference: number;
  readonly step: number;
}

function startOf(state: Likelihood, requests: number, ratio: number, dispersion: number, widest: number): Start {
  const rate = state.canaryBad / Math.max(1, requests);
  return {
    difference: Math.max(-widest, Math.min(widest, rate - rate / ratio)),
    step: Math.min(widest, (4 * Math.sqrt((state.canaryBad + 1) * dispersion)) / Math.max(1, requests)),
  };
}

/** Root in δ of 2·∫ over ratios above (below) 1 of the likelihood ratio against "difference = δ" = 2/α. Within ± `widest`. */
function differenceBound(
  curve: LikelihoodCurve,
  dispersion: number,
  alpha: number,
  start: Start,
  side: 'low' | 'high',
  widest: number,
): number {
  const point: CurvePoint = { value: 0, requests: 0 };
  const [from, to] = side === 'low' ? [0, HIGHEST_LOG_RATIO] : [LOWEST_LOG_RATIO, 0];
  const needed = Math.log(2 / alpha) - Math.LN2;
  let mode = (from + to) / 2;
  const evidence = (delta: number): number => {
    const integrand = (x: number): number => {
      curve(x, point);
      return (point.value - delta * Math.expm1(x) * point.requests) / dispersion + logPrior(x);
    };
    mode = modeOf(integrand, from, to, mode);
    return logIntegral(integrand, from, to, mode, RULE) - needed;
  };
  const direction = side === 'low' ? -1 : 1;
  let inside = start.difference;
  let outside = inside;
  for (let step = start.step; Math.abs(outside) < widest; step *= 2) {
    outside = Math.max(-widest, Math.min(widest, outside + direction * step));
    if (evidence(outside) > 0) break;
    inside = outside;
  }
  if (evidence(outside) <= 0) return outside;
  // The start can lie outside when the prior forbids it; then the other end of the range is inside.
  if (evidence(inside) > 0) inside = -direction * widest;
  return evidence(inside) > 0 ? outside : brent(evidence, inside, outside, 1e-9);
}

function logPrior(x: number): number {
  return LOG_PRIOR_PEAK - (x * x) / (2 * PRIOR_SD * PRIOR_SD);
}

/** Where the likelihood is largest; at an edge of the range when it only rises or falls. */
function peakOf(f: (x: number) => number): number {
  const slope = (x: number): number => f(x + 1e-5) - f(x - 1e-5);
  if (slope(LOWEST_LOG_RATIO) <= 0) return LOWEST_LOG_RATIO;
  if (slope(HIGHEST_LOG_RATIO) >= 0) return HIGHEST_LOG_RATIO;
  return brent(slope, LOWEST_LOG_RATIO, HIGHEST_LOG_RATIO, 1e-9);
}
