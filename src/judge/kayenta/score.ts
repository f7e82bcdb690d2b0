/**
 * Kayenta's score of a canary from the labels of its metrics, and pass, marginal and fail from the score. Kayenta's gaps are kept
 * (an all-Error canary scores 100) and named in `warnings`, so that a migration does not hide them.
 */
import type { KayentaLabel } from './classify.ts';

export interface ScoredMetric {
  readonly name: string;
  readonly groups: readonly string[];
  readonly label: KayentaLabel;
  readonly isCritical: boolean;
  readonly isMuted?: boolean;
}

interface GroupScore {
  readonly name: string;
  /** 0–100; 0 without data, where it then counts as 100 in the sum, as in Kayenta. */
  readonly score: number;
  readonly hasData: boolean;
}

export interface KayentaScore {
  /** 0–100, two decimals. */
  readonly score: number;
  readonly classification: 'Pass' | 'Marginal' | 'Fail';
  readonly reason: string | undefined;
  readonly groups: readonly GroupScore[];
  /** What this score does not say. */
  readonly warnings: readonly string[];
}

export function scoreKayenta(
  metrics: readonly ScoredMetric[],
  groupWeights: Readonly<Record<string, number>>,
  thresholds: { readonly pass: number; readonly marginal: number },
): KayentaScore {
  const counted = metrics.filter(({ isMuted }) => isMuted !== true);
  const groups = [...new Set(counted.flatMap((metric) => metric.groups))].map((name) => scoreGroup(name, counted));
  const { score, reason } = total(counted, groups, groupWeights);
  const classification = score >= thresholds.pass ? 'Pass' : score >= thresholds.marginal ? 'Marginal' : 'Fail';
  return { score, classification, reason, groups, warnings: warningsOf(counted, groups, groupWeights) };
}

function scoreGroup(name: string, metrics: readonly ScoredMetric[]): GroupScore {
  const labels = metrics.filter(({ groups }) => groups.includes(name)).map(({ label }) => label);
  const count = (...wanted: KayentaLabel[]): number => labels.filter((label) => wanted.includes(label)).length;
  const all = count('Pass', 'High', 'Low', 'NodataFailMetric');
  return { name, score: all === 0 ? 0 : (100 * count('Pass')) / all, hasData: all > 0 };
}

function total(
  metrics: readonly ScoredMetric[],
  groups: readonly GroupScore[],
  weights: Readonly<Record<string, number>>,
): { score: number; reason: string | undefined } {
  const critical = metrics.find(({ isCritical, label }) => isCritical && label !== 'Pass');
  if (critical !== undefined) return { score: 0, reason: `Canary Failed: ${critical.name} is ${critical.label}` };
  const missing = metrics.filter(({ label }) => label === 'Nodata').length;
  if (metrics.length > 0 && (100 * missing) / metrics.length >= 50) {
    return { score: 0, reason: '50% or more metrics returned NODATA' };
  }
  const unweighted = groups.filter(({ name }) => weights[name] === undefined).length;
  const given = Object.values(weights).reduce((sum, weight) => sum + weight, 0);
  const rest = unweighted === 0 ? 0 : (100 - given) / unweighted;
  const sum = groups.reduce(
    (all, { name, score, hasData }) => all + ((hasData ? score : 100) * (weights[name] ?? rest)) / 100,
    0,
  );
  return { score: Math.round(sum * 100) / 100, reason: undefined };
}

function warningsOf(
  metrics: readonly ScoredMetric[],
  groups: readonly GroupScore[],
  weights: Readonly<Record<string, number>>,
): string[] {
  const failed = metrics.filter(({ label }) => label === 'Error').map(({ name }) => name);
  const empty = groups.filter(({ hasData }) => !hasData).map(({ name }) => name);
  const given = Object.values(weights).reduce((sum, weight) => sum + weight, 0);
  const unweighted = groups.filter(({ name }) => weights[name] === undefined).map(({ name }) => name);
  return [
    ...(failed.length === 0 ? [] : [`${failed.join(', ')} could not be judged and count nowhere in the score.`]),
    ...(empty.length === 0 ? [] : [`${empty.join(', ')} had no data and count as 100.`]),
    ...(given > 100 ? [`Group weights add up to ${given}, more than 100.`] : []),
    ...(given >= 100 && unweighted.length > 0
      ? [`${unweighted.join(', ')} have no weight left and cannot fail the canary.`]
      : []),
  ];
}
