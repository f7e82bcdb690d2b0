/**
 * The service put together: clients and adapters on the outside, queues and decisions inside. Everything that runs is
 * started here, and stopped in reverse (conventions.md 6): workers finish, the lease goes back, watches and stores close.
 */
import { TYPES } from './api/meta.ts';
import { readVersion } from './cli/version.ts';
import { type Clock, systemClock } from './clock.ts';
import type { Config } from './config-settings.ts';
import { createBackoff } from './controller/backoff.ts';
import { type Informers, startInformers } from './controller/informer.ts';
import { type Candidacy, runForLeader } from './controller/lease.ts';
import { runMeasureSchedule } from './controller/measure/scheduling.ts';
import { runSchedule } from './controller/schedule.ts';
import { SerinError } from './errors.ts';
import { openEvidenceStore } from './evidence/open.ts';
import { createKubeClient } from './kube/client.ts';
import type { KubeClient } from './kube/port.ts';
import { createLogger, type Log } from './logger.ts';
import type { MetricSource } from './metrics/port.ts';
import { openQueueBackend } from './queue/backend.ts';
import type { QueueBackend } from './queue/port.ts';
import { type ReadinessCheck, startHttpServer } from './server/http.ts';
import { createTelemetry, type Telemetry } from './telemetry.ts';
import type { Parts } from './wiring/parts.ts';
import { openPrometheus } from './wiring/prometheus.ts';
import { followReleases } from './wiring/release-metrics.ts';
import { watchedTypes } from './wiring/types.ts';
import { startWork } from './wiring/work.ts';

/** Parts that tests and the demo put in place of the real ones. What is passed in is not closed. */
export interface ServiceOverrides {
  /** Aborts a start that is still waiting; `stop` ends a service that runs. */
  readonly signal?: AbortSignal;
  readonly kube?: KubeClient & { readonly namespace?: string };
  readonly clock?: Clock;
  readonly random?: () => number;
  readonly log?: Log;
  readonly queues?: QueueBackend;
  readonly source?: MetricSource;
}

export interface Service {
  /** Where probes and metrics are answered. */
  readonly url: string;
  readonly telemetry: Telemetry;
  isLeader(): boolean;
  /** Takes no more work, lets what runs finish within the grace, gives the lease back, closes everything. Twice is fine. */
  stop(): Promise<void>;
}

/** Nothing was heard from the API server for so long: what the cache says is too old to be called ready. */
const STALE_MS = 10 * 60_000;

/**
 * Resolves when everything was listed and workers run; until then `/readyz` says what is missing. An API server, Redis
 * or Prometheus that is away is waited for; throws `SERIN_E_CONFIG` for what waiting does not cure.
 */
export async function startService(config: Config, overrides: ServiceOverrides = {}): Promise<Service> {
  await using open = new AsyncDisposableStack();
  const { clock = systemClock, random = Math.random } = overrides;
  const log = overrides.log ?? createLogger({ level: config.logLevel, format: config.logFormat });
  const version = readVersion();
  const telemetry = createTelemetry({ version, releaseMetrics: config.releaseMetrics });
  const onError = (err: Error): void => log.warn({ err }, 'The queue store is in trouble; it is tried again.');
  const checks = new Map<string, ReadinessCheck['check']>();
  for (const name of ['queue', 'kubernetes', 'work']) checks.set(name, starting);

  const server = await startHttpServer({
    host: config.httpHost,
    port: config.httpPort,
    telemetry,
    checks: [...checks.keys()].map((name) => ({ name, check: (signal) => checks.get(name)?.(signal) })),
  });
  open.defer(() => server.close());
  log.info({ version, url: server.url, node: process.version }, 'Serin starts.');

  const kube = overrides.kube ?? open.adopt(createKubeClient(kubeOptions(config)), (client) => client.close());
  const source =
    overrides.source ??
    (await openPrometheus(config, clock, (result, durationMs) => {
      telemetry.count('serin_provider_requests_total', { provider: 'prometheus', result });
      telemetry.observe('serin_provider_request_duration_seconds', { provider: 'prometheus' }, durationMs / 1_000);
    }));

  const informers = openInformers({ config, kube, clock, random, log, telemetry });
  open.defer(() => informers.stop());
  open.defer(followReleases(informers, telemetry));
  checks.set('kubernetes', () => checkInformers(informers));

  const stores = { clock, random, log, signal: overrides.signal };
  const queues =
    overrides.queues ?? (await openStore(stores, () => openQueueBackend(queueAddress(config), { onError })));
  if (overrides.queues === undefined) open.defer(() => queues.close());
  const evidence = await openStore(stores, () => openEvidenceStore(evidenceAddress(config), { onError }));
  open.defer(() => evidence.close());
  checks.set('queue', (signal) => queues.ping(signal));
  telemetry.onScrape(async () => {
    const isUp = await queues.ping().then(
      () => 1,
      () => 0,
    );
    telemetry.set('serin_queue_up', {}, isUp);
  });
  for (const name of ['reconcile', 'poll', 'measure', 'notify'] as const) {
    telemetry.onScrape(async () => {
      for (const [state, jobs] of Object.entries(await queues.queue(name).counts())) {
        telemetry.set('serin_queue_jobs', { queue: name, state }, jobs);
      }
    });
  }

  await untilAborted(informers.synced(), overrides.signal);
  const closing = new AbortController();
  open.defer(() =>
    closing.abort(new SerinError('SERIN_E_ABORTED', 'The process is stopping. Nothing has to be done.')),
  );
  const parts: Parts = {
    config,
    clock,
    random,
    log,
    telemetry,
    kube,
    cache: informers,
    queues,
    evidence,
    source,
    closing: closing.signal,
  };
  const candidacy = lead(parts, kube.namespace ?? 'default');
  open.defer(() => candidacy.stop());
  const workers = await startWork(parts);
  open.defer(async () => {
    await Promise.all(workers.map((worker) => worker.close(config.shutdownGraceMs)));
  });
  checks.delete('work');
  log.info({ queue: queues.name, namespaces: config.watchNamespaces }, 'Serin works.');

  const running = open.move();
  let stopped: Promise<void> | undefined;
  return {
    url: server.url,
    telemetry,
    isLeader: () => candidacy.isLeader(),
    stop: () => {
      server.drain();
      stopped ??= (async () => {
        log.info({ graceMs: config.shutdownGraceMs }, 'Serin stops: running work may finish.');
        await running.disposeAsync();
        log.info({}, 'Serin has stopped.');
      })();
      return stopped;
    },
  };
}

function starting(): void {
  throw new Error('still starting');
}

function kubeOptions(config: Config): { kubeconfig?: string; context?: string } {
  const { kubeconfig, context } = config;
  return { ...(kubeconfig === undefined ? {} : { kubeconfig }), ...(context === undefined ? {} : { context }) };
}

function openInformers(parts: Pick<Parts, 'config' | 'kube' | 'clock' | 'random' | 'log' | 'telemetry'>): Informers {
  const { config, telemetry, ...deps } = parts;
  const { always, onDemand } = watchedTypes();
  return startInformers(
    {
      ...deps,
      namespaces: config.watchNamespaces,
      telemetry: {
        watchRestarted: (kind, reason) => telemetry.count('serin_watch_restarts_total', { kind, reason }),
        heard: (kind, timeMs) => telemetry.set('serin_watch_last_event_timestamp_seconds', { kind }, timeMs / 1_000),
      },
    },
    always,
    undefined,
    onDemand,
  );
}

function checkInformers(informers: Informers): void {
  const [unsynced] = informers.unsynced();
  if (unsynced !== undefined) throw new Error(`${unsynced.kind}: ${unsynced.because}`);
  if (informers.missing().includes(TYPES.release.kind)) {
    throw new Error('the API server knows no Release; install the resource definitions of deploy/crds');
  }
  const staleMs = informers.stalenessMs();
  if (staleMs > STALE_MS) throw new Error(`nothing heard from the API server for ${Math.round(staleMs / 1_000)} s`);
}

/** Waits for a store that is away; a wrong address or version is an error at once. */
async function openStore<T>(
  { clock, random, log, signal }: Pick<Parts, 'clock' | 'random' | 'log'> & { signal: AbortSignal | undefined },
  open: () => Promise<T>,
): Promise<T> {
  const backoff = createBackoff(random, { baseMs: 500, capMs: 10_000 });
  for (;;) {
    try {
      return await open();
    } catch (thrown) {
      if (!(thrown instanceof SerinError) || !thrown.retryable) throw thrown;
      log.error({ err: thrown }, 'The queue store cannot be opened; it is tried again.');
      await clock.sleep(250 + backoff.nextMs(), signal);
    }
  }
}

function queueAddress(config: Config): Parameters<typeof openQueueBackend>[0] {
  if (config.queue === 'redis') return { kind: 'redis', url: config.redisUrl ?? '' };
  return { kind: 'embedded', ...(config.embeddedPath === undefined ? {} : { dir: config.embeddedPath }) };
}

function evidenceAddress(config: Config): Parameters<typeof openEvidenceStore>[0] {
  return config.queue === 'redis' ? { kind: 'redis', url: config.redisUrl ?? '' } : { kind: 'memory' };
}

/** Without election the process leads from the start, for as long as it runs. */
function lead(parts: Parts, namespace: string): Candidacy {
  const { config, cache, queues, clock, random, log, telemetry, kube } = parts;
  const schedule = async (signal: AbortSignal): Promise<void> => {
    await Promise.all([
      runSchedule(
        {
          cache,
          reconcile: queues.queue('reconcile'),
          poll: queues.queue('poll'),
          clock,
          random,
          log,
          onDropped: (polls) => telemetry.count('serin_polls_dropped_total', {}, polls),
        },
        config,
        signal,
      ),
      runMeasureSchedule({ cache, measure: queues.queue('measure'), clock, log }, signal),
    ]);
  };
  const onChange = (isLeader: boolean): void =>
    telemetry.set('serin_leader', { identity: config.identity }, isLeader ? 1 : 0);
  if (!config.leaderElection) {
    const stopping = new AbortController();
    const running = schedule(stopping.signal);
    onChange(true);
    return {
      isLeader: () => !stopping.signal.aborted,
      holder: () => config.identity,
      stop: async () => {
        stopping.abort(new SerinError('SERIN_E_ABORTED', 'The process is stopping. Nothing has to be done.'));
        await running;
      },
    };
  }
  onChange(false);
  const settings = { namespace: config.leaseNamespace ?? namespace, name: config.leaseName, identity: config.identity };
  return runForLeader({ kube, clock, random, log, onChange }, settings, schedule);
}

async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await promise;
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
