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

export function convertArgo(object: Fields, file: string, library: Library): Outcome {
  const kind = stringAt(object, 'kind') ?? 'AnalysisTemplate';
  const name = stringAt(object, 'metadata', 'name') ?? 'template';
  const where = `${file}: ${kind} ${name}: spec`;
  const losses: Loss[] = [];
  const metrics = listAt(object, 'spec', 'metrics').flatMap((metric, index) => {
    const converted = convertMetric(metric, losing(`${where}.metrics[${index}]`), library);
    losses.push(...converted.losses);
    return converted.metrics;
  });
  const rest = Object.fromEntries(
    Object.entries(fieldsAt(object, 'spec')).filter(([field]) => !['metrics', 'args'].includes(field)),
  );
  const args = listAt(object, 'spec', 'args').filter((arg) => isUsed(stringAt(arg, 'name') ?? '', [metrics, rest]));
  const dropped = listAt(object, 'spec', 'args').flatMap((arg) =>
    args.includes(arg) ? [] : [stringAt(arg, 'name') ?? ''],
  );
  if (dropped.length > 0) {
    losses.push(
      losing(where)(
        'args',
        `${dropped.join(', ')} said which pods to look at; compare knows that from the Release. Leave them out there too.`,
      ),
    );
  }
  if (metrics.length === 0) return { objects: [], losses };
  const made = {
    apiVersion: API_VERSION,
    kind,
    metadata: metadataOf(object),
    spec: { ...(args.length === 0 ? {} : { args }), metrics, ...rest },
  };
  return { objects: [made], losses };
}

/** Without what the API server wrote. */
function metadataOf(object: Fields): Fields {
  const kept = ['name', 'namespace', 'labels', 'annotations'];
  return Object.fromEntries(Object.entries(fieldsAt(object, 'metadata')).filter(([field]) => kept.includes(field)));
}

const isUsed = (name: string, value: unknown): boolean =>
  new RegExp(`\\{\\{\\s*args\\.${name.replaceAll('.', '\\.')}\\s*\\}\\}`).test(JSON.stringify(value));

interface Converted {
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
  if (at(metric, 'provider', 'prometheus', 'address') !== undefined) {
    losses.push(
      lose(
        'provider.prometheus.address',
        'compare asks the Prometheus of the service. Set it there (--prometheus-url).',
      ),
    );
  }
  return { metrics: compared, losses };
}
