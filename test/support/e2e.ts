/**
 * A stand for end-to-end tests: one sandbox (on its own or on a given API server) with Serin's definitions and a quick
 * template in it, and `serin serve` as real processes beside it. Waits poll for a state and say what they saw instead.
 */
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AnalysisRun } from '../../src/api/analysis-run.ts';
import { ANNOTATIONS, API_VERSION, type KubeObject, type ResourceType, TYPES } from '../../src/api/meta.ts';
import type { Release, ReleaseSpec, ReleaseStatus } from '../../src/api/release.ts';
import { webApp } from '../../src/sandbox/apps/web.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/cluster.ts';
import type { LoadCounts } from '../../src/sandbox/load/load.ts';
import { type ServeProcess, startServe, TEST_HOME } from './serve.ts';
import { requireTool } from './tools.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** A slow machine takes its time; what has not come by then is a failure. */
const WITHIN_MS = 150_000;

/** What a program came to. */
export interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Stand {
  readonly sandbox: Sandbox;
  /** The namespace of its apps and Releases. */
  readonly namespace: string;
  /** Starts one more `serin serve` with these settings on top of the usual ones, and waits until it is ready. */
  startService(settings?: Readonly<Record<string, string>>): Promise<ServeProcess>;
  /** Real kubectl in the stand's namespace. */
  kubectl(...words: readonly string[]): Promise<Run>;
  /** The `serin` program in the stand's namespace. */
  serin(...words: readonly string[]): Promise<Run>;
  stop(): Promise<void>;
}

export interface StandOptions {
  readonly seed: string;
  readonly namespace?: string;
  /** An API server that runs already, with its controllers. */
  readonly kubeconfig?: string;
}

/** Sandbox, definitions, query library, template; no service yet. */
export async function startStand(options: StandOptions): Promise<Stand> {
  const { seed, namespace = 'shop', kubeconfig } = options;
  const sandbox = await startSandbox({
    seed,
    scrapeIntervalMs: 1_000,
    prometheusBinary: requireTool('prometheus'),
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
  });
  const services: ServeProcess[] = [];
  const stop = async (): Promise<void> => {
    for (const service of services) service.signal('SIGKILL');
    await Promise.all(services.map(({ exit }) => exit));
    await sandbox.stop();
  };
  try {
    await sandbox.apply(await manifests('deploy/crds'));
    await sandbox.apply(await manifests('queries'));
    await sandbox.apply([
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
      quickTemplate(),
      secretFor(namespace, `${sandbox.receiverUrl}/slack`),
    ]);
  } catch (thrown) {
    await stop();
    throw thrown;
  }
  const inNamespace = ['--kubeconfig', sandbox.kubeconfigPath, '--namespace', namespace];
  return {
    sandbox,
    namespace,
    stop,
    kubectl: (...words) => run(requireTool('kubectl'), [...inNamespace, ...words]),
    serin: (command = '', ...words) =>
      run(process.execPath, [join(root, 'src/main.ts'), command, ...words, ...inNamespace]),
    startService: async (settings = {}) => {
      const service = await startServe({
        kubeconfig: sandbox.kubeconfigPath,
        prometheusUrl: sandbox.prometheusUrl,
        prometheusTimeout: '2s',
        grid: '1s',
        lag: '300ms',
        resync: '2s',
        notifyHosts: '127.0.0.1',
        leaseNamespace: 'default',
        logLevel: 'debug',
        ...settings,
      });
      services.push(service);
      await service.ready();
      return service;
    },
  };
}

async function manifests(folder: string): Promise<string> {
  const names = (await readdir(join(root, folder))).filter((name) => name.endsWith('.yaml')).sort();
  return (await Promise.all(names.map((name) => readFile(join(root, folder, name), 'utf8')))).join('\n---\n');
}

/** Wide margins: 20 % errors fail and equal versions pass within seconds, whatever the seed. */
function quickTemplate(): KubeObject {
  return {
    apiVersion: API_VERSION,
    kind: 'ClusterAnalysisTemplate',
    metadata: { name: 'quick' },
    spec: {
      metrics: [
        {
          name: 'errors',
          critical: true,
          compare: { query: 'istio-requests', fail: { ratio: 1.1 }, pass: { ratio: 3, difference: '5pp' } },
        },
      ],
    },
  };
}

function secretFor(namespace: string, url: string): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'slack', namespace },
    type: 'Opaque',
    stringData: { url },
  };
}

/** Runs a program to its end, however it ends; killed after two minutes. */
export function run(program: string, words: readonly string[]): Promise<Run> {
  return new Promise((resolve) => {
    const options = { timeout: WITHIN_MS, maxBuffer: 1 << 24, env: { PATH: process.env['PATH'], HOME: TEST_HOME } };
    execFile(program, [...words], options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      resolve({ code, stdout, stderr });
    });
  });
}

/** How a version behaves: `error-rate`, `ready-after`, … of the sandbox app. */
export type Behaviour = Readonly<Record<string, string>>;

export const HEALTHY: Behaviour = { 'error-rate': '0.005', latency: 'lognormal(5ms,0.3)' };
export const BROKEN: Behaviour = { ...HEALTHY, 'error-rate': '0.2' };

export interface App {
  readonly name: string;
  /** The two members of the pair, the live one first. */
  readonly members: readonly [string, string];
  release(): Promise<Release>;
  status(): Promise<ReleaseStatus>;
  run(): Promise<AnalysisRun | undefined>;
  virtualService(): Promise<KubeObject>;
  /** Changes a member's pod template: to Serin that is a new version. */
  letOut(member: 'v1' | 'v2', build: string, behaviour: Behaviour): Promise<void>;
  /** Waits until the status is as wanted; the error says how it was instead. */
  until(what: string, isTrue: (status: ReleaseStatus) => boolean): Promise<ReleaseStatus>;
  annotate(annotations: Readonly<Record<string, string | null>>): Promise<void>;
  /** Events of the Release that was last seen, oldest first: not of one of its name that was there before. */
  events(): Promise<readonly { readonly reason: string; readonly type: string; readonly message: string }[]>;
}

export interface AppOptions {
  /** Requests per second (default 80). */
  readonly rps?: number;
  /** Put over the usual spec; `undefined` takes a field away. */
  readonly spec?: Partial<Record<keyof ReleaseSpec, unknown>>;
  readonly analysis?: Partial<NonNullable<ReleaseSpec['analysis']>> | undefined;
  readonly replicas?: { readonly v1: number; readonly v2: number };
  /** One Deployment, released in place, instead of a pair: only `v1` is there. */
  readonly isInPlace?: boolean;
  /** Changes objects before they are applied, e.g. the VirtualService. */
  readonly edit?: (object: KubeObject) => KubeObject;
}

export const QUICK_ANALYSIS = {
  templates: [{ name: 'quick', clusterScope: true }],
  interval: '1s',
  warmUp: '1s',
  dwell: '3s',
  history: '10s',
  minRequests: 20,
  atMost: '5m',
} as const;

export function releaseFor(app: string, namespace: string, options: AppOptions = {}): KubeObject {
  const spec: Record<string, unknown> = {
    workload:
      options.isInPlace === true
        ? { deployment: { name: `${app}-v1` } }
        : { pair: { members: [`${app}-v1`, `${app}-v2`] } },
    traffic: { istio: { virtualService: { name: app }, destinationRule: { name: app } } },
    strategy: { canary: { stepWeights: [40, 60] } },
    analysis: { ...QUICK_ANALYSIS, ...options.analysis },
    notify: [{ slack: { secretRef: { name: 'slack', key: 'url' } } }],
    ...options.spec,
  };
  for (const [field, value] of Object.entries(spec)) if (value === undefined) delete spec[field];
  return { apiVersion: API_VERSION, kind: 'Release', metadata: { name: app, namespace }, spec };
}

/** Two versions behind a VirtualService, requests, and a Release that Serin has taken notice of. */
export async function startApp(stand: Stand, name: string, options: AppOptions = {}): Promise<App> {
  const { sandbox, namespace } = stand;
  const replicas = options.replicas ?? { v1: 2, v2: 2 };
  const edit = options.edit ?? ((object) => object);
  const behaviour = { ...HEALTHY, build: '0' };
  const objects = webApp({
    name,
    namespace,
    versions: {
      v1: { replicas: replicas.v1, behaviour },
      ...(options.isInPlace === true ? {} : { v2: { replicas: replicas.v2, behaviour } }),
    },
  });
  const shaped = options.isInPlace === true ? objects.map(withCanarySubset) : objects;
  await clearAway(stand, name, objects);
  await sandbox.apply(shaped.map(edit));
  await sandbox.startLoad({ name, rps: options.rps ?? 80, host: `${name}.${namespace}.example` });
  await sandbox.apply([edit(releaseFor(name, namespace, options))]);
  const app = appOf(stand, name);
  await app.until('it is taken notice of', ({ revision }) => revision.stable !== undefined);
  return app;
}

/** Of an app's objects those that other apps of the stand use as well. */
const SHARED_KINDS: ReadonlySet<string> = new Set(['Namespace', 'Gateway']);

/** What an earlier try of the same test left: a second one begins as the first did. */
export async function clearAway(stand: Stand, name: string, objects: readonly KubeObject[]): Promise<void> {
  const { stdout } = await stand.kubectl('get', 'release', name, '--ignore-not-found', '-o', 'name');
  if (stdout === '') return;
  const left = objects
    .filter(({ kind }) => !SHARED_KINDS.has(kind))
    .map(({ apiVersion, kind, metadata }) => `${fullNameOf(apiVersion, kind)}/${metadata.name}`);
  const ofName = `serin.dev/release=${name}`;
  for (const words of [
    [`release/${name}`, '--ignore-not-found'],
    ['analysisruns', '-l', ofName],
    [...left, '--ignore-not-found', '--cascade=foreground'],
  ]) {
    const { code, stderr } = await stand.kubectl('delete', ...words);
    if (code !== 0) throw new Error(stderr);
  }
}

/** Two controllers have a kind `Rollout`. */
function fullNameOf(apiVersion: string, kind: string): string {
  const [group = '', version] = apiVersion.split('/');
  return (version === undefined ? kind : `${kind}.${version}.${group}`).toLowerCase();
}

/** Requests without a good answer, by status or by what became of them. */
export function notAnswered(counts: LoadCounts | undefined): Readonly<Record<string, number>> {
  const { '200': _answered, ...others } = { ...counts?.byStatus, ...counts?.byFailure };
  return others;
}

/** Answers that no version gave: the gateway knew nowhere to go (503), by status. */
export function notRouted({ byStatus }: LoadCounts): Readonly<Record<string, number>> {
  const { '200': _good, '500': _broken, ...others } = byStatus;
  return others;
}

/** In place, both versions have the user's labels; the canary's pods have one more. */
function withCanarySubset(object: KubeObject): KubeObject {
  if (object.kind !== 'DestinationRule') return object;
  const { host } = object['spec'] as { readonly host: string };
  const subsets = [
    { name: 'stable', labels: { app: host } },
    { name: 'canary', labels: { 'serin.dev/role': 'canary' } },
  ];
  return { ...object, spec: { host, subsets } };
}

/** A Release of this name, with objects that are there. */
export function appOf(stand: Stand, name: string): App {
  const { sandbox, namespace } = stand;
  const get = (type: ResourceType, each: string) => sandbox.kube.get({ type, namespace, name: each });
  let uid: string | undefined;
  const release = async (): Promise<Release> => {
    const found = await get(TYPES.release, name);
    if (found === undefined) throw new Error(`Release ${name} is gone`);
    ({ uid } = found.metadata);
    return found as unknown as Release; // checked by the API server
  };
  const status = async (): Promise<ReleaseStatus> =>
    (await release()).status ?? { phase: 'Idle', revision: { rejected: [] }, weight: 0, conditions: [] };
  return {
    name,
    members: [`${name}-v1`, `${name}-v2`],
    release,
    status,
    run: async () => {
      const { analysisRun } = await status();
      const found = analysisRun === undefined ? undefined : await get(TYPES.analysisRun, analysisRun);
      return found as unknown as AnalysisRun | undefined; // likewise
    },
    virtualService: async () => {
      const found = await get(TYPES.virtualService, name);
      if (found === undefined) throw new Error(`VirtualService ${name} is gone`);
      return found;
    },
    letOut: async (member, build, behaviour) => {
      const annotations = Object.entries({ ...behaviour, build }).map(([key, value]) => [
        `sandbox.serin.dev/${key}`,
        value,
      ]);
      await sandbox.kube.patch({
        kind: 'json',
        target: { type: TYPES.deployment, namespace, name: `${name}-${member}` },
        operations: [
          { op: 'add', path: '/spec/template/metadata/annotations', value: Object.fromEntries(annotations) },
        ],
        fieldManager: 'kubectl-edit',
      });
    },
    until: (what, isTrue) => {
      let last: ReleaseStatus | undefined;
      return until(
        `${name}: ${what}`,
        async () => {
          last = await status();
          return isTrue(last) ? last : undefined;
        },
        () => JSON.stringify(last, undefined, 1),
      );
    },
    annotate: async (annotations) => {
      const words = Object.entries(annotations).map(([key, value]) => (value === null ? `${key}-` : `${key}=${value}`));
      const { code, stderr } = await stand.kubectl('annotate', '--overwrite', 'release', name, ...words);
      if (code !== 0) throw new Error(stderr);
    },
    events: async () => {
      const { items } = await sandbox.kube.list(TYPES.event, { namespace });
      type Shown = {
        reason: string;
        type: string;
        message: string;
        eventTime: string;
        involvedObject: { name: string; uid?: string };
      };
      const events = items as unknown as readonly Shown[];
      return events
        .filter(({ involvedObject }) => involvedObject.name === name && involvedObject.uid === uid)
        .toSorted((a, b) => a.eventTime.localeCompare(b.eventTime));
    },
  };
}

/** Polls until there is something; tries that fail count as not yet. */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false>,
  seen: () => string = () => '',
  withinMs = WITHIN_MS,
): Promise<T> {
  let trouble = '';
  for (const endMs = Date.now() + withinMs; Date.now() < endMs; ) {
    try {
      const found = await look();
      if (found !== undefined && found !== false) return found;
    } catch (thrown) {
      trouble = thrown instanceof Error ? thrown.message : 'a throw';
    }
    await pause(150);
  }
  throw new Error(`Waited ${withinMs / 1000} s until ${what}.\n${seen()}\n${trouble}`);
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The weights a release had, each with its step: `25@1`. */
export const courseOf = ({ weights = [] }: ReleaseStatus): readonly string[] =>
  weights.map(({ weight, step }) => `${weight}@${step}`);

/** What must come out the same, whatever happened to Serin on the way. */
export const endOf = (status: ReleaseStatus): unknown => ({
  phase: status.phase,
  reason: status.reason,
  attempt: status.attempt,
  weight: status.weight,
  course: courseOf(status),
  outcomes: status.history?.map(({ outcome, attempt, weight }) => ({ outcome, attempt, weight })),
  completed: status.conditions.find(({ type }) => type === 'Completed')?.status,
});

export const isPromoted = ({ phase }: ReleaseStatus): boolean => phase === 'Promoted';
export const isAborted = ({ phase }: ReleaseStatus): boolean => phase === 'Aborted';
/** The canary has requests at a judged step. */
export const isJudging = ({ weight, step }: ReleaseStatus): boolean => weight > 0 && step?.waitingFor === 'judge';

/** Weights that the routes give the members now, by version. */
export function weightsOf(virtualService: KubeObject, rule = 'main'): Readonly<Record<string, number>> {
  const spec = virtualService['spec'] as {
    readonly http: readonly { name?: string; route: readonly { destination: { subset: string }; weight?: number }[] }[];
  };
  const found = spec.http.find(({ name }) => name === rule);
  return Object.fromEntries((found?.route ?? []).map(({ destination, weight = 0 }) => [destination.subset, weight]));
}

/** `{promote/abc/1}`: a person's request as plain kubectl writes it. */
export const request = (verb: string, revision: string, id: string): Readonly<Record<string, string>> => ({
  [ANNOTATIONS.request]: `${verb}/${revision}/${id}`,
});
