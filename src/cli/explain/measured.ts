/** Metrics that providers measure, explained: counts against limits, the condition, the newest values, and what was asked. Pure. */
import type { AnalysisRun } from '../../api/analysis-run.ts';
import { stringAt } from '../../api/fields.ts';
import type { ResolvedMeasure } from '../../api/measure.ts';
import { effectiveCount, limitsOf, type Measurement, type MetricResult } from '../../judge/argo/measure.ts';
import { graphPath } from './graph.ts';

export interface MeasuredMetric {
  readonly name: string;
  readonly provider: string;
  readonly rule: ResolvedMeasure;
  /** Absent: not measured yet. */
  readonly result?: MetricResult;
  /** For Prometheus: what was asked, with the path of its own page. */
  readonly question?: { readonly query: string; readonly graph: string };
}

export function measuredOf({ spec, status }: AnalysisRun, lastMs: number): readonly MeasuredMetric[] {
  return (spec.measures ?? []).map((rule) => {
    const result = status?.metricResults?.find(({ name }) => name === rule.name) as MetricResult | undefined; // its shape is the schema's
    const provider = Object.keys(rule.provider)[0] ?? '';
    const query = stringAt(rule.provider, 'prometheus', 'query');
    return {
      name: rule.name,
      provider,
      rule,
      ...(result === undefined ? {} : { result }),
      ...(query === undefined
        ? {}
        : { question: { query, graph: graphPath(query, Date.parse(spec.startedAt), lastMs) } }),
    };
  });
}

/** Lines of text; `prometheus` is put before the graph's path. */
export function measuredLines(metric: MeasuredMetric, prometheus: string | undefined): readonly string[] {
  const { name, provider, rule, result, question } = metric;
  const dry = rule.isDryRun === true ? ', dry run: it never decides' : '';
  return [
    `${name}, measured by ${provider}${dry}: ${result?.phase ?? 'not measured yet'}.`,
    ...(result === undefined ? [] : resultLines(rule, result)),
    ...conditionLines(rule),
    ...(question === undefined
      ? []
      : [
          '  Asked, word for word (of the address in the template, if it names one):',
          `    ${question.query}`,
          ...(prometheus === undefined ? [] : [`    ${prometheus.replace(/\/+$/, '')}${question.graph}`]),
        ]),
  ];
}

const MOST_SHOWN = 5;

function resultLines(rule: ResolvedMeasure, result: MetricResult): readonly string[] {
  const { successful, failed, inconclusive, error, count, message, measurements } = result;
  const wanted = effectiveCount(rule);
  const limits = limitsOf(rule);
  const tolerated = limits.failure < 0 ? 'any number of failures' : `${limits.failure} of them failed`;
  return [
    `  ${count} measurements${wanted === undefined ? '' : ` of ${wanted}`}: ${successful} successful, ${failed} failed, ${inconclusive} inconclusive; and ${error} ${error === 1 ? 'Error' : 'Errors'}.`,
    `  Tolerated are ${tolerated}, ${limits.inconclusive} inconclusive, ${limits.consecutiveError} Errors in a row.`,
    ...(message === undefined || message === '' ? [] : [`  ${message}`]),
    ...measurements.slice(-MOST_SHOWN).map((one) => `    ${measurementText(one)}`),
  ];
}

function measurementText({ startedAt, phase, value, message }: Measurement): string {
  return [startedAt, phase, ...(value === undefined ? [] : [value]), ...(message === undefined ? [] : [message])].join(
    '   ',
  );
}

const conditionLines = ({ successCondition, failureCondition }: ResolvedMeasure): readonly string[] => [
  ...(successCondition === undefined ? [] : [`  Succeeds where ${successCondition}`]),
  ...(failureCondition === undefined ? [] : [`  Fails where ${failureCondition}`]),
];
