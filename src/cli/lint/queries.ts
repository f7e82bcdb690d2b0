/** Every PromQL text of an object: its syntax, and whether it asks for what was meant. And MetricQueries whose labels lose something. */
import { at, fieldsAt, isFields, listAt, sameJson, stringAt } from '../../api/fields.ts';
import type { Check, LintContext } from './context.ts';
import { finding, type LintFinding, textFinding } from './finding.ts';
import { parseQuery } from './promql.ts';
import { senseProblems } from './promql-sense.ts';
import type { Path, SourceObject } from './source.ts';

interface QueryText {
  readonly path: Path;
  readonly value: string;
}

/** `prometheus.query` of Argo-style metrics, `promql` of MetricQueries, wherever they stand. */
function queryTexts(value: unknown, path: Path): readonly QueryText[] {
  if (Array.isArray(value)) return value.flatMap((item, index) => queryTexts(item, [...path, index]));
  if (!isFields(value)) return [];
  return Object.entries(value).flatMap(([key, field]) => {
    const here = [...path, key];
    const isQuery =
      typeof field === 'string' && (key === 'promql' || (key === 'query' && path.at(-1) === 'prometheus'));
    return isQuery ? [{ path: here, value: field }] : queryTexts(field, here);
  });
}

export const checkPromql: Check = (object, context) =>
  queryTexts(at(object.value, 'spec'), ['spec']).flatMap((text) => findingsOf(object, text, context));

function findingsOf(object: SourceObject, text: QueryText, { options }: LintContext): readonly LintFinding[] {
  const query = parseQuery(text.value);
  if (query.problems.length > 0) {
    return query.problems.map((problem) => textFinding('promql', object, text, problem, problem.message));
  }
  return senseProblems(text.value, query, options.scrapeMs).map((problem) =>
    textFinding(problem.rule, object, text, problem, problem.message),
  );
}

/** Labels of a MetricQuery, or of one given inline. */
export const checkQueryLabels: Check = (object, { library }) => {
  // What Serin ships says itself why it lacks a label.
  if (sameJson(library.get(`${object.kind}/${object.name}`), at(object.value, 'spec'))) return [];
  if (object.kind === 'MetricQuery') return labelFindings(object, at(object.value, 'spec'), ['spec']);
  return listAt(object.value, 'spec', 'metrics').flatMap((metric, index) =>
    labelFindings(object, at(metric, 'compare', 'inline'), ['spec', 'metrics', index, 'compare', 'inline']),
  );
};

function labelFindings(object: SourceObject, query: unknown, path: Path): readonly LintFinding[] {
  if (!isFields(at(query, 'labels'))) return [];
  const labels = fieldsAt(query, 'labels');
  const place = object.place([...path, 'labels']);
  const found: LintFinding[] = [];
  if (labels['namespace'] === undefined) {
    found.push(
      finding(
        'no-namespace-label',
        place,
        'labels has no namespace, so workloads of the same name in other namespaces are counted too. Name the label that holds the namespace.',
      ),
    );
  }
  if (labels['pod'] === undefined && !isSeenFromOutside(query)) {
    found.push(
      finding(
        'no-pod-label',
        place,
        'labels has no pod, so the noise of healthy pods stays unknown and verdicts need more evidence. Name the label that holds the pod, if the metric has one.',
      ),
    );
  }
  return found;
}

/** Callers do not know which pod answered: there is no label to be named. */
function isSeenFromOutside(query: unknown): boolean {
  return ['counts', 'histogram', 'rate', 'gauge'].some((shape) =>
    [at(query, shape), at(query, shape, 'total'), at(query, shape, 'events')].some((selector) => {
      const reporter = at(selector, 'match', 'reporter');
      return reporter === 'source' || stringAt(reporter, 'regex')?.includes('source') === true;
    }),
  );
}
