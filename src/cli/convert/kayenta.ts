/** A canary config of Kayenta as an AnalysisTemplate: its Prometheus metrics, directions, critical marks and group weights. Pure. */
import { at, type Fields, fieldsAt, isFields, listAt, numberAt, stringAt } from '../../api/fields.ts';
import { API_VERSION } from '../../api/meta.ts';
import { inlineCounts, inlineGauge, metricsFor } from './compare.ts';
import { type Loss, losing, nameOf, type Outcome } from './outcome.ts';
import { libraryQuery, recognise, type Recognised, type Selected, splitIdentity } from './recognise.ts';
import type { Library } from '../lint/library.ts';

/** Whether a JSON document is a canary config, alone or inside an ad-hoc request. */
export function isCanaryConfig(value: unknown): value is Fields {
  return (
    isFields(value) &&
    value['kind'] === undefined &&
    Array.isArray(value['metrics']) &&
    (at(value, 'judge') !== undefined || at(value, 'classifier') !== undefined)
  );
}

export function convertCanaryConfig(config: Fields, file: string, library: Library): Outcome {
  const name = nameOf(stringAt(config, 'name') ?? '', 'canary-config');
  const losses: Loss[] = [];
  const metrics = listAt(config, 'metrics').flatMap((metric, index) => {
    const converted = convertMetric(metric, config, losing(`${file}: metrics[${index}]`), library);
    losses.push(...converted.losses);
    return converted.metrics;
  });
  const lose = losing(`${file}:`);
  const thresholds = fieldsAt(config, 'classifier', 'scoreThresholds');
  if (Object.keys(thresholds).length > 0) {
    losses.push(
      lose(
        'classifier.scoreThresholds',
        'Serin has no score: it passes when every metric is surely within its margin, and fails at stated odds. Set analysis.preset and analysis.falseAbort in the Release.',
      ),
    );
  }
  const judge = stringAt(config, 'judge', 'name');
  if (judge !== undefined && judge !== 'NetflixACAJudge-v1.0' && judge !== 'dredd-v1.0') {
    losses.push(lose('judge.name', `${judge} is not carried over: Serin judges by its own rules.`));
  }
  if (metrics.length === 0) return { objects: [], losses };
  const description = stringAt(config, 'description');
  const annotations =
    description === undefined || description === '' ? {} : { annotations: { 'serin.dev/description': description } };
  return {
    objects: [
      { apiVersion: API_VERSION, kind: 'AnalysisTemplate', metadata: { name, ...annotations }, spec: { metrics } },
    ],
    losses,
  };
}

interface Converted {
  readonly metrics: readonly Fields[];
  readonly losses: readonly Loss[];
}

function convertMetric(metric: unknown, config: Fields, lose: ReturnType<typeof losing>, library: Library): Converted {
  const written = stringAt(metric, 'name') ?? 'metric';
  const type = stringAt(metric, 'query', 'type') ?? '';
  if (type !== 'prometheus') {
    return {
      metrics: [],
      losses: [
        lose(
          'query.type',
          `${written}: Serin asks Prometheus, not ${type || 'nothing'}. Write a MetricQuery for the same metric there.`,
        ),
      ],
    };
  }
  const query = promqlOf(metric, config);
  const found = query === undefined ? undefined : recognise(query);
  const named = found === undefined ? undefined : compareOf(nameOf(written, 'metric'), found, written, library);
  if (named === undefined) {
    return {
      metrics: [],
      losses: [
        lose(
          'query',
          `${written}: this query says neither a share, nor a quantile, nor a gauge of \${scope}. Write a MetricQuery for its series, and name it in compare.query.`,
        ),
      ],
    };
  }
  const { settings, losses } = settingsOf(metric, config, named, lose);
  return { metrics: [settings], losses };
}

/** `PromQL:` templates as they are; else the mean of the metric, as Kayenta builds it. `${scope}` and the like become `{{…}}`. */
function promqlOf(metric: unknown, config: Fields): string | undefined {
  const query = fieldsAt(metric, 'query');
  const template =
    stringAt(query, 'customInlineTemplate') ??
    stringAt(config, 'templates', stringAt(query, 'customFilterTemplate') ?? '');
  const filled = template?.replaceAll('$\\{', '${').replace(/\$\{(\w+)\}/g, '{{$1}}');
  if (filled?.startsWith('PromQL:') === true) return filled.slice('PromQL:'.length).trim();
  const name = stringAt(query, 'metricName');
  if (name === undefined || name === '') return undefined;
  const bindings = [...(filled === undefined ? [] : [filled]), ...listAt(query, 'labelBindings').map(String)];
  // Kayenta's templates may quote with ' as well, and PromQL understands both.
  return `avg(${name}{${bindings.filter((binding) => binding.trim() !== '').join(',')}})`;
}

const isIdentity = (_label: string, value: string): boolean => value.includes('{{');

/** Serin's words for the labels that hold Kayenta's scope and location. */
function labelsOf({ match }: Selected): Readonly<Record<string, string>> | undefined {
  const holding = (...names: readonly string[]): string | undefined =>
    Object.keys(match).find((label) => {
      const wanted = match[label];
      const value = typeof wanted === 'string' ? wanted : (wanted?.regex ?? '');
      return names.some((name) => value.includes(`{{${name}}}`));
    });
  const workload = holding('scope');
  const namespace = holding('location', 'namespace') ?? (match['namespace'] === undefined ? undefined : 'namespace');
  if (workload === undefined) return undefined;
  return { ...(namespace === undefined ? {} : { namespace }), workload };
}

function compareOf(name: string, found: Recognised, summary: string, library: Library): Fields | undefined {
  const selected = found.kind === 'share' ? found.whole : found.kind === 'quantile' ? found.buckets : found.gauge;
  const { match } = splitIdentity(selected, isIdentity);
  const known = libraryQuery(library, found, isIdentity);
  if (known?.isSame === true) return metricsFor({ name, query: { query: known.name } }, found)[0];
  const labels = labelsOf(selected);
  if (labels === undefined || found.kind === 'quantile') {
    const unit = selected.metric.includes('_milliseconds') ? 'ms' : 's';
    const histogram = {
      metric: selected.metric.replace(/_bucket$/, ''),
      unit,
      ...(Object.keys(match).length === 0 ? {} : { match }),
    };
    return labels === undefined ? undefined : { name, compare: { inline: { summary, labels, histogram } } };
  }
  const inline =
    found.kind === 'gauge'
      ? inlineGauge({ metric: selected.metric, match }, labels, summary)
      : inlineCounts(found, labels, summary, isIdentity);
  return { name, compare: { inline } };
}

const DIRECTIONS: Readonly<Record<string, string>> = { increase: 'higher', decrease: 'lower', either: 'either' };

function settingsOf(
  metric: unknown,
  config: Fields,
  named: Fields,
  lose: ReturnType<typeof losing>,
): { readonly settings: Fields; readonly losses: readonly Loss[] } {
  const canary = fieldsAt(metric, 'analysisConfigurations', 'canary');
  const losses: Loss[] = [];
  const name = stringAt(metric, 'name') ?? 'metric';
  const compare = fieldsAt(named, 'compare');
  const isGauge = at(compare, 'inline', 'gauge') !== undefined;
  const direction = DIRECTIONS[stringAt(canary, 'direction') ?? 'either'] ?? 'either';
  // Shares of bad requests and slow ones are bad when they are higher, whatever was written for the good part.
  const asked = isGauge && direction !== 'higher' ? { direction } : {};
  const measure = stringAt(canary, 'effectSize', 'measure') ?? 'meanRatio';
  const allowed = numberAt(canary, 'effectSize', direction === 'lower' ? 'allowedDecrease' : 'allowedIncrease');
  const ratio =
    allowed === undefined || measure !== 'meanRatio' ? undefined : direction === 'lower' ? 1 / allowed : allowed;
  if (measure !== 'meanRatio' && at(canary, 'effectSize') !== undefined) {
    losses.push(
      lose(
        'analysisConfigurations.canary.effectSize.measure',
        `${name}: ${measure} has no counterpart. Set compare.fail.ratio to the ratio that still is healthy.`,
      ),
    );
  }
  const fail =
    ratio !== undefined && ratio >= 1 && ratio <= 100
      ? { fail: { ratio }, pass: { ratio: Number((1 + (ratio - 1) * 2).toPrecision(6)) + (ratio === 1 ? 0.5 : 0) } }
      : {};
  for (const field of ['nanStrategy', 'mustHaveData', 'outliers']) {
    if (canary[field] !== undefined)
      losses.push(lose(`analysisConfigurations.canary.${field}`, `${name}: ${LOST[field] ?? ''}`));
  }
  if (
    numberAt(canary, 'effectSize', 'criticalIncrease') !== undefined ||
    numberAt(canary, 'effectSize', 'criticalDecrease') !== undefined
  ) {
    losses.push(
      lose(
        'analysisConfigurations.canary.effectSize',
        `${name}: there is no second, critical effect size. Enough evidence of any metric aborts.`,
      ),
    );
  }
  const isMuted = canary['muted'] === true;
  const weight = isMuted ? '0%' : weightOf(metric, config);
  const settings = {
    name: named['name'],
    ...(canary['critical'] === true ? { critical: true } : {}),
    ...(weight === undefined ? {} : { weight }),
    compare: { ...compare, ...asked, ...fail },
  };
  return { settings, losses };
}

const LOST: Readonly<Record<string, string>> = {
  nanStrategy: 'intervals without data are left out, and many of them hold the release; nothing is taken for zero.',
  mustHaveData: 'missing data always holds the release, for every metric.',
  outliers: 'no interval is removed; none can decide alone.',
};

/** A metric's part of its group's weight; of several groups the first. */
function weightOf(metric: unknown, config: Fields): string | undefined {
  const [group] = listAt(metric, 'groups').map(String);
  const weight = group === undefined ? undefined : numberAt(config, 'classifier', 'groupWeights', group);
  if (group === undefined || weight === undefined) return undefined;
  const members = listAt(config, 'metrics').filter(
    (one) =>
      listAt(one, 'groups')[0] === group &&
      at(one, 'analysisConfigurations', 'canary', 'muted') !== true &&
      stringAt(one, 'query', 'type') === 'prometheus',
  );
  return `${Number((weight / Math.max(1, members.length)).toPrecision(4))}%`;
}
