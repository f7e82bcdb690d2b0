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

/** ln ∫_low^high e^{f(x)} dx for concave f with its maximum at `mode`; only mode ± 8 local standard deviations are looked at. */
export function logIntegral(
  f: (x: number) => number,
  low: number,
  high: number,
  mode: number,
  rule: Quadrature,
): number {
  const { inner, slope, curvature } = localShape(f, low, high, mode);
  const normal = curvature > 0 ? 8 / Math.sqrt(curvature) : high - low;
  // At an edge the integrand may fall exponentially rather than like a normal: forty e-foldings are enough.
  const isAtEdge = Math.abs(mode - inner) > 0;
  const exponential = isAtEdge && slope !== 0 ? Math.max(40 / Math.abs(slope), Math.abs(mode - inner)) : high - low;
  const width = Math.min(high - low, normal, exponential);
  const a = Math.max(low, mode - width);
  const b = Math.min(high, mode + width);
  const half = (b - a) / 2;
  const terms = rule.nodes.map((x, i) => f((a + b) / 2 + half * x) + (rule.logWeights[i] as number));
  return logSumExp(terms) + Math.log(half);
}

/** Where a concave f is largest on [low, high], to a small part of its local standard deviation: safeguarded Newton from `start`. */
export function modeOf(f: (x: number) => number, low: number, high: number, start: number): number {
  let [from, to] = [low, high];
  let x = Math.min(high, Math.max(low, start));
  for (let round = 0; round < 40; round++) {
    const { slope, curvature } = localShape(f, low, high, x);
    if (slope > 0) from = Math.max(from, x);
    else to = Math.min(to, x);
    const newton = curvature > 0 ? x + slope / curvature : slope > 0 ? high : low;
    const next =
      newton > from && newton < to
        ? newton
        : isOutside(newton, low, high)
          ? clampTo(newton, low, high)
          : (from + to) / 2;
    const moved = Math.abs(next - x);
    x = next;
    if (moved * Math.sqrt(Math.max(curvature, 0)) < 0.02 || moved < 1e-9) break;
  }
  return x;
}

function isOutside(x: number, low: number, high: number): boolean {
  return x <= low || x >= high;
}

function clampTo(x: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, x));
}

/** Slope and negative second derivative near x by differences, a little inside the interval. */
function localShape(
  f: (x: number) => number,
  low: number,
  high: number,
  x: number,
): { inner: number; slope: number; curvature: number } {
  const h = 1e-3 * (high - low);
  const inner = Math.min(Math.max(x, low + h), high - h);
  const [before, at, after] = [f(inner - h), f(inner), f(inner + h)];
  const curvature = (2 * at - before - after) / (h * h);
  return { inner, slope: (after - before) / (2 * h) - curvature * (x - inner), curvature };
}
