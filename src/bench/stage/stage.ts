/**
 * Many small apps on the sandbox's API server and controllers, with counters in a real Prometheus that follow the weights of the
 * VirtualServices; Serin runs beside it as a process of its own.
 */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { API_VERSION, type KubeObject, TYPES } from '../../api/meta.ts';
import { systemClock } from '../../clock.ts';
import { type Informers, startInformers } from '../../controller/informer.ts';
import { deploymentOf } from '../../controller/references.ts';
import { type ConnectedKubeClient, createKubeClient } from '../../kube/client.ts';
import { silentLog } from '../../logger.ts';
import { startApiServer } from '../../sandbox/apiserver/server.ts';
import { type AppVersion, webApp, webDeployment } from '../../sandbox/apps/web.ts';
import { createApplier } from '../../sandbox/cluster/apply.ts';
import { meshDefinitions } from '../../sandbox/cluster/definitions.ts';
import { startDeploymentController } from '../../sandbox/deployment-controller/controller.ts';
import { createPrometheus } from '../../sandbox/prometheus/prometheus.ts';
import { createRandom } from '../../sandbox/random.ts';
import { type Exporter, startExporter } from './exporter.ts';
import { startInstantKubelet } from './instant-kubelet.ts';

export interface StageOptions {
  readonly apps: number;
  readonly appsPerNamespace: number;
  readonly stablePods: number;
  readonly canaryPods: number;
  /** Requests a second of one app, over both versions. */
  readonly requestsPerSecond: number;
  readonly scrapeIntervalMs: number;
  /** `spec.analysis` of every Release. */
  readonly analysis: Readonly<Record<string, unknown>>;
  readonly stepWeights: readonly number[];
  readonly prometheusBinary: string;
  readonly seed: string;
}

export interface App {
  readonly namespace: string;
  readonly name: string;
}

export interface Stage {
  readonly apps: readonly App[];
  readonly kube: ConnectedKubeClient;
  readonly cache: Informers;
  readonly exporter: Exporter;
  readonly kubeconfig: string;
  readonly prometheusUrl: string;
  readonly dir: string;
  /** Changes the idle version of these apps, so many a second: each Release starts. */
  readonly release: (apps: readonly App[], perSecond: number) => Promise<void>;
  close(): Promise<void>;
}

const root = fileURLToPath(new URL('../../..', import.meta.url));
const WRITERS = 16;

export async function setStage(options: StageOptions): Promise<Stage> {
  await using open = new AsyncDisposableStack();
  const life = new AbortController();
  const { signal } = life;
  const dir = await mkdtemp(join(tmpdir(), 'serin-bench-'));
  open.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }));

  const server = await startApiServer({ history: 200_000 });
  open.defer(() => server.stop());
  const kubeconfig = join(dir, 'kubeconfig');
  await writeFile(kubeconfig, server.kubeconfig);
  const kube = createKubeClient({ kubeconfig });
  open.defer(() => kube.close());
  open.defer(() => life.abort(new Error('the stage is struck')));
  const apply = createApplier(kube, systemClock, signal);
  await apply(meshDefinitions());
  for (const folder of ['deploy/crds', 'queries', 'analyses']) await apply(await manifests(folder));

  const cache = startInformers(
    { kube, clock: systemClock, random: Math.random, log: silentLog },
    [TYPES.pod, TYPES.release, TYPES.virtualService],
    signal,
  );
  await cache.synced();
  const random = createRandom(options.seed, 'names');
  const onTrouble = (sentence: string): void => void process.stderr.write(`${sentence}\n`);
  await startDeploymentController({ kube, clock: systemClock, signal, random, onTrouble });
  startInstantKubelet(kube, cache);
  const exporter = await startExporter(8, createRandom(options.seed, 'traffic'));
  open.defer(() => exporter.close());
  followTraffic(cache, exporter, options);

  const binary = options.prometheusBinary;
  const { scrapeIntervalMs } = options;
  const prometheus = await createPrometheus({
    binary,
    dir: join(dir, 'prometheus'),
    scrapeIntervalMs,
    clock: systemClock,
    signal,
  });
  open.defer(() => prometheus.kill());
  await prometheus.setTargets(exporter.addresses.map((address) => ({ address, labels: {} })));
  await prometheus.start();

  const apps = Array.from({ length: options.apps }, (_, index) => ({
    namespace: `bench-${Math.floor(index / options.appsPerNamespace)}`,
    name: `app-${index}`,
  }));
  await inParallel(apps, async (app) => {
    await apply(webApp({ ...app, versions: { v1: stableOf(options), v2: canaryOf(options, 'old') } }));
    await apply([releaseOf(app, options)]);
  });
  const resources = open.move();
  return {
    apps,
    kube,
    cache,
    exporter,
    kubeconfig,
    prometheusUrl: prometheus.url,
    dir,
    release: async (chosen, perSecond) => {
      for (let at = 0; at < chosen.length; at += perSecond) {
        const wave = chosen.slice(at, at + perSecond);
        await Promise.all([
          systemClock.sleep(1_000),
          ...wave.map((app) => apply([webDeployment(app, 'v2', canaryOf(options, 'new'))])),
        ]);
      }
    },
    close: () => resources.disposeAsync(),
  };
}

const stableOf = ({ stablePods }: StageOptions): AppVersion => ({ replicas: stablePods });
const canaryOf = ({ canaryPods }: StageOptions, build: string): AppVersion => ({
  replicas: canaryPods,
  behaviour: { build },
});

function releaseOf({ namespace, name }: App, { analysis, stepWeights }: StageOptions): KubeObject {
  return {
    apiVersion: API_VERSION,
    kind: 'Release',
    metadata: { namespace, name },
    spec: {
      workload: { pair: { members: [`${name}-v1`, `${name}-v2`] } },
      traffic: { istio: { virtualService: { name }, destinationRule: { name } } },
      strategy: { canary: { stepWeights } },
      analysis: { templates: [{ name: 'success-and-latency', clusterScope: true }], ...analysis },
    },
  };
}

/** Weight of the second destination, percent. */
export function canaryWeightOf(virtualService: KubeObject): number {
  const spec = virtualService['spec'] as { http?: readonly { route?: readonly { weight?: number }[] }[] };
  return spec.http?.[0]?.route?.[1]?.weight ?? 0;
}

function followTraffic(cache: Informers, exporter: Exporter, options: StageOptions): void {
  cache.subscribe((event, object) => {
    const { namespace = '', name } = object.metadata;
    if (object.kind === TYPES.pod.kind) {
      const workload = deploymentOf(object);
      if (event === 'deleted') exporter.remove(namespace, name);
      else if (workload !== undefined) {
        exporter.add({ namespace, name, workload, version: object.metadata.labels?.['version'] ?? '' });
      }
    }
    if (object.kind === TYPES.virtualService.kind && event !== 'deleted') {
      const share = canaryWeightOf(object) / 100;
      const { requestsPerSecond, stablePods, canaryPods } = options;
      exporter.setRate(namespace, `${name}-v1`, (requestsPerSecond * (1 - share)) / stablePods);
      exporter.setRate(namespace, `${name}-v2`, (requestsPerSecond * share) / canaryPods);
    }
  });
}

async function manifests(folder: string): Promise<string> {
  const path = join(root, folder);
  const names = (await readdir(path)).filter((name) => name.endsWith('.yaml')).sort();
  return (await Promise.all(names.map((name) => readFile(join(path, name), 'utf8')))).join('\n---\n');
}

export async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = items[Symbol.iterator]();
  await Promise.all(
    Array.from({ length: WRITERS }, async () => {
      for (const item of left) await work(item);
    }),
  );
}
