/** Templates of Argo Rollouts as Serin's: the same metrics, and `compare:` in place of those whose query the library knows. Pure. */
import { at, type Fields, fieldsAt, isFields, listAt, stringAt } from '../../api/fields.ts';
import { API_VERSION } from '../../api/meta.ts';
import { compareMetrics, thresholdOf } from './compare.ts';
import { type Loss, losing, type Outcome } from './outcome.ts';
import type { Library } from '../lint/library.ts';

const ASKED = ['prometheus', 'web', 'job'];
/** What says how often and how many: `compare` is judged at every interval, and its error probability covers all looks. */
const COUNTING = [
  'interval',
  'initialDelay',
  'count',
  'failureLimit',
  'inconclusiveLimit',
  'consecutiveErrorLimit',
  'consecutiveSuccessLimit',
];

/** How Prometheus is asked: a setting of the service, where it is not one of the metric. */
const OF_THE_SERVICE: readonly (readonly [fields: readonly string[], message: string])[] = [
  [['address'], 'compare asks the Prometheus of the service. Set it there (--prometheus-url).'],
  [
    ['authentication', 'headers'],
    'compare asks with the credentials of the service. Set them there (--prometheus-bearer-token-file, --prometheus-headers-file).',
  ],
  [
    ['insecure'],
    'compare checks certificates as the service does. Give the service the authority (NODE_EXTRA_CA_CERTS).',
  ],
  [['timeout'], 'compare waits as long as the service does. Set it there (--prometheus-timeout).'],
  [['rangeQuery'], 'compare reads intervals one after the other. Leave it out.'],
];

export function convertArgo(object: Fields, file: string, library: Library): Outcome {
  const kind = stringAt(object, 'kind') ?? 'AnalysisTemplate';
  const name = stringAt(object, 'metadata', 'name') ?? 'template';
  const where = `${file}: ${kind} ${name}: spec`;
  const losses: Loss[] = [];
  const compared: unknown[] = [];
  const metrics = listAt(object, 'spec', 'metrics').flatMap((metric, index) => {
    const converted = convertMetric(metric, losing(`${where}.metrics[${index}]`), library);
    losses.push(...converted.losses);
    if (converted.isCompared === true) compared.push(metric);
    return converted.metrics;
  });
  const rest = Object.fromEntries(
    Object.entries(fieldsAt(object, 'spec')).filter(([field]) => !['metrics', 'args'].includes(field)),
  );
  const args = listAt(object, 'spec', 'args').filter((arg) => isUsed(stringAt(arg, 'name') ?? '', [metrics, rest]));
  losses.push(...droppedArguments(object, args, compared, losing(where)));
  if (metrics.length === 0) return { objects: [], losses };
  const made = {
    apiVersion: API_VERSION,
    kind,
    metadata: metadataOf(object),
    spec: { ...(args.length === 0 ? {} : { args }), metrics, ...rest },
  };
  return { objects: [made], losses };
}

/** Arguments that nothing uses any more, by why. `compared`: the metrics as they were that compare now. */
function droppedArguments(
  object: Fields,
  kept: readonly unknown[],
  compared: readonly unknown[],
  lose: ReturnType<typeof losing>,
): readonly Loss[] {
  const dropped = listAt(object, 'spec', 'args').flatMap((arg) =>
    kept.includes(arg) ? [] : [stringAt(arg, 'name') ?? ''],
  );
  const [ofSides, others] = [
    dropped.filter((name) => isUsed(name, compared)),
    dropped.filter((name) => !isUsed(name, compared)),
  ];
  const [ofLost, idle] = [
    others.filter((name) => isUsed(name, at(object, 'spec'))),
    others.filter((name) => !isUsed(name, at(object, 'spec'))),
  ];
  const say = (names: readonly string[], message: (isOne: boolean) => string): readonly Loss[] =>
    names.length === 0 ? [] : [lose('args', `${names.join(', ')} ${message(names.length === 1)}`)];
  return [
    ...say(ofSides, () => 'said which pods to look at; compare knows that from the Release. Leave it out there too.'),
    ...say(ofLost, (isOne) => `${isOne ? 'is' : 'are'} used only by what is not carried over. Leave it out too.`),
    ...say(idle, (isOne) => `${isOne ? 'was' : 'were'} used by nothing. Leave it out.`),
  ];
}

/** Without what the API server wrote. */
function metadataOf(object: Fields): Fields {
  const kept = ['name', 'namespace', 'labels', 'annotations'];
  return Object.fromEntries(Object.entries(fieldsAt(object, 'metadata')).filter(([field]) => kept.includes(field)));
}

const isUsed = (name: string, value: unknown): boolean =>
  new RegExp(`\\{\\{\\s*args\\.${name.replaceAll('.', '\\.')}\\s*\\}\\}`).test(JSON.stringify(value));

interface Converted {
  /** Present where the canary is compared with stable now. */
  readonly isCompared?: true;
  readonly metrics: readonly Fields[];
  readonly losses: readonly Loss[];
}

function convertMetric(metric: unknown, lose: ReturnType<typeof losing>, library: Library): Converted {
  if (!isFields(metric)) return { metrics: [], losses: [lose('', 'This is no metric. Correct it before converting.')] };
  const provider = Object.keys(fieldsAt(metric, 'provider'))[0] ?? '';
  if (!ASKED.includes(provider)) {
    return {
      metrics: [],
      losses: [
        lose(
          'provider',
          `Serin does not ask ${provider || 'nothing'}. Use prometheus, or web for anything that answers JSON over HTTP.`,
        ),
      ],
    };
  }
  const query = stringAt(metric, 'provider', 'prometheus', 'query');
  const [success, failure] = [stringAt(metric, 'successCondition'), stringAt(metric, 'failureCondition')];
  const threshold = thresholdOf(success, failure);
  const compared =
    query === undefined
      ? undefined
      : compareMetrics({
          name: stringAt(metric, 'name') ?? 'metric',
          query,
          threshold,
          library,
          isIdentity: (_, value) => value.includes('{{'),
        });
  if (compared === undefined) {
    const why =
      query === undefined
        ? []
        : [
            lose(
              '',
              'It stays as it is, with its own condition: the library has no query for these series. Write a MetricQuery for them to compare canary with stable.',
            ),
          ];
    return { metrics: [metric], losses: why };
  }
  const losses: Loss[] = [];
  const counting = COUNTING.filter((field) => metric[field] !== undefined);
  if (counting.length > 0) {
    losses.push(
      lose(
        '',
        `${counting.join(', ')} ${counting.length === 1 ? 'means' : 'mean'} nothing to compare, which is judged at every interval with one error probability for all looks. Set analysis.dwell and analysis.atMost in the Release instead.`,
      ),
    );
  }
  if (threshold === undefined && (success ?? failure) !== undefined) {
    losses.push(
      lose(
        success === undefined ? 'failureCondition' : 'successCondition',
        'This condition holds no single threshold, so no absolute bound is made of it. Write compare.against.constant yourself if one is wanted.',
      ),
    );
  }
  const asking = fieldsAt(metric, 'provider', 'prometheus');
  for (const [fields, message] of OF_THE_SERVICE) {
    const [field] = fields.filter((each) => asking[each] !== undefined);
    if (field !== undefined) losses.push(lose(`provider.prometheus.${field}`, message));
  }
  return { isCompared: true, metrics: compared, losses };
}
