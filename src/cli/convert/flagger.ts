/** Flagger's MetricTemplates and the analysis of its Canaries, as an AnalysisTemplate and the strategy of a Release. Pure. Long, because it is one list of Flagger's fields. */
import { TODAY } from '../../api/combinations.ts';
import { at, type Fields, fieldsAt, isFields, listAt, numberAt, stringAt } from '../../api/fields.ts';
import { API_VERSION } from '../../api/meta.ts';
import { compareMetrics, type Threshold } from './compare.ts';
import { type Loss, losing, type Made, nameOf, type Outcome } from './outcome.ts';
import type { Library } from '../lint/library.ts';

/** Serin's queries for Flagger's two built-in checks, by its provider. What is not here asks series that Serin's library does not know. */
const BUILT_IN: Readonly<Record<string, readonly [requests: string, latency: string]>> = {
  istio: ['istio-requests', 'istio-latency'],
  linkerd: ['linkerd-requests', 'linkerd-latency'],
  nginx: ['nginx-ingress-requests', 'nginx-ingress-latency'],
  traefik: ['traefik-requests', 'traefik-latency'],
  kubernetes: ['http-requests', 'http-latency'],
  'gatewayapi:v1': ['http-requests', 'http-latency'],
  'gatewayapi:v1beta1': ['http-requests', 'http-latency'],
};

/** Quantile that Flagger's built-in duration check asks for (pkg/metrics/observers). */
const DURATION_LEVEL = 0.99;

interface Templates {
  readonly templates: readonly Fields[];
  readonly library: Library;
}

/** `templates`: every MetricTemplate of the call, for the Canary's `templateRef`. */
export function convertCanary(canary: Fields, file: string, known: Templates): Outcome {
  const name = stringAt(canary, 'metadata', 'name') ?? 'canary';
  const namespace = stringAt(canary, 'metadata', 'namespace');
  const analysis = fieldsAt(canary, 'spec', 'analysis');
  const lose = losing(`${file}: Canary ${name}: spec`);
  const losses: Loss[] = [];
  const provider = stringAt(canary, 'spec', 'provider') ?? 'istio';
  if (stringAt(canary, 'spec', 'provider') === undefined) {
    losses.push(
      lose(
        'provider',
        'It is left out and Flagger takes it from its own flags; istio was taken here. Write it and convert again if it is another.',
      ),
    );
  }
  const metrics = listAt(analysis, 'metrics').flatMap((metric, index) => {
    const converted = convertMetric(
      metric,
      provider,
      losing(`${file}: Canary ${name}: spec.analysis.metrics[${index}]`),
      namespace,
      known,
    );
    losses.push(...converted.losses);
    return converted.metrics;
  });
  const metadata = { name, ...(namespace === undefined ? {} : { namespace }) };
  const args = [
    ...new Set([...JSON.stringify(metrics).matchAll(/\{\{args\.([^}]+)\}\}/g)].map((match) => match[1] ?? '')),
  ];
  const template: Made = {
    apiVersion: API_VERSION,
    kind: 'AnalysisTemplate',
    metadata,
    spec: {
      ...(args.length === 0 ? {} : { args: args.map((arg) => ({ name: arg, ...valueOf(arg, canary) })) }),
      metrics,
    },
  };
  const release = releaseOf(canary, metadata, provider, metrics.length > 0, lose);
  losses.push(...release.losses, ...otherLosses(canary, lose));
  return { objects: [...(metrics.length === 0 ? [] : [template]), ...release.objects], losses };
}

/** What Flagger would put in; `canary` and `primary` are not told apart by it. */
function valueOf(arg: string, canary: Fields): Fields {
  const target = stringAt(canary, 'spec', 'targetRef', 'name');
  const values: Readonly<Record<string, string | undefined>> = {
    name: stringAt(canary, 'metadata', 'name'),
    namespace: stringAt(canary, 'metadata', 'namespace'),
    target,
    service: stringAt(canary, 'spec', 'service', 'name') ?? target,
    ingress: stringAt(canary, 'spec', 'ingressRef', 'name') ?? target,
    route: stringAt(canary, 'spec', 'routeRef', 'name') ?? target,
    interval: '1m',
  };
  const value = values[arg];
  return value === undefined ? {} : { value };
}

interface Converted {
  readonly metrics: readonly Fields[];
  readonly losses: readonly Loss[];
}

function convertMetric(
  metric: unknown,
  provider: string,
  lose: ReturnType<typeof losing>,
  namespace: string | undefined,
  known: Templates,
): Converted {
  const name = stringAt(metric, 'name') ?? 'metric';
  const threshold = thresholdOf(metric, name);
  const reference = stringAt(metric, 'templateRef', 'name');
  const inline = stringAt(metric, 'query');
  if (reference === undefined && inline === undefined) return builtIn(name, provider, threshold, lose);
  const template = known.templates.find(
    (one) =>
      stringAt(one, 'metadata', 'name') === reference &&
      (stringAt(one, 'metadata', 'namespace') ?? namespace) ===
        (stringAt(metric, 'templateRef', 'namespace') ?? namespace),
  );
  if (inline === undefined && template === undefined) {
    return {
      metrics: [],
      losses: [
        lose('templateRef', `MetricTemplate ${reference ?? ''} is in none of the files. Give it in the same call.`),
      ],
    };
  }
  const variables = fieldsAt(metric, 'templateVariables');
  const query = withArguments(inline ?? stringAt(template, 'spec', 'query') ?? '', variables);
  const source = stringAt(template, 'spec', 'provider', 'type') ?? 'prometheus';
  if (source !== 'prometheus') {
    return {
      metrics: [],
      losses: [
        lose(
          'templateRef',
          `Serin does not ask ${source}. Use prometheus, or web for anything that answers JSON over HTTP.`,
        ),
      ],
    };
  }
  return ofQuery(
    {
      name: nameOf(name, 'metric'),
      query,
      threshold,
      address: stringAt(template, 'spec', 'provider', 'address'),
      interval: stringAt(metric, 'interval'),
    },
    lose,
    known,
  );
}

/** Flagger's rule: with a range its ends are allowed; without one success-rate is a least, everything else a most. */
function thresholdOf(metric: unknown, name: string): Threshold | undefined {
  const min = numberAt(metric, 'thresholdRange', 'min');
  const max = numberAt(metric, 'thresholdRange', 'max');
  if (max !== undefined) return { kind: 'atMost', value: max };
  if (min !== undefined) return { kind: 'atLeast', value: min };
  const old = numberAt(metric, 'threshold');
  return old === undefined ? undefined : { kind: name === 'request-success-rate' ? 'atLeast' : 'atMost', value: old };
}

function builtIn(
  name: string,
  provider: string,
  threshold: Threshold | undefined,
  lose: ReturnType<typeof losing>,
): Converted {
  const queries = BUILT_IN[provider];
  const isRequests = name === 'request-success-rate';
  if (!isRequests && name !== 'request-duration') {
    return {
      metrics: [],
      losses: [lose('name', `Flagger has no built-in check ${name}. Correct it, or write a MetricQuery for it.`)],
    };
  }
  if (queries === undefined) {
    return {
      metrics: [],
      losses: [
        lose(
          'name',
          `The library has no query for provider ${provider}. Write a MetricQuery for its series; \`serin query list\` shows what there is.`,
        ),
      ],
    };
  }
  const [requests, latency] = queries;
  const query = isRequests ? requests : latency;
  const metric = isRequests ? 'errors' : 'latency';
  if (threshold === undefined)
    return { metrics: [{ name: metric, ...critical(isRequests), compare: { query } }], losses: [] };
  const slo = isRequests ? {} : { slo: { le: `${threshold.value}ms` } };
  const constant = isRequests ? 1 - threshold.value / 100 : 1 - DURATION_LEVEL;
  const relative = { name: metric, ...critical(isRequests), compare: { query, ...slo } };
  if (!(constant > 0 && constant < 1)) return { metrics: [relative], losses: [] };
  const bound = { name: `${metric}-bound`, compare: { query, against: { constant: percent(constant) }, ...slo } };
  return {
    metrics: [relative, bound],
    losses: isRequests
      ? []
      : [
          lose(
            'thresholdRange',
            `${threshold.value} ms must be a boundary of the histogram; Serin compares the requests slower than it, not a quantile. Choose the nearest boundary if it is none.`,
          ),
        ],
  };
}

const critical = (isRequests: boolean): Fields => (isRequests ? { critical: true } : {});
const percent = (fraction: number): string => `${Number((fraction * 100).toPrecision(6))}%`;

/** Go templates as arguments: `{{ namespace }}` → `{{args.namespace}}`, `{{ variables.x }}` → its value. */
function withArguments(query: string, variables: Fields): string {
  return query.replace(
    /\{\{-?\s*(?:variables\.([\w-]+)|([a-z]+))\s*-?\}\}/g,
    (_, variable: string | undefined, name: string | undefined) => {
      if (variable === undefined) return `{{args.${name ?? ''}}}`;
      const value = variables[variable];
      return typeof value === 'string' ? value : `{{args.${variable}}}`;
    },
  );
}

interface QueryMetric {
  readonly name: string;
  readonly query: string;
  readonly threshold: Threshold | undefined;
  readonly address: string | undefined;
  readonly interval: string | undefined;
}

function ofQuery(
  { name, query, threshold, address, interval }: QueryMetric,
  lose: ReturnType<typeof losing>,
  { library }: Templates,
): Converted {
  const compared = compareMetrics({ name, query, threshold, library, isIdentity: (_, value) => value.includes('{{') });
  if (compared !== undefined) return { metrics: compared, losses: [] };
  const least = threshold?.kind === 'atLeast';
  const metric = {
    name,
    interval: interval ?? '1m',
    ...(threshold === undefined ? {} : { successCondition: `result[0] ${least ? '>=' : '<='} ${threshold.value}` }),
    provider: { prometheus: { ...(address === undefined ? {} : { address }), query } },
  };
  return {
    metrics: [metric],
    losses: [
      lose(
        '',
        'It stays a condition on one number: the library has no query for these series. Write a MetricQuery for them to compare canary with stable.',
      ),
    ],
  };
}

/** A MetricTemplate by itself has no threshold; that stands in the Canaries that use it. */
export function convertMetricTemplate(template: Fields, file: string, library: Library): Outcome {
  const name = stringAt(template, 'metadata', 'name') ?? 'metric';
  const namespace = stringAt(template, 'metadata', 'namespace');
  const lose = losing(`${file}: MetricTemplate ${name}: spec`);
  const source = stringAt(template, 'spec', 'provider', 'type') ?? 'prometheus';
  if (source !== 'prometheus') {
    return {
      objects: [],
      losses: [
        lose(
          'provider.type',
          `Serin does not ask ${source}. Use prometheus, or web for anything that answers JSON over HTTP.`,
        ),
      ],
    };
  }
  const query = withArguments(stringAt(template, 'spec', 'query') ?? '', {});
  const address = stringAt(template, 'spec', 'provider', 'address');
  const converted = ofQuery(
    { name: nameOf(name, 'metric'), query, threshold: undefined, address, interval: undefined },
    lose,
    { templates: [], library },
  );
  const args = [
    ...new Set(
      [...JSON.stringify(converted.metrics).matchAll(/\{\{args\.([^}]+)\}\}/g)].map((match) => match[1] ?? ''),
    ),
  ];
  const secret =
    at(template, 'spec', 'provider', 'secretRef') === undefined
      ? []
      : [
          lose(
            'provider.secretRef',
            'Credentials are not carried over. Write provider.prometheus.authentication with a Secret of yours.',
          ),
        ];
  return {
    objects: [
      {
        apiVersion: API_VERSION,
        kind: 'AnalysisTemplate',
        metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
        spec: {
          ...(args.length === 0 ? {} : { args: args.map((arg) => ({ name: arg })) }),
          metrics: converted.metrics,
        },
      },
    ],
    losses: [
      ...converted.losses,
      lose('', 'Its threshold stands in the Canaries that use it. Convert them in the same call to have it.'),
      ...secret,
    ],
  };
}

function releaseOf(
  canary: Fields,
  metadata: Fields,
  provider: string,
  isJudged: boolean,
  lose: ReturnType<typeof losing>,
): Outcome {
  const analysis = fieldsAt(canary, 'spec', 'analysis');
  const target = stringAt(canary, 'spec', 'targetRef', 'name') ?? '';
  const kind = stringAt(canary, 'spec', 'targetRef', 'kind') ?? 'Deployment';
  if (kind !== 'Deployment')
    return {
      objects: [],
      losses: [lose('targetRef.kind', `Serin releases Deployments, not ${kind}s. No Release is written.`)],
    };
  if (numberAt(analysis, 'iterations') !== undefined) {
    const says =
      at(analysis, 'match') === undefined
        ? 'Blue-green by iterations is not converted, so no Release is written. Write strategy.blueGreen on a pair, with the templates under analysis.before, or strategy.canary with stepWeights.'
        : 'A/B by iterations is not converted, so no Release is written. Write strategy.abTest with the match, and iterations × interval as its duration.';
    return { objects: [], losses: [lose('analysis.iterations', says)] };
  }
  const losses: Loss[] = [
    lose(
      'targetRef',
      'Flagger releases changes of ConfigMaps and Secrets as well, unless told otherwise, and copies them for its primary. Write configDigest: true in spec.workload.deployment for the first; Serin copies nothing.',
    ),
  ];
  const traffic = trafficOf(canary, provider, target);
  if (traffic === undefined) {
    losses.push(
      lose(
        'provider',
        `Serin does not steer ${provider}: without spec.traffic the replica counts are the weights. Add a router to the Release, or raise replicas until they are fine enough.`,
      ),
    );
  } else {
    losses.push(
      lose(
        'service',
        'Flagger makes routes and Services of its own (…-primary, …-canary); Serin steers those that you have. Write them before you delete the Canary, and check the names in spec.traffic.',
      ),
    );
  }
  const release: Made = {
    apiVersion: API_VERSION,
    kind: 'Release',
    metadata,
    spec: {
      workload: { deployment: { name: target } },
      ...(traffic === undefined ? {} : { traffic }),
      strategy: { canary: { stepWeights: weightsOf(analysis) } },
      ...(isJudged ? { analysis: { templates: [{ name: metadata['name'] }] } } : {}),
    },
  };
  return { objects: [release], losses };
}

/** `stepWeight` counts up to `maxWeight` (100 where left out); it wins over `stepWeights`, as in Flagger. 100 is the promotion itself. */
function weightsOf(analysis: Fields): readonly number[] {
  const step = numberAt(analysis, 'stepWeight') ?? 0;
  const most = Math.min(100, numberAt(analysis, 'maxWeight') ?? 100);
  const written = listAt(analysis, 'stepWeights').map(Number);
  const counted = step > 0 ? Array.from({ length: Math.floor(most / step) }, (_, k) => (k + 1) * step) : written;
  const weights = [...new Set(counted)]
    .filter((weight) => Number.isInteger(weight) && weight > 0 && weight < 100)
    .toSorted((a, b) => a - b);
  return weights.length === 0 ? [5, 25, 50] : weights.slice(0, 32);
}

function trafficOf(canary: Fields, provider: string, target: string): Fields | undefined {
  const name = stringAt(canary, 'spec', 'service', 'name') ?? target;
  const routers: readonly string[] = TODAY.routers;
  if (provider === 'istio') return { istio: { virtualService: { name } } };
  if (provider.startsWith('gatewayapi') && routers.includes('gatewayAPI'))
    return { gatewayAPI: { httpRoute: { name } } };
  const ingress = stringAt(canary, 'spec', 'ingressRef', 'name');
  return provider === 'nginx' && ingress !== undefined && routers.includes('ingress')
    ? { ingress: { name: ingress } }
    : undefined;
}

/** Fields without a counterpart, and what takes their place. */
const WITHOUT: readonly (readonly [path: readonly string[], message: string])[] = [
  [
    ['analysis', 'threshold'],
    'Serin counts no failed checks: evidence of all intervals adds up to one error probability. Set analysis.falseAbort.',
  ],
  [
    ['analysis', 'interval'],
    'Serin goes on as soon as the verdict is Pass, at the earliest after analysis.dwell (3m). Set dwell for longer.',
  ],
  [['analysis', 'stepWeightPromotion'], 'Promotion is one step. Add weights to stepWeights for a slower one.'],
  [
    ['analysis', 'mirror'],
    'Copies are steps of their own here. Write the canary as steps, with mirror: 100 and judge: {} before the first setWeight.',
  ],
  [['analysis', 'sessionAffinity'], 'Session affinity is not carried over. A user may meet both versions.'],
  [
    ['analysis', 'alerts'],
    'Alert providers are not carried over. Write spec.notify with a Secret that holds the webhook’s URL.',
  ],
  [
    ['analysis', 'match'],
    'Who takes part is chosen by strategy.abTest.match here, or by a match step of a canary. Write one of them.',
  ],
  [['analysis', 'primaryReadyThreshold'], 'All pods must be ready. Leave it out.'],
  [['analysis', 'canaryReadyThreshold'], 'All pods must be ready. Leave it out.'],
  [
    ['autoscalerRef'],
    'Flagger copies the autoscaler for its primary; Serin leaves yours alone. Check its limits for two versions side by side.',
  ],
  [
    ['progressDeadlineSeconds'],
    'It bounds how long pods may take to become ready. Set progressDeadlineSeconds of the Deployment itself.',
  ],
  [['metricsServer'], 'Serin asks one Prometheus. Set --prometheus-url of the service.'],
  [['skipAnalysis'], 'Take spec.analysis out of the Release while it should run as a timetable.'],
  [['suspend'], 'Write spec.paused in the Release.'],
  [['revertOnDeletion'], 'Deleting a Release gives back the routes it changed. Nothing is to be written.'],
];

const WEBHOOKS: Readonly<Record<string, string>> = {
  'confirm-rollout': 'A gate of its own is not carried over. Write a pause without duration, and `serin resume`.',
  'confirm-promotion': 'A gate of its own is not carried over. Write a pause without duration after the last weight.',
  'confirm-traffic-increase': 'A gate of its own is not carried over. Write pauses without duration.',
  'pre-rollout': 'Tests before traffic are not carried over. Write a metric with provider web or job.',
  rollout:
    'Load tests and checks while judging are not carried over. Run the load elsewhere; write checks as metrics with provider web.',
  'post-rollout': 'It is not carried over. Let spec.notify call a webhook.',
  rollback: 'It is not carried over. Whoever may roll back asks with `serin abort`.',
  event: 'It is not carried over. Let spec.notify call a webhook.',
};

function otherLosses(canary: Fields, lose: ReturnType<typeof losing>): readonly Loss[] {
  const fields = WITHOUT.flatMap(([path, message]) => {
    const value = at(canary, 'spec', ...path);
    const isThere = value !== undefined && value !== false && !(Array.isArray(value) && value.length === 0);
    return isThere ? [lose(path.join('.'), message)] : [];
  });
  const webhooks = listAt(canary, 'spec', 'analysis', 'webhooks').map((webhook, index) => {
    const type = stringAt(webhook, 'type') ?? 'rollout';
    const name = isFields(webhook) ? (stringAt(webhook, 'name') ?? '') : '';
    return lose(`analysis.webhooks[${index}]`, `${name} (${type}): ${WEBHOOKS[type] ?? 'It is not carried over.'}`);
  });
  return [...fields, ...webhooks];
}
