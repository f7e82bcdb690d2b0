/**
 * Everything that can be set, in one table: flags beat SERIN_* environment variables beat the config file beat defaults.
 * All mistakes are reported at once, each with the place it came from. The only file that reads `process.env`.
 */
import { readFileSync } from 'node:fs';
import Value from 'typebox/value';
import { parse as parseYaml } from 'yaml';
import { formatDuration, readDurationMs } from './api/units.ts';
import {
  type Config,
  CONFIG_KEYS,
  type ConfigKey,
  ConfigSchema,
  defaults,
  DURATION_KEYS,
  envOf,
  expected,
  flagOf,
  isDurationKey,
  keywordsOf,
} from './config-settings.ts';
import { gistOf, messageOf, SerinError } from './errors.ts';

export type { Config, ConfigKey };

/** Raw values by key, as a flag parser gives them. */
export type ConfigFlags = Readonly<Partial<Record<ConfigKey, unknown>>>;

export interface ConfigSources {
  readonly flags?: ConfigFlags;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Path of a YAML file; `SERIN_CONFIG` and `--config` name it. */
  readonly file?: string;
  readonly readFile?: (path: string) => string;
  /** Nothing is started with them: addresses that are not named yet are no mistake. */
  readonly isLookedAt?: boolean;
}

/** Values that are printed only as `[redacted]` between scheme and host. */
const SECRET_URLS: readonly ConfigKey[] = ['redisUrl', 'prometheusUrl'];

interface Given {
  readonly value: unknown;
  /** `--grid`, `SERIN_GRID` or `serin.yaml: grid`. */
  readonly where: string;
}

/** Reads, merges and checks all sources. Throws one `SERIN_E_CONFIG` that lists every mistake. */
export function loadConfig(sources: ConfigSources = {}): Config {
  const env = sources.env ?? process.env;
  const problems: string[] = [];
  const given = new Map<ConfigKey, Given>();
  const path = sources.file ?? env['SERIN_CONFIG'];
  if (path !== undefined && path !== '') readFileInto(given, problems, path, sources.readFile);
  readEnvInto(given, problems, env);
  for (const key of CONFIG_KEYS) {
    const value = sources.flags?.[key];
    if (value !== undefined) given.set(key, { value, where: flagOf(key) });
  }

  const merged = defaults(env);
  for (const [key, { value, where }] of given) {
    const held = fromText(key, value);
    if (held === undefined) problems.push(`${where} is ${quote(key, value)}; write ${expected(key)}`);
    else merged[key] = held;
  }
  merged['queue'] ??= merged['redisUrl'] === undefined ? 'embedded' : 'redis';
  if (sources.isLookedAt !== true) problems.push(...missing(merged, given));
  problems.push(...contradictions(merged));
  if (problems.length > 0) {
    throw new SerinError(
      'SERIN_E_CONFIG',
      `The configuration has ${problems.length === 1 ? 'a mistake' : `${problems.length} mistakes`}:\n${problems.map((each) => `  ${each}`).join('\n')}\nSee \`serin serve --help\` for every setting.`,
    );
  }
  for (const key of DURATION_KEYS) {
    merged[`${key}Ms`] = merged[key];
    delete merged[key];
  }
  return merged as unknown as Config; // checked key by key against the schema
}

/** Without the names of the parser's own functions. */
function sayOfFile(thrown: unknown): string {
  if (messageOf(thrown).startsWith('Source contains multiple documents'))
    return 'it holds several YAML documents; settings are one';
  return gistOf(messageOf(thrown));
}

function readFileInto(
  given: Map<ConfigKey, Given>,
  problems: string[],
  path: string,
  readFile: ConfigSources['readFile'] = (each) => readFileSync(each, 'utf8'),
): void {
  let content: unknown;
  try {
    content = parseYaml(readFile(path));
  } catch (thrown) {
    problems.push(`${path} cannot be read: ${sayOfFile(thrown)}`);
    return;
  }
  if (content === null || content === undefined) return;
  if (typeof content !== 'object' || Array.isArray(content)) {
    problems.push(`${path} must be a mapping of settings to values`);
    return;
  }
  for (const [key, value] of Object.entries(content)) {
    const known = CONFIG_KEYS.find((each) => each === key);
    if (known === undefined) problems.push(`${path}: ${key} is no setting${suggestion(key, CONFIG_KEYS)}`);
    else given.set(known, { value, where: `${path}: ${key}` });
  }
}

function readEnvInto(
  given: Map<ConfigKey, Given>,
  problems: string[],
  env: Readonly<Record<string, string | undefined>>,
): void {
  const names = new Map(CONFIG_KEYS.map((key) => [envOf(key), key]));
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith('SERIN_') || value === undefined || value === '') continue;
    const key = names.get(name);
    if (key === undefined ? OTHER_VARIABLES.test(name) : value.startsWith('tcp://')) continue;
    if (key === undefined) problems.push(`${name} is no setting${suggestion(name, [...names.keys()])}`);
    else given.set(key, { value, where: name });
  }
}

/** Variables that other parts read, and those that Kubernetes sets for a Service called serin. */
const OTHER_VARIABLES =
  /^SERIN_(CONFIG|REQUIRE|CACHE.*|TEST.*|DEMO.*|SERVICE_(HOST|PORT.*)|PORT(_.*)?|.*_(SERVICE_HOST|SERVICE_PORT.*|PORT|PORT_\d+.*))$/;

/** Flags and variables are text, the file has numbers and lists: both become what the schema wants, or `undefined`. */
function fromText(key: ConfigKey, value: unknown): unknown {
  const schema = keywordsOf(key);
  let held = value;
  if (isDurationKey(key)) held = readDurationMs(value);
  else if (schema['type'] === 'integer' && typeof value === 'string')
    held = /^\d+$/.test(value) ? Number(value) : value;
  else if (schema['type'] === 'boolean' && typeof value === 'string')
    held = { true: true, false: false }[value] ?? value;
  else if (schema['type'] === 'array' && typeof value === 'string') held = value.split(',').map((each) => each.trim());
  return held !== undefined && Value.Check(ConfigSchema.properties[key], held) ? held : undefined;
}

function missing(merged: Record<string, unknown>, given: ReadonlyMap<ConfigKey, Given>): string[] {
  const problems: string[] = [];
  if (merged['prometheusUrl'] === undefined && !given.has('prometheusUrl')) {
    problems.push(
      `no Prometheus is named; give ${flagOf('prometheusUrl')}, ${envOf('prometheusUrl')} or prometheusUrl in the file`,
    );
  }
  if (merged['queue'] === 'redis' && merged['redisUrl'] === undefined && !given.has('redisUrl')) {
    problems.push(
      `the queue is redis but no Redis is named; give ${flagOf('redisUrl')}, ${envOf('redisUrl')} or redisUrl in the file`,
    );
  }
  return problems;
}

function contradictions(merged: Record<string, unknown>): string[] {
  const [lag, grid] = [Number(merged['lag']), Number(merged['grid'])];
  return lag < grid ? [] : [`lag (${formatDuration(lag)}) must be below grid (${formatDuration(grid)})`];
}

/** Secrets in addresses are never repeated. */
function quote(key: ConfigKey, value: unknown): string {
  const shown = SECRET_URLS.includes(key) ? redactUrl(String(value)) : value;
  const json = JSON.stringify(shown) ?? String(shown);
  return json.length <= 80 ? json : `${json.slice(0, 77)}…`;
}

const redactUrl = (address: string): string => address.replace(/\/\/.*@/, '//[redacted]@');

function suggestion(word: string, known: readonly string[]): string {
  const plain = (each: string): string => each.toLowerCase().replace(/[^a-z]/g, '');
  const near = known.find((each) => plain(each).startsWith(plain(word)) || plain(word).startsWith(plain(each)));
  return near === undefined ? '' : `; did you mean ${near}?`;
}

/** The configuration in force, as a config file: what `serin config print` shows. */
export function printConfig(config: Config): string {
  return CONFIG_KEYS.map((key) => {
    if (isDurationKey(key)) return `${key}: ${formatDuration(config[`${key}Ms`])}`;
    const value = config[key];
    const isNeeded = key === 'prometheusUrl' || (key === 'redisUrl' && config.queue === 'redis');
    if (value === undefined) return `# ${key}: not set${isNeeded ? ', and the service does not start without it' : ''}`;
    return `${key}: ${JSON.stringify(SECRET_URLS.includes(key) ? redactUrl(String(value)) : value)}`;
  }).join('\n');
}

/** Folders in which programs are looked for, as the shell writes them. */
export const searchPath = (): string => process.env['PATH'] ?? '';
