/**
 * A stand-in for the manager of OpenKruise Rollouts, for runs with real pods and real numbers: Deployments in canary, partition and
 * blue-green style and CloneSets in partition style, with a VirtualService or without routes, by the rules that its recordings show. test/unit/workloads/stand-ins.test.ts
 * holds it to them. A newer version on the way, other kinds of workloads and its waits of seconds are left out.
 */
import { at, type Fields, fieldsAt, labelsAt, listAt, numberAt, sameJson, stringAt } from '../../../src/api/fields.ts';
import { type JsonPatchOperation, type KubeObject, type ResourceType, TYPES } from '../../../src/api/meta.ts';
import type { KubeClient } from '../../../src/kube/port.ts';
import { isOwnedBy, withoutHash } from '../../../src/workloads/deployment-arm.ts';
import {
  changed,
  type Cluster,
  controllerLoop,
  edited,
  isAvailable,
  objectOf,
  scaled,
  timeOf,
  writtenStatus,
} from './cluster.ts';
import {
  claimedSet,
  heldSet,
  isBack,
  isCloneSet,
  restingRevision,
  resumedSet,
  templateHash,
  upgradedSet,
} from './clone-set.ts';
import { setOf } from './memory-pods.ts';

const IN_PROGRESS = 'rollouts.kruise.io/in-progressing';
const STABLE_REVISION = 'rollouts.kruise.io/stable-revision';
const CONTROL_INFO = 'batchrelease.rollouts.kruise.io/control-info';
const CANARY_OF = 'rollouts.kruise.io/canary-deployment';
const ADVANCED = 'rollouts.kruise.io/controlled-by-advanced-deployment-controller';
const POD_HASH = 'pod-template-hash';
const NEVER_SECONDS = 2_147_483_646;

/** Looks at every Rollout of a namespace again and again until the signal ends it. */
export const runKruise = (kube: KubeClient, namespace: string, signal: AbortSignal): Promise<void> =>
  controllerLoop(
    async () => (await kube.list(TYPES.kruiseRollout, { namespace })).items,
    (rollout, nowMs) => lookAt({ kube, namespace, nowMs }, rollout),
    signal,
  );

/** One look at each Rollout: at most one write of its status. */
export async function lookAtKruise(cluster: Cluster): Promise<void> {
  const { items } = await cluster.kube.list(TYPES.kruiseRollout, { namespace: cluster.namespace });
  for (const rollout of items) await lookAt(cluster, rollout);
}

/** The kinds that it moves here. */
export const WORKLOADS: Readonly<Record<string, ResourceType>> = {
  Deployment: TYPES.deployment,
  CloneSet: TYPES.cloneSet,
};

/** What its webhook makes of a write to a workload that has a Rollout: another template holds it in the same write. */
export function throughWebhook(before: KubeObject, next: KubeObject, stableHash: string): KubeObject {
  if (sameJson(at(before, 'spec', 'template'), at(next, 'spec', 'template'))) return next;
  if (isCloneSet(next)) return heldSet(next);
  const { labels, annotations } = next.metadata;
  const isFirst = annotations?.[IN_PROGRESS] === undefined;
  const metadata = {
    ...next.metadata,
    labels: { ...labels, ...(isFirst ? { [STABLE_REVISION]: stableHash } : {}) },
    annotations: { ...annotations, ...(isFirst ? { [IN_PROGRESS]: '{"rolloutName":"web"}' } : {}) },
  };
  return { ...next, metadata, spec: { ...fieldsAt(next, 'spec'), paused: true } };
}

/** Hash of the one template that a workload at rest has pods of. */
export async function restingHash({ kube, namespace }: Omit<Cluster, 'nowMs'>, workload: KubeObject): Promise<string> {
  if (isCloneSet(workload)) return restingRevision(workload);
  const { items } = await kube.list(TYPES.replicaSet, { namespace });
  const own = items.filter((set) => isOwnedBy(set, workload) && (numberAt(set, 'spec', 'replicas') ?? 0) > 0);
  return own[0]?.metadata.labels?.[POD_HASH] ?? '';
}

type Style = 'canary' | 'partition' | 'blueGreen';

interface Look extends Cluster {
  readonly rollout: KubeObject;
  readonly workload: KubeObject;
  readonly type: ResourceType;
  readonly style: Style;
  readonly steps: readonly unknown[];
  /** Its part of the status. */
  readonly sub: Fields;
  /** Hash of the workload's template as it is. */
  readonly revision: string;
  readonly sets: readonly KubeObject[];
}

async function lookAt(cluster: Cluster, rollout: KubeObject): Promise<void> {
  const reference = fieldsAt(rollout, 'spec', 'workloadRef');
  const type = WORKLOADS[String(reference['kind'])];
  if (type === undefined) throw new Error(`nobody moves a ${String(reference['kind'])} here`);
  const workload = await objectOf(cluster, type, stringAt(reference, 'name') ?? '');
  const strategy = fieldsAt(rollout, 'spec', 'strategy');
  const isExtra = at(strategy, 'canary', 'enableExtraWorkloadForCanary') === true;
  const style = strategy['blueGreen'] !== undefined ? 'blueGreen' : isExtra ? 'canary' : 'partition';
  const path = style === 'blueGreen' ? 'blueGreenStatus' : 'canaryStatus';
  const look: Look = {
    ...cluster,
    rollout,
    workload,
    type,
    style,
    steps: listAt(strategy, style === 'blueGreen' ? 'blueGreen' : 'canary', 'steps'),
    sub: fieldsAt(rollout, 'status', path),
    revision: templateHash(workload),
    sets: (await cluster.kube.list(TYPES.replicaSet, { namespace: cluster.namespace })).items,
  };
  const before = fieldsAt(rollout, 'status');
  const { sub, ...next } = await moved(look, before);
  const observed = {
    ...before,
    ...next,
    [path]: { ...look.sub, ...sub },
    observedGeneration: rollout.metadata.generation,
  };
  await writtenStatus(cluster, TYPES.kruiseRollout, rollout, observed);
}

/** What changes of the status. */
interface Change {
  readonly phase?: string;
  readonly message?: string;
  readonly conditions?: readonly Fields[];
  readonly sub?: Fields;
}

const progressing = (reason: string): Pick<Change, 'conditions'> => ({
  conditions: [{ type: 'Progressing', status: 'True', reason }],
});

const revisionField = ({ style }: Look): string => (style === 'blueGreen' ? 'updatedRevision' : 'canaryRevision');

async function moved(look: Look, status: Fields): Promise<Change> {
  const { workload, steps, revision, sub } = look;
  const observedWorkloadGeneration = workload.metadata.generation;
  const isHeld = workload.metadata.annotations?.[IN_PROGRESS] !== undefined;
  if (status['phase'] === undefined) {
    const stableRevision = await restingHash(look, workload);
    const resting = {
      currentStepIndex: steps.length,
      nextStepIndex: -1,
      currentStepState: 'Completed',
      finalisingStep: '',
    };
    const own = { [revisionField(look)]: revision, observedRolloutID: revision, stableRevision, podTemplateHash: '' };
    return { phase: 'Healthy', conditions: [], sub: { ...resting, ...own, observedWorkloadGeneration } };
  }
  if (status['phase'] === 'Healthy') return isHeld ? { phase: 'Progressing', ...progressing('Initializing') } : {};
  const reason = stringAt(listAt(status, 'conditions')[0], 'reason');
  const seen = sub[revisionField(look)] === revision ? { observedWorkloadGeneration } : {};
  const change = await progressed(look, reason ?? '');
  return { ...change, sub: { ...seen, ...change.sub } };
}

async function progressed(look: Look, reason: string): Promise<Change> {
  const { sub, revision, rollout, workload, steps } = look;
  const isPaused = at(rollout, 'spec', 'strategy', 'paused') === true;
  switch (reason) {
    case 'Initializing': {
      if (
        sub['currentStepIndex'] === 1 &&
        sub[revisionField(look)] === revision &&
        sub['currentStepState'] !== 'Completed'
      )
        return { ...progressing('InRolling'), sub: { lastUpdateTime: timeOf(look.nowMs) } };
      const stableRevision = isCloneSet(workload)
        ? restingRevision(workload)
        : workload.metadata.labels?.[STABLE_REVISION];
      const own = { [revisionField(look)]: revision, observedRolloutID: revision, stableRevision, podTemplateHash: '' };
      return { sub: { ...own, ...atStep(look, 1), finalisingStep: '' } };
    }
    case 'Paused':
      return isPaused ? {} : progressing('InRolling');
    case 'InRolling':
      if (isPaused) return progressing('Paused');
      if (stableTemplateIs(look)) return { ...progressing('Cancelling'), sub: { [revisionField(look)]: revision } };
      return stepped(look, steps);
    case 'Finalising':
    case 'Cancelling':
      return finalised(look, reason);
    default:
      return { phase: 'Healthy' };
  }
}

/** Somebody gave the workload the template of its stable ReplicaSet again. */
function stableTemplateIs({ workload, sets, sub }: Look): boolean {
  if (isCloneSet(workload)) return isBack(workload, sub);
  const stable = sets.find(
    (set) => isOwnedBy(set, workload) && set.metadata.labels?.[POD_HASH] === sub['stableRevision'],
  );
  const bare = (template: unknown): unknown => withoutHash(template);
  return sameJson(bare(at(stable, 'spec', 'template')), bare(at(workload, 'spec', 'template')));
}

const atStep = ({ steps, nowMs }: Look, index: number): Fields => ({
  currentStepIndex: index,
  nextStepIndex: index < steps.length ? index + 1 : -1,
  currentStepState: 'BeforeStepUpgrade',
  lastUpdateTime: timeOf(nowMs),
});

const entered = (look: Look, currentStepState: string): Change => ({
  sub: { currentStepState, lastUpdateTime: timeOf(look.nowMs) },
});

async function stepped(look: Look, steps: readonly unknown[]): Promise<Change> {
  const { sub, nowMs } = look;
  const index = numberAt(sub, 'currentStepIndex') ?? 1;
  const step = steps[index - 1];
  const next = numberAt(sub, 'nextStepIndex') ?? -1;
  // Somebody sent it elsewhere.
  if (next !== (index < steps.length ? index + 1 : -1)) return { sub: atStep(look, next) };
  const isLastOfAll = index === steps.length && look.style !== 'blueGreen' && at(step, 'replicas') === '100%';
  switch (sub['currentStepState']) {
    case 'BeforeStepUpgrade':
      // Or users would reach the first new pods before there is a share for them.
      if (index === 1) await pinned(look);
      return entered(look, 'StepUpgrade');
    case 'StepUpgrade': {
      const podTemplateHash = await upgraded(look, step);
      if (podTemplateHash === undefined) return {};
      const { sub: on } = entered(look, isLastOfAll ? 'StepMetricsAnalysis' : 'StepTrafficRouting');
      return { sub: { ...on, podTemplateHash } };
    }
    case 'StepTrafficRouting':
      await routed(look, step);
      return entered(look, 'StepMetricsAnalysis');
    case 'StepMetricsAnalysis':
      return { sub: { currentStepState: 'StepPaused', lastUpdateTime: timeOf(nowMs) } };
    case 'StepPaused': {
      const seconds = numberAt(step, 'pause', 'duration');
      const isOver =
        seconds !== undefined && nowMs >= Date.parse(stringAt(sub, 'lastUpdateTime') ?? '') + seconds * 1000;
      return isOver || isLastOfAll ? entered(look, 'StepReady') : {};
    }
    case 'StepReady':
      return index < steps.length ? { sub: atStep(look, index + 1) } : entered(look, 'Completed');
    default:
      return progressing('Finalising');
  }
}

/** Pods that a step asks for. */
function countOf(step: unknown, replicas: number): number {
  const asked = at(step, 'replicas');
  if (typeof asked === 'number') return asked;
  const [, percent = '100'] = /^([0-9]+)%$/.exec(String(asked)) ?? [];
  return Math.ceil((replicas * Number(percent)) / 100);
}

/** Hash of the new pods once there are as many as the step asks for; one part of it at each look. */
async function upgraded(look: Look, step: unknown): Promise<string | undefined> {
  const { workload, style, rollout } = look;
  const replicas = numberAt(workload, 'spec', 'replicas') ?? 1;
  const count = countOf(step, replicas);
  if (workload.metadata.annotations?.[CONTROL_INFO] === undefined) {
    await claimed(look);
    return undefined;
  }
  if (isCloneSet(workload)) return upgradedSet(look, workload, step);
  if (style === 'canary') return beside(look, count);
  const template = at(workload, 'spec', 'template');
  const newest = ownSets(look, workload).find((set) => isOf(set, template));
  if (style === 'blueGreen') {
    if (at(workload, 'spec', 'paused') === true)
      await changed(look, TYPES.deployment, workload, [{ op: 'remove', path: '/spec/paused' }]);
    const ready = numberAt(newest, 'status', 'readyReplicas') ?? 0;
    return newest !== undefined && ready >= count ? newest.metadata.labels?.[POD_HASH] : undefined;
  }
  if (newest === undefined) {
    await look.kube.create(setOf(workload, 0), `kruise ${rollout.metadata.name}`);
    return undefined;
  }
  await scaled(look, newest, count);
  if (!isAvailable(newest, count)) return undefined;
  for (const set of ownSets(look, workload).filter((each) => each !== newest))
    await scaled(look, set, replicas - count);
  return newest.metadata.labels?.[POD_HASH];
}

const ownSets = ({ sets }: Look, owner: KubeObject): readonly KubeObject[] =>
  sets.filter((set) => isOwnedBy(set, owner));

const isOf = (set: KubeObject, template: unknown): boolean =>
  sameJson(withoutHash(at(set, 'spec', 'template')), withoutHash(template));

/** From now on the pods are moved by it; the strategy is kept aside. */
async function claimed(look: Look): Promise<void> {
  const { workload, style } = look;
  if (isCloneSet(workload)) return claimedSet(look, workload);
  const kept = JSON.stringify({ strategy: at(workload, 'spec', 'strategy') ?? null });
  const annotations = { ...workload.metadata.annotations, [CONTROL_INFO]: kept };
  const labels = { ...workload.metadata.labels, [ADVANCED]: 'true' };
  const never = { maxUnavailable: 0, maxSurge: '100%' };
  const more: Readonly<Record<Style, readonly JsonPatchOperation[]>> = {
    canary: [],
    partition: [
      { op: 'add', path: '/metadata/labels', value: labels },
      { op: 'add', path: '/spec/strategy', value: { type: 'Recreate' } },
    ],
    blueGreen: [
      { op: 'add', path: '/spec/strategy', value: { type: 'RollingUpdate', rollingUpdate: never } },
      { op: 'add', path: '/spec/minReadySeconds', value: NEVER_SECONDS },
    ],
  };
  const mark: JsonPatchOperation = { op: 'add', path: '/metadata/annotations', value: annotations };
  await changed(look, TYPES.deployment, workload, [mark, ...more[style]]);
}

const besideName = ({ workload }: Look): string => `${workload.metadata.name}-canary`;

/** The canary's own Deployment, as big as the step says. */
async function beside(look: Look, count: number): Promise<string | undefined> {
  const { kube, namespace, workload } = look;
  const name = besideName(look);
  const found = await kube.get({ type: TYPES.deployment, namespace, name });
  if (found === undefined) {
    const { paused: _paused, ...spec } = fieldsAt(workload, 'spec');
    const metadata = {
      name,
      namespace,
      labels: { [CANARY_OF]: workload.metadata.name },
      annotations: { [CONTROL_INFO]: '{}' },
    };
    await kube.create(
      { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: { ...spec, replicas: 0 } },
      'kruise',
    );
    return undefined;
  }
  await scaled(look, found, count, TYPES.deployment);
  const [set] = ownSets(look, found);
  return set !== undefined && isAvailable(set, count) ? set.metadata.labels?.[POD_HASH] : undefined;
}

interface Routing {
  readonly service: string;
  readonly virtualService: string | undefined;
}

/** The Service that the steps are about, and the VirtualService that carries its shares; an Ingress is left to the reader. */
function routingOf({ rollout, style }: Look): Routing | undefined {
  const [routing] = listAt(
    rollout,
    'spec',
    'strategy',
    style === 'blueGreen' ? 'blueGreen' : 'canary',
    'trafficRoutings',
  );
  if (routing === undefined) return undefined;
  const reference = listAt(routing, 'customNetworkRefs').find((each) => at(each, 'kind') === 'VirtualService');
  return { service: stringAt(routing, 'service') ?? '', virtualService: stringAt(reference, 'name') };
}

const ORIGINAL = 'rollouts.kruise.io/original-spec-configuration';

/** The user's Service selects stable's pods only. */
async function pinned(look: Look): Promise<void> {
  const routing = routingOf(look);
  if (routing === undefined) return;
  const service = await objectOf(look, TYPES.service, routing.service);
  const selector = { ...labelsAt(service, 'spec', 'selector'), [POD_HASH]: String(look.sub['stableRevision']) };
  await edited(look, TYPES.service, service, '/spec/selector', selector);
}

/** A Service for the new pods, the user's for the old ones, and weights between them. */
async function routed(look: Look, step: unknown): Promise<void> {
  const routing = routingOf(look);
  const { sub, kube, namespace } = look;
  if (routing === undefined) return;
  const stable = await objectOf(look, TYPES.service, routing.service);
  const name = `${routing.service}-canary`;
  if ((await kube.get({ type: TYPES.service, namespace, name })) === undefined) {
    const selector = { ...labelsAt(stable, 'spec', 'selector'), [POD_HASH]: String(sub['podTemplateHash']) };
    const spec = { selector, ports: at(stable, 'spec', 'ports') };
    await kube.create({ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace }, spec }, 'kruise');
  }
  await pinned(look);
  if (routing.virtualService === undefined) return;
  const routes = await objectOf(look, TYPES.virtualService, routing.virtualService);
  const kept = routes.metadata.annotations?.[ORIGINAL] ?? JSON.stringify(routes['spec']);
  const weight = Number(/^([0-9]+)%$/.exec(stringAt(step, 'traffic') ?? '')?.[1] ?? 0);
  const original = JSON.parse(kept) as Fields;
  const http = listAt(original, 'http').map((rule) => ({
    ...fieldsAt(rule),
    route: listAt(rule, 'route').flatMap((entry) => [
      { ...fieldsAt(entry), weight: 100 - weight },
      { ...fieldsAt(entry), destination: { ...fieldsAt(entry, 'destination'), host: name }, weight },
    ]),
  }));
  await changed(look, TYPES.virtualService, routes, [
    { op: 'add', path: '/metadata/annotations', value: { ...routes.metadata.annotations, [ORIGINAL]: kept } },
    { op: 'add', path: '/spec', value: { ...original, http } },
  ]);
}

/** In the order of the recordings. */
const CLOSING: Readonly<Record<string, readonly string[]>> = {
  'Finalising canary':
    'RestoreStableService FinalisingStepRouteTrafficToStable RemoveCanaryService ResumeWorkload ReleaseWorkloadControl END'.split(
      ' ',
    ),
  'Finalising blueGreen':
    'FinalisingStepRouteTrafficToNew RestoreStableService ResumeWorkload FinalisingStepRouteTrafficToStable RemoveCanaryService ReleaseWorkloadControl END'.split(
      ' ',
    ),
  'Cancelling canary':
    'FinalisingStepRouteTrafficToStable ResumeWorkload ReleaseWorkloadControl RestoreStableService RemoveCanaryService END'.split(
      ' ',
    ),
  'Cancelling blueGreen':
    'FinalisingStepRouteTrafficToStable ResumeWorkload RestoreStableService RemoveCanaryService ReleaseWorkloadControl END'.split(
      ' ',
    ),
};

async function finalised(look: Look, reason: string): Promise<Change> {
  const { sub, workload, nowMs } = look;
  const closing = CLOSING[`${reason} ${look.style === 'blueGreen' ? 'blueGreen' : 'canary'}`] ?? [];
  const now = stringAt(sub, 'finalisingStep') ?? '';
  if (now === '' && workload.metadata.annotations?.[IN_PROGRESS] !== undefined) {
    const { [IN_PROGRESS]: _mark, ...annotations } = workload.metadata.annotations;
    await changed(look, look.type, workload, [{ op: 'add', path: '/metadata/annotations', value: annotations }]);
    return {};
  }
  if (!(await closed(look, now))) return {};
  const next = closing[closing.indexOf(now) + 1] ?? 'END';
  const end = next === 'END' ? { conditions: [{ type: 'Progressing', status: 'False', reason: 'Completed' }] } : {};
  return { ...end, sub: { finalisingStep: next, lastUpdateTime: timeOf(nowMs) } };
}

/** Does what one closing step is for; true when it is done. */
async function closed(look: Look, step: string): Promise<boolean> {
  switch (step) {
    case 'FinalisingStepRouteTrafficToNew':
      await routed(look, { traffic: '100%' });
      return true;
    case 'FinalisingStepRouteTrafficToStable':
      await unrouted(look);
      return true;
    case 'RestoreStableService':
      return unpinned(look);
    case 'RemoveCanaryService': {
      const routing = routingOf(look);
      const name = `${routing?.service}-canary`;
      if (routing !== undefined) await look.kube.delete({ type: TYPES.service, namespace: look.namespace, name });
      return true;
    }
    case 'ResumeWorkload':
      return resumed(look);
    case 'ReleaseWorkloadControl': {
      const { kube, namespace } = look;
      if (look.style === 'canary') await kube.delete({ type: TYPES.deployment, namespace, name: besideName(look) });
      return true;
    }
    default:
      return true;
  }
}

async function unrouted(look: Look): Promise<void> {
  const name = routingOf(look)?.virtualService;
  if (name === undefined) return;
  const routes = await objectOf(look, TYPES.virtualService, name);
  const { [ORIGINAL]: kept, ...annotations } = routes.metadata.annotations ?? {};
  if (kept === undefined) return;
  await changed(look, TYPES.virtualService, routes, [
    { op: 'add', path: '/metadata/annotations', value: annotations },
    { op: 'add', path: '/spec', value: JSON.parse(kept) },
  ]);
}

async function unpinned(look: Look): Promise<boolean> {
  const routing = routingOf(look);
  if (routing === undefined) return true;
  const service = await objectOf(look, TYPES.service, routing.service);
  const { [POD_HASH]: _hash, ...selector } = labelsAt(service, 'spec', 'selector');
  await edited(look, TYPES.service, service, '/spec/selector', selector);
  return true;
}

/** The workload is the user's again; true when its newest template has all pods. */
async function resumed(look: Look): Promise<boolean> {
  const { workload, style } = look;
  if (isCloneSet(workload)) return resumedSet(look, workload);
  const { [CONTROL_INFO]: control, ...annotations } = workload.metadata.annotations ?? {};
  const newest = ownSets(look, workload).find((set) => isOf(set, at(workload, 'spec', 'template')));
  if (control === undefined)
    return newest !== undefined && isAvailable(newest, numberAt(workload, 'spec', 'replicas') ?? 1);
  const strategy = at(JSON.parse(control), 'strategy');
  const { [ADVANCED]: _advanced, [STABLE_REVISION]: stable, ...labels } = workload.metadata.labels ?? {};
  const spec = fieldsAt(workload, 'spec');
  const { paused: _paused, minReadySeconds, strategy: _strategy, ...rest } = spec;
  const kept = {
    ...rest,
    ...(strategy === null ? {} : { strategy }),
    ...(minReadySeconds === undefined || style === 'blueGreen' ? {} : { minReadySeconds }),
  };
  const kind = style === 'canary' && stable !== undefined ? { ...labels, [STABLE_REVISION]: stable } : labels;
  await changed(look, TYPES.deployment, workload, [
    { op: 'add', path: '/metadata/annotations', value: annotations },
    { op: 'add', path: '/metadata/labels', value: kind },
    { op: 'add', path: '/spec', value: kept },
  ]);
  return false;
}
