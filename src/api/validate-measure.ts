/**
 * Argo's fields of a metric: what its own validation says (utils/analysis/factory.go, ValidateMetric), plus expressions that cannot be
 * read and providers that Serin does not ask. A field with `{{args.x}}` in it is looked at when the arguments are known.
 */
import { parseExpression } from '../expression/parse.ts';
import { drawProblem } from '../expression/problem.ts';
import { isFields, stringAt } from './fields.ts';
import type { Finding } from './meta.ts';
import { quote, readDurationMs, units } from './units.ts';

/** Argo's fields as they are written. */
export interface WrittenMeasure {
  readonly name: string;
  readonly interval?: string;
  readonly initialDelay?: string;
  readonly count?: number | string;
  readonly successCondition?: string;
  readonly failureCondition?: string;
  readonly failureLimit?: number | string;
  readonly inconclusiveLimit?: number | string;
  readonly consecutiveErrorLimit?: number | string;
  readonly consecutiveSuccessLimit?: number | string;
  readonly provider?: Readonly<Record<string, unknown>>;
}

/** Providers that Argo has and Serin does not ask, with what to do instead. */
const INSTEAD: Readonly<Record<string, string>> = {
  kayenta: 'Use compare, which judges canary against stable itself; `serin convert` turns a canary config into it',
  datadog: 'Use web with the Datadog API and jsonPath, or job',
  wavefront: 'Use web with the Wavefront API and jsonPath, or job',
  newRelic: 'Use web with a NerdGraph query in jsonBody, or job',
  cloudWatch: 'Use prometheus with a CloudWatch exporter, or job',
  graphite: 'Use web with Graphite’s render API (format=json) and jsonPath',
  influxdb: 'Use web with the InfluxDB API and jsonPath, or job',
  skywalking: 'Use web with SkyWalking’s GraphQL in jsonBody, or prometheus with its PromQL service',
  plugin: 'Use web or job to run what the plugin ran',
};
const MEASURE_PROVIDERS = ['prometheus', 'web', 'job'];

const hasPlaceholder = (value: unknown): boolean => typeof value === 'string' && value.includes('{{');

/** Go's `IntValue`: a string that is no number is 0. */
export function readLimit(value: number | string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'number') return Math.trunc(value);
  return /^[+-]?\d{1,10}$/.test(value) ? Number(value) : 0;
}

/** Empty when nothing keeps the metric from being measured. */
export function measureFindings(metric: WrittenMeasure, path: string): readonly Finding[] {
  const found = [
    ...providerFindings(metric.provider, `${path}.provider`),
    ...durationFindings(metric, path),
    ...limitFindings(metric, path),
    ...conditionFindings(metric, path),
  ];
  return found.map((message) => ({ reason: 'InvalidSpec', message }));
}

function providerFindings(provider: WrittenMeasure['provider'], path: string): readonly string[] {
  const names = Object.keys(provider ?? {}).filter((name) => provider?.[name] !== null);
  const [name] = names;
  if (name === undefined) return [`${path} is empty. Write one of ${MEASURE_PROVIDERS.join(', ')}.`];
  if (names.length > 1) return [`${path} has ${names.join(' and ')}. Keep one of them.`];
  const instead = Object.hasOwn(INSTEAD, name) ? INSTEAD[name] : undefined;
  if (instead !== undefined) return [`${path}.${name} is a provider that Serin does not ask. ${instead}.`];
  if (!MEASURE_PROVIDERS.some((known) => known === name)) {
    return [`${path}.${name} is no provider that Serin knows. Write one of ${MEASURE_PROVIDERS.join(', ')}.`];
  }
  const needed = name === 'prometheus' ? 'query' : name === 'web' ? 'url' : 'spec';
  const settings = provider?.[name];
  const value = isFields(settings) ? settings[needed] : undefined;
  const isThere = needed === 'spec' ? isFields(value) : typeof value === 'string' && value !== '';
  return [
    ...(isThere ? [] : [`${path}.${name}.${needed} is missing. Write it.`]),
    ...(name === 'prometheus' ? prometheusFindings(settings, `${path}.prometheus`) : []),
    ...(name === 'web' ? webFindings(settings, `${path}.web`) : []),
  ];
}

function prometheusFindings(settings: unknown, path: string): readonly string[] {
  const region = stringAt(settings, 'authentication', 'sigv4', 'region');
  if (region === undefined) return [];
  return [
    `${path}.authentication.sigv4 is not supported. Put an aws-sigv4-proxy before the workspace and write its address, or use headers.`,
  ];
}

function webFindings(settings: unknown, path: string): readonly string[] {
  const jsonPath = stringAt(settings, 'jsonPath') ?? '';
  // Argo would take it for a text that stands for itself, whatever is answered.
  if (jsonPath !== '' && !jsonPath.includes('{')) {
    return [`${path}.jsonPath is ${quote(jsonPath)}, without braces. Write ${quote(`{${jsonPath}}`)}.`];
  }
  const method = stringAt(settings, 'method') ?? 'GET';
  if (hasPlaceholder(method)) return [];
  if (!['', 'GET', 'POST', 'PUT'].includes(method))
    return [`${path}.method is ${quote(method)}. Write GET, POST or PUT.`];
  const isText = (stringAt(settings, 'body') ?? '') !== '';
  const isJson = isFields(settings) && settings['jsonBody'] !== undefined;
  if (isText && isJson) return [`${path} has body and jsonBody. Keep one of them.`];
  if ((isText || isJson) && (method === '' || method === 'GET')) {
    return [`${path} has a body, which GET does not send. Write method: POST or PUT.`];
  }
  return [];
}

function durationFindings(metric: WrittenMeasure, path: string): readonly string[] {
  return (['interval', 'initialDelay'] as const).flatMap((field) => {
    const value = metric[field];
    if (value === undefined || value === '' || hasPlaceholder(value) || readDurationMs(value) !== undefined) return [];
    return [`${path}.${field} is ${quote(value)}. Write ${units.duration.written}.`];
  });
}

function limitFindings(metric: WrittenMeasure, path: string): readonly string[] {
  const written = [metric.count, metric.failureLimit, metric.inconclusiveLimit, metric.consecutiveErrorLimit];
  if ([...written, metric.consecutiveSuccessLimit].some(hasPlaceholder)) return [];
  const count = readLimit(metric.count) ?? 0;
  const failure = readLimit(metric.failureLimit) ?? 0;
  const success = readLimit(metric.consecutiveSuccessLimit) ?? 0;
  const inconclusive = readLimit(metric.inconclusiveLimit) ?? 0;
  const error = readLimit(metric.consecutiveErrorLimit) ?? 0;
  if (success < 0) return [`${path}.consecutiveSuccessLimit is ${success}. Write a number from 0.`];
  if (failure < -1) return [`${path}.failureLimit is ${failure}. Write a number from 0, or -1 for no limit.`];
  if (success === 0 && failure === -1) {
    return [`${path}.failureLimit is -1 and consecutiveSuccessLimit is 0, so nothing could end it. Set one of them.`];
  }
  if (inconclusive < 0) return [`${path}.inconclusiveLimit is ${inconclusive}. Write a number from 0.`];
  if (error < 0) return [`${path}.consecutiveErrorLimit is ${error}. Write a number from 0.`];
  if (count > 0 && failure >= 0 && count < failure + success) {
    return [
      `${path}.count is ${count}, below failureLimit + consecutiveSuccessLimit (${failure} + ${success}). Raise count or lower the limits.`,
    ];
  }
  if (count > 0 && count < success) {
    return [`${path}.count is ${count}, below consecutiveSuccessLimit (${success}). Raise count or lower the limit.`];
  }
  if (count > 0 && count < inconclusive) {
    return [`${path}.count is ${count}, below inconclusiveLimit (${inconclusive}). Raise count or lower the limit.`];
  }
  if (count > 1 && (metric.interval ?? '') === '')
    return [`${path}.count is ${count}, but there is no interval. Write interval.`];
  return [];
}

function conditionFindings(metric: WrittenMeasure, path: string): readonly string[] {
  return (['successCondition', 'failureCondition'] as const).flatMap((field) => {
    const text = metric[field];
    if (text === undefined || text === '' || hasPlaceholder(text)) return [];
    const expression = parseExpression(text);
    return expression.kind === 'problem' ? [`${path}.${field} cannot be read: ${drawProblem(expression)}`] : [];
  });
}
