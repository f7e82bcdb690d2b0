/** ∫ e^{f} over an interval for log-concave f, in log space: Gauss–Legendre around the mode. */
import { logSumExp } from './numeric.ts';

export interface Quadrature {
  readonly nodes: Float64Array;
  readonly logWeights: Float64Array;
}

/** Nodes and ln weights of n-point Gauss–Legendre on [−1, 1], by Newton on the Legendre recurrence. */
export function gaussLegendre(n: number): Quadrature {
  const nodes = new Float64Array(n);
  const logWeights = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    let x = Math.cos((Math.PI * (i + 0.75)) / (n + 0.5));
    let slope = 1;
    for (let round = 0; round < 20; round++) {
      let [previous, value] = [1, x];
      for (let k = 2; k <= n; k++) [previous, value] = [value, ((2 * k - 1) * x * value - (k - 1) * previous) / k];
      slope = (n * (x * value - previous)) / (x * x - 1);
      const step = value / slope;
      x -= step;
      if (Math.abs(step) < 1e-15) break;
    }
    nodes[i] = x;
    logWeights[i] = Math.log(2 / ((1 - x * x) * slope * slope));
  }
  return { nodes, logWeights };
}

/** ln ∫_low^high e^{f(x)} dx. f must be concave; only mode ± 8 local standard deviations are looked at. */
export function logIntegral(f: (x: number) => number, low: number, high: number, rule: Quadrature): number {
  const mode = modeOf(f, low, high);
  const h = 1e-3 * (high - low);
  const inner = Math.min(Math.max(mode, low + h), high - h);
  const curvature = (2 * f(inner) - f(inner - h) - f(inner + h)) / (h * h);
  const slope = Math.abs(f(inner + h) - f(inner - h)) / (2 * h);
  const width = Math.min(
    high - low,
    curvature > 0 ? 8 / Math.sqrt(curvature) : high - low,
    reach(slope, mode, inner, high - low),
  );
  const a = Math.max(low, mode - width);
  const b = Math.min(high, mode + width);
  const half = (b - a) / 2;
  const terms = rule.nodes.map((x, i) => f((a + b) / 2 + half * x) + (rule.logWeights[i] as number));
  return logSumExp(terms) + Math.log(half);
}

/** At an edge the integrand may fall exponentially rather than like a normal: forty e-foldings are enough. */
function reach(slope: number, mode: number, inner: number, most: number): number {
  const isAtEdge = mode !== inner;
  return isAtEdge && slope > 0 ? Math.max(40 / slope, Math.abs(mode - inner)) : most;
}

function modeOf(f: (x: number) => number, low: number, high: number): number {
  const golden = (Math.sqrt(5) - 1) / 2;
  let [a, b] = [low, high];
  let [x, y] = [b - golden * (b - a), a + golden * (b - a)];
  let [fx, fy] = [f(x), f(y)];
  for (let i = 0; i < 26; i++) {
    if (fx > fy) {
      [b, y, fy] = [y, x, fx];
      x = b - golden * (b - a);
      fx = f(x);
    } else {
      [a, x, fx] = [x, y, fy];
      y = a + golden * (b - a);
      fy = f(y);
    }
  }
  const inside = (a + b) / 2;
  const candidates = [low, inside, high];
  return candidates.reduce((best, at) => (f(at) > f(best) ? at : best), inside);
}
