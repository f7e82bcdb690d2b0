import { describe, expect, test } from 'vitest';
import { logIncrement } from '../../../src/stats/affine.ts';
import {
  asymptoticRadius,
  asymptoticRadiusOneSided,
  asymptoticRho2,
  fewestRequests,
  multinomialLogBayesFactor,
  tLogEValue,
} from '../../../src/stats/alternatives.ts';
import { confidenceOf } from '../../../src/stats/confidence.ts';
import type { ArmCounts } from '../../../src/stats/counts.ts';
import { addToLikelihood, nodeRatios } from '../../../src/stats/likelihood.ts';
import { mannWhitney } from '../../../src/stats/mann-whitney.ts';
import { openRestartMixture, playRestartMixture } from '../../../src/stats/restart-mixture.ts';
import { betaI, gammaP, logGamma, logNormalCdf, probit } from '../../../src/stats/special.ts';
import vectors from './vectors.json' with { type: 'json' };

interface Vector {
  readonly group: string;
  readonly fn: string;
  readonly input: Record<string, never>;
  readonly expected: number | readonly number[] | Readonly<Record<string, number>>;
  readonly tol: number;
}

/** The vectors' row order is n_c, x_c, n_s, x_s. */
const countsOf = (row: readonly number[]): ArmCounts => ({
  canaryTotal: row[0] as number,
  canaryBad: row[1] as number,
  stableTotal: row[2] as number,
  stableBad: row[3] as number,
});

const armCounts = (i: Record<string, number>): ArmCounts => ({
  canaryTotal: i['nc'] as number,
  canaryBad: i['xc'] as number,
  stableTotal: i['ns'] as number,
  stableBad: i['xs'] as number,
});

function logChoose(n: number, k: number): number {
  return logGamma(n + 1) - logGamma(k + 1) - logGamma(n - k + 1);
}

/** E[e^ℓ] under Bernoulli counts, by enumerating every pair of outcomes. */
export function expectedEValue(i: Record<string, number>): number {
  const { nc, ns, pc, ps, theta0, theta1, delta } = i as Record<
    'nc' | 'ns' | 'pc' | 'ps' | 'theta0' | 'theta1' | 'delta',
    number
  >;
  let sum = 0;
  for (let xc = 0; xc <= nc; xc++) {
    for (let xs = 0; xs <= ns; xs++) {
      const logP =
        logChoose(nc, xc) +
        xc * Math.log(pc) +
        (nc - xc) * Math.log1p(-pc) +
        logChoose(ns, xs) +
        xs * Math.log(ps) +
        (ns - xs) * Math.log1p(-ps);
      const counts = { canaryTotal: nc, canaryBad: xc, stableTotal: ns, stableBad: xs };
      sum += Math.exp(logP + logIncrement(counts, theta0, theta1, delta));
    }
  }
  return sum;
}

function trajectory(i: Record<string, never>, isRestarted: boolean): number[] {
  const given = i as unknown as {
    theta0: number;
    delta: number;
    rho: number[];
    weights: number[];
    rows_nc_xc_ns_xs: number[][];
    phi: number;
    cap: number;
    w0: number;
    stepWeight: number;
    perBlockWeight: number;
  };
  const mixture = openRestartMixture(given.rho, given.weights);
  return given.rows_nc_xc_ns_xs.map((row, index) => {
    // A new weight every 6 rows, and a restart at every 6th interval.
    const later = index % 6 === 0 ? given.stepWeight + given.perBlockWeight : 0;
    const share = index === 0 ? given.w0 : later;
    return playRestartMixture(mixture, countsOf(row), {
      theta0: given.theta0,
      delta: given.delta,
      dispersion: isRestarted ? given.phi : 1,
      cap: isRestarted ? given.cap : Infinity,
      share: isRestarted ? share : Number(index === 0),
    });
  });
}

function confidence(i: Record<string, never>): Record<string, number> {
  const given = i as unknown as { alpha: number; phi: number; rows_nc_xc_ns_xs: number[][] };
  const state = { events: new Float64Array(24), requests: new Float64Array(24), canaryBad: 0 };
  const ratios = nodeRatios(24);
  for (const row of given.rows_nc_xc_ns_xs) addToLikelihood(state, countsOf(row), ratios);
  const found = confidenceOf(state, given.phi, given.alpha);
  return {
    ratioLo: found.ratio.low,
    ratioHi: found.ratio.high,
    mle: found.estimate,
    diffLo: found.difference.low,
    diffHi: found.difference.high,
    logMixture: found.logMixture,
  };
}

function radii(i: Record<string, number>): Record<string, number> {
  const { n, sigma, alpha, t_opt } = i as Record<'n' | 'sigma' | 'alpha' | 't_opt', number>;
  const rho2 = asymptoticRho2(t_opt, alpha);
  const rho1 = asymptoticRho2(t_opt, 2 * alpha);
  return {
    rho2: Math.sqrt(rho2),
    rho1: Math.sqrt(rho1),
    two_sided: asymptoticRadius(n, sigma, alpha, rho2),
    one_sided: asymptoticRadiusOneSided(n, sigma, alpha, rho1),
  };
}

type Numbers = Record<string, number>;
const compute: Record<string, (input: Record<string, never>) => Vector['expected']> = {
  logIncrement: (i: Numbers) =>
    logIncrement(armCounts(i), i['theta0'] as number, i['theta1'] as number, i['delta'] as number),
  'mixtureLogE.trajectory': (i) => trajectory(i, false),
  'restartMixtureLogE.trajectory': (i) => trajectory(i, true),
  'E[increment e-value] under Bernoulli null boundary': (i: Numbers) => expectedEValue(i),
  'passLogE(zero errors, theta1->0)': (i: Numbers) =>
    logIncrement(armCounts(i), i['theta0'] as number, i['theta1'] as number, i['delta'] as number),
  logBayesFactor: (i) => {
    const given = i as unknown as { counts: number[]; assignment: number[]; k: number };
    return multinomialLogBayesFactor(given.counts, given.assignment, given.k);
  },
  radius: (i: Numbers) => radii(i),
  logE: (i: Numbers) => tLogEValue(i['n'] as number, i['mean'] as number, i['sd'] as number, i['g'] as number),
  lgamma: (i: Numbers) => logGamma(i['x'] as number),
  logNormalCdf: (i: Numbers) => logNormalCdf(i['x'] as number),
  probit: (i: Numbers) => probit(i['p'] as number),
  betainc: (i: Numbers) => betaI(i['a'] as number, i['b'] as number, i['x'] as number),
  gammaP: (i: Numbers) => gammaP(i['a'] as number, i['x'] as number),
  'expected canary requests log(1/alpha)/KL': (i: Numbers) =>
    fewestRequests(i['p0'] as number, i['p1'] as number, i['alpha'] as number),
  'wilcox.test(conf.int,exact=FALSE,correct=TRUE)': (i) => {
    const given = i as unknown as { x: number[]; y: number[]; conf: number };
    const found = mannWhitney(given.x, given.y, given.conf);
    return { lo: found?.low ?? NaN, hi: found?.high ?? NaN, estimate: found?.estimate ?? NaN };
  },
  'ratioCS+diffCS': confidence,
};

const isNear = (found: number, expected: number, tol: number): boolean =>
  Math.abs(found - expected) <= tol * Math.max(1, Math.abs(expected));

describe('published vectors', () => {
  test.each((vectors as unknown as Vector[]).map((vector, n) => ({ ...vector, n })))(
    '$n: $group $fn agrees within $tol',
    ({ fn, input, expected, tol }) => {
      const found = compute[fn]?.(input);
      if (typeof expected === 'number') {
        expect({ found, isNear: isNear(found as number, expected, tol) }).toEqual({ found, isNear: true });
        return;
      }
      for (const [key, value] of Object.entries(found as object)) {
        const wanted = (expected as Numbers)[key] as number;
        expect({ key, value, wanted, isNear: isNear(value, wanted, tol) }).toEqual({
          key,
          value,
          wanted,
          isNear: true,
        });
      }
    },
  );
});
