/**
 * `npm run bench:scale`: many releases under analysis in one process. Prints how late polls are, how long they take, what they ask
 * of Prometheus, and what the process needs; beside it the same questions asked one by one, as a controller does that
 * runs each metric of each analysis by itself.
 */
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { parse } from 'yaml';
import type { MetricQuerySpec } from '../../api/metric-query.ts';
import { TYPES } from '../../api/meta.ts';
import { askAll } from '../../metrics/asking.ts';
import { createPrometheusSource } from '../../metrics/prometheus.ts';
import type { Way } from '../../metrics/ways.ts';
import type { Release } from '../../api/release.ts';
import { ms, percentile, ratio, table } from '../stage/numbers.ts';
import { type MeasuredService, startMeasuredService, until } from '../stage/service.ts';
import { inParallel, setStage, type Stage } from '../stage/stage.ts';
import { programPath, startOwnRedis } from '../stage/tools.ts';

const { values } = parseArgs({
  options: {
    releases: { type: 'string', default: '1000' },
    polls: { type: 'string', default: '12' },
    queue: { type: 'string', default: 'redis' },
    grid: { type: 'string', default: '10' },
    seed: { type: 'string', default: '1' },
    'node-flag': { type: 'string', multiple: true },
    verbose: { type: 'boolean', default: false },
  },
});
const releases = Number(values.releases);
const gridMs = Number(values.grid) * 1_000;
/** As many boundaries as a run may judge. */
const JUDGED_MS = [5, 10, 25, 50, 100, 250, 500, 1_000];
const say = (text: string): void => void process.stderr.write(`${text}\n`);

const stage = await setStage({
  apps: releases,
  appsPerNamespace: 50,
  stablePods: 2,
  canaryPods: 1,
  requestsPerSecond: 40,
  scrapeIntervalMs: gridMs,
  stepWeights: [20],
  // Long enough that nothing ends while it is measured.
  analysis: { dwell: '4h', atMost: '8h', warmUp: '0s', history: '2m', falseAbort: '0.01%' },
  prometheusBinary: programPath('prometheus'),
  seed: values.seed,
});
const redis = values.queue === 'redis' ? await startOwnRedis(stage.dir) : undefined;
let service: MeasuredService | undefined;
try {
  say(`${releases} apps with ${releases * 3} pods are up`);
  service = await startMeasuredService(
    {
      kubeconfig: stage.kubeconfig,
      prometheusUrl: stage.prometheusUrl,
      grid: `${gridMs}ms`,
      leaseNamespace: 'default',
      ...(redis === undefined ? { queue: 'embedded' } : { redisUrl: redis.url }),
    },
    values['node-flag'],
  );
  await measure(stage, service);
} finally {
  await service?.stop();
  await redis?.stop();
  await stage.close();
}

async function measure({ cache, release, prometheusUrl, apps }: Stage, serve: MeasuredService): Promise<void> {
  const phases = (): readonly (string | undefined)[] =>
    (cache.list(TYPES.release) as unknown as readonly Release[]).map((release) => release.status?.phase);
  const isJudged = (phase: string | undefined): boolean => phase === 'Progressing' || phase === 'Held';
  const startedMs = Date.now();
  await until('all releases are adopted', () => phases().every((phase) => phase !== undefined), 120_000);
  const adoptedMs = Date.now() - startedMs;
  say(`adopted after ${ms(adoptedMs)}; idle with ${Math.round(await serve.rssMiB())} MiB`);
  const releasedAtMs = Date.now();
  await release(apps, 5);
  await until('all releases are under analysis', () => phases().filter(isJudged).length === releases, 900_000);
  say(`all under analysis after ${((Date.now() - releasedAtMs) / 1_000).toFixed(0)} s`);
  const opened = (): boolean => (serve.polls.at(-1)?.runs ?? 0) >= releases && serve.polls.at(-1)?.caughtUp === 0;
  await until('all runs are opened and none has to catch up', opened, 600_000);

  const first = serve.polls.length;
  const cpuBefore = await serve.cpuSeconds();
  const wallBefore = Date.now();
  let peakMiB = 0;
  while (serve.polls.length < first + Number(values.polls)) {
    peakMiB = Math.max(peakMiB, await serve.rssMiB());
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  const cpu = ((await serve.cpuSeconds()) - cpuBefore) / ((Date.now() - wallBefore) / 1_000);
  const polls = serve.polls.slice(first);
  if (values.verbose) {
    for (const poll of polls) say(JSON.stringify(poll));
    say(await serve.heap());
  }
  const lagMs = 500;
  const late = polls.map((poll) => poll.latenessMs - lagMs);
  const judged = polls.map((poll) => poll.latenessMs - lagMs + poll.durationMs);
  const queries = Math.max(...polls.map((poll) => poll.queries));
  const expected = Math.round((polls.at(-1)!.instantMs - polls[0]!.instantMs) / gridMs) + 1;
  const ways = await askBothWays(prometheusUrl, apps);
  const baseline = await askOneByOne(prometheusUrl, apps);
  process.stdout.write(
    table(`bench:scale, ${releases} releases, polls every ${gridMs / 1_000} s, ${values.queue} queue`, [
      ['polls measured', `${polls.length} of ${expected}`, 'none may be left out'],
      ['releases judged a poll, least', `${Math.min(...polls.map((poll) => poll.runs))}`, `target ${releases}`],
      ['poll starts after it is due, p50', ms(percentile(late, 0.5))],
      ['poll starts after it is due, p99', ms(percentile(late, 0.99)), 'target < 1 s'],
      ['last verdict after it is due, p50', ms(percentile(judged, 0.5))],
      ['last verdict after it is due, p99', ms(percentile(judged, 0.99)), 'target < 1 s'],
      ['Prometheus queries a poll, most', `${queries}`, 'target ≤ 50'],
      ['resident memory, most', `${Math.round(peakMiB)} MiB`, 'target ≤ 512 MiB'],
      ['processor', `${(cpu * 100).toFixed(0)} % of one core`],
      ['failed queries', `${polls.reduce((sum, poll) => sum + poll.failedQueries, 0)}`],
      ['warnings in the log', `${serve.troubles.length}`],
    ]),
  );
  process.stdout.write(
    table('the questions of one poll, by themselves, the fastest of three times', [
      ['raw samples, differenced in Serin', ms(ways.samples)],
      ['PromQL that differences and sums', ms(ways.sums), `${ratio(ways.sums / ways.samples)} as long`],
    ]),
  );
  process.stdout.write(
    table('the same, one query for each metric and release (what Argo Rollouts does, with 10 at a time)', [
      ['queries a poll', `${baseline.queries}`, `${ratio(baseline.queries / queries)} as many`],
      ['time for one poll', ms(baseline.tookMs), `${ratio(baseline.tookMs / percentile(judged, 0.5))} as long`],
    ]),
  );
  if (serve.troubles.length > 0 && values.verbose) say(serve.troubles.slice(0, 5).join('\n'));
}

/** All that one poll asks, as Serin asks it and as it did before; what each took at best, ms. */
async function askBothWays(url: string, apps: Stage['apps']): Promise<Readonly<Record<Way, number>>> {
  const source = createPrometheusSource({ url, timeoutMs: 60_000 });
  const requests = await libraryQuery('istio-requests');
  const latency = await libraryQuery('istio-latency');
  const lastMs = Math.floor(Date.now() / gridMs) * gridMs - gridMs;
  const questions = apps.flatMap(({ namespace, name }) => {
    const workloads = ['v1', 'v2'].map((version) => ({ namespace, workload: `${name}-${version}` }));
    const common = { intervalMs: gridMs, firstMs: lastMs, lastMs, workloads };
    return [
      { query: requests, ...common },
      { query: latency, boundaries: JUDGED_MS, ...common },
    ];
  });
  const best = { samples: Number.POSITIVE_INFINITY, sums: Number.POSITIVE_INFINITY };
  for (let turn = 0; turn < 3; turn++) {
    for (const way of ['samples', 'sums'] as const) {
      const startMs = performance.now();
      const asked = await askAll(source, questions, 4, AbortSignal.timeout(300_000), { way });
      if (asked.failed === 0) best[way] = Math.min(best[way], performance.now() - startMs);
    }
  }
  return best;
}

async function libraryQuery(name: string): Promise<MetricQuerySpec> {
  const text = await readFile(new URL(`../../../queries/${name}.yaml`, import.meta.url), 'utf8');
  return (parse(text) as { readonly spec: MetricQuerySpec }).spec; // the library is checked against the schema
}

/** Success rate and p95 latency of each canary, each asked by itself. */
async function askOneByOne(
  url: string,
  apps: Stage['apps'],
): Promise<{ readonly queries: number; readonly tookMs: number }> {
  const source = createPrometheusSource({ url, timeoutMs: 30_000 });
  const questions = apps.flatMap(({ namespace, name }) => {
    const labels = `reporter="destination",destination_workload_namespace="${namespace}",destination_workload="${name}-v2"`;
    const total = `sum(rate(istio_requests_total{${labels}}[1m]))`;
    return [
      `sum(rate(istio_requests_total{${labels},response_code!~"5.."}[1m])) / ${total}`,
      `histogram_quantile(0.95, sum by (le) (rate(istio_request_duration_milliseconds_bucket{${labels}}[1m])))`,
    ];
  });
  const startMs = performance.now();
  const atMs = Date.now();
  await inParallel(questions, async (promql) => {
    await source.instant(promql, atMs, AbortSignal.timeout(30_000));
  });
  return { queries: questions.length, tookMs: performance.now() - startMs };
}
