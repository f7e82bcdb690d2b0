/** Which queries of the library have data in a Prometheus, for which workloads, and what to use for one of them. */
import { stringAt } from '../../api/fields.ts';
import { allLimited } from '../../metrics/limited.ts';
import type { MetricSource, QueryAnswer } from '../../metrics/port.ts';
import { selectorOf, wholeOf } from './forms.ts';
import type { LibraryQuery, Measure } from './library.ts';

export interface Wanted {
  readonly namespace?: string | undefined;
  /** Workloads that all must be there; empty: whatever there is. */
  readonly workloads: readonly string[];
}

/** `fits`: all that is wanted is there. `others`: only other workloads. `unlabelled`: series without the labels it needs. */
type State = 'fits' | 'others' | 'unlabelled' | 'none';

export interface Found {
  readonly query: LibraryQuery;
  readonly state: State;
  /** `namespace/workload`, sorted; at most as many as there are in the answer. */
  readonly workloads: readonly string[];
  /** Whether its series name their pods, so that verdicts are calibrated. */
  readonly hasPods: boolean;
}

const MOST_AT_ONCE = 4;
const PROBE = 'serin_probe';

/** Asks one query for each; rejects when Prometheus does not answer. */
export async function findQueries(
  source: MetricSource,
  library: readonly LibraryQuery[],
  wanted: Wanted,
  atMs: number,
  signal: AbortSignal,
): Promise<readonly Found[]> {
  const found = new Map<string, Found>();
  await allLimited(library, MOST_AT_ONCE, async (query) => {
    found.set(query.name, readAnswer(query, await source.instant(probeOf(query), atMs, signal), wanted));
  });
  return library.flatMap((query) => found.get(query.name) ?? []);
}

/** Workloads with series, whether any have pods, and whether any series has the labels at all. */
export function probeOf({ spec }: LibraryQuery): string {
  const { namespace, workload, pod } = spec.labels;
  const known = [namespace, workload].filter((label) => label !== undefined);
  // Series of another exporter may have the same name; the labels that the query matches tell them apart.
  const told = Object.keys({ ...spec.counts?.bad.match, ...wholeOf(spec).match }).map((label) => `${label}!=""`);
  const all = selectorOf(spec, {}, told);
  const labelled = selectorOf(spec, {}, [...told, ...known.map((label) => `${label}!=""`)]);
  const marked = (part: string, expression: string): string =>
    `label_replace(${expression}, "${PROBE}", "${part}", "", "")`;
  const parts = [
    marked('workload', `count by (${known.join(', ')}) (${labelled})`),
    marked('any', `count(${all})`),
    ...(pod === undefined ? [] : [marked('pod', `count(${selectorOf(spec, {}, [...told, `${pod}!=""`])})`)]),
  ];
  return parts.join(' or ');
}

function readAnswer(query: LibraryQuery, answer: QueryAnswer, wanted: Wanted): Found {
  const { namespace, workload } = query.spec.labels;
  const part = (name: string) => answer.series.filter(({ labels }) => labels[PROBE] === name);
  const there = part('workload').map(({ labels }) => ({
    namespace: namespace === undefined ? undefined : labels[namespace],
    workload: labels[workload ?? ''] ?? '',
  }));
  const inNamespace = there.filter(
    (each) => wanted.namespace === undefined || each.namespace === undefined || each.namespace === wanted.namespace,
  );
  const hasAll = wanted.workloads.every((name) => inNamespace.some((each) => each.workload === name));
  return {
    query,
    state: stateOf(part('any').length > 0, there.length > 0, inNamespace.length > 0 && hasAll),
    workloads: there
      .map((each) => (each.namespace === undefined ? each.workload : `${each.namespace}/${each.workload}`))
      .toSorted(),
    hasPods: part('pod').length > 0,
  };
}

function stateOf(hasAny: boolean, hasLabelled: boolean, fits: boolean): State {
  if (fits) return 'fits';
  if (hasLabelled) return 'others';
  return hasAny ? 'unlabelled' : 'none';
}

/**
 * Sources in the order in which they are proposed, after those with pods: who is nearest to the workload's users knows most.
 * What is not listed comes last, e.g. calls that the workload itself makes.
 */
const ORDER = [
  'istio-requests',
  'istio-latency',
  'linkerd-requests',
  'linkerd-latency',
  'spring',
  'otel-server',
  'grpc-server',
  'dubbo-provider',
  'express',
  'argo-http',
  'kruise-http',
  'http',
  'istio-waypoint',
  'istio-requests-source',
  'istio-latency-source',
  'istio-gateway',
  'envoy-gateway',
  'nginx',
  'traefik',
  'higress',
  'envoy',
  'istio-mixer',
];

const rankOf = (name: string): number => {
  const exact = ORDER.indexOf(name);
  if (exact >= 0) return exact;
  const family = ORDER.findIndex((prefix) => name.startsWith(`${prefix}-`));
  return family >= 0 ? family : ORDER.length;
};

/** The best fitting query for each thing that can be measured. */
export function propose(found: readonly Found[]): Partial<Record<Measure, Found>> {
  const best: Partial<Record<Measure, Found>> = {};
  const order = (left: Found, right: Found): number =>
    Number(right.hasPods) - Number(left.hasPods) || rankOf(left.query.name) - rankOf(right.query.name);
  for (const each of found.filter(({ state }) => state === 'fits').toSorted(order)) best[each.query.measures] ??= each;
  return best;
}

export interface TemplateFile {
  readonly name: string;
  readonly queries: readonly string[];
}

/** Name and queries of a ready-made template; `undefined` where it has a metric that asks nothing of the library. */
export function templateOf(object: unknown): TemplateFile | undefined {
  const name = stringAt(object, 'metadata', 'name');
  const metrics = (object as { readonly spec?: { readonly metrics?: unknown } } | null)?.spec?.metrics;
  if (name === undefined || !Array.isArray(metrics)) return undefined;
  const queries = metrics.map((metric: unknown) => stringAt(metric, 'compare', 'query'));
  return queries.every((query) => query !== undefined) ? { name, queries } : undefined;
}

/** Templates all of whose queries fit, those with proposed queries first. */
export function fittingTemplates(templates: readonly TemplateFile[], found: readonly Found[]): readonly TemplateFile[] {
  const fitting = new Set(found.filter(({ state }) => state === 'fits').map(({ query }) => query.name));
  const proposed = new Set(Object.values(propose(found)).map(({ query }) => query.name));
  const score = ({ queries }: TemplateFile): number => queries.filter((query) => proposed.has(query)).length;
  return templates
    .filter(({ queries }) => queries.length > 0 && queries.every((query) => fitting.has(query)))
    .toSorted((left, right) => score(right) - score(left));
}
