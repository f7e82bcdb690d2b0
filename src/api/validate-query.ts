/** MetricQueries and inline queries: everything that would only show when Prometheus is asked. */
import { checkQuery, selectorsOf, shapeOf } from '../judge/query-shape.ts';
import { sameJson } from './fields.ts';
import { labelMatchFinding } from './label-match.ts';
import { type Finding, invalid } from './meta.ts';
import { MetricQuerySpec } from './metric-query.ts';
import { shapeFindings } from './shape.ts';

/** What keeps a query from working; empty when nothing does. `path` is where it stands, e.g. `spec`. */
export function validateQuery(spec: unknown, path = 'spec'): readonly Finding[] {
  const shape = shapeFindings(MetricQuerySpec, spec, path);
  if (shape.length > 0) return shape;
  const query = spec as MetricQuerySpec; // just checked against its schema
  if (shapeOf(query) === undefined) {
    const written = selectorsOf(query).length === 0 ? 'none' : 'more than one';
    return [invalid(`${path} has ${written} of counts, histogram, rate and gauge. Write exactly one.`)];
  }
  const matches = matchFindings(query, path);
  if (matches.length > 0) return matches;
  const unusable = checkQuery(query, path);
  if (unusable !== undefined) return [unusable];
  const { counts, rate } = query;
  if (rate?.per !== undefined && sameJson(rate.events, rate.per)) {
    return [
      invalid(
        `${path}.rate.per counts the same as events, so there is always one per one. Leave per out for a rate per pod and second.`,
      ),
    ];
  }
  if (counts === undefined || !sameJson(counts.total, counts.bad)) return [];
  return [
    invalid(
      `${path}.counts.bad counts the same as total, so every event would be bad. Add the matcher that tells bad ones, e.g. response_code.`,
    ),
  ];
}

function matchFindings(query: MetricQuerySpec, path: string): readonly Finding[] {
  return selectorsOf(query).flatMap(({ selector, field }) =>
    Object.entries(selector.match ?? {}).flatMap(
      ([label, wanted]) => labelMatchFinding(label, wanted, `${path}.${field}.match`) ?? [],
    ),
  );
}
