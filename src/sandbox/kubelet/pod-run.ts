/**
 * The life of one pod, as a script:
 *
 *   bind → listen → (not ready → ready)* → crash → back-off → listen …   until deletion → drain → finalise
 *                                        → another image → listen …
 *
 * What it reports goes through one writer that repeats itself until the API server has the newest picture.
 */
import type { JsonPatchOperation, KubeObject, ObjectRef } from '../../api/meta.ts';
import { TYPES } from '../../api/meta.ts';
import { messageOf, SerinError } from '../../errors.ts';
import { identityOf } from '../mesh/identity.ts';
import { createIstioMetrics } from '../mesh/istio-metrics.ts';
import { createProxy } from '../mesh/proxy.ts';
import type { Side } from '../mesh/rule.ts';
import { type Container, identityPod, ipOf, podSpec, podStatus } from '../pod.ts';
import { createApp } from './app.ts';
import { type Behaviour, parseBehaviour, settingsOf } from './behaviour.ts';
import type { KubeletDeps } from './kubelet.ts';
import { listen, type Listeners, METRICS_PORT, serveMetrics } from './listeners.ts';
import { followReadiness } from './readiness.ts';
import { hasGates, isReadinessStale, type PodPicture, statusOf } from './status.ts';

export interface PodRun {
  /** Ends the app with an error now, as a crash would. */
  crash(): void;
  /** Newest object of this pod. */
  update(pod: KubeObject): void;
  /** Ends everything at once: the object is gone, or the sandbox stops. */
  stop(): Promise<void>;
}

/** Connections may still arrive this long after deletion began: proxies learn of it a little later. */
const LINGER_MS = 300;
/** Of a process that does not catch the signal: 128 and its number. */
const EXIT_BY_SIGTERM = 143;
const BACK_OFF_MS = 10_000;
const LONGEST_BACK_OFF_MS = 300_000;

export function runPod(first: KubeObject, ordinal: number, deps: KubeletDeps): PodRun {
  const life = new AbortController();
  const deletion = new AbortController();
  let pod = first;
  let crash: () => void = () => undefined;
  let replace: () => void = () => undefined;
  let picture: PodPicture = {
    ip: ipOf(pod),
    startTime: podStatus(pod).startTime ?? timestamp(deps.clock.nowMs()),
    state: { kind: 'waiting', reason: 'ContainerCreating', message: '' },
    lastEnd: undefined,
    restartCount: podStatus(pod).containerStatuses?.[0]?.restartCount ?? 0,
    isReady: false,
    phase: 'Pending',
  };
  const report = reporter(deps, life.signal, () => ({ pod, picture }));
  const set = (changes: Partial<PodPicture>): void => {
    picture = { ...picture, ...changes };
    report();
  };

  const runOnce = async (behaviour: Behaviour, container: Container): Promise<'deleted' | 'crashed' | 'replaced'> => {
    const run = new AbortController();
    const started = AbortSignal.any([run.signal, life.signal]);
    const startedMs = deps.clock.nowMs();
    const listeners = await startApp(pod, ordinal, behaviour, startedMs, deps, picture.ip, started);
    deps.onTarget(pod, listeners.ip);
    deps.record(pod, 'Normal', 'Started', `Started container ${container.name}`);
    set({ ip: listeners.ip, phase: 'Running', state: { kind: 'running', startedAt: timestamp(startedMs) } });
    void followReadiness({
      container,
      ip: listeners.ip,
      clock: deps.clock,
      pacedMs: deps.pacedMs,
      readyAfterMs: deps.pacedMs(behaviour.readyAfterMs),
      onChange: (isReady) => set({ isReady }),
      signal: started,
    }).catch(() => undefined);
    const reason = await new Promise<'deleted' | 'crashed' | 'replaced' | 'stopped'>((resolve) => {
      crash = () => resolve('crashed');
      replace = () => resolve('replaced');
      if (behaviour.crashAfterMs !== undefined) {
        void deps.clock.sleep(deps.pacedMs(behaviour.crashAfterMs), started).then(crash, () => undefined);
      }
      onAbort(deletion.signal, () => resolve('deleted'));
      onAbort(life.signal, () => resolve('stopped'));
    });
    if (reason === 'deleted') {
      await deps.clock.sleep(LINGER_MS, life.signal).catch(() => undefined);
      await listeners.close(life.signal.aborted ? 0 : graceMs(pod));
    } else {
      await listeners.close(0);
    }
    run.abort();
    if (reason !== 'crashed' && reason !== 'replaced') return 'deleted';
    const end = {
      reason: 'Error',
      exitCode: reason === 'crashed' ? 1 : EXIT_BY_SIGTERM,
      startedAt: timestamp(startedMs),
      finishedAt: timestamp(deps.clock.nowMs()),
    };
    set({
      isReady: false,
      lastEnd: end,
      state: { kind: 'terminated', ...end },
      restartCount: picture.restartCount + 1,
    });
    return reason;
  };

  const live = async (): Promise<void> => {
    await bind(pod, deps, life.signal);
    const container = podSpec(pod).containers?.[0] ?? { name: 'app' };
    let behaviour: Behaviour;
    try {
      const { annotations = {}, labels = {} } = pod.metadata;
      behaviour = parseBehaviour(settingsOf(annotations, container.env ?? []), labels['version'] ?? 'unknown');
    } catch (thrown) {
      set({ state: { kind: 'waiting', reason: 'CreateContainerConfigError', message: messageOf(thrown) } });
      deps.record(pod, 'Warning', 'Failed', `Error: ${messageOf(thrown)}`);
      await new Promise<void>((resolve) => onAbort(AbortSignal.any([deletion.signal, life.signal]), resolve));
      return;
    }
    for (let crashes = 0; ; crashes += 1) {
      let end = await runOnce(behaviour, container);
      // A new image starts at once, and is no crash.
      while (end === 'replaced') end = await runOnce(behaviour, container);
      if (end !== 'crashed') return;
      const waitMs =
        crashes === 0 ? 100 : deps.pacedMs(Math.min(BACK_OFF_MS * 2 ** (crashes - 1), LONGEST_BACK_OFF_MS));
      if (crashes > 0) {
        const message = `back-off ${Math.round(waitMs / 1_000)}s restarting failed container`;
        set({ state: { kind: 'waiting', reason: 'CrashLoopBackOff', message } });
        deps.record(pod, 'Warning', 'BackOff', `Back-off restarting failed container ${container.name}`);
      }
      const ended = AbortSignal.any([deletion.signal, life.signal]);
      await deps.clock.sleep(waitMs, ended).catch(() => undefined);
      if (ended.aborted) return;
    }
  };

  const whole = live()
    .catch((thrown: unknown) => deps.onTrouble(`Pod ${pod.metadata.name} cannot run: ${messageOf(thrown)}`))
    .then(async () => {
      deps.onTargetGone(first);
      while (deletion.signal.aborted && !life.signal.aborted) {
        const isGone = await deps.nodeApi.finalise(refOf(pod), pod.metadata.uid ?? '', life.signal).then(
          () => true,
          () => false,
        );
        if (isGone) return;
        await deps.clock.sleep(300, life.signal).catch(() => undefined);
      }
    });

  const update = (next: KubeObject): void => {
    if (imageOf(next) !== imageOf(pod)) replace();
    pod = next;
    if (picture.isReady && isReadinessStale(next)) set({});
    if (next.metadata.deletionTimestamp !== undefined) deletion.abort();
  };
  update(first);
  return {
    crash: () => crash(),
    update,
    stop: async () => {
      life.abort();
      await whole;
    },
  };
}

async function startApp(
  pod: KubeObject,
  ordinal: number,
  behaviour: Behaviour,
  startedMs: number,
  deps: KubeletDeps,
  ip: string | undefined,
  signal: AbortSignal,
): Promise<Listeners> {
  const { mesh, clock, randomFor } = deps;
  const identity = identityOf(identityPod(pod));
  const { namespace = 'default', labels = {} } = pod.metadata;
  const random = randomFor(namespace, identity.workload, ordinal);
  // A restart begins with empty counters, as the process that kept them is gone.
  const metrics = createIstioMetrics();
  const side: Side = { kind: 'sidecar', namespace, labels };
  const routes = (): ReturnType<typeof mesh.routesFor> => mesh.routesFor(side);
  const outbound = createProxy({ identity, metrics, random, routes, identityAt: (ip) => mesh.identityAt(ip) });
  onAbort(signal, () => outbound.close());
  const app = createApp({
    identity,
    behaviour,
    metrics,
    outbound,
    random,
    host: () => mesh.hostOf(namespace, labels),
    peer: (name) => mesh.identityNamed(name),
    ageMs: () => (clock.nowMs() - startedMs) / deps.pacedMs(1),
    signal,
  });
  const ports = (podSpec(pod).containers ?? []).flatMap((container) => container.ports ?? []);
  const numbers = ports.length === 0 ? [8_080] : ports.map(({ containerPort }) => containerPort);
  return await listen(
    deps.addresses,
    {
      ...Object.fromEntries(numbers.map((port) => [port, app])),
      [METRICS_PORT]: (request, response) => {
        serveMetrics(request, response, metrics, deps.isScrapable());
      },
    },
    ip,
  );
}

/** Assigns the pod to the sandbox's node, as a scheduler would; repeats until it is done. */
async function bind(pod: KubeObject, { nodeApi, clock, nodeName }: KubeletDeps, signal: AbortSignal): Promise<void> {
  while (podSpec(pod).nodeName === undefined && !signal.aborted) {
    try {
      await nodeApi.bind(refOf(pod), nodeName, signal);
      return;
    } catch {
      await clock.sleep(300, signal).catch(() => undefined);
    }
  }
}

/** Writes the newest picture, one write at a time, again after a failure. */
function reporter(
  { kube, clock, shownIp }: KubeletDeps,
  signal: AbortSignal,
  newest: () => { readonly pod: KubeObject; readonly picture: PodPicture },
): () => void {
  let isRunning = false;
  const shown = (picture: PodPicture): PodPicture =>
    picture.ip === undefined ? picture : { ...picture, ip: shownIp(picture.ip) };
  const write = async (): Promise<void> => {
    for (let written: PodPicture | undefined; written !== newest().picture && !signal.aborted; ) {
      const { pod, picture } = newest();
      try {
        await kube.patch(
          {
            kind: 'json',
            target: refOf(pod),
            subresource: 'status',
            fieldManager: 'sandbox-kubelet',
            operations: [
              { op: 'test', path: '/metadata/uid', value: pod.metadata.uid },
              ...unread(pod),
              { op: 'add', path: '/status', value: statusOf(pod, shown(picture), timestamp(clock.nowMs())) },
            ],
          },
          signal,
        );
        written = picture;
      } catch (thrown) {
        const isGone =
          thrown instanceof SerinError && (thrown.code === 'SERIN_E_NOT_FOUND' || thrown.code === 'SERIN_E_CONFLICT');
        if (isGone && (await kube.get(refOf(pod), signal).catch(() => pod))?.metadata.uid !== pod.metadata.uid) return;
        await clock.sleep(200, signal).catch(() => undefined);
      }
    }
  };
  return () => {
    if (isRunning) return;
    isRunning = true;
    void write().finally(() => {
      isRunning = false;
    });
  };
}

const imageOf = (pod: KubeObject): string | undefined => podSpec(pod).containers?.[0]?.image;

/** Conditions of readiness gates that were written since are not to be lost. */
function unread(pod: KubeObject): readonly JsonPatchOperation[] {
  if (!hasGates(pod)) return [];
  return [{ op: 'test', path: '/metadata/resourceVersion', value: pod.metadata.resourceVersion }];
}

function graceMs(pod: KubeObject): number {
  const { deletionGracePeriodSeconds } = pod.metadata as { readonly deletionGracePeriodSeconds?: number };
  return (deletionGracePeriodSeconds ?? podSpec(pod).terminationGracePeriodSeconds ?? 30) * 1_000;
}

function refOf({ metadata }: KubeObject): ObjectRef {
  return { type: TYPES.pod, namespace: metadata.namespace ?? 'default', name: metadata.name };
}

/** Kubernetes times have whole seconds. */
function timestamp(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}

function onAbort(signal: AbortSignal, action: () => void): void {
  if (signal.aborted) action();
  else signal.addEventListener('abort', action, { once: true });
}
