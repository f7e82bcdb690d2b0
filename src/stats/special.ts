/** Special functions that JavaScript lacks, accurate to the tolerances of the published vectors. */

const HALF_LOG_TWO_PI = 0.9189385332046728;

/** ln Γ(x) for x > 0: shift to x ≥ 10, then Stirling's series. */
export function logGamma(x: number): number {
  if (x === 1 || x === 2) return 0;
  let shift = 0;
  let z = x;
  let product = 1;
  while (z < 10) {
    product *= z;
    z++;
  }
  if (product !== 1) shift = Math.log(product);
  const u = 1 / (z * z);
  const series =
    (1 / 12 + u * (-1 / 360 + u * (1 / 1260 + u * (-1 / 1680 + u * (1 / 1188 + u * (-691 / 360360 + u / 156)))))) / z;
  return (z - 0.5) * Math.log(z) - z + HALF_LOG_TWO_PI + series - shift;
}

/** ln B(v) = Σ ln Γ(v_k) − ln Γ(Σ v_k), the multivariate beta function. */
export function logBeta(values: readonly number[]): number {
  const sum = values.reduce((total, value) => total + value, 0);
  return values.reduce((total, value) => total + logGamma(value), 0) - logGamma(sum);
}

/** Regularised lower incomplete gamma P(a, x), a > 0, x ≥ 0. */
export function gammaP(a: number, x: number): number {
  if (x <= 0) return 0;
  const scale = Math.exp(-x + a * Math.log(x) - logGamma(a));
  return x < a + 1 ? scale * gammaSeries(a, x) : 1 - scale * gammaFraction(a, x);
}

function gammaSeries(a: number, x: number): number {
  let term = 1 / a;
  let sum = term;
  for (let n = 1; n < 10_000 && Math.abs(term) > Math.abs(sum) * 1e-17; n++) {
    term *= x / (a + n);
    sum += term;
  }
  return sum;
}

function gammaFraction(a: number, x: number): number {
  let b = x + 1 - a;
  let c = 1e300;
  let d = 1 / b;
  let h = d;
  for (let i = 1; i < 10_000; i++) {
    const an = -i * (i - a);
    b += 2;
    d = 1 / nonZero(an * d + b);
    c = nonZero(b + an / c);
    h *= d * c;
    if (Math.abs(d * c - 1) < 1e-16) break;
  }
  return h;
}

/** Regularised incomplete beta I_x(a, b), 0 ≤ x ≤ 1. */
export function betaI(a: number, b: number, x: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - betaI(b, a, 1 - x);
  const front = Math.exp(a * Math.log(x) + b * Math.log1p(-x) - logBeta([a, b])) / a;
  let c = 1;
  let d = 1 / nonZero(1 - ((a + b) * x) / (a + 1));
  let h = d;
  for (let m = 1; m < 10_000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / nonZero(1 + even * d);
    c = nonZero(1 + even / c);
    h *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / nonZero(1 + odd * d);
    c = nonZero(1 + odd / c);
    h *= d * c;
    if (Math.abs(d * c - 1) < 1e-16) break;
  }
  return front * h;
}

function nonZero(x: number): number {
  return Math.abs(x) < 1e-300 ? 1e-300 : x;
}

/** ln Φ(z) of the standard normal, also far in the lower tail. */
export function logNormalCdf(z: number): number {
  if (z > 0) return Math.log1p(-upperTail(z));
  if (z > -5) return Math.log(upperTail(-z));
  return logUpperTail(-z);
}

/** P(Z > z) for z ≥ 0. */
export function upperTail(z: number): number {
  if (z === 0) return 0.5;
  if (z > 5) return Math.exp(logUpperTail(z));
  return (1 - gammaP(0.5, (z * z) / 2)) / 2;
}

/** Continued fraction of Mills' ratio (Laplace), z ≥ 5. */
function logUpperTail(z: number): number {
  let fraction = z;
  for (let k = 120; k >= 1; k--) fraction = z + k / fraction;
  return (-z * z) / 2 - HALF_LOG_TWO_PI - Math.log(fraction);
}

/** Φ⁻¹(p), 0 < p < 1: Acklam's start, then Halley steps on ln Φ of the smaller tail. */
export function probit(p: number): number {
  if (p === 0.5) return 0;
  if (p > 0.5) return -probit(1 - p);
  const target = Math.log(p);
  const t = Math.sqrt(-2 * target);
  let z = -(
    t -
    (2.515517 + 0.802853 * t + 0.010328 * t * t) / (1 + 1.432788 * t + 0.189269 * t * t + 0.001308 * t ** 3)
  );
  for (let round = 0; round < 8; round++) {
    const value = logNormalCdf(z);
    const density = Math.exp((-z * z) / 2 - HALF_LOG_TWO_PI - value);
    const step = (value - target) / density;
    z -= step;
    if (Math.abs(step) < 1e-15 * Math.abs(z)) break;
  }
  return z;
}
