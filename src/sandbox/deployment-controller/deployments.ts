/** Syncs one Deployment: makes and sizes ReplicaSets, keeps revisions, writes status. The decisions are in `rolling.ts`. */
import { type KubeObject, TYPES } from '../../api/meta.ts';
import { SerinError } from '../../errors.ts';
import { keyOf } from '../types.ts';
import type { ControllerContext } from './context.ts';
import {
  byCreation,
  deploymentSpec,
  type DeploymentSpec,
  deploymentStatus,
  DESIRED,
  HASH,
  isControlledBy,
  matchesSelector,
  MAX,
  ownerReference,
  REVISION,
  type ReplicaSetState,
  replicaSetState,
} from './objects.ts';
import {
  isScalingEvent,
  newReplicas,
  outdated,
  recreateStep,
  rollingStep,
  type Scaling,
  scaleStep,
} from './rolling.ts';
import { nextStatus } from './status.ts';
import { isSameTemplate, templateHash } from './template-hash.ts';

const MANAGER = 'deployment-controller';
const NOT_COPIED = [
  REVISION,
  'deployment.kubernetes.io/revision-history',
  DESIRED,
  MAX,
  'kubectl.kubernetes.io/last-applied-configuration',
];

interface Family {
  readonly newest: ReplicaSetState | undefined;
  readonly old: readonly ReplicaSetState[];
}

export async function syncDeployment(context: ControllerContext, key: string): Promise<void> {
  const deployment = context.deployments.get(key);
  if (deployment === undefined) return;
  const spec = deploymentSpec(deployment);
  let family = await claim(context, deployment, spec);
  let { collisionCount = 0 } = deploymentStatus(deployment);
  let isJustCreated = false;
  if (deployment.metadata.deletionTimestamp === undefined) {
    const all = family.newest === undefined ? family.old : [family.newest, ...family.old];
    if (spec.paused || isScalingEvent(spec, all)) {
      await keepNewest(context, deployment, spec, family);
      await resize(context, deployment, spec, scaleStep(spec, family.newest, family.old));
      if (spec.paused) await cleanUp(context, spec, family.old);
    } else {
      const oldPodsRun = spec.isRecreate && runsOldPods(context, family);
      const mayCreate = !spec.isRecreate || (!oldPodsRun && family.old.every(({ replicas }) => replicas === 0));
      if (family.newest === undefined && mayCreate) {
        const made = await createReplicaSet(context, deployment, spec, family.old, collisionCount);
        if (made === 'collision') collisionCount += 1;
        else {
          family = { ...family, newest: made };
          isJustCreated = true;
        }
      }
      const { newest, old } = family;
      await keepNewest(context, deployment, spec, family);
      if (spec.isRecreate) await resize(context, deployment, spec, recreateStep(spec, newest, old, oldPodsRun));
      else if (newest !== undefined) await resize(context, deployment, spec, rollingStep(spec, newest, old));
      if (isComplete(spec, family)) await cleanUp(context, spec, old);
    }
  }
  await writeStatus(context, deployment, spec, collisionCount, isJustCreated);
}

/** The Deployment's own ReplicaSets, told apart by template; ones without an owner that its selector matches are adopted. */
async function claim(context: ControllerContext, deployment: KubeObject, spec: DeploymentSpec): Promise<Family> {
  const own: ReplicaSetState[] = [];
  for (const object of context.replicaSets.list()) {
    if (object.metadata.namespace !== deployment.metadata.namespace) continue;
    if (isControlledBy(object, deployment)) {
      own.push(replicaSetState(object));
      continue;
    }
    const isOrphan = !(object.metadata.ownerReferences ?? []).some(({ controller }) => controller === true);
    const fits = matchesSelector(spec.selector, object.metadata.labels ?? {});
    if (
      !isOrphan ||
      !fits ||
      object.metadata.deletionTimestamp !== undefined ||
      deployment.metadata.deletionTimestamp !== undefined
    )
      continue;
    own.push(replicaSetState(await context.adopt(TYPES.replicaSet, object, deployment, MANAGER)));
  }
  const sorted = own.toSorted(byCreation);
  const newest = sorted.find(({ template }) => isSameTemplate(template, spec.template));
  return { newest, old: sorted.filter((each) => each !== newest) };
}

async function createReplicaSet(
  context: ControllerContext,
  deployment: KubeObject,
  spec: DeploymentSpec,
  old: readonly ReplicaSetState[],
  collisionCount: number,
): Promise<ReplicaSetState | 'collision'> {
  const hash = templateHash(spec.template, collisionCount);
  const { name, namespace } = deployment.metadata;
  const labels = { ...spec.template.metadata?.labels, [HASH]: hash };
  const { matchLabels, matchExpressions } = spec.selector;
  const { minReadySeconds } = spec;
  const object = {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${name}-${hash}`,
      ...(namespace === undefined ? {} : { namespace }),
      labels,
      annotations: annotationsOf(deployment, spec, 1 + Math.max(0, ...old.map(({ revision }) => revision))),
      ownerReferences: [ownerReference(deployment) as never], // an OwnerReference whose uid is known to be set
    },
    spec: {
      replicas: newReplicas(spec, old, 0),
      selector: {
        matchLabels: { ...matchLabels, [HASH]: hash },
        ...(matchExpressions === undefined ? {} : { matchExpressions }),
      },
      template: { ...spec.template, metadata: { ...spec.template.metadata, labels } },
      ...(minReadySeconds === 0 ? {} : { minReadySeconds }),
    },
  };
  try {
    const made = await context.kube.create(object, MANAGER, context.signal);
    context.replicaSets.assume(made);
    const state = replicaSetState(made);
    if (state.replicas > 0) recordScaling(context, deployment, state.name, 0, state.replicas);
    return state;
  } catch (thrown) {
    if (!(thrown instanceof SerinError && thrown.code === 'SERIN_E_CONFLICT')) throw thrown;
    const taken = await context.kube.get({
      type: TYPES.replicaSet,
      name: object.metadata.name,
      ...(namespace === undefined ? {} : { namespace }),
    });
    if (taken !== undefined && isControlledBy(taken, deployment)) {
      context.replicaSets.assume(taken);
      const state = replicaSetState(taken);
      if (isSameTemplate(state.template, spec.template)) return state;
    }
    return 'collision';
  }
}

function annotationsOf(deployment: KubeObject, spec: DeploymentSpec, revision: number): Record<string, string> {
  const copied = Object.entries(deployment.metadata.annotations ?? {}).filter(([name]) => !NOT_COPIED.includes(name));
  return {
    ...Object.fromEntries(copied),
    [REVISION]: String(revision),
    [DESIRED]: String(spec.replicas),
    [MAX]: String(spec.replicas + spec.maxSurge),
  };
}

/**
 * The newest ReplicaSet has the highest revision, also after going back to an old template; the Deployment shows it. It also has the
 * newest `minReadySeconds`.
 */
async function keepNewest(
  context: ControllerContext,
  deployment: KubeObject,
  spec: DeploymentSpec,
  { newest, old }: Family,
): Promise<void> {
  if (newest === undefined) return;
  const highest = Math.max(0, ...old.map(({ revision }) => revision));
  const revision = newest.revision > highest ? newest.revision : highest + 1;
  const { [DESIRED]: _desired, [MAX]: _max, ...wanted } = annotationsOf(deployment, spec, revision);
  await context.annotate(TYPES.replicaSet, newest.object, wanted, MANAGER);
  await context.annotate(TYPES.deployment, deployment, { [REVISION]: String(revision) }, MANAGER);
  const { minReadySeconds } = spec;
  if (newest.minReadySeconds === minReadySeconds) return;
  const current = context.replicaSets.get(context.keyOf(newest.object)) ?? newest.object;
  const operations = [{ op: 'add', path: '/spec/minReadySeconds', value: minReadySeconds } as const];
  await context.write(TYPES.replicaSet, current, MANAGER, operations);
}

async function resize(
  context: ControllerContext,
  deployment: KubeObject,
  spec: DeploymentSpec,
  scalings: readonly Scaling[],
): Promise<void> {
  for (const { replicaSet, replicas } of scalings) {
    const newest = context.replicaSets.get(keyOf(replicaSet.object)) ?? replicaSet.object;
    const annotations = {
      ...newest.metadata.annotations,
      [DESIRED]: String(spec.replicas),
      [MAX]: String(spec.replicas + spec.maxSurge),
    };
    await context.write(TYPES.replicaSet, newest, MANAGER, [
      { op: 'add', path: '/metadata/annotations', value: annotations },
      { op: 'add', path: '/spec/replicas', value: replicas },
    ]);
    if (replicas !== replicaSet.replicas)
      recordScaling(context, deployment, replicaSet.name, replicaSet.replicas, replicas);
  }
}

function recordScaling(
  context: ControllerContext,
  deployment: KubeObject,
  name: string,
  from: number,
  to: number,
): void {
  const message = `Scaled ${to > from ? 'up' : 'down'} replica set ${name} from ${from} to ${to}`;
  context.recordFor(MANAGER)(deployment, 'Normal', 'ScalingReplicaSet', message);
}

function runsOldPods(context: ControllerContext, { old }: Family): boolean {
  return old.some(({ object }) => context.podsOf(object).some(({ isFinished }) => !isFinished));
}

function isComplete(spec: DeploymentSpec, { newest, old }: Family): boolean {
  return newest?.status.availableReplicas === spec.replicas && old.every(({ status }) => (status.replicas ?? 0) === 0);
}

async function cleanUp(
  context: ControllerContext,
  spec: DeploymentSpec,
  old: readonly ReplicaSetState[],
): Promise<void> {
  for (const { object } of outdated(spec, old)) await context.remove(TYPES.replicaSet, object);
}

async function writeStatus(
  context: ControllerContext,
  deployment: KubeObject,
  spec: DeploymentSpec,
  collisionCount: number,
  isJustCreated: boolean,
): Promise<void> {
  const key = keyOf(deployment);
  const current = context.deployments.get(key) ?? deployment;
  // Sizes may have just been written: read them again.
  const { newest, old } = await claim(context, deployment, spec);
  const before = deploymentStatus(current);
  const status = nextStatus({
    name: deployment.metadata.name,
    // The generation that this sync acted on, not one that arrived meanwhile.
    generation: deployment.metadata.generation ?? 0,
    spec,
    before,
    newest,
    old,
    nowMs: context.clock.nowMs(),
    collisionCount,
    isJustCreated,
  });
  await context.writeStatus(TYPES.deployment, current, before, status, MANAGER);
  const progressing = status.conditions?.find(({ type }) => type === 'Progressing');
  const isWaiting = progressing?.status === 'True' && progressing.reason !== 'NewReplicaSetAvailable';
  if (isWaiting && progressing.lastUpdateTime !== undefined) {
    const lateMs =
      Date.parse(progressing.lastUpdateTime) + spec.progressDeadlineSeconds * 1_000 - context.clock.nowMs();
    context.syncLater('deployment', key, Math.max(lateMs, 0) + 1_100);
  }
}
