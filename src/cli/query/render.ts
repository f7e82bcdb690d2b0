/** What `serin query` prints for people. */
import type { MetricQuerySpec } from '../../api/metric-query.ts';
import { formatTable } from '../table.ts';
import type { Found, TemplateFile } from './find.ts';
import { propose } from './find.ts';
import { formsOf, selectorOf } from './forms.ts';
import { type LibraryQuery, MEASURES } from './library.ts';
import { needOf, renderNeed } from './needs.ts';

/** `counts`, `histogram`, `rate` or `gauge`. */
export function shapeName({ counts, histogram, rate }: MetricQuerySpec): string {
  if (counts !== undefined) return 'counts';
  if (histogram !== undefined) return 'histogram';
  return rate === undefined ? 'gauge' : 'rate';
}

/** `columns`: of the terminal. */
export function renderList(library: readonly LibraryQuery[], columns = Infinity): string {
  const rows = library.map(({ name, measures, spec }) => [
    name,
    measures,
    spec.source ?? '',
    shapeName(spec),
    spec.unit ?? '',
    spec.labels.pod === undefined ? 'no' : 'yes',
  ]);
  return formatTable(['NAME', 'MEASURES', 'SOURCE', 'SHAPE', 'UNIT', 'PODS'], rows, columns);
}

export interface Sides {
  readonly namespace: string;
  readonly stable: string;
  readonly canary: string;
}

/** What is pasted into Prometheus, and everything else that is known of a query. */
export function describeQuery({ name, measures, names, needs, advice, spec }: LibraryQuery, sides: Sides) {
  const { namespace } = sides;
  const [stable, canary] = [sides.stable, sides.canary].map((workload) => formsOf(spec, { namespace, workload }));
  const known = Object.values(spec.labels).map((label) => `${label}!=""`);
  return {
    name,
    summary: spec.summary,
    advice,
    measures,
    source: spec.source,
    shape: shapeName(spec),
    unit: spec.unit,
    labels: spec.labels,
    names,
    needs,
    value: stable?.value,
    promql: {
      stable: stable?.whole,
      canary: canary?.whole,
      ...(stable?.perPod === undefined ? {} : { stablePerPod: stable.perPod }),
      exists: `count(${selectorOf(spec, {}, known)})`,
    },
  };
}

export function renderQuery(query: LibraryQuery, sides: Sides): string {
  const { value, promql } = describeQuery(query, sides);
  const { spec } = query;
  const labels = Object.entries(spec.labels).map(([identity, label]) => `${identity} = ${label}`);
  const need = needOf(query.needs);
  return [
    `${query.name}: ${spec.summary}`,
    query.advice,
    '',
    `Measures    ${query.measures}`,
    `Source      ${spec.source ?? ''}`,
    `Shape       ${shapeName(spec)}, in ${spec.unit ?? 'events'}`,
    `Labels      ${labels.join(', ')}`,
    `Calibrated  ${spec.labels.pod === undefined ? 'no: it does not know pods' : 'yes: it knows pods'}`,
    `Names from  ${query.names}`,
    '',
    `Stable (${value ?? ''}):`,
    `  ${promql.stable ?? ''}`,
    'Canary:',
    `  ${promql.canary ?? ''}`,
    ...('stablePerPod' in promql ? ['Stable by pod, the noise of healthy pods:', `  ${promql.stablePerPod}`] : []),
    'There are series if this answers:',
    `  ${promql.exists}`,
    ...(need === undefined ? [] : ['', `Needs labels. ${need.why}`, indent(renderNeed(need))]),
  ].join('\n');
}

const STATES = { fits: 'yes', others: 'other workloads', unlabelled: 'no labels', none: '' } as const;
const MOST_NAMED = 3;

export function renderFound(
  found: readonly Found[],
  templates: readonly TemplateFile[],
  isAsked: boolean,
  columns = Infinity,
): string {
  const seen = found.filter(({ state }) => state !== 'none');
  if (seen.length === 0) {
    return 'No query of the library has data there. Check the address, and `serin query list` for what is known.';
  }
  const rows = seen.map(({ query, state, workloads, hasPods }) => [
    query.name,
    query.measures,
    STATES[state],
    hasPods ? 'yes' : 'no',
    workloads.length > MOST_NAMED
      ? `${workloads.slice(0, MOST_NAMED).join(' ')} and ${workloads.length - MOST_NAMED} more`
      : workloads.join(' '),
  ]);
  const missing = seen.filter(({ state, query }) => state === 'unlabelled' && needOf(query.needs) !== undefined);
  return [
    formatTable(['QUERY', 'MEASURES', 'DATA', 'PODS', 'WORKLOADS'], rows, columns),
    ...missing.map(
      ({ query }) => `\n${query.name} has series without the labels it needs; see: serin query show ${query.name}`,
    ),
    ...(isAsked ? ['', proposal(found, templates)] : []),
  ].join('\n');
}

function proposal(found: readonly Found[], templates: readonly TemplateFile[]): string {
  const best = propose(found);
  const lines = MEASURES.flatMap((measure) => {
    const choice = best[measure];
    return choice === undefined ? [] : [`  ${measure.padEnd(12)}  ${choice.query.name}`];
  });
  if (lines.length === 0) return 'Nothing fits: no query has data for all of these workloads.';
  const [template] = templates;
  const use = template === undefined ? [] : [`Template: ${template.name} (${template.queries.join(', ')})`];
  return ['Use:', ...lines, ...use].join('\n');
}

const indent = (text: string): string => text.replaceAll(/^/gm, '  ');
