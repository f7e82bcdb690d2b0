import { describe, expect, test } from 'vitest';
import { type Config, type ConfigSources, loadConfig, printConfig } from '../../src/config.ts';
import { CONFIG_KEYS, ConfigSchema, envOf, flagOf, settingsMarkdown } from '../../src/config-settings.ts';
import { SerinError } from '../../src/errors.ts';

const env = { SERIN_PROMETHEUS_URL: 'http://prometheus:9090' };
const load = (sources: ConfigSources): Config => loadConfig({ env, ...sources });
const file = (text: string): Pick<ConfigSources, 'file' | 'readFile'> => ({ file: 'serin.yaml', readFile: () => text });

function mistakes(sources: ConfigSources): string[] {
  try {
    load(sources);
  } catch (thrown) {
    if (thrown instanceof SerinError && thrown.code === 'SERIN_E_CONFIG' && thrown.exitCode === 2) {
      return thrown.message
        .split('\n')
        .filter((line) => line.startsWith('  '))
        .map((line) => line.trim());
    }
    throw thrown;
  }
  return [];
}

describe('where settings come from', () => {
  test.each([
    { name: 'a default', sources: {}, gridMs: 10_000 },
    { name: 'the file beats the default', sources: file('grid: 9s'), gridMs: 9_000 },
    {
      name: 'the environment beats the file',
      sources: { ...file('grid: 9s'), env: { ...env, SERIN_GRID: '8s' } },
      gridMs: 8_000,
    },
    {
      name: 'a flag beats the environment',
      sources: { ...file('grid: 9s'), env: { ...env, SERIN_GRID: '8s' }, flags: { grid: '7s' } },
      gridMs: 7_000,
    },
    {
      name: 'the environment may name the file',
      sources: { readFile: () => 'grid: 9s', env: { ...env, SERIN_CONFIG: 'x' } },
      gridMs: 9_000,
    },
    { name: 'an empty variable is not set', sources: { env: { ...env, SERIN_GRID: '' } }, gridMs: 10_000 },
    { name: 'an empty file is fine', sources: file(''), gridMs: 10_000 },
  ] satisfies readonly (object & { name: string; sources: ConfigSources; gridMs: number })[])(
    '$name',
    ({ sources, gridMs }) => {
      expect(load(sources).gridMs).toBe(gridMs);
    },
  );

  test.each([
    { name: 'numbers', given: { SERIN_HTTP_PORT: '0' }, then: { httpPort: 0 } },
    { name: 'truth', given: { SERIN_LEADER_ELECTION: 'false' }, then: { leaderElection: false } },
    { name: 'lists', given: { SERIN_WATCH_NAMESPACES: 'shop, test' }, then: { watchNamespaces: ['shop', 'test'] } },
    { name: 'durations', given: { SERIN_LAG: '1.5s' }, then: { lagMs: 1_500 } },
    { name: 'a Redis chooses the queue', given: { SERIN_REDIS_URL: 'rediss://r:6380/1' }, then: { queue: 'redis' } },
    { name: 'no Redis is the embedded queue', given: {}, then: { queue: 'embedded' } },
    { name: 'the pod’s name is the identity', given: { POD_NAME: 'serin-0' }, then: { identity: 'serin-0' } },
    {
      name: 'variables that Kubernetes sets for a Service called serin are none of ours',
      given: {
        SERIN_SERVICE_HOST: '10.0.0.1',
        SERIN_PORT: 'tcp://10.0.0.1:80',
        SERIN_PORT_80_TCP_ADDR: '10.0.0.1',
        SERIN_HTTP_PORT: 'tcp://10.0.0.1:80',
      },
      then: { httpPort: 8080 },
    },
  ])('text becomes what it means: $name', ({ given, then }) => {
    expect(load({ env: { ...env, ...given } })).toMatchObject(then);
  });
});

describe('mistakes', () => {
  test.each([
    {
      name: 'a number out of range',
      sources: { env: { ...env, SERIN_HTTP_PORT: '99999' } },
      says: ['SERIN_HTTP_PORT is "99999"; write a whole number from 0 to 65535'],
    },
    {
      name: 'a number that is text',
      sources: { flags: { shards: 'two' } },
      says: ['--shards is "two"; write a whole number from 1 to 64'],
    },
    {
      name: 'a fraction',
      sources: file('shards: 1.5'),
      says: ['serin.yaml: shards is 1.5; write a whole number from 1 to 64'],
    },
    {
      name: 'a duration without unit',
      sources: file('grid: 10'),
      says: ['serin.yaml: grid is 10; write a duration from 100ms to 1h, such as 10s'],
    },
    {
      name: 'a word that is none of the words',
      sources: { flags: { logLevel: 'loud' } },
      says: ['--log-level is "loud"; write one of trace, debug, info, warn, error, fatal, silent'],
    },
    {
      name: 'truth that is not',
      sources: { flags: { leaderElection: 'maybe' } },
      says: ['--leader-election is "maybe"; write true or false'],
    },
    {
      name: 'an address of the wrong kind',
      sources: { flags: { redisUrl: 'http://x' } },
      says: ['--redis-url is "http://x"; write an address such as redis://host:port'],
    },
    {
      name: 'a namespace that cannot be one',
      sources: file('watchNamespaces: [A_b]'),
      says: ['serin.yaml: watchNamespaces is ["A_b"]; write names separated by commas'],
    },
    {
      name: 'an unknown key',
      sources: file('prometheusURL: x'),
      says: ['serin.yaml: prometheusURL is no setting; did you mean prometheusUrl?'],
    },
    {
      name: 'an unknown variable',
      sources: { env: { ...env, SERIN_GRIDS: '1s' } },
      says: ['SERIN_GRIDS is no setting; did you mean SERIN_GRID?'],
    },
    {
      name: 'no Prometheus',
      sources: { env: {} },
      says: ['no Prometheus is named; give --prometheus-url, SERIN_PROMETHEUS_URL or prometheusUrl in the file'],
    },
    {
      name: 'a Redis queue without Redis',
      sources: { flags: { queue: 'redis' } },
      says: ['the queue is redis but no Redis is named; give --redis-url, SERIN_REDIS_URL or redisUrl in the file'],
    },
    {
      name: 'a lag as long as the grid',
      sources: { flags: { grid: '1s', lag: '1s' } },
      says: ['lag (1s) must be below grid (1s)'],
    },
    {
      name: 'a file that is a list',
      sources: file('- a'),
      says: ['serin.yaml must be a mapping of settings to values'],
    },
  ] satisfies readonly { name: string; sources: ConfigSources; says: string[] }[])('$name', ({ sources, says }) => {
    expect(mistakes(sources)).toEqual(says);
  });

  test('a file that is not there, or not YAML', () => {
    expect(mistakes({ file: '/nonexistent.yaml' })[0]).toContain('/nonexistent.yaml cannot be read');
    expect(mistakes(file('a: [')).at(0)).toContain('serin.yaml cannot be read');
  });

  test('all of them are reported at once', () => {
    expect(mistakes({ flags: { grid: 'x', shards: '0', logLevel: 'loud' }, env: { SERIN_NOPE: '1' } })).toHaveLength(5);
  });

  test('several YAML documents are told in words of its own', () => {
    const [said] = mistakes({ ...file('grid: 5s\n---\nlag: 1s') });
    expect(said).toContain('holds several YAML documents; settings are one');
  });

  test('a password in an address is never repeated', () => {
    const [said] = mistakes({ flags: { redisUrl: 'http://user:p/a:ss@redis' } });
    expect(said).toContain('[redacted]');
    expect(said).not.toContain('ss@');
  });
});

describe('config print', () => {
  test('prints what loads again to the same settings', () => {
    const config = load({ flags: { grid: '1s', lag: '100ms', watchNamespaces: 'a,b', leaderElection: 'false' } });
    expect(load(file(printConfig(config)))).toEqual(config);
  });

  test('says what is not named yet, which is no mistake while nothing is started', () => {
    const text = printConfig(loadConfig({ env: {}, isLookedAt: true, flags: { queue: 'redis' } }));
    expect(text).toContain('# prometheusUrl: not set, and the service does not start without it');
    expect(text).toContain('# redisUrl: not set, and the service does not start without it');
    expect(text).toContain('# context: not set\n');
    expect(() => loadConfig({ env: {}, isLookedAt: true, flags: { grid: 'soon' } })).toThrow('--grid is "soon"');
  });

  test('leaves secrets out', () => {
    const text = printConfig(load({ flags: { redisUrl: 'redis://:hunter2@redis:6379' } }));
    expect(text).toContain('redis://[redacted]@redis:6379');
    expect(text).not.toContain('hunter2');
  });
});

test('every setting has a flag, a variable, a description and a limit', () => {
  expect(flagOf('prometheusBearerTokenFile')).toBe('--prometheus-bearer-token-file');
  expect(envOf('prometheusBearerTokenFile')).toBe('SERIN_PROMETHEUS_BEARER_TOKEN_FILE');
  for (const key of CONFIG_KEYS) expect(ConfigSchema.properties[key], key).toHaveProperty('description');
});

test('the table of settings has a line for each, with its default and limits', () => {
  const lines = settingsMarkdown().trim().split('\n').slice(2);
  expect(lines).toHaveLength(CONFIG_KEYS.length);
  expect(lines).toContain(
    '| `grid` | `--grid` | `SERIN_GRID` | `10s` | Polls happen at whole multiples of this; a duration from 100ms to 1h, such as 10s |',
  );
});
