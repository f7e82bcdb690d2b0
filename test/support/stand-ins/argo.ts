/**
 * A stand-in for the controller of Argo Rollouts, for runs with real pods and real numbers: canary by Istio or by pods, and blue-green,
 * by the rules that its recordings show. test/unit/workloads/stand-ins.test.ts holds it to them. Its own analysis, header routes,
 * managed routes and all delays of scaling down are left out.
 */
import { at, type Fields, fieldsAt, labelsAt, listAt, numberAt, sameJson, stringAt } from '../../../src/api/fields.ts';
import { type KubeObject, TYPES } from '../../../src/api/meta.ts';
import type { KubeClient } from '../../../src/kube/port.ts';
import { canonicalJson, shortHash } from '../../../src/release/revision.ts';
import {
  type Cluster,
  controllerLoop,
  edited,
  isAvailable,
  objectOf,
  scaled,
  timeOf,
  writtenStatus,
} from './cluster.ts';

const HASH = 'rollouts-pod-template-hash';

/** The hash that a pod template goes by. */
export type HashOf = (template: unknown) => string;

const ownHash: HashOf = (template) => shortHash(canonicalJson(template)).slice(0, 10);

/** Looks at every Rollout of a namespace again and again until the signal ends it. */
export const runArgo = (kube: KubeClient, namespace: string, signal: AbortSignal): Promise<void> =>
  controllerLoop(
    async () => (await kube.list(TYPES.argoRollout, { namespace })).items,
    (rollout, nowMs) => lookAt({ kube, namespace, nowMs, rollout, hashOf: ownHash }),
    signal,
  );

/** One look at each Rollout: at most one write of its status. */
export async function lookAtRollouts(cluster: Cluster, hashOf: HashOf = ownHash): Promise<void> {
  const { items } = await cluster.kube.list(TYPES.argoRollout, { namespace: cluster.namespace });
  for (const rollout of items) await lookAt({ ...cluster, rollout, hashOf });
}

interface Look extends Cluster {
  readonly rollout: KubeObject;
  readonly hashOf: HashOf;
}

async function lookAt(look: Look): Promise<void> {
  const { rollout } = look;
  const before = fieldsAt(rollout, 'status');
  const template = await templateOf(look);
  const hash = look.hashOf(template);
  const set = await replicaSet(look, hash, template);
  const next = hash === before['currentPodHash'] ? await moved(look, before, set) : begun(look, before, hash);
  await writtenStatus(look, TYPES.argoRollout, rollout, {
    ...next,
    observedGeneration: String(rollout.metadata.generation ?? 1),
  });
}

const stepsOf = (rollout: KubeObject): readonly unknown[] => listAt(rollout, 'spec', 'strategy', 'canary', 'steps');
const isBlueGreen = (rollout: KubeObject): boolean => at(rollout, 'spec', 'strategy', 'blueGreen') !== undefined;
const isRouted = (rollout: KubeObject): boolean =>
  at(rollout, 'spec', 'strategy', 'canary', 'trafficRouting') !== undefined;

/** What of a status the next one goes on with, with fields taken away. */
function without(status: Fields, ...fields: readonly string[]): Fields {
  return Object.fromEntries(Object.entries(status).filter(([field]) => !fields.includes(field)));
}

const unpaused = (status: Fields): Fields => without(status, 'pauseConditions', 'controllerPause');

const says = (status: Fields, phase: string, message: string): Fields => ({ ...status, phase, message });
const progressing = (status: Fields): Fields => says(status, 'Progressing', 'more replicas need to be updated');

/** Another template than at the last look. Weights stay for now. */
function begun({ rollout }: Look, before: Fields, hash: string): Fields {
  const steps = stepsOf(rollout).length;
  const fresh = without(unpaused(before), 'abort', 'abortedAt', 'promoteFull', 'message');
  const isBack = before['stableRS'] === hash;
  const index = isBlueGreen(rollout)
    ? {}
    : { currentStepIndex: isBack || before['stableRS'] === undefined ? steps : 0 };
  const next = { ...fresh, currentPodHash: hash, ...index };
  return isBack ? { ...next, phase: 'Healthy' } : progressing(next);
}

async function moved(look: Look, status: Fields, set: KubeObject): Promise<Fields> {
  const { rollout } = look;
  const stable = stringAt(status, 'stableRS');
  if (stable === undefined || stable === status['currentPodHash']) return settled(look, status, set);
  if (status['abort'] === true) return givenUp(look, status, set);
  if (at(rollout, 'spec', 'paused') === true) return says(status, 'Paused', 'manually paused');
  // Two writes after a retry, and after each pause that somebody opened.
  if (status['phase'] === 'Degraded') return progressing(status);
  const hasNoPause = listAt(status, 'pauseConditions').length === 0;
  if (hasNoPause && status['phase'] === 'Paused') return progressing(status);
  const isOpened = hasNoPause && status['controllerPause'] === true;
  return isBlueGreen(rollout) ? switched(look, status, set, isOpened) : stepped(look, status, set, isOpened);
}

/** All pods of one revision; whoever else has pods loses them. */
async function settled(look: Look, status: Fields, set: KubeObject): Promise<Fields> {
  const { rollout } = look;
  const hash = String(status['currentPodHash']);
  if (!(await isFull(look, set, replicasOf(rollout)))) return status;
  await routed(look, hash, hash, 0);
  await retired(look, set);
  const next = { ...without(status, 'message', 'promoteFull'), stableRS: hash, phase: 'Healthy' };
  if (isBlueGreen(rollout)) return { ...next, blueGreen: { activeSelector: hash, previewSelector: hash } };
  return isRouted(rollout) ? { ...next, canary: weights(0) } : next;
}

/** Requests go back in the very write that says so; pods after that. */
async function givenUp(look: Look, status: Fields, set: KubeObject): Promise<Fields> {
  const { rollout } = look;
  const stable = String(status['stableRS']);
  if (status['abortedAt'] !== undefined) {
    if (!(await isFull(look, await setOf(look, stable), replicasOf(rollout)))) return status;
    await scaled(look, set, 0);
    return status;
  }
  await routed(look, stable, String(status['currentPodHash']), 0);
  const next = { ...unpaused(status), abortedAt: timeOf(look.nowMs) };
  const index = isBlueGreen(rollout) ? {} : { currentStepIndex: 0 };
  const canary = isRouted(rollout) ? { canary: weights(0) } : {};
  return says({ ...next, ...index, ...canary }, 'Degraded', 'RolloutAborted: Rollout aborted update');
}

/** One step of a canary, or a part of it. */
async function stepped(look: Look, status: Fields, set: KubeObject, isOpened: boolean): Promise<Fields> {
  const { rollout } = look;
  const steps = stepsOf(rollout);
  const index = numberAt(status, 'currentStepIndex') ?? 0;
  if (status['promoteFull'] === true && index < steps.length)
    return progressing({ ...unpaused(status), currentStepIndex: steps.length });
  if (index >= steps.length) return finished(look, status, set);
  const step = steps[index];
  const isPause = at(step, 'pause') !== undefined;
  if (isPause && isOpened) return progressing({ ...unpaused(status), currentStepIndex: index + 1 });
  const wanted =
    steps
      .slice(0, index + 1)
      .flatMap((each) => numberAt(each, 'setWeight') ?? [])
      .at(-1) ?? 0;
  const isThere = isRouted(rollout) ? numberAt(status, 'canary', 'weights', 'canary', 'weight') === wanted : isPause;
  if (!isThere || !isPause) {
    const hasPods = (numberAt(set, 'status', 'availableReplicas') ?? 0) > 0;
    if (!hasPods && wanted > 0 && numberAt(status, 'canary', 'weights', 'canary', 'weight') !== 0 && isRouted(rollout))
      return emptied(look, status, set, wanted);
    const arrived = await weighted(look, status, set, wanted);
    if (arrived === undefined) return status;
    const on = without(arrived, 'abortedAt');
    return isPause ? on : progressing({ ...on, currentStepIndex: index + 1 });
  }
  return waited(look, status, step, index);
}

/** A canary that has no pods yet gets no requests either. */
async function emptied(look: Look, status: Fields, set: KubeObject, wanted: number): Promise<Fields> {
  await isFull(look, set, Math.ceil((replicasOf(look.rollout) * wanted) / 100));
  await routed(look, String(status['stableRS']), String(status['currentPodHash']), 0);
  return { ...status, canary: weights(0) };
}

/** At a pause: begins, lasts, or is over by its own duration. */
function waited({ nowMs }: Look, status: Fields, step: unknown, index: number): Fields {
  const [condition] = listAt(status, 'pauseConditions');
  if (condition === undefined) return paused(status, 'CanaryPauseStep', nowMs);
  const duration = at(step, 'pause', 'duration');
  if (duration === undefined) return { ...status, phase: 'Paused', message: 'CanaryPauseStep' };
  const endMs = Date.parse(stringAt(condition, 'startTime') ?? '') + durationMs(duration);
  if (nowMs >= endMs) return progressing({ ...unpaused(status), currentStepIndex: index + 1 });
  return { ...status, phase: 'Paused', message: 'CanaryPauseStep' };
}

const paused = (status: Fields, reason: string, nowMs: number): Fields => ({
  ...says(status, 'Paused', reason),
  controllerPause: true,
  pauseConditions: [{ reason, startTime: timeOf(nowMs) }],
});

const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 };

function durationMs(duration: unknown): number {
  const [, digits = '', unit = 's'] = /^([0-9]+)([smh])?$/.exec(String(duration)) ?? [];
  return Number(digits) * (UNITS[unit] ?? 1000);
}

/** Past the last step: all pods, then all requests, then the revision is the stable one. */
async function finished(look: Look, status: Fields, set: KubeObject): Promise<Fields> {
  const { rollout } = look;
  const hash = String(status['currentPodHash']);
  if (!(await isFull(look, set, replicasOf(rollout)))) return status;
  const isFast = status['promoteFull'] === true;
  if (isRouted(rollout) && !isFast) await routed(look, String(status['stableRS']), hash, 100);
  const canary = isRouted(rollout) && !isFast ? { canary: weights(100) } : {};
  return { ...without(unpaused(status), 'message', 'promoteFull'), ...canary, stableRS: hash, phase: 'Healthy' };
}

async function switched(look: Look, status: Fields, set: KubeObject, isOpened: boolean): Promise<Fields> {
  const hash = String(status['currentPodHash']);
  const stable = String(status['stableRS']);
  const blueGreen = { activeSelector: stable, previewSelector: hash };
  if (!sameJson(status['blueGreen'], blueGreen)) {
    await routed(look, stable, hash, 0);
    return { ...status, blueGreen };
  }
  if (!(await isFull(look, set, replicasOf(look.rollout)))) return status;
  const isGo = isOpened || status['promoteFull'] === true;
  if (!isGo) {
    const isPaused = listAt(status, 'pauseConditions').length > 0;
    return isPaused
      ? { ...status, phase: 'Paused' }
      : paused(without(status, 'abortedAt'), 'BlueGreenPause', look.nowMs);
  }
  await routed(look, hash, hash, 0);
  const next = without(unpaused(status), 'message', 'promoteFull');
  return { ...next, stableRS: hash, phase: 'Healthy', blueGreen: { activeSelector: hash, previewSelector: hash } };
}

const weights = (canary: number): Fields => ({
  weights: { canary: { weight: canary }, stable: { weight: 100 - canary } },
});

/** Pods first, then requests; `undefined` while pods are missing. Without routes the old pods that are too many go. */
async function weighted(look: Look, status: Fields, set: KubeObject, weight: number): Promise<Fields | undefined> {
  const { rollout } = look;
  const replicas = replicasOf(rollout);
  const share = Math.ceil((replicas * weight) / 100);
  const stable = await setOf(look, String(status['stableRS']));
  const isStableFull = isRouted(rollout) ? await isFull(look, stable, replicas) : true;
  if (!isStableFull || !(await isFull(look, set, share))) return undefined;
  await retired(look, set, stable);
  if (!isRouted(rollout)) return (await isFull(look, stable, replicas - share)) ? status : undefined;
  await routed(look, String(status['stableRS']), String(status['currentPodHash']), weight);
  return { ...status, canary: weights(weight) };
}

/** Selectors of its Services, and the weights of the routes that name them. */
async function routed(look: Look, stable: string, canary: string, weight: number): Promise<void> {
  const { rollout } = look;
  const byCanary = fieldsAt(rollout, 'spec', 'strategy', 'canary');
  const byColour = fieldsAt(rollout, 'spec', 'strategy', 'blueGreen');
  const stableService = stringAt(byCanary, 'stableService') ?? stringAt(byColour, 'activeService');
  const canaryService = stringAt(byCanary, 'canaryService') ?? stringAt(byColour, 'previewService');
  if (stableService !== undefined) await selected(look, stableService, stable);
  if (canaryService !== undefined) await selected(look, canaryService, canary);
  const name = stringAt(byCanary, 'trafficRouting', 'istio', 'virtualService', 'name');
  if (name === undefined) return;
  const routes = await objectOf(look, TYPES.virtualService, name);
  const http = listAt(routes, 'spec', 'http').map((rule) => ({
    ...fieldsAt(rule),
    route: listAt(rule, 'route').map((entry) => ({
      ...fieldsAt(entry),
      weight: stringAt(entry, 'destination', 'host') === canaryService ? weight : 100 - weight,
    })),
  }));
  await edited(look, TYPES.virtualService, routes, '/spec/http', http);
}

async function selected(look: Look, name: string, hash: string): Promise<void> {
  const service = await objectOf(look, TYPES.service, name);
  const selector = { ...labelsAt(service, 'spec', 'selector'), [HASH]: hash };
  await edited(look, TYPES.service, service, '/spec/selector', selector);
}

async function templateOf(look: Look): Promise<Fields> {
  const reference = stringAt(look.rollout, 'spec', 'workloadRef', 'name');
  if (reference === undefined) return fieldsAt(look.rollout, 'spec', 'template');
  return fieldsAt(await objectOf(look, TYPES.deployment, reference), 'spec', 'template');
}

const replicasOf = (rollout: KubeObject): number => numberAt(rollout, 'spec', 'replicas') ?? 1;

const setName = ({ rollout }: Look, hash: string): string => `${rollout.metadata.name}-${hash}`;
const setOf = (look: Look, hash: string): Promise<KubeObject> => objectOf(look, TYPES.replicaSet, setName(look, hash));

async function isFull(look: Look, set: KubeObject, replicas: number): Promise<boolean> {
  await scaled(look, set, replicas);
  return isAvailable(set, replicas);
}

/** ReplicaSets of this Rollout that are not among these have no pods. */
async function retired(look: Look, ...kept: readonly KubeObject[]): Promise<void> {
  const { items } = await look.kube.list(TYPES.replicaSet, { namespace: look.namespace });
  const names = kept.map(({ metadata }) => metadata.name);
  const { uid } = look.rollout.metadata;
  for (const set of items)
    if (set.metadata.ownerReferences?.[0]?.uid === uid && !names.includes(set.metadata.name))
      await scaled(look, set, 0);
}

async function replicaSet(look: Look, hash: string, template: Fields): Promise<KubeObject> {
  const { kube, namespace, rollout } = look;
  const name = setName(look, hash);
  const found = await kube.get({ type: TYPES.replicaSet, namespace, name });
  if (found !== undefined) return found;
  const { uid = '' } = rollout.metadata;
  const owner = {
    apiVersion: 'argoproj.io/v1alpha1',
    kind: 'Rollout',
    name: rollout.metadata.name,
    uid,
    controller: true,
  };
  const labels = { ...labelsAt(template, 'metadata', 'labels'), [HASH]: hash };
  const metadata = { name, namespace, labels, ownerReferences: [owner] };
  const marked = { ...template, metadata: { ...fieldsAt(template, 'metadata'), labels } };
  const spec = { replicas: 0, selector: { matchLabels: labels }, template: marked };
  return kube.create({ apiVersion: 'apps/v1', kind: 'ReplicaSet', metadata, spec }, 'rollouts-controller');
}
