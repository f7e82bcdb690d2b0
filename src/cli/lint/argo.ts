/**
 * Metrics as Argo Rollouts has them, in its templates or in Serin's: fields and providers (limits.ts: times and limits). Its own validation
 * (utils/analysis/factory.go, ValidateMetric) is repeated; what it accepts although no run could ever come to it is said too.
 */
import { at, type Fields, isFields, listAt, stringAt } from '../../api/fields.ts';
import { GROUP } from '../../api/meta.ts';
import { quote } from '../../api/units.ts';
import { type Check, groupOf } from './context.ts';
import { didYouMean, finding, type LintFinding, writtenPath } from './finding.ts';
import { settingProblems } from './provider-settings.ts';
import type { Path, SourceObject } from './source.ts';

const ARGO_GROUP = 'argoproj.io';
const TEMPLATE_KINDS = ['AnalysisTemplate', 'ClusterAnalysisTemplate', 'AnalysisRun'];

const METRIC_FIELDS = [
  'name',
  'interval',
  'initialDelay',
  'count',
  'successCondition',
  'failureCondition',
  'failureLimit',
  'inconclusiveLimit',
  'consecutiveErrorLimit',
  'consecutiveSuccessLimit',
  'provider',
];
const SPEC_FIELDS = ['metrics', 'args', 'dryRun', 'measurementRetention', 'templates', 'terminate', 'ttlStrategy'];
const PROVIDERS = [
  'prometheus',
  'kayenta',
  'web',
  'datadog',
  'wavefront',
  'newRelic',
  'job',
  'cloudWatch',
  'graphite',
  'influxdb',
  'skywalking',
  'plugin',
];
const PROVIDER_FIELDS: Readonly<Record<string, readonly string[]>> = {
  prometheus: ['address', 'query', 'authentication', 'timeout', 'insecure', 'headers', 'rangeQuery'],
  web: ['url', 'method', 'headers', 'body', 'jsonBody', 'jsonPath', 'timeoutSeconds', 'insecure', 'authentication'],
  job: ['metadata', 'spec'],
};
/** What Serin asks itself. */
const ASKED = ['prometheus', 'web', 'job'];

export interface ArgoMetric {
  readonly metric: Fields;
  readonly path: Path;
}

/** Metrics with a provider, of either group. */
export function argoMetrics({ kind, apiVersion, value }: SourceObject): readonly ArgoMetric[] {
  const group = groupOf(apiVersion);
  if (!TEMPLATE_KINDS.includes(kind) || (group !== ARGO_GROUP && group !== GROUP)) return [];
  return listAt(value, 'spec', 'metrics').flatMap((metric, index) => {
    const isArgo = isFields(metric) && (group === ARGO_GROUP || metric['provider'] !== undefined);
    return isArgo ? [{ metric, path: ['spec', 'metrics', index] }] : [];
  });
}

export const isArgoTemplate = ({ kind, apiVersion }: SourceObject): boolean =>
  groupOf(apiVersion) === ARGO_GROUP && TEMPLATE_KINDS.includes(kind);

/** Argo's own kinds have no schema here: their fields, names and providers. */
export const checkArgoShape: Check = (object) => {
  if (!isArgoTemplate(object)) return [];
  const { value } = object;
  const metrics = listAt(value, 'spec', 'metrics');
  const found: LintFinding[] = [];
  if (!isFields(at(value, 'spec')))
    return [finding('schema', object.place(['kind']), `This ${object.kind} has no spec. Write spec.metrics.`)];
  if (metrics.length === 0 && listAt(value, 'spec', 'templates').length === 0) {
    found.push(
      finding('schema', object.place(['spec']), 'spec has no metrics, so nothing is measured. Write spec.metrics.'),
    );
  }
  found.push(...unknownFields(object, ['spec'], SPEC_FIELDS));
  const names = metrics.map((metric) => stringAt(metric, 'name'));
  for (const [index, metric] of metrics.entries()) {
    const path = ['spec', 'metrics', index];
    if (!isFields(metric)) {
      found.push(
        finding(
          'schema',
          object.place(path),
          `${writtenPath(path)} is ${quote(metric)}. Write a metric with a name and a provider.`,
        ),
      );
      continue;
    }
    if (names[index] === undefined)
      found.push(finding('schema', object.place(path), `${writtenPath(path)} has no name. Write one.`));
    else if (names.indexOf(names[index]) !== index) {
      found.push(
        finding(
          'schema',
          object.place([...path, 'name']),
          `Two metrics have the name ${names[index]}. Give each its own name.`,
        ),
      );
    }
    found.push(...unknownFields(object, path, METRIC_FIELDS), ...argumentsOfProvider(object, path));
  }
  return found;
};

function unknownFields(object: SourceObject, path: Path, known: readonly string[]): readonly LintFinding[] {
  const value = path.reduce<unknown>(
    (here, key) => (Array.isArray(here) ? here[Number(key)] : at(here, String(key))),
    object.value,
  );
  if (!isFields(value)) return [];
  return Object.keys(value)
    .filter((key) => !known.includes(key))
    .map((key) => {
      const hint = didYouMean(key, known) || ` It may be ${known.join(', ')}.`;
      return finding(
        'unknown-field',
        object.keyPlace([...path, key]),
        `${writtenPath(path)} has no field ${key}, so the server would drop it in silence.${hint}`,
      );
    });
}

function argumentsOfProvider(object: SourceObject, path: Path): readonly LintFinding[] {
  const fields = Object.keys(PROVIDER_FIELDS);
  return fields.flatMap((name) => unknownFields(object, [...path, 'provider', name], PROVIDER_FIELDS[name] ?? []));
}

/** Exactly one provider, one that is known, with what it needs. */
export const checkProviders: Check = (object) =>
  argoMetrics(object).flatMap(({ metric, path }) => providerFindings(object, metric, path));

function providerFindings(object: SourceObject, metric: Fields, path: Path): readonly LintFinding[] {
  const { provider } = metric;
  const where = [...path, 'provider'];
  const names = isFields(provider) ? Object.keys(provider) : [];
  const [name] = names;
  if (name === undefined) {
    return metric['compare'] === undefined
      ? [
          finding(
            'provider',
            object.place(where),
            `${writtenPath(path)} has no provider, so nothing is measured. Write provider.prometheus with a query.`,
          ),
        ]
      : [];
  }
  if (names.length > 1) {
    return [
      finding(
        'provider',
        object.place(where),
        `${writtenPath(where)} names ${names.join(' and ')}. Keep one, and make a metric of the other.`,
      ),
    ];
  }
  if (!PROVIDERS.includes(name)) {
    return [
      finding(
        'provider',
        object.keyPlace([...where, name]),
        `There is no provider ${name}.${didYouMean(name, PROVIDERS) || ` Serin asks ${ASKED.join(', ')}.`}`,
      ),
    ];
  }
  if (groupOf(object.apiVersion) === GROUP && !ASKED.includes(name)) {
    return [
      finding(
        'provider',
        object.keyPlace([...where, name]),
        `Serin does not ask ${name}. Use ${ASKED.join(', ')}; web reaches anything that answers JSON over HTTP.`,
      ),
    ];
  }
  const needed = name === 'prometheus' ? 'query' : name === 'web' ? 'url' : undefined;
  if (needed === undefined) return [];
  const written = stringAt(provider, name, needed);
  // An empty query is said where it stands.
  if (written !== undefined && (written !== '' || needed === 'query'))
    return settingFindings(object, where, name, at(provider, name));
  return [
    finding(
      'provider',
      object.keyPlace([...where, name]),
      `${writtenPath([...where, name])} has no ${needed}. Write it.`,
    ),
  ];
}

/** Each setting at its place. */
function settingFindings(
  object: SourceObject,
  where: Path,
  provider: string,
  settings: unknown,
): readonly LintFinding[] {
  return settingProblems(provider, settings).map(({ field, message }) => {
    const path = [...where, provider, field];
    return finding('provider', object.place(path), `${writtenPath(path)} ${message}`);
  });
}
