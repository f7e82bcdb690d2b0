/** Puts a whole sandbox together in this process, in the order in which its parts need each other. */
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../clock.ts';
import { SerinError } from '../../errors.ts';
import { createKubeClient } from '../../kube/client.ts';
import { createTransport } from '../../kube/transport.ts';
import { type ApiServer, startApiServer } from '../apiserver/server.ts';
import { startDeploymentController } from '../deployment-controller/controller.ts';
import { startEndpointController } from '../deployment-controller/endpoints.ts';
import { type PodTarget, startKubelet } from '../kubelet/kubelet.ts';
import { createNodeApi } from '../kubelet/node-api.ts';
import { type Load, type LoadCounts, startLoad } from '../load/load.ts';
import { INGRESS_GATEWAY } from '../mesh/identity.ts';
import { startIngress } from '../mesh/ingress.ts';
import { startMesh } from '../mesh/mesh.ts';
import { podTarget, type ScrapeTarget } from '../prometheus/config.ts';
import { createForeignPrometheus } from '../prometheus/foreign.ts';
import { createPrometheus, type Prometheus } from '../prometheus/prometheus.ts';
import { outsideLoopback } from '../pod.ts';
import { createRandom } from '../random.ts';
import { createSkewedClock } from '../skewed-clock.ts';
import { createApplier } from './apply.ts';
import type { SandboxAddresses, SandboxControls, SandboxOptions } from './controls.ts';
import { meshDefinitions } from './definitions.ts';
import { startReceiver } from './receiver.ts';

export interface AssembledSandbox {
  readonly addresses: SandboxAddresses;
  readonly controls: SandboxControls;
  /** Ends every part and removes the folder; may be called more than once. */
  stop(): Promise<void>;
}

const clock = systemClock;

export async function assembleSandbox(options: SandboxOptions): Promise<AssembledSandbox> {
  const life = new AbortController();
  const { signal } = life;
  const endings: (() => Promise<void> | void)[] = [];
  const stop = once(async () => {
    life.abort();
    for (const end of endings.toReversed()) await Promise.resolve(end()).catch(() => undefined);
  });
  try {
    return await build(options, signal, endings, stop);
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}

async function build(
  options: SandboxOptions,
  signal: AbortSignal,
  endings: (() => Promise<void> | void)[],
  stop: () => Promise<void>,
): Promise<AssembledSandbox> {
  const { seed, speed = 1 } = options;
  const parent = options.dir ?? tmpdir();
  await mkdir(parent, { recursive: true });
  const dir = await mkdtemp(join(parent, 'serin-sandbox-'));
  endings.push(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }));
  const troubles: string[] = [];
  const onTrouble = (sentence: string): void => void troubles.push(sentence);

  const nodeClock = createSkewedClock(clock);
  const apiServer =
    options.kubeconfig === undefined ? await startApiServer({ nowMs: () => nodeClock.nowMs() }) : undefined;
  if (apiServer !== undefined) endings.push(() => apiServer.stop());
  const kubeconfigPath = join(dir, 'kubeconfig');
  if (apiServer !== undefined) await writeFile(kubeconfigPath, apiServer.kubeconfig, { mode: 0o600 });
  else if (options.kubeconfig !== undefined) await cp(options.kubeconfig, kubeconfigPath);
  const kube = createKubeClient({ kubeconfig: kubeconfigPath });
  const transport = createTransport({ kubeconfig: kubeconfigPath, clock });
  endings.push(
    () => kube.close(),
    () => transport.close(),
  );
  await createApplier(kube, clock, signal)(meshDefinitions());

  // The real control plane brings its own workload controllers.
  if (options.kubeconfig === undefined) {
    await startDeploymentController({ kube, clock: nodeClock, signal, onTrouble, random: createRandom(seed, 'names') });
    await startEndpointController({ kube, clock, signal, onTrouble });
  }
  const mesh = startMesh({ kube, clock, signal, onTrouble });
  await mesh.synced;
  let areScrapesBroken = false;
  const isScrapable = (): boolean => !areScrapesBroken;
  const ingress = await startIngress({ mesh, random: createRandom(seed, 'gateway'), isScrapable });
  endings.push(() => ingress.close());

  const prometheus = await providePrometheus(options, dir, signal);
  endings.push(
    () => (options.targetsFile === undefined ? undefined : rm(options.targetsFile, { force: true })),
    () => prometheus.kill(),
  );
  const gatewayTarget: ScrapeTarget = {
    address: ingress.metricsAddress,
    labels: { namespace: INGRESS_GATEWAY.namespace, pod: INGRESS_GATEWAY.pod, app: INGRESS_GATEWAY.app },
  };
  const setTargets = async (pods: readonly PodTarget[]): Promise<void> => {
    const targets = [gatewayTarget, ...pods.map(podTarget)];
    await prometheus.setTargets(targets);
  };
  await setTargets([]);
  const kubelet = await startKubelet({
    kube,
    clock: nodeClock,
    mesh,
    seed,
    speed,
    signal,
    isScrapable,
    onTrouble,
    nodeApi: createNodeApi(transport),
    ...(options.kubeconfig === undefined ? {} : { shownIp: outsideLoopback }),
    onTargets: (targets) =>
      void setTargets(targets).catch((thrown: unknown) =>
        onTrouble(`The target file cannot be written: ${String(thrown)}`),
      ),
  });
  endings.push(() => kubelet.stopped());
  const receiver = await startReceiver(clock);
  endings.push(() => receiver.close());
  await prometheus.start();

  const loads = new Map<string, Load>();
  endings.push(async () => void (await Promise.all([...loads.values()].map((load) => load.stop()))));
  const controls: SandboxControls = {
    startLoad: async (profile) => {
      await loads.get(profile.name)?.stop();
      loads.set(profile.name, startLoad({ url: ingress.url, ...profile }, { clock, seed, signal }));
    },
    setLoad: async (name, rps, rampMs) => loadNamed(loads, name).setRate(rps, rampMs),
    stopLoad: async (name) => {
      const load = loadNamed(loads, name);
      await load.stop();
      return load.counts();
    },
    loadCounts: async () =>
      Object.fromEntries([...loads].map(([name, load]): [string, LoadCounts] => [name, load.counts()])),
    startPrometheus: async () => await prometheus.start(),
    stopPrometheus: async () => await prometheus.stop(),
    killPrometheus: async () => await prometheus.kill(),
    hangPrometheus: async () => prometheus.hang(),
    unhangPrometheus: async () => prometheus.unhang(),
    breakScrapes: async (isBroken) => {
      areScrapesBroken = isBroken;
    },
    crashPod: async (namespace, name) => kubelet.crash(`${namespace}/${name}`),
    setApiFault: async (fault) => {
      const { faults } = apiServerOf(apiServer);
      if (fault === undefined) faults.clear();
      else faults.set(fault);
    },
    setClockSkew: async (ms) => nodeClock.setSkew(ms),
    messages: async () => receiver.messages(),
    answerMessagesWith: async (status) => receiver.answerWith(status),
    troubles: async () => [...troubles],
  };
  return {
    addresses: {
      dir,
      kubeconfigPath,
      prometheusUrl: prometheus.url,
      gatewayUrl: ingress.url,
      receiverUrl: receiver.url,
      prometheusPid: prometheus.pid(),
    },
    controls,
    stop,
  };
}

function apiServerOf(apiServer: ApiServer | undefined): ApiServer {
  if (apiServer !== undefined) return apiServer;
  throw new SerinError(
    'SERIN_E_USAGE',
    "The API server is not the sandbox's own. Leave out --kubeconfig to make it fail on purpose.",
  );
}

async function providePrometheus(options: SandboxOptions, dir: string, signal: AbortSignal): Promise<Prometheus> {
  if (options.prometheusUrl !== undefined) {
    const file = options.targetsFile ?? join(dir, 'targets.json');
    return await createForeignPrometheus({ url: options.prometheusUrl, file });
  }
  if (options.prometheusBinary === undefined) {
    throw new SerinError(
      'SERIN_E_MISSING_TOOL',
      'The sandbox needs Prometheus. Give the path of its binary or the address of one that runs.',
    );
  }
  const scrapeIntervalMs = options.scrapeIntervalMs ?? 1_000;
  return await createPrometheus({
    binary: options.prometheusBinary,
    dir: join(dir, 'prometheus'),
    scrapeIntervalMs,
    clock,
    signal,
  });
}

function loadNamed(loads: ReadonlyMap<string, Load>, name: string): Load {
  const load = loads.get(name);
  if (load !== undefined) return load;
  throw new SerinError(
    'SERIN_E_NOT_FOUND',
    `No load is named "${name}". Running: ${[...loads.keys()].join(', ') || 'none'}.`,
  );
}

function once(action: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  return () => {
    running ??= action();
    return running;
  };
}
