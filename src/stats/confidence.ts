/**
 * Anytime-valid intervals for canary ÷ stable and canary − stable: all values that a mixture of likelihood ratios does not reject
 * at level α. For display; decisions rest on e-processes. They hold for a constant ratio (or difference) over the run.
 */
import {
  type Likelihood,
  type LikelihoodCurve,
  HIGHEST_LOG_RATIO,
  LOWEST_LOG_RATIO,
  likelihoodCurve,
} from './likelihood.ts';
import { bisect, brent } from './numeric.ts';
import { type Quadrature, gaussLegendre, logIntegral } from './quadrature.ts';

/** Standard deviation of the prior on ln ratio. */
const PRIOR_SD = 1.2;
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

/** Both intervals at level 1 − `alpha`, with the likelihood tempered by `dispersion` ≥ 1. */
export function confidenceOf(state: Likelihood, dispersion: number, alpha: number): Confidence {
  const rule = gaussLegendre(48);
  const curve = likelihoodCurve(state);
  const logLikelihood = (logRatio: number): number => curve.value(logRatio) / dispersion;
  const mixture = logIntegral((x) => logLikelihood(x) + logPrior(x), LOWEST_LOG_RATIO, HIGHEST_LOG_RATIO, rule);
  const peak = peakOf(logLikelihood);
  const needed = Math.log(1 / alpha);
  const excess = (x: number): number => mixture - logLikelihood(x) - needed;
  return {
    estimate: Math.exp(peak),
    ratio: {
      low: excess(LOWEST_LOG_RATIO) < 0 ? Math.exp(LOWEST_LOG_RATIO) : Math.exp(bisect(excess, LOWEST_LOG_RATIO, peak)),
      high:
        excess(HIGHEST_LOG_RATIO) < 0 ? Math.exp(HIGHEST_LOG_RATIO) : Math.exp(bisect(excess, peak, HIGHEST_LOG_RATIO)),
    },
    difference: {
      low: differenceBound(curve, dispersion, alpha, rule, 'low'),
      high: differenceBound(curve, dispersion, alpha, rule, 'high'),
    },
    logMixture: mixture,
  };
}

/** Root in δ of 2·∫ over ratios above (below) 1 of the likelihood ratio against "difference = δ" = 2/α. Within [−1, 1]. */
function differenceBound(
  curve: LikelihoodCurve,
  dispersion: number,
  alpha: number,
  rule: Quadrature,
  side: 'low' | 'high',
): number {
  const [from, to] = side === 'low' ? [0, HIGHEST_LOG_RATIO] : [LOWEST_LOG_RATIO, 0];
  const needed = Math.log(2 / alpha) - Math.LN2;
  const evidence = (delta: number): number =>
    logIntegral(
      (x) => (curve.value(x) - delta * Math.expm1(x) * curve.requests(x)) / dispersion + logPrior(x),
      from,
      to,
      rule,
    ) - needed;
  return evidence(-1) > 0 === evidence(1) > 0 ? (side === 'low' ? -1 : 1) : brent(evidence, -1, 1, 1e-12);
}

function logPrior(x: number): number {
  return LOG_PRIOR_PEAK - (x * x) / (2 * PRIOR_SD * PRIOR_SD);
}

function peakOf(f: (x: number) => number): number {
  const slope = (x: number): number => f(x + 1e-5) - f(x - 1e-5);
  return bisect(slope, LOWEST_LOG_RATIO, HIGHEST_LOG_RATIO);
}
