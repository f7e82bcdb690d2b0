/** The settings of the service: what each is, its limits, its default, and how it is spelled as a flag and a variable. */
import { hostname } from 'node:os';
import Type, { type Static, type TSchema } from 'typebox';
import { formatDuration } from './api/units.ts';
import { LOG_FORMATS, LOG_LEVELS } from './logger.ts';

const text = (description: string) => Type.String({ description, minLength: 1, maxLength: 4_096 });
const choice = <const T extends readonly string[]>(values: T, description: string) =>
  Type.Unsafe<T[number]>({ type: 'string', enum: values, description });
const url = (description: string, schemes: string) =>
  Type.String({ description, maxLength: 4_096, pattern: `^(${schemes})://[^\\s]+$` });
/** Written as `10s`, held as milliseconds. */
const duration = (description: string, minimum: number, maximum: number) =>
  Type.Integer({ description, minimum, maximum });
const whole = (description: string, minimum: number, maximum: number) =>
  Type.Integer({ description, minimum, maximum });
const list = (description: string, pattern: string) =>
  Type.Array(Type.String({ maxLength: 253, pattern }), { description, maxItems: 256 });

const HOUR = 3_600_000;
const NAME = '^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$';

export const ConfigSchema = Type.Object(
  {
    kubeconfig: Type.Optional(
      text('Kubeconfig file; absent: KUBECONFIG, ~/.kube/config, then the pod’s service account'),
    ),
    context: Type.Optional(text('Context of the kubeconfig; absent: its current one')),
    watchNamespaces: list('Namespaces to work in; empty: all', NAME),
    prometheusUrl: url('Prometheus, or what speaks its query API', 'https?'),
    prometheusHeadersFile: Type.Optional(text('File with extra request headers for Prometheus, `Name: value` a line')),
    prometheusBearerTokenFile: Type.Optional(
      text('File with a bearer token for Prometheus, read again when it changes'),
    ),
    prometheusTimeout: duration('Longest wait for an answer of Prometheus', 100, HOUR),
    queue: choice(['redis', 'embedded'], 'Where jobs wait: a Redis, or a PostgreSQL inside this process’s folder'),
    redisUrl: Type.Optional(url('Redis for the queue; giving it chooses `queue: redis`', 'rediss?')),
    embeddedPath: Type.Optional(text('Folder of the embedded queue; absent: memory only')),
    grid: duration('Polls happen at whole multiples of this', 100, HOUR),
    lag: duration('How long after a grid instant its poll starts', 0, HOUR),
    resync: duration('Every release is looked at this often, whatever happens', 1_000, 24 * HOUR),
    shards: whole('Poll jobs per grid instant; more than one spreads analysis over processes', 1, 64),
    concurrency: whole('Releases reconciled at the same time', 1, 1_000),
    leaderElection: Type.Boolean({
      description: 'Elect one process that watches and schedules; off only for a single process',
    }),
    leaseName: Type.String({ description: 'Name of the Lease', pattern: NAME, maxLength: 253 }),
    leaseNamespace: Type.Optional(
      Type.String({
        description: 'Namespace of the Lease; absent: the kubeconfig’s, then the pod’s',
        pattern: NAME,
        maxLength: 63,
      }),
    ),
    identity: text('Name of this process among its like, shown in the Lease'),
    httpHost: text('Address to listen on for probes and metrics'),
    httpPort: whole('Port to listen on for probes and metrics; 0: any free one', 0, 65_535),
    logLevel: choice(LOG_LEVELS, 'How much is logged'),
    logFormat: choice(LOG_FORMATS, 'JSON lines, or text for people'),
    notifyHosts: list(
      'Hosts that messages may go to, `*.example.com` for a domain; empty: all but private and link-local addresses',
      '^(\\*\\.)?[a-zA-Z0-9.:\\[\\]-]+$',
    ),
    releaseMetrics: Type.Boolean({ description: 'Export series for each release' }),
    shutdownGrace: duration('How long running work may take to finish when the process is asked to stop', 0, HOUR),
  },
  { additionalProperties: false },
);

/** Settings written as durations (`grid: 10s`); inside they are milliseconds and say so in their name (`gridMs`). */
export const DURATION_KEYS = ['prometheusTimeout', 'grid', 'lag', 'resync', 'shutdownGrace'] as const;
export type DurationKey = (typeof DURATION_KEYS)[number];

type Written = Static<typeof ConfigSchema>;
export type Config = Readonly<Omit<Written, DurationKey>> & { readonly [Key in DurationKey as `${Key}Ms`]: number };
export type ConfigKey = keyof typeof ConfigSchema.properties;
export const CONFIG_KEYS = Object.keys(ConfigSchema.properties) as readonly ConfigKey[];

/** Keywords of one setting's schema. */
export const keywordsOf = (key: ConfigKey): Readonly<Record<string, unknown>> =>
  ConfigSchema.properties[key] satisfies TSchema as unknown as Readonly<Record<string, unknown>>;

export const isDurationKey = (key: ConfigKey): key is DurationKey => DURATION_KEYS.some((each) => each === key);

const words = (key: string, separator: string): string => key.replace(/[A-Z]/g, (letter) => `${separator}${letter}`);
/** `prometheusUrl` → `--prometheus-url`. */
export const flagOf = (key: ConfigKey): string => `--${words(key, '-').toLowerCase()}`;
/** `prometheusUrl` → `SERIN_PROMETHEUS_URL`. */
export const envOf = (key: ConfigKey): string => `SERIN_${words(key, '_').toUpperCase()}`;

/** Values before anybody sets one; durations in ms. `env` only for the name of the pod. */
export function defaults(env: Readonly<Record<string, string | undefined>>): Record<string, unknown> {
  return {
    watchNamespaces: [],
    prometheusTimeout: 10_000,
    grid: 10_000,
    lag: 500,
    resync: 60_000,
    shards: 1,
    concurrency: 16,
    leaderElection: true,
    leaseName: 'serin',
    // A pod keeps its name when its container restarts, so that it gets its own lease back at once.
    identity: env['POD_NAME'] ?? `${hostname()}-${process.pid}`,
    httpHost: '0.0.0.0',
    httpPort: 8080,
    logLevel: 'info',
    logFormat: 'json',
    notifyHosts: [],
    releaseMetrics: true,
    shutdownGrace: 20_000,
  };
}

/** A value as it is written: durations with their unit. */
export function formatSetting(key: ConfigKey, value: unknown): string {
  return isDurationKey(key) ? formatDuration(Number(value)) : String(value);
}

/** What to write for a setting, in words. */
export function expected(key: ConfigKey): string {
  const schema = keywordsOf(key);
  const { minimum, maximum } = schema as { minimum?: number; maximum?: number };
  if (isDurationKey(key)) {
    return `a duration from ${formatDuration(minimum ?? 0)} to ${formatDuration(maximum ?? 0)}, such as 10s`;
  }
  if (schema['type'] === 'integer') return `a whole number from ${minimum ?? 0} to ${maximum ?? 0}`;
  if (schema['type'] === 'boolean') return 'true or false';
  if (Array.isArray(schema['enum'])) return `one of ${schema['enum'].join(', ')}`;
  if (schema['type'] === 'array') return 'names separated by commas';
  const pattern = typeof schema['pattern'] === 'string' ? schema['pattern'] : '';
  return pattern.includes('://')
    ? `an address such as ${pattern.includes('redis') ? 'redis' : 'http'}://host:port`
    : `text${pattern === '' ? '' : ` that matches ${pattern}`}`;
}

/** The reference table of settings, in Markdown. */
export function settingsMarkdown(): string {
  const before = defaults({ POD_NAME: 'the pod’s name' });
  const rows = CONFIG_KEYS.map((key) => {
    const value = before[key];
    const shown =
      value === undefined || (Array.isArray(value) && value.length === 0) ? '' : `\`${formatSetting(key, value)}\``;
    return `| \`${key}\` | \`${flagOf(key)}\` | \`${envOf(key)}\` | ${shown} | ${String(keywordsOf(key)['description'])}; ${expected(key)} |`;
  });
  const head = ['| in the file | flag | variable | default | meaning |', '|---|---|---|---|---|'];
  return [...head, ...rows, ''].join('\n');
}
