/**
 * `npm run bench:latency`: canaries break one after the other; measured is the time from the moment the poll that sees it is due to
 * the moment the VirtualService is at 0 %, through Prometheus, queue, verdict and API server as in production. Beside it the
 * least that any controller needs: one query, one patch, seen by a watch.
 */
import { parseArgs } from 'node:util';
import { type KubeObject, TYPES } from '../../api/meta.ts';
import type { Release } from '../../api/release.ts';
import { systemClock } from '../../clock.ts';
import { createPrometheusSource } from '../../metrics/prometheus.ts';
import { createRandom } from '../../sandbox/random.ts';
import { ms, percentile, ratio, table } from '../stage/numbers.ts';
import { type MeasuredService, startMeasuredService, until } from '../stage/service.ts';
import { type App, canaryWeightOf, setStage, type Stage } from '../stage/stage.ts';
import { programPath, startOwnRedis } from '../stage/tools.ts';

const { values } = parseArgs({
  options: {
    aborts: { type: 'string', default: '100' },
    queue: { type: 'string', multiple: true, default: ['embedded', 'redis'] },
    /** Releases under analysis at the same time. */
    together: { type: 'string', default: '10' },
    seed: { type: 'string', default: '1' },
    verbose: { type: 'boolean', default: false },
  },
});
const GRID_MS = 1_000;
const LAG_MS = 300;
const say = (text: string): void => void process.stderr.write(`${text}\n`);

for (const queue of values.queue) {
  const stage = await setStage({
    apps: Number(values.aborts),
    appsPerNamespace: 20,
    stablePods: 2,
    canaryPods: 1,
    requestsPerSecond: 200,
    scrapeIntervalMs: GRID_MS,
    stepWeights: [20],
    analysis: { dwell: '4h', atMost: '8h', warmUp: '0s', history: '30s', interval: '1s' },
    prometheusBinary: programPath('prometheus'),
    seed: values.seed,
  });
  const redis = queue === 'redis' ? await startOwnRedis(stage.dir) : undefined;
  let service: MeasuredService | undefined;
  try {
    service = await startMeasuredService({
      kubeconfig: stage.kubeconfig,
      prometheusUrl: stage.prometheusUrl,
      grid: `${GRID_MS}ms`,
      lag: `${LAG_MS}ms`,
      leaseNamespace: 'default',
      ...(redis === undefined ? { queue: 'embedded' } : { redisUrl: redis.url }),
    });
    await measure(stage, service, queue);
  } finally {
    await service?.stop();
    await redis?.stop();
    await stage.close();
  }
}

async function measure(stage: Stage, service: MeasuredService, queue: string): Promise<void> {
  const { cache, exporter, apps } = stage;
  const releases = (): readonly Release[] => cache.list(TYPES.release) as unknown as readonly Release[];
  const isIn = (phase: string, wave: readonly App[]): boolean => {
    const names = new Set(wave.map(({ name }) => name));
    return releases().every(({ metadata, status }) => !names.has(metadata.name) || status?.phase === phase);
  };
  await until('all releases are adopted', () => releases().every((each) => each.status !== undefined), 120_000);
  // So that the noise of stable pods is known.
  await systemClock.sleep(30_000);
  const zeroAtMs = new Map<string, number>();
  cache.subscribe((_, object, previous) => {
    if (object.kind !== TYPES.virtualService.kind || previous === undefined) return;
    if (canaryWeightOf(object) === 0 && canaryWeightOf(previous) > 0) zeroAtMs.set(object.metadata.name, Date.now());
  });
  const random = createRandom(values.seed, 'breaks');
  const brokenAtMs = new Map<string, number>();
  const together = Number(values.together);
  for (let at = 0; at < apps.length; at += together) {
    const wave = apps.slice(at, at + together);
    await stage.release(wave, 10);
    await until('these releases are under analysis', () => isIn('Progressing', wave), 120_000);
    await until('their runs are judged', () => (service.polls.at(-1)?.runs ?? 0) >= wave.length, 60_000);
    await systemClock.sleep(5_000);
    for (const { namespace, name } of wave) {
      brokenAtMs.set(name, Date.now());
      exporter.setErrors(namespace, `${name}-v2`, 0.5);
      await systemClock.sleep(600 * random());
    }
    await until('all are at 0 %', () => zeroAtMs.size === at + wave.length, 120_000);
    await until('all are aborted', () => isIn('Aborted', wave), 60_000);
    say(`${at + wave.length} of ${apps.length} aborted`);
  }

  const afterDue: number[] = [];
  const afterBreak: number[] = [];
  const spent = new Map<string, number[]>();
  for (const release of releases()) {
    const { name } = release.metadata;
    const endMs = Date.parse(release.status?.verdict?.intervalEnd ?? '');
    afterDue.push((zeroAtMs.get(name) ?? Number.NaN) - (endMs + LAG_MS));
    afterBreak.push((zeroAtMs.get(name) ?? Number.NaN) - (brokenAtMs.get(name) ?? Number.NaN));
    const parts = partsOf(service, `${release.metadata.namespace}/${name}`, endMs, zeroAtMs.get(name) ?? 0);
    for (const [part, tookMs] of Object.entries(parts)) spent.set(part, [...(spent.get(part) ?? []), tookMs]);
    if (values.verbose) say(`${name} ${afterDue.at(-1)} ms after due, ${afterBreak.at(-1)} ms after it broke`);
  }
  if (values.verbose) say(await service.heap());
  const early = afterDue.filter((each) => !(each >= 0)).length;
  const least = await leastPossible(stage, apps.slice(0, 50));
  process.stdout.write(
    table(
      `bench:latency, ${apps.length} aborts, ${together} releases at a time, polls every ${GRID_MS / 1_000} s, ${queue} queue`,
      [
        [
          'from the poll being due to 0 %, p50',
          ms(percentile(afterDue, 0.5)),
          ratio(percentile(afterDue, 0.5) / percentile(least, 0.5)),
        ],
        [
          'from the poll being due to 0 %, p99',
          ms(percentile(afterDue, 0.99)),
          `${ratio(percentile(afterDue, 0.99) / percentile(least, 0.99))}, target ≤ 250 ms`,
        ],
        ['from the first failing request to 0 %, p50', ms(percentile(afterBreak, 0.5))],
        [
          'poll itself, p99',
          ms(
            percentile(
              service.polls.slice(-60).map((poll) => poll.durationMs),
              0.99,
            ),
          ),
        ],
        ...[...spent].map(([part, took]) => [`  of it ${part}, p50`, ms(percentile(took, 0.5))] as const),
        ['least possible: one query, one patch, p50', ms(percentile(least, 0.5)), 'baseline'],
        ['least possible: one query, one patch, p99', ms(percentile(least, 0.99)), 'baseline'],
        ...(early === 0 ? [] : ([['aborts before they were due', `${early}`, 'must be none']] as const)),
      ],
    ),
  );
}

/** Where the time went, from the service's own log: its stamps are of the same clock. */
function partsOf(
  service: MeasuredService,
  key: string,
  endMs: number,
  zeroMs: number,
): Readonly<Record<string, number>> {
  const poll = service.polls.find((each) => each.instantMs === endMs);
  const acts = service.actions.filter(
    (each) => each.release === key && each.atMs >= endMs && each.atMs <= zeroMs + 1_000,
  );
  const traffic = acts.find((each) => each.action === 'writeTraffic');
  const first = acts[0];
  if (poll === undefined || traffic === undefined || first === undefined) return {};
  const startMs = endMs + poll.latenessMs;
  return {
    'waiting for the poll': startMs - endMs - LAG_MS,
    'from the poll to the first write': first.atMs - startMs,
    'from the first write to the routes': traffic.atMs - first.atMs,
  };
}

/** Asks Prometheus for one canary's errors, patches one weight, and waits until a watch shows it. */
async function leastPossible(stage: Stage, apps: readonly App[]): Promise<readonly number[]> {
  const source = createPrometheusSource({ url: stage.prometheusUrl, timeoutMs: 10_000 });
  const took: number[] = [];
  for (const { namespace, name } of apps) {
    const seen = Promise.withResolvers<void>();
    const unsubscribe = stage.cache.subscribe((_, object: KubeObject) => {
      if (object.kind === TYPES.virtualService.kind && object.metadata.name === name) seen.resolve();
    });
    const startMs = performance.now();
    const labels = `destination_workload_namespace="${namespace}",destination_workload="${name}-v2"`;
    await source.instant(
      `sum by (response_code) (increase(istio_requests_total{${labels}}[5s]))`,
      Date.now(),
      AbortSignal.timeout(10_000),
    );
    await stage.kube.patch({
      kind: 'json',
      target: { type: TYPES.virtualService, namespace, name },
      fieldManager: 'bench',
      operations: [{ op: 'add', path: '/spec/http/0/route/1/weight', value: 1 }],
    });
    await seen.promise;
    unsubscribe();
    took.push(performance.now() - startMs);
  }
  return took;
}
