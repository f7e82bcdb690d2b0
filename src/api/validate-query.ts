/** MetricQueries and inline queries: everything that would only show when Prometheus is asked. */
import { checkQuery } from '../judge/query-shape.ts';
import { sameJson } from './fields.ts';
import { labelMatchFinding } from './label-match.ts';
import type { Finding } from './meta.ts';
import { MetricQuerySpec } from './metric-query.ts';
import { shapeFindings } from './shape.ts';

/** What keeps a query from working; empty when nothing does. `path` is where it stands, e.g. `spec`. */
export function validateQuery(spec: unknown, path = 'spec'): readonly Finding[] {
  const shape = shapeFindings(MetricQuerySpec, spec, path);
  if (shape.length > 0) return shape;
  const query = spec as MetricQuerySpec; // just checked against its schema
  if ((query.counts === undefined) === (query.histogram === undefined)) {
    return [
      invalid(
        `${path} has ${query.counts === undefined ? 'neither' : 'both'} of counts and histogram. Write exactly one.`,
      ),
    ];
  }
  const matches = matchFindings(query, path);
  if (matches.length > 0) return matches;
  const unusable = checkQuery(query, path);
  if (unusable !== undefined) return [unusable];
  const { counts } = query;
  if (counts === undefined || !sameJson(counts.total, counts.bad)) return [];
  return [
    invalid(
      `${path}.counts.bad counts the same as total, so every event would be bad. Add the matcher that tells bad ones, e.g. response_code.`,
    ),
  ];
}

function matchFindings(query: MetricQuerySpec, path: string): readonly Finding[] {
  const places = [
    { match: query.counts?.total.match, where: `${path}.counts.total.match` },
    { match: query.counts?.bad.match, where: `${path}.counts.bad.match` },
    { match: query.histogram?.match, where: `${path}.histogram.match` },
  ];
  return places.flatMap(({ match, where }) =>
    Object.entries(match ?? {}).flatMap(([label, wanted]) => labelMatchFinding(label, wanted, where) ?? []),
  );
}

function invalid(message: string): Finding {
  return { reason: 'InvalidSpec', message };
}
